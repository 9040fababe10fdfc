package tryton

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
)

var _ crm.Connector = (*Client)(nil)

const (
	page = 200
	// overlap is how far back a pass looks behind the newest change that the one before
	// has met: a change is seen only when its transaction has ended, but carries the time
	// at which it began.
	overlap = 10 * time.Minute
	// mostComment bounds the text of an opportunity, in bytes.
	mostComment = 20_000
)

// outcomes that the states stand for.
var outcomes = map[string]crm.Outcome{
	"opportunity": crm.Opportunity,
	"converted":   crm.Opportunity,
	"won":         crm.Won,
	"lost":        crm.Lost,
	"cancelled":   crm.Lost,
}

// clause is one term of Tryton's domains.
func clause(field, operator string, value any) []any { return []any{field, operator, value} }

// Find looks for the opportunity whose reference is the key.
func (c *Client) Find(ctx context.Context, key string) (crm.Remote, bool, error) {
	var found opportunities
	err := c.call(ctx, "model.sale.opportunity.search_read", false, &found,
		[]any{clause("reference", "=", key)}, 0, 1, []any{[]any{"id", "ASC"}}, []string{"state", "party"})
	if err != nil || len(found) == 0 {
		return crm.Remote{}, false, err
	}
	return found[0].remote(), true, nil
}

func (o *opportunity) remote() crm.Remote {
	r := crm.Remote{Opportunity: strconv.FormatInt(o.ID, 10)}
	if o.Party != nil && *o.Party > 0 {
		r.Contact = strconv.FormatInt(*o.Party, 10)
	}
	return r
}

// Upsert makes the party, if there is none, and the opportunity. Of an opportunity that
// is there only the employee is changed: the rest belongs to sales.
func (c *Client) Upsert(ctx context.Context, key string, known crm.Remote, r crm.Record) (crm.Remote, error) {
	if known.Opportunity != "" {
		return known, c.assign(ctx, known.Opportunity, r.Owner)
	}
	if known.Contact == "" {
		party, err := c.party(ctx, r)
		if err != nil {
			return known, err
		}
		known.Contact = strconv.FormatInt(party, 10)
	}
	party, err := number("contact", known.Contact)
	if err != nil {
		return known, err
	}
	values := map[string]any{
		"reference": key, "party": party, "description": crm.Line(r.Title, 200), "comment": text(r.Text, mostComment),
	}
	if r.Owner != "" {
		if values["employee"], err = number("owner", r.Owner); err != nil {
			return known, err
		}
	}
	id, err := c.create(ctx, "model.sale.opportunity.create", values)
	if refused(err) && values["employee"] != nil {
		// Who left the company, or was never in it: the lead matters more than its owner.
		delete(values, "employee")
		id, err = c.create(ctx, "model.sale.opportunity.create", values)
	}
	if err != nil {
		return known, err
	}
	known.Opportunity = strconv.FormatInt(id, 10)
	return known, nil
}

// refused says whether Tryton said no and did nothing.
func refused(err error) bool {
	var e *crm.Error
	return errors.As(err, &e) && e.Effect == crm.Refused
}

// assign gives an open opportunity to an employee.
func (c *Client) assign(ctx context.Context, opportunityID, owner string) error {
	if owner == "" {
		return nil
	}
	id, err := number("opportunity", opportunityID)
	if err != nil {
		return err
	}
	employee, err := number("owner", owner)
	if err != nil {
		return err
	}
	var open ids
	err = c.call(ctx, "model.sale.opportunity.search", false, &open,
		[]any{clause("id", "=", id), clause("state", "in", []string{"lead", "opportunity"})}, 0, 1, nil)
	if err != nil || len(open) == 0 {
		return err // closed or deleted there: nobody works it any more
	}
	// Writing it twice changes nothing, so an answer that does not come is no question.
	return c.call(ctx, "model.sale.opportunity.write", false, nil, []int64{id}, map[string]any{"employee": employee})
}

// party is the lead's: the one that carries its name, or else its email, or a new one.
func (c *Client) party(ctx context.Context, r crm.Record) (int64, error) {
	searches := [][]any{clause("identifiers.code", "=", identifier(r.Lead))}
	if r.Email != "" {
		searches = append(searches, clause("contact_mechanisms", "where",
			[]any{clause("type", "=", "email"), clause("value", "ilike", like(r.Email))}))
	}
	for _, search := range searches {
		var found ids
		err := c.call(ctx, "model.party.party.search", false, &found, []any{search}, 0, 1, []any{[]any{"id", "ASC"}})
		if err != nil {
			return 0, err
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	var mechanisms []map[string]any
	if r.Email != "" {
		mechanisms = append(mechanisms, map[string]any{"type": "email", "value": r.Email})
	}
	if r.Phone != "" {
		mechanisms = append(mechanisms, map[string]any{"type": "phone", "value": r.Phone})
	}
	// Without an address no sale can be quoted.
	address := map[string]any{}
	if r.Company != "" {
		address["party_name"] = crm.Line(r.Company, 200)
	}
	return c.create(ctx, "model.party.party.create", map[string]any{
		"name":               crm.Line(r.Name, 200),
		"contact_mechanisms": nested(mechanisms...),
		"addresses":          nested(address),
		"identifiers":        nested(map[string]any{"code": identifier(r.Lead)}),
	})
}

// identifier is what a party carries of a lead.
func identifier(lead string) string { return "assay:" + lead }

// nested are records that are made with the one they belong to.
func nested(values ...map[string]any) []any {
	if len(values) == 0 {
		return []any{}
	}
	return []any{[]any{"create", values}}
}

var wildcards = regexp.MustCompile(`[\\%_]`)

// like is a pattern of Tryton's that holds for this text only.
func like(text string) string { return wildcards.ReplaceAllString(text, `\$0`) }

// create makes one record and returns its id.
func (c *Client) create(ctx context.Context, method string, values map[string]any) (int64, error) {
	var made ids
	if err := c.call(ctx, method, true, &made, []any{values}); err != nil {
		return 0, err
	}
	if len(made) != 1 {
		return 0, &crm.Error{Effect: crm.Unknown, Reason: "Tryton's answer cannot be read: it is not one id"}
	}
	return made[0], nil
}

// Changes returns a page of the opportunities with a key of ours that were made or
// written since, in the order of their ids.
func (c *Client) Changes(ctx context.Context, since crm.Cursor) ([]crm.Change, crm.Cursor, error) {
	next := since
	if since.After == "" { // a new pass
		next.Since = time.Time{}
		if !since.Newest.IsZero() {
			next.Since = since.Newest.Add(-overlap)
		}
	}
	domain := []any{clause("reference", "like", like(crm.Prefix())+"%")}
	if !next.Since.IsZero() {
		from := instant{next.Since}
		domain = append(domain, []any{"OR", clause("write_date", ">=", from), clause("create_date", ">=", from)})
	}
	if since.After != "" {
		after, err := number("cursor", since.After)
		if err != nil {
			return nil, since, err
		}
		domain = append(domain, clause("id", ">", after))
	}
	var found opportunities
	err := c.call(ctx, "model.sale.opportunity.search_read", false, &found, domain, 0, page, []any{[]any{"id", "ASC"}},
		[]string{"reference", "party", "state", "lost_reason", "amount", "company.currency.code", "create_date", "write_date"})
	if err != nil {
		return nil, since, err
	}
	changes := make([]crm.Change, 0, len(found))
	for i := range found {
		change := found[i].change()
		if change.Time.After(next.Newest) {
			next.Newest = change.Time
		}
		changes = append(changes, change)
	}
	next.After = ""
	if len(found) >= page {
		next.After = strconv.FormatInt(found[len(found)-1].ID, 10)
	}
	return changes, next, nil
}

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// change is what an opportunity has become.
func (o *opportunity) change() crm.Change {
	c := crm.Change{Remote: o.remote(), State: o.State, Outcome: outcomes[o.State], Time: o.Written.Time}
	if o.Reference != nil {
		c.Key = *o.Reference
	}
	if c.Time.Before(o.Created.Time) {
		c.Time = o.Created.Time
	}
	if code := o.Company.Currency.Code; o.Amount != "" && code != nil && currency.MatchString(*code) {
		c.Amount, c.Currency = string(o.Amount), *code
	}
	if o.LostReason != nil {
		c.Reason = crm.Line(*o.LostReason, 200)
	}
	return c
}

// number reads an id of Tryton's.
func number(what, id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return 0, &crm.Error{Effect: crm.Refused, Reason: "the " + what + " is not an id of Tryton's, a number"}
	}
	return n, nil
}

// text is cut between two characters to at most so many bytes, lines kept.
func text(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most]
}

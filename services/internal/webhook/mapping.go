package webhook

import (
	"errors"
	"maps"
	"regexp"
	"slices"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/condition"
)

// Mapping makes captures of documents. It is compiled once and may be used by many
// goroutines.
type Mapping struct {
	items, when, id, kind, occurred *expression
	identities                      []identity
	attributes, properties, consent []named
	attributesFrom, propertiesFrom  []*expression
	campaign, accountDomain         *expression
}

// expression is one text of the mapping; nil: it says nothing.
type expression struct {
	*condition.Selection
	field string // e.g. `mapping.email`
}

type identity struct {
	kind ingestv1.Identity_Kind
	of   *expression
}

type named struct {
	name string
	of   *expression
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// compiler compiles texts and keeps what is wrong with them.
type compiler struct{ wrong []apierr.Violation }

func (c *compiler) expression(field, text string) *expression {
	if text == "" {
		return nil
	}
	selection, err := condition.CompileSelection(text)
	if err != nil {
		c.expect(field, "an expression: "+err.Error())
		return nil
	}
	return &expression{selection, field}
}

func (c *compiler) expect(field, expected string) {
	c.wrong = append(c.wrong, apierr.Violation{Field: field, Expected: expected})
}

// named compiles expressions by name, in the order of the names.
func (c *compiler) named(field string, texts map[string]string, keys string) []named {
	var all []named
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		at := field + "." + name
		if keys != "" && !snakeCase.MatchString(name) {
			c.expect(at, keys)
			continue
		}
		if texts[name] == "" {
			c.expect(at, "an expression, e.g. `item."+name+"`")
			continue
		}
		if of := c.expression(at, texts[name]); of != nil {
			all = append(all, named{name, of})
		}
	}
	return all
}

func (c *compiler) list(field string, texts []string) []*expression {
	var all []*expression
	for i, text := range texts {
		at := indexed(field, i)
		if text == "" {
			c.expect(at, "an expression, e.g. `item.fields`")
		} else if of := c.expression(at, text); of != nil {
			all = append(all, of)
		}
	}
	return all
}

func compileMapping(in *ingestv1.WebhookMapping) (*Mapping, []apierr.Violation) {
	var c compiler
	if in == nil {
		c.expect("mapping", "a mapping, or a preset that has one")
		return nil, c.wrong
	}
	m := &Mapping{
		items:          c.expression("mapping.items", in.GetItems()),
		when:           c.expression("mapping.when", in.GetWhen()),
		id:             c.expression("mapping.id", in.GetId()),
		kind:           c.expression("mapping.type", in.GetType()),
		occurred:       c.expression("mapping.occurredTime", in.GetOccurredTime()),
		campaign:       c.expression("mapping.campaign", in.GetCampaign()),
		accountDomain:  c.expression("mapping.accountDomain", in.GetAccountDomain()),
		attributes:     c.named("mapping.attributes", in.GetAttributes(), "a key in snake_case of at most 63 characters"),
		properties:     c.named("mapping.properties", in.GetProperties(), ""),
		consent:        c.named("mapping.consent", in.GetConsent(), "a category in snake_case of at most 63 characters"),
		attributesFrom: c.list("mapping.attributesFrom", in.GetAttributesFrom()),
		propertiesFrom: c.list("mapping.propertiesFrom", in.GetPropertiesFrom()),
	}
	named := false
	for _, i := range []struct {
		kind        ingestv1.Identity_Kind
		field, text string
	}{
		{ingestv1.Identity_KIND_USER_ID, "mapping.userId", in.GetUserId()},
		{ingestv1.Identity_KIND_EMAIL, "mapping.email", in.GetEmail()},
		{ingestv1.Identity_KIND_CRM_ID, "mapping.crmId", in.GetCrmId()},
		{ingestv1.Identity_KIND_ANONYMOUS_ID, "mapping.anonymousId", in.GetAnonymousId()},
	} {
		named = named || i.text != ""
		if of := c.expression(i.field, i.text); of != nil {
			m.identities = append(m.identities, identity{i.kind, of})
		}
	}
	if !named {
		c.expect("mapping.email", "an expression for the person: `email`, `userId`, `crmId` or `anonymousId`, or a preset")
	}
	if len(c.wrong) > 0 {
		return nil, c.wrong
	}
	return m, nil
}

// get evaluates an expression; nil for what is not there. What goes wrong is a problem.
func (e *expression) get(d *condition.Document) (any, *Problem) {
	if e == nil {
		return nil, nil
	}
	value, fault := e.Select(d)
	if fault != condition.NoFault {
		return nil, e.expected(errFault[fault])
	}
	return value, nil
}

var errFault = map[condition.Fault]string{
	condition.TypeFault: "values that the expression can work with: one has another type, or an index leads nowhere",
	condition.CostFault: "an item that the expression can read within its limit of steps",
}

func (e *expression) expected(what string) *Problem {
	return &Problem{Reason: reasonInvalid, Field: "webhook." + e.field, Message: "expected " + what}
}

var errNoText = errors.New("a text, or a number")

// text evaluates an expression that gives a text; "" for what is not there.
func (e *expression) text(d *condition.Document) (string, *Problem) {
	value, problem := e.get(d)
	if problem != nil || value == nil {
		return "", problem
	}
	text, err := textOf(value)
	if err != nil {
		return "", e.expected(err.Error())
	}
	return text, nil
}

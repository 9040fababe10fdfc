// Package outcomefile reads what became of handoffs from a CSV file, as a CRM exports it.
//
// A row names a handoff, a lead, or an email, and what happened:
//
//	email,outcome,reason,amount,currency,time
//	ada@example.com,won,,12500.00,EUR,2026-05-04T10:00:00Z
package outcomefile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// Columns that a file may have, with other names that they go by. Upper and lower case
// are the same.
var columns = map[string][]string{
	"handoff":   {"handoff_id"},
	"lead":      {"lead_id"},
	"email":     {"e-mail", "email_address"},
	"track":     nil,
	"outcome":   {"status", "stage"},
	"reason":    {"lost_reason"},
	"subreason": {"sub_reason", "subReason"},
	"amount":    {"value"},
	"currency":  {"currency_code", "currencyCode"},
	"time":      {"occurred_time", "occurredTime", "closed_at"},
}

// Binding is a file's header, understood.
type Binding struct{ at map[string]int }

// Bind understands a header. Every column must be one that is known or ignored, so that a
// misspelt one is not lost.
func Bind(header, ignored []string) (*Binding, error) {
	b := &Binding{at: map[string]int{}}
	for i, name := range header {
		if slices.ContainsFunc(ignored, func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		column, ok := known(name)
		if !ok {
			return nil, fmt.Errorf("the column %q is not known: expected %s; --ignore leaves one out", name, strings.Join(names(), ", "))
		}
		if _, twice := b.at[column]; twice {
			return nil, fmt.Errorf("two columns say %q", column)
		}
		b.at[column] = i
	}
	if _, ok := b.at["outcome"]; !ok {
		return nil, errors.New("expected a column `outcome`")
	}
	if !b.has("handoff") && !b.has("lead") && !b.has("email") {
		return nil, errors.New("expected a column `handoff`, `lead` or `email`")
	}
	return b, nil
}

func (b *Binding) has(column string) bool { _, ok := b.at[column]; return ok }

func known(name string) (string, bool) {
	for column, others := range columns {
		if strings.EqualFold(name, column) || slices.ContainsFunc(others, func(s string) bool { return strings.EqualFold(s, name) }) {
			return column, true
		}
	}
	return "", false
}

func names() []string {
	return []string{"handoff", "lead", "email", "track", "outcome", "reason", "subReason", "amount", "currency", "time"}
}

// words that an outcome may be written as.
var words = map[string]string{
	"accepted": "accepted", "rejected": "rejected", "recycled": "recycled",
	"qualified": "qualified", "sales_qualified": "qualified",
	"opportunity": "opportunity",
	"won":         "won", "closed won": "won", "closed_won": "won", "customer": "won",
	"lost": "lost", "closed lost": "lost", "closed_lost": "lost",
}

var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

var (
	uuid   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	amount = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,2})?$`)
	money  = regexp.MustCompile(`^[A-Z]{3}$`)
)

// Report reads a row. The email is that of the lead whose latest handoff is meant, if the
// row names neither a handoff nor a lead. The error names the column and what was
// expected, and quotes no cell.
func (b *Binding) Report(cells []string) (report *handoffv1.OutcomeReport, email string, err error) {
	cell := func(column string) string {
		if i, ok := b.at[column]; ok && i < len(cells) {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	r := &handoffv1.OutcomeReport{
		Track: cell("track"), Reason: cell("reason"), SubReason: cell("subreason"),
		Amount: cell("amount"), CurrencyCode: strings.ToUpper(cell("currency")),
	}
	if r.Outcome = words[strings.ToLower(cell("outcome"))]; r.Outcome == "" {
		return nil, "", errors.New("outcome: expected accepted, rejected, recycled, qualified, opportunity, won or lost")
	}
	handoff, lead := strings.TrimPrefix(cell("handoff"), "handoffs/"), strings.TrimPrefix(cell("lead"), "leads/")
	switch email = cell("email"); {
	case handoff != "" && !uuid.MatchString(handoff):
		return nil, "", errors.New("handoff: expected handoffs/ID or an ID")
	case handoff != "":
		r.Handoff, r.Track, email = "handoffs/"+handoff, "", ""
	case lead != "" && !uuid.MatchString(lead):
		return nil, "", errors.New("lead: expected leads/ID or an ID")
	case lead != "":
		r.Lead, email = "leads/"+lead, ""
	case email == "":
		return nil, "", errors.New("expected a handoff, a lead or an email")
	}
	switch {
	case r.GetAmount() != "" && !amount.MatchString(r.GetAmount()):
		return nil, "", errors.New("amount: expected a decimal number such as 12500.00")
	case r.GetCurrencyCode() != "" && !money.MatchString(r.GetCurrencyCode()):
		return nil, "", errors.New("currency: expected an ISO 4217 code such as EUR")
	case (r.GetAmount() == "") != (r.GetCurrencyCode() == ""):
		return nil, "", errors.New("amount: expected an amount with its currency, or neither")
	}
	if text := cell("time"); text != "" {
		at, ok := parse(text)
		if !ok {
			return nil, "", errors.New("time: expected an RFC 3339 time, or a date")
		}
		r.OccurredTime = timestamppb.New(at)
	}
	return r, email, nil
}

func parse(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

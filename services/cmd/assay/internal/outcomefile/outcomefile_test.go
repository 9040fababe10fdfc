package outcomefile

import (
	"strings"
	"testing"
)

const id = "01900000-0000-7000-8000-0000000000f1"

func TestHeaders(t *testing.T) {
	for header, want := range map[string]string{
		"email,outcome": "",
		"Lead_ID,OUTCOME,Reason,sub_reason,Amount,currencyCode,time": "",
		"handoff,outcome,notes": `"notes" is not known`,
		"handoff,reason":        "`outcome`",
		"outcome,amount":        "`handoff`, `lead` or `email`",
		"email,e-mail,outcome":  "two columns",
		"handoff,outcome,skip":  "",
	} {
		_, err := Bind(strings.Split(header, ","), []string{"Skip"})
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", header, err, want)
		}
	}
}

func TestRows(t *testing.T) {
	b, err := Bind([]string{"handoff", "lead", "email", "outcome", "amount", "currency", "time"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ row, want string }{
		"a handoff":             {id + ",,,won,12500.00,eur,2026-05-04", ""},
		"a resource name":       {"handoffs/" + id + ",,,Closed Won,,,", ""},
		"a lead":                {",leads/" + id + ",,LOST,,,2026-05-04T10:00:00+02:00", ""},
		"an email":              {",,ada@example.com,opportunity,,,", ""},
		"a short row":           {"handoffs/" + id + ",,,won", ""},
		"nobody":                {",,,won,,,", "expected a handoff, a lead or an email"},
		"a bad id":              {"17,,,won,,,", "handoff: expected"},
		"an unknown outcome":    {id + ",,,maybe,,,", "outcome: expected"},
		"no outcome":            {id + ",,,,,,", "outcome: expected"},
		"an amount in words":    {id + ",,,won,lots,EUR,", "amount: expected"},
		"an amount with commas": {id + `,,,won,"12,500",EUR,`, "amount: expected"},
		"no currency":           {id + ",,,won,12,,", "with its currency"},
		"a bad currency":        {id + ",,,won,12,Euro,", "currency: expected"},
		"a bad time":            {id + ",,,won,,,yesterday", "time: expected"},
	} {
		t.Run(name, func(t *testing.T) {
			r, email, err := b.Report(strings.Split(c.row, ","))
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if err == nil && (r.GetHandoff() == "") == (r.GetLead() == "" && email == "") {
				t.Errorf("about %q %q %q", r.GetHandoff(), r.GetLead(), email)
			}
		})
	}
}

// Whatever a file holds, a row is a report within the API's words or an error that quotes
// none of it.
func FuzzRow(f *testing.F) {
	f.Add(id, "ada@example.com", "won", "12.50", "EUR", "2026-05-04")
	f.Fuzz(func(t *testing.T, handoff, email, outcome, sum, currency, at string) {
		b, err := Bind([]string{"handoff", "email", "outcome", "amount", "currency", "time"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := b.Report([]string{handoff, email, outcome, sum, currency, at})
		switch {
		case err != nil && len(email) > 8 && strings.Contains(err.Error(), email):
			t.Fatalf("%v quotes a cell", err)
		case err == nil && (words[r.GetOutcome()] != r.GetOutcome() || (r.GetAmount() == "") != (r.GetCurrencyCode() == "")):
			t.Fatalf("%v", r)
		}
	})
}

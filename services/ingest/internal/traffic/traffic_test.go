package traffic_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
)

func TestKindsAreThoseOfFacts(t *testing.T) {
	for kind, want := range map[traffic.Kind]typev1.ActivityFact_Correction{
		traffic.Counts: typev1.ActivityFact_CORRECTION_UNSPECIFIED, traffic.Bot: typev1.ActivityFact_CORRECTION_BOT,
		traffic.Test: typev1.ActivityFact_CORRECTION_TEST, traffic.Scan: typev1.ActivityFact_CORRECTION_SCANNER,
		traffic.Withdrawn: typev1.ActivityFact_CORRECTION_WITHDRAWN,
	} {
		if typev1.ActivityFact_Correction(kind) != want {
			t.Errorf("%d, want %v", kind, want)
		}
	}
}

// What people say goes before what a rule says, and that before the scanner rules; each
// can be taken back without the others.
func TestMark(t *testing.T) {
	var m traffic.Mark
	if m.Kind() != traffic.Counts {
		t.Error("nothing is said")
	}
	m = m.Scan(true)
	if m.Kind() != traffic.Scan {
		t.Error(m)
	}
	m = m.Rule(traffic.Bot)
	if m.Kind() != traffic.Bot {
		t.Error(m)
	}
	m = m.Say(traffic.Withdrawn)
	if m.Kind() != traffic.Withdrawn {
		t.Error(m)
	}
	if m = m.Say(traffic.Counts); m.Kind() != traffic.Bot {
		t.Error(m)
	}
	if m = m.Rule(traffic.Counts).Scan(false); m != 0 {
		t.Error(m)
	}
}

func TestRules(t *testing.T) {
	rules, v := traffic.Compile([]traffic.Rule{
		{ID: "staging", Kind: traffic.Test, Source: "staging*"},
		{ID: "own", Kind: traffic.Test, Condition: `lead.email_domain == "acme.example"`},
		{ID: "office", Kind: traffic.Test, Type: "page.*", Condition: `activity.properties.context.ip in ["192.0.2.1"]`},
		traffic.Defaults()[0],
	}, traffic.DefaultScanner)
	if v != nil {
		t.Fatal(v)
	}
	for _, c := range []struct {
		why  string
		a    traffic.Activity
		want traffic.Kind
	}{
		{"a person", traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"user_agent":"Mozilla/5.0"}`)}, traffic.Counts},
		{"nothing is known", traffic.Activity{Type: "page.viewed", Source: "web"}, traffic.Counts},
		{"a crawler", traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"user_agent":"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}`)}, traffic.Bot},
		{"a browser without a head", traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"context":{"userAgent":"Mozilla/5.0 HeadlessChrome/119"}}`)}, traffic.Bot},
		{"a robot as a subject", traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"title":"Our Bot","user_agent":"Mozilla/5.0"}`)}, traffic.Counts},
		{"a phone named so", traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"user_agent":"Mozilla/5.0 (Linux; CUBOT_X18) Mobile"}`)}, traffic.Counts},
		{"the staging site", traffic.Activity{Type: "page.viewed", Source: "staging-web"}, traffic.Test},
		{"a colleague", traffic.Activity{Type: "form.submitted", Source: "web", EmailDomain: "acme.example"}, traffic.Test},
		{"the office", traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"context":{"ip":"192.0.2.1"}}`)}, traffic.Test},
		{"the office, on the phone", traffic.Activity{Type: "call.made", Source: "web", Properties: []byte(`{"context":{"ip":"192.0.2.1"}}`)}, traffic.Counts},
	} {
		if got := rules.Of(&c.a); got != c.want {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
	var none *traffic.Rules
	if none.Of(&traffic.Activity{Type: "page.viewed"}) != traffic.Counts {
		t.Error("no rules")
	}
}

func TestBadRulesSayWhere(t *testing.T) {
	for field, rules := range map[string][]traffic.Rule{
		"rules[1].id":        {{ID: "a", Kind: traffic.Bot}, {ID: "a", Kind: traffic.Bot}},
		"rules[0].condition": {{ID: "a", Kind: traffic.Bot, Condition: "activity.nothing"}},
	} {
		if _, v := traffic.Compile(rules, traffic.DefaultScanner); v == nil || v.Field != field {
			t.Errorf("%s: %v", field, v)
		}
	}
}

func TestSelection(t *testing.T) {
	s := traffic.Selection{Source: "web", Type: "page.*", From: 10, To: 20}
	if err := s.Where(`activity.properties.n > 1`); err != nil {
		t.Fatal(err)
	}
	a := traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"n":2}`)}
	for _, c := range []struct {
		change func(a traffic.Activity) traffic.Activity
		at     int64
		want   bool
	}{
		{func(a traffic.Activity) traffic.Activity { return a }, 10, true},
		{func(a traffic.Activity) traffic.Activity { return a }, 20, false},
		{func(a traffic.Activity) traffic.Activity { return a }, 9, false},
		{func(a traffic.Activity) traffic.Activity { a.Source = "app"; return a }, 10, false},
		{func(a traffic.Activity) traffic.Activity { a.Type = "form.submitted"; return a }, 10, false},
		{func(a traffic.Activity) traffic.Activity { a.Properties = nil; return a }, 10, false},
	} {
		if one := c.change(a); s.Has(&one, c.at) != c.want {
			t.Errorf("%+v at %d: not %v", one, c.at, c.want)
		}
	}
	if s.Where("1 +") == nil {
		t.Error("no condition")
	}
}

// happened is a shorthand of an event: "c 1.5 m1 /a" is a click after 1.5 s.
func happened(text string) traffic.Event {
	var kind, message, link string
	var seconds float64
	_, _ = fmt.Sscan(text, &kind, &seconds, &message, &link)
	types := map[string]string{"d": "email.delivered", "o": "email.opened", "c": "email.clicked"}
	return traffic.Event{At: int64(seconds * 1e6), Type: types[kind], Message: message, Link: link}
}

func TestScannerRules(t *testing.T) {
	for _, c := range []struct {
		why    string
		events []string
		want   []bool
	}{
		{"a person", []string{"d 0 m", "o 60 m", "c 65 m /a"}, []bool{false, false, false}},
		{"at once after the delivery", []string{"d 0 m", "c 1.9 m /a", "c 2 m /a"}, []bool{false, true, false}},
		{"at the instant of the delivery", []string{"c 0 m /a", "d 0 m"}, []bool{true, false}},
		{"before the delivery", []string{"c 0 m /a", "d 1 m"}, []bool{false, false}},
		{"another message", []string{"d 0 m", "c 1 n /a"}, []bool{false, false}},
		{"all links at once", []string{"c 100 m /a", "c 101 m /b", "c 104.9 m /c", "c 105 m /a"}, []bool{true, true, true, true}},
		{"one link often", []string{"c 100 m /a", "c 101 m /a", "c 102 m /a"}, []bool{false, false, false}},
		{"slowly", []string{"c 100 m /a", "c 103 m /b", "c 106 m /c"}, []bool{false, false, false}},
		{"a burst, then a person", []string{"c 100 m /a", "c 101 m /b", "c 102 m /c", "c 200 m /b"}, []bool{true, true, true, false}},
		{"no message", []string{"c 100", "c 101", "c 102"}, []bool{false, false, false}},
	} {
		var events []traffic.Event
		for _, e := range c.events {
			events = append(events, happened(e))
		}
		if got := traffic.DefaultScanner.Scanned(events); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
		off := traffic.DefaultScanner
		off.Off = true
		if got := off.Scanned(events); slices.Contains(got, true) {
			t.Errorf("%s: off, and %v", c.why, got)
		}
	}
}

func TestWhatSaysThatItWasNoPerson(t *testing.T) {
	for _, c := range []struct {
		kind, properties string
		want             bool
	}{
		{"email.opened", `{"machine":true}`, true},
		{"email.opened", `{"machine":false}`, false},
		{"email.opened", `{"machine":"true"}`, false},
		{"email.clicked", `{"machine":true}`, true},
		{"email.clicked", `{"method":"head"}`, true},
		{"email.clicked", `{"method":"GET","url":7}`, false},
		{"email.delivered", `{"machine":true}`, false},
		{"email.opened", ``, false},
		{"email.opened", `{"machine":`, false},
	} {
		if e := traffic.NewEvent(0, c.kind, []byte(c.properties)); e.Says != c.want || traffic.DefaultScanner.Scanned([]traffic.Event{e})[0] != c.want {
			t.Errorf("%s %s: %+v", c.kind, c.properties, e)
		}
	}
	e := traffic.NewEvent(7, "email.clicked", []byte(`{"message_id":"m","link":"/a"}`))
	if e.Message != "m" || e.Link != "/a" || e.At != 7 {
		t.Errorf("%+v", e)
	}
}

// The verdict is a function of the set, and of what is near: leaving out what is out of
// reach of an event does not change its verdict.
func TestTheVerdictIsOfTheSet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) traffic.Event {
			return happened(fmt.Sprintf("%s %d %s %s", rapid.SampledFrom([]string{"d", "c", "c", "c"}).Draw(r, "kind"),
				rapid.IntRange(0, 30).Draw(r, "second"), rapid.SampledFrom([]string{"m", "n"}).Draw(r, "message"),
				rapid.SampledFrom([]string{"/a", "/b", "/c", "/d"}).Draw(r, "link")))
		}), 1, 20).Draw(r, "events")
		want := traffic.DefaultScanner.Scanned(events)
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1)).Perm(len(events))
		var shuffled []traffic.Event
		for _, i := range order {
			shuffled = append(shuffled, events[i])
		}
		got := traffic.DefaultScanner.Scanned(shuffled)
		for n, i := range order {
			if got[n] != want[i] {
				r.Fatalf("%+v: %v, in another order %v", events[i], want[i], got[n])
			}
		}
		reach := traffic.DefaultScanner.Reach().Microseconds()
		for i, e := range events {
			near := slices.DeleteFunc(slices.Clone(events), func(other traffic.Event) bool {
				return max(other.At-e.At, e.At-other.At) > reach
			})
			at := slices.Index(near, e)
			if got := traffic.DefaultScanner.Scanned(near)[at]; got != want[i] {
				r.Fatalf("%+v: %v, alone with what is near %v", e, want[i], got)
			}
		}
	})
}

func FuzzNewEvent(f *testing.F) {
	f.Add([]byte(`{"message":"m","url":"/a","machine":true,"method":"HEAD"}`))
	f.Fuzz(func(_ *testing.T, properties []byte) {
		e := traffic.NewEvent(0, "email.clicked", properties)
		traffic.DefaultScanner.Scanned([]traffic.Event{e, e})
	})
}

func BenchmarkDefaultRules(b *testing.B) {
	rules, _ := traffic.Compile(traffic.Defaults(), traffic.DefaultScanner)
	a := traffic.Activity{Type: "page.viewed", Source: "web", Properties: []byte(`{"context":{"ip":"192.0.2.1","userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36","page":{"path":"/pricing","title":"Pricing"}},"path":"/pricing","title":"Pricing","url":"https://www.example.com/pricing"}`)}
	for b.Loop() {
		rules.Of(&a)
	}
}

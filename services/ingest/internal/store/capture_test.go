package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

func TestCaptureMakesALead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		s := subject(email("ada@example.com"))
		s.Attributes = attributes("job_title", `"VP"`, "employees", `250`)
		s.LeadSource = []byte(`{"channel":"event"}`)
		s.Activities = append(s.Activities, act("e1", 0, `{"path":"/pricing"}`), act("e2", time.Second))
		got := f.capture(s)
		if !got.Created || !got.Changed || got.Version != 1 || got.Person != got.Lead || len(got.Activities) != 2 {
			t.Fatalf("%+v", got)
		}
		l := f.lead(got.Lead)
		if string(l.Attributes) != `{"email_domain":"example.com","employees":250,"job_title":"VP"}` || string(l.LeadSource) != `{"channel":"event"}` ||
			l.Version != 1 || len(l.Identities) != 1 || !slices.Equal(l.Members, []string{got.Lead}) || !l.CreatedAt.Equal(start) || !l.UpdatedAt.Equal(start) {
			t.Errorf("%+v", l)
		}
		want := []string{`1 email_domain="example.com"`, `1 employees=250`, `1 job_title="VP"`, `1 lead_source="event"`, `1 e1`, `1 e2`}
		have := f.history(got.Lead)
		if slices.Sort(have); !slices.Equal(have, sorted(want)) {
			t.Errorf("history: %q", have)
		}
		timeline, err := f.Timeline(t.Context(), got.Lead, nil, 10)
		f.ok(err)
		if len(timeline) != 2 || timeline[0].ID != "e2" || string(timeline[1].Properties) != `{"path":"/pricing"}` || timeline[0].Properties != nil || timeline[1].Clamped {
			t.Errorf("timeline: %+v", timeline)
		}
	})
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func TestANewLeadIsPendingWithoutAnyFact(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		s := subject(anonymous("v1"))
		got := f.capture(s)
		claimed := f.claim(10)
		if !got.Created || got.Version != 1 || len(claimed) != 1 || claimed[0].Claimed != 1 || len(claimed[0].Facts) != 0 || string(claimed[0].Attributes) != `{}` {
			t.Errorf("%+v, %+v", got, claimed)
		}
	})
}

func TestAnAttributeIsAFactWhereItDiffers(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		first := f.says("a@x.example", "title", `"Dev"`)
		f.pass(time.Hour)
		if got := f.says("a@x.example", "title", `"Dev"`); got.Changed || got.Created || got.Version != 1 {
			t.Errorf("the same again: %+v", got)
		}
		f.pass(time.Hour)
		if got := f.says("a@x.example", "title", `"CTO"`, "team", `3`); !got.Changed || got.Version != 2 {
			t.Errorf("another: %+v", got)
		}
		if got := f.says("a@x.example", "team", `null`); got.Version != 3 {
			t.Errorf("removed: %+v", got)
		}
		if got := f.says("a@x.example", "team", `null`, "never", `null`); got.Version != 3 || got.Changed {
			t.Errorf("removed again: %+v", got)
		}
		if l := f.lead(first.Lead); string(l.Attributes) != `{"email_domain":"x.example","title":"CTO"}` {
			t.Errorf("%s", l.Attributes)
		}
		want := []string{
			`1 email_domain="x.example"`, `1 title="Dev"`,
			`2 email_domain="x.example"`, `2 email_domain="x.example"`, `2 team=3`, `2 title="CTO"`, `2 title="Dev"`, // the same again is part of the next
			`3 team=null`,
		}
		if have := f.history(first.Lead); !slices.Equal(sorted(have), want) {
			t.Errorf("%q", have)
		}
	})
}

func TestAnEarlierValueIsHistoryOnly(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pass(100 * time.Hour)
		id := f.says("a@x.example", "title", `"CTO"`).Lead
		back := func(hours int, value string) store.Result {
			return f.capture(&store.Subject{
				Lead: id, Attributes: attributes("title", value), Effective: start.Add(time.Duration(hours) * time.Hour), Source: "api",
			})
		}
		for _, c := range []struct {
			why     string
			hours   int
			value   string
			changed bool
		}{
			{"before the current", 10, `"Dev"`, true},
			{"the same again", 10, `"Dev"`, false},
			{"the same between", 20, `"Dev"`, false},
			{"what is current, but earlier", 50, `"CTO"`, true},
			{"what was known from then on", 60, `"CTO"`, false},
			{"unknown before", 5, `null`, false},
		} {
			if got := back(c.hours, c.value); got.Changed != c.changed {
				t.Errorf("%s: changed %v", c.why, got.Changed)
			}
		}
		if l := f.lead(id); !strings.Contains(string(l.Attributes), `"title":"CTO"`) || l.Version != 3 {
			t.Errorf("%s at version %d", l.Attributes, l.Version)
		}
		// Twice in one transaction: the second sees the first.
		one := &store.Subject{Lead: id, Attributes: attributes("title", `"Intern"`), Effective: start.Add(time.Hour), Source: "api"}
		two := &store.Subject{Lead: id, Attributes: one.Attributes, Effective: one.Effective, Source: "api"}
		f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{one, two}}))
		if !one.Result.Changed || two.Result.Changed || two.Result.Version != 4 {
			t.Errorf("%+v, %+v", one.Result, two.Result)
		}
	})
}

func TestDatedValuesDoNotDependOnTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pass(100 * time.Hour)
		said := []string{`"Dev"`, `"CTO"`, `"Dev"`, `null`, `"Dev"`} // of one hour after another
		var want []string
		for round, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {0, 2, 4, 1, 3}, {0, 4, 3, 2, 1}, {3, 0, 2, 1, 4}} {
			address := fmt.Sprintf("%d@x.example", round)
			say := func(hour int) store.Result {
				s := subject(email(address))
				s.Dated, s.Effective, s.Attributes = true, start.Add(time.Duration(hour)*time.Hour), attributes("title", said[hour])
				return f.capture(s)
			}
			var id string
			for _, hour := range order {
				id = say(hour).Lead
			}
			for _, hour := range order {
				if got := say(hour); got.Changed {
					t.Errorf("%v: hour %d again: %+v", order, hour, got)
				}
			}
			if l := f.lead(id); !strings.Contains(string(l.Attributes), `"title":"Dev"`) {
				t.Errorf("%v: %s", order, l.Attributes)
			}
			f.acts(address, act(address, 0)) // what repeats comes with the next fact
			facts, _, _, err := f.Facts(t.Context(), id, 0, 0, 100)
			f.ok(err)
			var history []string
			for _, fact := range facts {
				if a := fact.GetAttribute(); a.GetKey() == "title" {
					history = append(history, fact.GetEffectiveTime().AsTime().Format("15h ")+string(a.GetValueJson()))
				}
			}
			if history = sorted(history); want == nil {
				want = history
			}
			if len(history) != len(said) || !slices.Equal(history, want) {
				t.Errorf("%v: %q, want %q", order, history, want)
			}
		}
	})
}

func TestActivitiesAreStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		first := f.acts("a@x.example", act("e1", 0, `{"a":1}`))
		again := f.acts("b@x.example", act("e1", time.Hour, `{"a":1}`))
		other := f.acts("a@x.example", act("e1", 0, `{"a":2}`), act("e2", 0), act("e2", 0), act("e2", 0, `{"x":1}`))
		if o := first.Activities[0]; o.State != store.Stored || o.Lead != first.Lead {
			t.Errorf("the first: %+v", o)
		}
		if o := again.Activities[0]; o.State != store.Conflict || o.Lead != first.Lead || again.Version != 1 {
			t.Errorf("the same of another lead: %+v", again)
		}
		var states []store.OutcomeState
		for _, o := range other.Activities {
			states = append(states, o.State)
		}
		if want := []store.OutcomeState{store.Conflict, store.Stored, store.Duplicate, store.Conflict}; !slices.Equal(states, want) || other.Version != 2 {
			t.Errorf("got %v at version %d, want %v at 2", states, other.Version, want)
		}
		if got := f.acts("a@x.example", act("e1", 0, `{"a":1}`), act("e2", 0)); got.Changed || got.Version != 2 {
			t.Errorf("nothing new: %+v", got)
		}
		if n := f.count(`SELECT count(*) FROM activities`); n != 2 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestOneVersionForATransaction(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var subjects []*store.Subject
		for i := range 5 {
			s := subject(email("a@x.example"))
			s.OnlyActivities = true
			s.Activities = append(s.Activities, act(fmt.Sprint("e", i), time.Duration(i)*time.Minute))
			subjects = append(subjects, s)
		}
		f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: subjects}))
		for _, s := range subjects {
			if s.Result.Version != 1 || s.Result.Lead != subjects[0].Result.Lead {
				t.Errorf("%+v", s.Result)
			}
		}
		if c := f.claim(9); len(c) != 1 || len(sayings(c[0].Facts)) != 6 || c[0].AsOf != start.Add(4*time.Minute).UnixMicro() {
			t.Errorf("%+v", c)
		}
	})
}

func TestADuplicateMakesNoLead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		first := f.acts("a@x.example", act("e1", 0))
		s := subject(email("new@x.example"))
		s.OnlyActivities, s.Activities = true, append(s.Activities, act("e1", 0))
		if got := f.capture(s); got.Lead != "" || got.Activities[0].Lead != first.Lead || got.Activities[0].State != store.Conflict {
			t.Errorf("%+v", got)
		}
		if n := f.count(`SELECT count(*) FROM leads`); n != 1 {
			t.Errorf("%d leads", n)
		}
	})
}

func TestARefusedSubjectLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		many := func(prefix string, n int) (list []lead.Attribute) {
			for i := range n {
				list = append(list, lead.Attribute{Key: fmt.Sprintf("%s%03d", prefix, i), Value: []byte(`1`)})
			}
			return list
		}
		refused := func(s *store.Subject, want error) {
			t.Helper()
			if err := f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{s}}); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		s := subject(email("a@x.example"))
		s.Attributes = many("a", 200) // and email_domain
		refused(s, store.ErrTooManyAttributes)
		if n := f.count(`SELECT count(*) FROM leads`); n != 0 {
			t.Fatalf("%d leads", n)
		}
		s = subject(email("a@x.example"))
		s.Attributes = many("a", 199)
		id := f.capture(s).Lead
		s = subject(email("a@x.example"))
		s.Attributes, s.Activities = many("b", 2), append(s.Activities, act("e1", 0))
		refused(s, store.ErrTooManyAttributes)
		if l := f.lead(id); l.Version != 1 || f.count(`SELECT count(*) FROM activities`) != 0 {
			t.Errorf("version %d", l.Version)
		}
		refused(&store.Subject{Lead: lead.NewID(), Effective: start, Source: "api"}, store.ErrNotFound)

		// Of several, each has its own refusal and the others are stored.
		good := subject(email("b@x.example"))
		f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{s, good}}))
		if !errors.Is(s.Result.Err, store.ErrTooManyAttributes) || good.Result.Err != nil || !good.Result.Created {
			t.Errorf("%+v, %+v", s.Result, good.Result)
		}
	})
}

func TestUpdateByNameAndETag(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.says("a@x.example", "title", `"Dev"`, "team", `3`).Lead
		tag := f.lead(id).ETag
		f.pass(time.Hour)
		s := &store.Subject{Lead: id, ETag: tag, Replace: true, Attributes: attributes("title", `"CTO"`), Effective: f.now(), Source: "api", LeadSource: []byte(`{"channel":"event"}`), StrictSource: true}
		f.capture(s)
		l := f.lead(id)
		if string(l.Attributes) != `{"email_domain":"x.example","title":"CTO"}` || l.ETag == tag || l.Version != 2 || string(l.LeadSource) != `{"channel":"event"}` {
			t.Errorf("%+v", l)
		}
		stale := &store.Subject{Lead: id, ETag: tag, Attributes: attributes("title", `"CEO"`), Effective: f.now(), Source: "api"}
		if err := f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{stale}}); !errors.Is(err, store.ErrETagMismatch) {
			t.Error(err)
		}
		other := &store.Subject{Lead: id, LeadSource: []byte(`{"channel":"ads"}`), StrictSource: true, Effective: f.now(), Source: "api"}
		if err := f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{other}}); !errors.Is(err, store.ErrLeadSourceSet) {
			t.Error(err)
		}
		other.StrictSource = false // a capture: the first touch stands
		if got := f.capture(other); got.Changed || f.lead(id).ETag != l.ETag {
			t.Errorf("%+v", got)
		}
	})
}

func TestManyLeadsInOneCapture(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var subjects []*store.Subject
		for i := range 501 { // no power of two
			s := subject(email(fmt.Sprintf("lead%d@x.example", i)))
			s.Attributes = attributes("n", fmt.Sprint(i))
			s.Activities = append(s.Activities, act(fmt.Sprint("a", i), 0), act(fmt.Sprint("b", i), 0))
			subjects = append(subjects, s)
		}
		for range 2 {
			f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: subjects}))
		}
		if n := f.count(`SELECT count(*) FROM activities`); n != 1002 {
			t.Errorf("%d activities", n)
		}
		if n := f.count(`SELECT count(*) FROM attributes`); n != 1002 {
			t.Errorf("%d attributes", n)
		}
		if n := f.count(`SELECT count(*) FROM pending WHERE facts_version = 1 AND state = 1`); n != 501 {
			t.Errorf("%d pending", n)
		}
		for i, c := range f.claim(1000) {
			if len(sayings(c.Facts)) != 4 || c.Omitted {
				t.Fatalf("lead %d: %d facts", i, len(c.Facts))
			}
		}
	})
}

package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func refs(ids ...string) (list []store.ActivityKey) {
	for _, id := range ids {
		list = append(list, store.ActivityKey{Source: "web", ID: id})
	}
	return list
}

// corrects makes a correction of listed activities and takes all its steps.
func (f *fixture) corrects(kind traffic.Kind, ids ...string) store.Correction {
	f.t.Helper()
	f.pass(time.Second)
	c, err := f.Correct(f.t.Context(), &store.NewCorrection{Correction: store.Correction{Kind: kind, Actor: "ana"}, Listed: refs(ids...)})
	f.ok(err)
	return f.steps(c, nil)
}

func (f *fixture) revokes(id string) store.Correction {
	f.t.Helper()
	f.pass(time.Second)
	c, err := f.Revoke(f.t.Context(), id, "bob", "it was a person")
	f.ok(err)
	return f.steps(c, nil)
}

func (f *fixture) steps(c store.Correction, of *traffic.Selection) store.Correction {
	f.t.Helper()
	for c.State == store.CorrectionRunning || c.State == store.CorrectionRevoking {
		var err error
		c, err = f.StepCorrection(f.t.Context(), c, of, "")
		f.ok(err)
	}
	return c
}

// visits stores activities of a visitor of whom nothing else is known.
func (f *fixture) visits(visitor string, list ...activity.Activity) store.Result {
	f.t.Helper()
	s := subject(anonymous(visitor))
	s.Activities = list
	return f.capture(s)
}

// marked returns the activities of a lead with why they do not count.
func (f *fixture) marked(id string) (list []string) {
	f.t.Helper()
	for _, x := range f.all(id) {
		if a := x.GetActivity(); a != nil {
			list = append(list, fmt.Sprint(x.GetId(), " ", strings.TrimPrefix(a.GetCorrection().String(), "CORRECTION_")))
		}
	}
	return sorted(list)
}

func TestACorrectionIsToldAndTakenBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.visits("v1", act("e1", 0), act("e2", time.Hour), act("e3", 2*time.Hour)).Lead
		f.complete(store.Decided, f.claim(1)...)
		_, earliest := f.current(id)
		c := f.corrects(traffic.Bot, "e1", "e2", "e4")
		if c.State != store.CorrectionDone || c.Corrected != 2 || c.Leads != 1 || c.Actor != "ana" {
			t.Errorf("%+v", c)
		}
		if got, want := f.marked(id), []string{"e1 BOT", "e2 BOT", "e3 UNSPECIFIED"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if _, now := f.current(id); now != int(start.Add(2*time.Hour).UnixMicro()) {
			t.Errorf("first known at %d", now)
		}
		claimed := f.claim(1)
		if len(claimed) != 1 || claimed[0].From != 0 || len(sayings(claimed[0].Facts)) != 3 {
			t.Fatalf("%+v", claimed)
		}
		f.complete(store.Decided, claimed...)
		timeline, err := f.Timeline(t.Context(), id, nil, 9)
		f.ok(err)
		if len(timeline) != 3 || timeline[0].Mark.Kind() != traffic.Counts || timeline[2].Mark.Kind() != traffic.Bot {
			t.Errorf("%+v", timeline)
		}
		// Again changes nothing.
		f.corrects(traffic.Bot, "e1")
		if again := f.claim(1); len(again) != 0 {
			t.Errorf("corrected again: %+v", again)
		}
		list, err := f.Corrections(t.Context(), nil, 9)
		f.ok(err)
		if len(list) != 2 || list[1].ID != c.ID {
			t.Fatalf("%+v", list)
		}
		f.revokes(list[0].ID)
		if again := f.claim(1); len(again) != 0 {
			t.Errorf("another correction stands: %+v", again)
		}
		if back := f.revokes(c.ID); back.State != store.CorrectionRevoked || back.RevokeActor != "bob" || back.RevokedAt.IsZero() {
			t.Errorf("%+v", back)
		}
		if got, want := f.marked(id), []string{"e1 UNSPECIFIED", "e2 UNSPECIFIED", "e3 UNSPECIFIED"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if _, now := f.current(id); now != earliest {
			t.Errorf("first known at %d, want %d", now, earliest)
		}
		if claimed := f.claim(1); len(claimed) != 1 || claimed[0].From != 0 {
			t.Errorf("%+v", claimed)
		}
		if _, err := f.Correction(t.Context(), "no such"); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestTheLatestCorrectionThatStandsCounts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.acts("a@x.example", act("e1", 0)).Lead
		bot, test := f.corrects(traffic.Bot, "e1"), f.corrects(traffic.Test, "e1")
		for _, step := range []struct {
			do   func()
			want string
		}{
			{func() {}, "e1 TEST"},
			{func() { f.revokes(test.ID) }, "e1 BOT"},
			{func() { f.revokes(test.ID) }, "e1 BOT"},
			{func() { f.corrects(traffic.Withdrawn, "e1") }, "e1 WITHDRAWN"},
			{func() { f.revokes(bot.ID) }, "e1 WITHDRAWN"},
		} {
			step.do()
			if got := f.marked(id); !slices.Equal(got, []string{step.want}) {
				t.Errorf("%q, want %q", got, step.want)
			}
		}
	})
}

func TestACorrectionBeforeItsActivity(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		c := f.corrects(traffic.Withdrawn, "e1")
		if c.State != store.CorrectionDone || c.Corrected != 0 {
			t.Errorf("%+v", c)
		}
		id := f.acts("a@x.example", act("e1", 0)).Lead
		next, err := f.CorrectLate(t.Context(), store.ActivityKey{})
		f.ok(err)
		if got := f.marked(id); !slices.Equal(got, []string{"e1 WITHDRAWN"}) || next != (store.ActivityKey{}) {
			t.Errorf("%q, %v", got, next)
		}
		if c, _ = f.Correction(t.Context(), c.ID); c.Corrected != 1 || c.Leads != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestACorrectionBySelection(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var ids []string
		for lead := range 3 {
			var list []activity.Activity
			for i := range 700 {
				list = append(list, act(fmt.Sprintf("e%d-%03d", lead, i), time.Duration(i)*time.Second, fmt.Sprintf(`{"n":%d}`, i)))
			}
			ids = append(ids, f.acts(fmt.Sprint(lead, "@x.example"), list...).Lead)
		}
		own := act("own", 0)
		own.Source = "assay:handoff"
		f.acts("0@x.example", own)
		of := &traffic.Selection{Type: "page.*"}
		f.ok(of.Where(`activity.properties.n >= 100`))
		f.pass(time.Hour)
		c, err := f.Correct(t.Context(), &store.NewCorrection{Correction: store.Correction{Kind: traffic.Bot, Selection: []byte(`{}`)}})
		f.ok(err)
		f.pass(time.Hour)
		f.acts("0@x.example", act("later", 10*time.Hour, `{"n":500}`)) // not there when it was said
		if c = f.steps(c, of); c.Corrected != 1800 || c.Leads != 3 || c.State != store.CorrectionDone {
			t.Errorf("%+v", c)
		}
		count := func(mark int) int { return f.count(`SELECT count(*) FROM activities WHERE mark = $1`, mark) }
		if count(1) != 1800 || count(0) != 302 {
			t.Errorf("%d and %d", count(1), count(0))
		}
		if c = f.revokes(c.ID); c.State != store.CorrectionRevoked || count(0) != 2102 {
			t.Errorf("%+v, %d", c, count(0))
		}
		// Of one lead only.
		c, err = f.Correct(t.Context(), &store.NewCorrection{Correction: store.Correction{Kind: traffic.Test, Selection: []byte(`{}`)}})
		f.ok(err)
		for c.State == store.CorrectionRunning {
			c, err = f.StepCorrection(t.Context(), c, &traffic.Selection{Source: "web"}, ids[1])
			f.ok(err)
		}
		if c.Corrected != 700 || c.Leads != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAStepIsTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.acts("a@x.example", act("e1", 0)).Lead
		c, err := f.Correct(t.Context(), &store.NewCorrection{Correction: store.Correction{Kind: traffic.Bot}, Listed: refs("e1")})
		f.ok(err)
		first, err := f.StepCorrection(t.Context(), c, nil, "")
		f.ok(err)
		version := f.lead(id).Version
		second, err := f.StepCorrection(t.Context(), c, nil, "")
		f.ok(err)
		if first.State != store.CorrectionDone || second.State != store.CorrectionDone || f.lead(id).Version != version {
			t.Errorf("%+v, %+v", first, second)
		}
	})
}

func TestACorrectionMadeAgainIsTheFirst(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		make := func(digest string) (store.Correction, error) {
			return f.Correct(t.Context(), &store.NewCorrection{Correction: store.Correction{Kind: traffic.Bot}, Listed: refs("e1"), Once: store.Once{RequestID: "r", Digest: []byte(digest)}})
		}
		one, err := make("body")
		f.ok(err)
		two, err := make("body")
		f.ok(err)
		if one.ID != two.ID {
			t.Errorf("%v, %v", one, two)
		}
		if _, err := make("another"); !errors.Is(err, store.ErrRequestIDReused) {
			t.Error(err)
		}
	})
}

func TestTrafficRulesAreKept(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		r, err := f.TrafficRules(t.Context())
		f.ok(err)
		if r.Version != 0 || len(r.Rules) != 1 || r.Scanner != traffic.DefaultScanner {
			t.Errorf("%+v", r)
		}
		office := traffic.Activity{Type: "page.viewed", Source: "staging"}
		if f.Judge(&office) != traffic.Counts {
			t.Error("nothing speaks against it")
		}
		other := f.process()
		r.Rules = []traffic.Rule{{ID: "staging", Kind: traffic.Test, Source: "staging"}}
		r, err = f.SetTrafficRules(t.Context(), r, 0)
		f.ok(err)
		if r.Version != 1 || f.Judge(&office) != traffic.Test || other.Judge(&office) != traffic.Counts {
			t.Errorf("%+v", r)
		}
		f.ok(other.LoadTrafficRules(t.Context()))
		if other.Judge(&office) != traffic.Test {
			t.Error("another process does not know")
		}
		if _, err := f.SetTrafficRules(t.Context(), r, 0); !errors.Is(err, store.ErrETagMismatch) {
			t.Error(err)
		}
		if r, err = f.SetTrafficRules(t.Context(), r, -1); err != nil || r.Version != 2 {
			t.Error(r, err)
		}
	})
}

// mailed is what happened to a mail so long after the start.
func mailed(id, kind string, after time.Duration, properties string) activity.Activity {
	at := start.Add(after)
	a, v := activity.New(&ingestv1.Activity{Id: id, Type: "email." + kind, Source: "web", PropertiesJson: []byte(properties)}, 0,
		activity.Circumstances{Window: effective.Window{Now: at}, Default: at})
	if v != nil {
		panic(v)
	}
	return a
}

func TestScannersOfMails(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		click := mailed("click", "clicked", 61*time.Second, `{"message":"m","url":"/a"}`)
		id := f.acts("a@x.example", click).Lead
		f.complete(store.Decided, f.claim(1)...)
		if got := f.marked(id); !slices.Equal(got, []string{"click UNSPECIFIED"}) {
			t.Errorf("%q", got)
		}
		// The delivery arrives late: it was at once after it.
		f.acts("a@x.example", mailed("delivery", "delivered", time.Minute, `{"message":"m"}`), mailed("open", "opened", time.Hour, `{"message":"m","machine":true}`))
		if got, want := f.marked(id), []string{"click SCANNER", "delivery UNSPECIFIED", "open SCANNER"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if c := f.claim(1); len(c) != 1 || c[0].From != 0 {
			t.Errorf("what was known is another history: %+v", c)
		} else {
			f.complete(store.Decided, c...)
		}
		// What people say goes first, and stays when the scanner rules look again.
		c := f.corrects(traffic.Test, "click")
		f.acts("a@x.example", mailed("again", "clicked", 62*time.Second, `{"message":"m","url":"/b"}`))
		if got := f.marked(id); !slices.Contains(got, "click TEST") || !slices.Contains(got, "again UNSPECIFIED") {
			t.Errorf("%q", got)
		}
		f.revokes(c.ID)
		if got := f.marked(id); !slices.Contains(got, "click SCANNER") {
			t.Errorf("%q", got)
		}
	})
}

// In any order of arrival of activities, what happened to mails and corrections, the
// history is the same.
func TestMarksDoNotDependOnTheOrderOfArrival(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLite(t), "ingest", sqldb.Normal, migrations.FS)
	t.Cleanup(checks("20"))
	f, n := newFixture(t, db), 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		var acts []activity.Activity
		of := map[string][]string{}
		for i := range rapid.IntRange(1, 12).Draw(r, "activities") {
			id := fmt.Sprintf("%d-%d", n, i)
			kind := rapid.SampledFrom([]string{"clicked", "clicked", "clicked", "delivered", "opened"}).Draw(r, "kind")
			after := time.Duration(rapid.IntRange(0, 20).Draw(r, "second")) * time.Second
			acts = append(acts, mailed(id, kind, after, fmt.Sprintf(`{"message":"m","url":"/%d","machine":%v}`,
				rapid.IntRange(0, 4).Draw(r, "url"), rapid.IntRange(0, 9).Draw(r, "machine") == 0)))
			switch rapid.IntRange(0, 5).Draw(r, "correction") {
			case 0:
				of["bot"] = append(of["bot"], id)
			case 1:
				of["taken back"] = append(of["taken back"], id)
			}
		}
		rename := func(order string, ids []string) (list []string) {
			for _, id := range ids {
				list = append(list, order+id)
			}
			return list
		}
		run := func(order string, perm []int, early bool) (history []string, earliest string) {
			correct := func() {
				f.corrects(traffic.Bot, rename(order, of["bot"])...)
				c := f.corrects(traffic.Test, rename(order, of["taken back"])...)
				f.revokes(c.ID)
			}
			if early {
				correct()
			}
			var id string
			for len(perm) > 0 {
				size := rapid.IntRange(1, len(perm)).Draw(r, "together")
				var list []activity.Activity
				for _, i := range perm[:size] {
					a := acts[i]
					a.ID = order + a.ID
					list = append(list, a)
				}
				id = f.visits(fmt.Sprint(order, n), list...).Lead
				perm = perm[size:]
			}
			if !early {
				correct()
			}
			if _, err := f.CorrectLate(t.Context(), store.ActivityKey{}); err != nil {
				r.Fatal(err)
			}
			for _, m := range f.marked(id) {
				history = append(history, strings.TrimPrefix(m, order))
			}
			_, known := f.current(id)
			return history, fmt.Sprint(known)
		}
		var perm, straight []int
		for i := range acts {
			straight = append(straight, i)
		}
		perm = rapid.Permutation(straight).Draw(r, "order")
		want, first := run("a", straight, false)
		got, then := run("b", perm, rapid.Bool().Draw(r, "corrected before"))
		if !slices.Equal(got, want) || then != first {
			r.Fatalf("%q since %s, in another order %q since %s", want, first, got, then)
		}
	})
}

// What is opened tells nothing of clicks: those near it keep what those near them told.
func TestAnOpenedMailJudgesNoClickAnew(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		click := func(id string, second int, link string) activity.Activity {
			return mailed(id, "clicked", time.Duration(second)*time.Second, `{"message":"m","url":"/`+link+`"}`)
		}
		f.visits("ada", click("a", 1, "1"), click("b", 1, "2"), click("c", 5, "3"))
		lead := f.visits("ada", mailed("d", "opened", 2*time.Second, `{"message":"m"}`), click("e", 13, "1")).Lead
		want := []string{"a SCANNER", "b SCANNER", "c SCANNER", "d UNSPECIFIED", "e UNSPECIFIED"}
		if got := f.marked(lead); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

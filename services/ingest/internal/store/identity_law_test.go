package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// A step of a history: a capture, a merge, or a link taken back.
type step struct {
	who, previous []string // values, as in the tests of the core: u1, e1, c1, a1
	untrusted     bool
	act           int    // which activity; 0: none
	attribute     string // key and value; empty: none
	hour          int
	channel       string // where it came from
}

// linking is what a person does about leads, by their values: a merge, or taking back that
// the second claims the first.
type linking struct {
	kind string // merge, brief (taken back at once), sever
	a, b string
}

func (l linking) String() string { return fmt.Sprint(l.kind, " ", l.a, " ", l.b) }

func (s step) String() string {
	text := strings.Join(s.who, "+")
	if len(s.previous) > 0 {
		text += "<" + strings.Join(s.previous, "+")
	}
	if s.untrusted {
		text += "~"
	}
	return fmt.Sprint(text, " act", s.act, " ", s.attribute, " ", s.channel, " at ", s.hour)
}

// world is one of its own: its values and activities are nobody else's.
type world struct {
	*fixture
	n int
}

// home returns the lead of a value, if it has one of its own.
func (w *world) home(value string) (id string) {
	who := w.value(value)
	rows, err := w.db.Read().QueryContext(w.t.Context(), `SELECT lead_id FROM identities WHERE kind = $1 AND value = $2 AND home = 1`, int64(who.Kind), who.Value)
	w.ok(err)
	defer rows.Close()
	for rows.Next() {
		w.ok(rows.Scan(&id))
	}
	w.ok(rows.Err())
	return id
}

// link does what a person does, if it can be done yet.
func (w *world) link(l linking) bool {
	a, b := w.home(l.a), w.home(l.b)
	switch {
	case b == "":
		return false
	case l.kind == "brief":
		if a != "" && a != b && !w.merged(a, b) {
			id, err := w.Merge(w.t.Context(), a, b, "ana", "")
			w.ok(err)
			_, err = w.Sever(w.t.Context(), b, id, "ana", "")
			w.ok(err)
		}
		return a != ""
	case l.kind == "merge":
		if a != "" {
			_, err := w.Merge(w.t.Context(), a, b, "ana", "")
			w.ok(err)
		}
		return a != ""
	}
	links, err := w.Links(w.t.Context(), b)
	w.ok(err)
	for _, known := range links {
		if known.SeveredAt.IsZero() && known.Value == w.value(l.a) && known.By == w.value(l.b) {
			_, err := w.Sever(w.t.Context(), b, known.ID, "ana", "")
			w.ok(err)
			return true
		}
	}
	return false
}

func (w *world) prefix() string { return fmt.Sprint("w", w.n, "w-") }

func (w *world) value(text string) identity.Identity {
	kind := map[byte]identity.Kind{'u': identity.UserID, 'e': identity.Email, 'c': identity.CRMID, 'a': identity.AnonymousID}[text[0]]
	if kind == identity.Email {
		text += "@x.example"
	}
	return identity.Identity{Kind: kind, Value: w.prefix() + text}
}

func (w *world) subject(s step) *store.Subject {
	at := start.Add(time.Duration(s.hour) * time.Hour)
	subject := &store.Subject{Effective: at, Dated: true, Source: "api", Untrusted: s.untrusted}
	for _, v := range s.who {
		subject.Identities = append(subject.Identities, w.value(v))
	}
	for _, v := range s.previous {
		subject.Previous = append(subject.Previous, w.value(v))
	}
	if key, value, ok := strings.Cut(s.attribute, "="); ok {
		subject.Attributes = attributes(key, value)
	}
	if s.channel != "" {
		subject.LeadSource = fmt.Appendf(nil, `{"channel":%q}`, s.channel)
	}
	if s.act != 0 {
		subject.Activities = append(subject.Activities, act(fmt.Sprint(w.prefix(), s.who, s.act, "at", s.hour), time.Duration(s.hour)*time.Hour))
	}
	return subject
}

// do takes steps: captures together.
func (w *world) do(steps ...step) {
	var subjects []*store.Subject
	for _, s := range steps {
		subjects = append(subjects, w.subject(s))
	}
	w.ok(w.Capture(w.t.Context(), &store.Capture{Received: w.now(), Subjects: subjects}))
	for i, s := range subjects {
		if s.Result.Err != nil {
			w.t.Fatalf("%v: %v", steps[i], s.Result.Err)
		}
	}
}

// digest says who is who and what is known of them, with names that do not depend on the
// order: each lead by its value.
func (w *world) digest(values []string) string {
	names := map[string]string{}
	for _, v := range values {
		if id := w.home(v); id != "" {
			names[id] = v
		}
	}
	for id, v := range names { // what only repeats comes with the next fact
		w.ok(w.Capture(w.t.Context(), &store.Capture{Received: w.now(), Subjects: []*store.Subject{{
			Lead: id, OnlyActivities: true, Effective: w.now(), Activities: []activity.Activity{act(w.prefix()+"last of "+v, 0)},
		}}}))
	}
	persons := map[string]string{}
	for id := range names {
		l := w.lead(id)
		if persons[l.ID] != "" {
			continue
		}
		var members, ids []string
		for _, m := range l.Members {
			members = append(members, names[m])
		}
		for _, i := range l.Identities {
			ids = append(ids, i.Value)
		}
		slices.Sort(members)
		slices.Sort(ids)
		facts, _, _, err := w.Facts(w.t.Context(), id, 0, 0, 1<<20)
		w.ok(err)
		var history []string
		var derived []fact
		for _, f := range facts {
			if strings.HasPrefix(f.GetSource(), "assay:") { // what is said again of a time has another id
				derived = append(derived, factOf(f))
				continue
			}
			history = append(history, fmt.Sprint(f.GetEffectiveTime().AsTime().Sub(start), f.GetSource(), f.GetActivity().GetType(),
				f.GetAttribute().GetKey(), string(f.GetAttribute().GetValueJson()), f.GetId(), names[strings.TrimPrefix(f.GetLead(), "leads/")]))
		}
		changes, _ := fold(derived)
		history = append(history, changes...)
		slices.Sort(history)
		persons[l.ID] = fmt.Sprintf("%v known as %v, %s from %s: %q", members, ids, l.Attributes, l.LeadSource, history)
	}
	var list []string
	for _, p := range persons {
		list = append(list, p)
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

var lawValues = []string{"u1", "u2", "e1", "e2", "c1", "a1", "a2"}

func drawStep(r *rapid.T) step {
	s := step{
		who:       rapid.SliceOfNDistinct(rapid.SampledFrom(lawValues), 1, 3, rapid.ID[string]).Draw(r, "who"),
		untrusted: rapid.IntRange(0, 3).Draw(r, "untrusted") == 0,
		act:       rapid.IntRange(0, 2).Draw(r, "act"),
		attribute: rapid.SampledFrom([]string{"", "", "title=1", "title=2", "team=3"}).Draw(r, "attribute"),
		channel:   rapid.SampledFrom([]string{"", "", "ads", "web"}).Draw(r, "channel"),
		hour:      rapid.IntRange(0, 3).Draw(r, "hour"),
	}
	if rapid.IntRange(0, 4).Draw(r, "alias") == 0 {
		s.previous = []string{rapid.SampledFrom(lawValues).Draw(r, "previous")}
	}
	return s
}

// merged reports whether somebody merged two leads.
func (w *world) merged(a, b string) bool {
	links, err := w.Links(w.t.Context(), a)
	w.ok(err)
	return slices.ContainsFunc(links, func(l store.IdentityLink) bool {
		return l.SeveredAt.IsZero() && l.Value == identity.Identity{} && (l.Lead == b || l.Other == b)
	})
}

func drawLinking(r *rapid.T) linking {
	return linking{
		rapid.SampledFrom([]string{"merge", "brief", "sever", "sever"}).Draw(r, "kind"),
		rapid.SampledFrom(lawValues).Draw(r, "a"), rapid.SampledFrom(lawValues).Draw(r, "b"),
	}
}

// The same history in another order, cut into other transactions, with some of it said
// twice, and what people do about it at any time: the same persons, with the same facts.
func TestPersonsDoNotDependOnTheOrderOfArrival(t *testing.T) {
	const orders = 3
	law(t, "20", func(r *rapid.T, f *fixture, n int) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 7).Draw(r, "steps")
		links := rapid.SliceOfN(rapid.Custom(drawLinking), 0, 3).Draw(r, "links")
		var want string
		for order := range orders {
			w := &world{fixture: f, n: orders*n + order}
			got := w.live(r, steps, links, order > 0)
			if order == 0 {
				want = got
			} else if got != want {
				r.Fatalf("%v %v\ngives\n%s\nin another order\n%s", steps, links, want, got)
			}
		}
	})
}

// live lets a history happen, and says what came of it.
func (w *world) live(r *rapid.T, steps []step, links []linking, shuffled bool) string {
	history, links := slices.Clone(steps), slices.Clone(links)
	if shuffled {
		history = rapid.Permutation(history).Draw(r, "order")
		history = append(history, rapid.SampledFrom(history).Draw(r, "again"))
	}
	for len(history) > 0 {
		size := rapid.IntRange(1, len(history)).Draw(r, "together")
		w.do(history[:size]...)
		history = history[size:]
		if rapid.Bool().Draw(r, "claim") {
			w.complete(store.Decided, w.claim(10)...)
		}
		links = slices.DeleteFunc(links, func(l linking) bool {
			return (len(history) == 0 || rapid.Bool().Draw(r, "link now")) && w.link(l)
		})
	}
	return strings.ReplaceAll(w.digest(lawValues), w.prefix(), "")
}

// What is merged and un-merged again is as if it had never been merged: identities,
// attributes, lead source and every fact.
func TestUnmergeRestores(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pass(100 * time.Hour)
		w := &world{fixture: f, n: 1}
		w.do(step{who: []string{"e1", "a1"}, act: 1, attribute: "title=1", channel: "ads", hour: 2}, step{who: []string{"a1"}, act: 2, hour: 1},
			step{who: []string{"e2", "c1"}, act: 1, attribute: "title=2", channel: "web", hour: 3}, step{who: []string{"e2"}, attribute: "title=3", hour: 4},
			step{who: []string{"u1", "a2"}, act: 1}, step{who: []string{"u2", "a2"}, act: 1})
		before := w.digest(lawValues)
		one, two := w.home("e1"), w.home("e2")
		id, err := f.Merge(t.Context(), two, one, "ana", "the same desk")
		f.ok(err)
		if again, err := f.Merge(t.Context(), one, two, "ana", ""); err != nil || again != id {
			t.Errorf("merged again: %s, %v", again, err)
		}
		l := f.lead(two)
		if l.ID != one || len(l.Members) != 3 || string(l.LeadSource) != `{"channel":"ads"}` || !strings.Contains(string(l.Attributes), `"title":3`) {
			t.Errorf("merged: %+v, %s", l, l.Attributes)
		}
		f.complete(store.Decided, f.claim(10)...)
		version := f.lead(one).Version
		persons, err := f.Sever(t.Context(), one, id, "ana", "two people")
		f.ok(err)
		if len(persons) != 2 || f.lead(two).ID != two || f.lead(one).Version <= version || f.lead(two).Version <= version {
			t.Errorf("un-merged: %v, %+v", persons, f.lead(two))
		}
		if after := w.digest(lawValues); after != before {
			t.Errorf("before\n%s\nafter\n%s", before, after)
		}
		for _, c := range f.claim(10) {
			if c.From != 0 || c.IdentityVersion == 0 {
				t.Errorf("%s is decided from %d", c.Lead, c.From)
			}
		}
		if _, err := f.Sever(t.Context(), one, id, "ana", ""); !errors.Is(err, store.ErrNoLink) {
			t.Errorf("again: %v", err)
		}
		if _, err := f.Merge(t.Context(), one, "00000000-0000-7000-8000-000000000000", "ana", ""); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

// A link that somebody took back is not made again by what links it.
func TestASeveredLinkStaysSevered(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		visitor := f.capture(subject(anonymous("v1"))).Lead
		known := f.capture(subject(email("a@x.example"), anonymous("v1"))).Lead
		links, err := f.Links(t.Context(), visitor)
		f.ok(err)
		if len(links) != 1 || !links[0].Joined || links[0].Lead != known || links[0].Other != visitor || links[0].Source != "api" {
			t.Fatalf("%+v", links)
		}
		persons, err := f.Sever(t.Context(), known, links[0].ID, "ana", "a shared phone")
		f.ok(err)
		if len(persons) != 2 {
			t.Error(persons)
		}
		f.capture(subject(email("a@x.example"), anonymous("v1")))
		if f.lead(visitor).ID != visitor {
			t.Error("the link came back")
		}
		if links, err = f.Links(t.Context(), known); err != nil || len(links) != 1 || links[0].Joined || links[0].SeveredBy != "ana" || links[0].SeveredReason != "a shared phone" {
			t.Errorf("%+v, %v", links, err)
		}
	})
}

// Two processes say at once what makes the same people one, or three.
func TestPersonsAreResolvedByManyProcesses(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		processes := []*store.Store{f.Store}
		if f.db.Dialect() == sqldb.PostgreSQL {
			processes = append(processes, f.process(), f.process())
		}
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range 12 {
			all.Go(func() {
				w := &world{fixture: f, n: i / 4}
				<-begin
				for _, s := range []step{{who: []string{"a1"}, act: 1}, {who: []string{"e1", "a1"}, act: 1}, {who: []string{"u1", "e1"}, act: 1}, {who: []string{"u1", "a1"}, act: 1}} {
					c := &store.Capture{Received: f.now(), Subjects: []*store.Subject{w.subject(s)}}
					if err := processes[i%len(processes)].Capture(t.Context(), c); err != nil {
						t.Error(err)
					}
				}
			})
		}
		close(begin)
		all.Wait()
		for n := range 3 {
			w := &world{fixture: f, n: n}
			if a, b, c := f.lead(w.home("a1")).ID, f.lead(w.home("e1")).ID, f.lead(w.home("u1")).ID; a != b || b != c {
				t.Errorf("%s, %s and %s are not one", a, b, c)
			}
		}
		if n := f.count(`SELECT count(*) FROM pending`); n != 3 {
			t.Errorf("%d persons", n)
		}
	})
}

// A value that too many claimed is somebody's again once one of them is forgotten.
func TestAValueIsSharedNoLongerAfterAnErasure(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		mail := f.capture(subject(email("family@x.example"))).Lead
		one := f.capture(subject(user("u1"), email("family@x.example"))).Lead
		other := f.capture(subject(user("u2"), email("family@x.example"))).Lead
		if f.lead(one).ID == f.lead(mail).ID {
			t.Fatal("a shared address links")
		}
		if _, err := f.Erase(t.Context(), []string{other}); err != nil {
			t.Fatal(err)
		}
		if f.lead(one).ID != f.lead(mail).ID {
			t.Error("the address is not the one's who still claims it")
		}
	})
}

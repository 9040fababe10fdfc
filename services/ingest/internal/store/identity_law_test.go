package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// A step of a history: a capture, a merge, or a link taken back.
type step struct {
	who, previous []string // values, as in the tests of the core: u1, e1, c1, a1
	untrusted     bool
	act           int    // which activity; 0: none
	attribute     string // key and value; empty: none
	hour          int
	channel       string // where it came from

	merge, sever [2]string // by values; of sever, the second claims the first, or was merged with it
}

func (s step) String() string {
	switch {
	case s.merge[0] != "":
		return s.merge[0] + "=" + s.merge[1]
	case s.sever[0] != "":
		return s.sever[0] + "/" + s.sever[1]
	}
	text := strings.Join(s.who, "+")
	if len(s.previous) > 0 {
		text += "<" + strings.Join(s.previous, "+")
	}
	if s.untrusted {
		text += "~"
	}
	return fmt.Sprint(text, " act", s.act, " ", s.attribute, " ", s.channel, " at ", s.hour)
}

// in is a world of its own: its values and activities are nobody else's.
type world struct {
	*fixture
	n      int
	merges map[[2]string]string // links
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
		id := w.value(v)
		var l string
		var home bool
		rows, err := w.db.Read().QueryContext(w.t.Context(), `SELECT lead_id, home FROM identities WHERE kind = $1 AND value = $2`, int64(id.Kind), id.Value)
		w.ok(err)
		for rows.Next() {
			w.ok(rows.Scan(&l, &home))
		}
		w.ok(rows.Err())
		rows.Close()
		if home {
			names[l] = v
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

// The same history in another order, cut into other transactions, with some of it said
// twice: the same persons, with the same facts.
func TestPersonsDoNotDependOnTheOrderOfArrival(t *testing.T) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.SQLite(t)
			if dialect == "postgres" {
				url = dbtest.Postgres(t)
			}
			db := dbtest.Open(t, url, "ingest", sqldb.Normal)
			if err := db.Migrate(t.Context(), migrations.FS); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(checks("40"))
			f, n := newFixture(t, db), 0
			f.pass(100 * time.Hour)
			rapid.Check(t, func(r *rapid.T) {
				steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 7).Draw(r, "steps")
				var want string
				for order := range 3 {
					n++
					w := &world{fixture: f, n: n}
					history := slices.Clone(steps)
					if order > 0 {
						history = rapid.Permutation(history).Draw(r, "order")
						history = append(history, rapid.SampledFrom(history).Draw(r, "again"))
					}
					for len(history) > 0 {
						size := rapid.IntRange(1, len(history)).Draw(r, "together")
						w.do(history[:size]...)
						history = history[size:]
						if rapid.Bool().Draw(r, "claim") {
							f.complete(store.Decided, f.claim(10)...)
						}
					}
					got := strings.ReplaceAll(w.digest(lawValues), w.prefix(), "")
					if order == 0 {
						want = got
					} else if got != want {
						r.Fatalf("%v\ngives\n%s\nin another order\n%s", steps, want, got)
					}
				}
			})
		})
	}
}

package crm_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// pages is a CRM that only tells of changes, page by page.
type pages struct {
	crm.Connector
	list  []page
	since []crm.Cursor
}

type page struct {
	changes []crm.Change
	next    crm.Cursor
	err     error
}

func (p *pages) Changes(_ context.Context, since crm.Cursor) ([]crm.Change, crm.Cursor, error) {
	p.since = append(p.since, since)
	if len(p.list) == 0 {
		return nil, crm.Cursor{Newest: since.Newest}, nil
	}
	next := p.list[0]
	p.list = p.list[1:]
	return next.changes, next.next, next.err
}

// desk is a poller over a store with one handoff.
type desk struct {
	*store.Store
	*crm.Poller
	clock   *clock
	crm     *pages
	handoff string
	log     bytes.Buffer
	err     error // of connecting
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Normal, migrations.FS)
	const version = "standards/default/versions/v1"
	d := &desk{clock: &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}, crm: &pages{}}
	d.Store = store.New(db, d.clock.Now, func(*sqldb.Tx) (map[string]string, error) { return map[string]string{"default": version}, nil })
	if _, err := d.Decide(t.Context(), []*store.Lead{{
		ID: lead, FactsVersion: 1, AsOf: d.clock.now, Accepted: d.clock.now, Claimed: d.clock.now,
		Assessments: []store.Assessment{{
			Standard: "default", Version: version, Track: "sales", Decision: decision.Decision{Verdict: decision.Qualified, Reasons: []decision.Reason{{Code: "gates"}}},
			Fit: &typev1.Fit{}, Engagement: &typev1.Engagement{}, Attributes: func() []byte { return nil },
		}},
	}}); err != nil {
		t.Fatal(err)
	}
	list, err := d.Handoffs(t.Context(), nil, false, nil, 2)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	d.handoff = store.HandoffID(list[0].GetName())
	d.Poller = crm.NewPoller(crm.PollerDeps{
		Store: d.Store, Log: slog.New(slog.NewTextHandler(&d.log, nil)), Now: d.clock.Now,
		Connect: func(context.Context, string) (crm.Connector, time.Duration, error) { return d.crm, time.Minute, d.err },
	})
	if err := d.BeginPolls(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	return d
}

// tells is what the CRM tells next; the poller then has its turn.
func (d *desk) tells(t *testing.T, list ...page) {
	t.Helper()
	d.crm.list = list
	d.clock.pass(2 * time.Minute)
	if found, err := d.Pass(t.Context()); err != nil || !found {
		t.Fatalf("%v, %v", found, err)
	}
}

func (d *desk) state(t *testing.T) string {
	t.Helper()
	h, err := d.Handoff(t.Context(), d.handoff)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(h.GetState().String(), "STATE_") + " " + h.GetOutcome().GetReason()
}

func (d *desk) change(state string, outcome crm.Outcome, id string) crm.Change {
	return crm.Change{Key: crm.Key(d.handoff), Remote: crm.Remote{Opportunity: id}, State: state, Outcome: outcome, Time: d.clock.now}
}

func TestChangesAreTakenOnce(t *testing.T) {
	d := newDesk(t)
	lead, won := d.change("lead", crm.NoOutcome, "7"), d.change("won", crm.Won, "7")
	d.tells(t, page{changes: []crm.Change{lead}})
	if got := d.state(t); got != "OPEN " {
		t.Fatalf("a lead there is %s here", got)
	}
	d.tells(t, page{changes: []crm.Change{lead, won}})
	if got := d.state(t); got != "WON " {
		t.Fatalf("a deal there is %s here", got)
	}
	before, _ := d.Handoff(t.Context(), d.handoff)
	d.tells(t, page{changes: []crm.Change{won}}, page{})
	if after, _ := d.Handoff(t.Context(), d.handoff); after.GetEtag() != before.GetEtag() {
		t.Error("the same change again changed the handoff")
	}
}

func TestWhatIsNoneOfOurs(t *testing.T) {
	d := newDesk(t)
	copied, foreign, unknown := d.change("won", crm.Won, "8"), d.change("won", crm.Won, "9"), d.change("won", crm.Won, "10")
	foreign.Key = "PO-4711"
	unknown.Key = crm.Key(other)
	d.tells(t, page{changes: []crm.Change{d.change("lead", crm.NoOutcome, "7"), copied, foreign, unknown}})
	if got := d.state(t); got != "OPEN " {
		t.Errorf("the handoff is %s", got)
	}
}

func TestWhatTheLifecycleForbidsIsSaidOnce(t *testing.T) {
	d := newDesk(t)
	lost := d.change("lost", crm.Lost, "7")
	d.tells(t, page{changes: []crm.Change{d.change("won", crm.Won, "7"), lost}})
	d.tells(t, page{changes: []crm.Change{lost}})
	if n := strings.Count(d.log.String(), "not possible"); n != 1 || d.state(t) != "WON " {
		t.Errorf("said %d times, the handoff is %s:\n%s", n, d.state(t), d.log.String())
	}
	r, err := d.Remote(t.Context(), "crm", d.handoff)
	if err != nil || r.Seen != "lost" || r.Refused == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestALossHasAReason(t *testing.T) {
	for text, want := range map[string]string{"": "LOST unstated", "No budget": "LOST No budget"} {
		d := newDesk(t)
		lost := d.change("lost", crm.Lost, "7")
		lost.Reason = text
		d.tells(t, page{changes: []crm.Change{lost}})
		if got := d.state(t); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestTheCursorLeavesNothingOut(t *testing.T) {
	d := newDesk(t)
	at := d.clock.now
	next := crm.Cursor{Newest: at, After: "200"}
	// The CRM breaks off after the first page: the second comes first the next time.
	d.tells(t, page{next: next}, page{err: &crm.Error{Effect: crm.Away, Reason: "away"}})
	d.tells(t, page{next: crm.Cursor{Newest: at.Add(time.Second)}})
	// A clock far ahead moves no cursor.
	d.tells(t, page{next: crm.Cursor{Newest: at.AddDate(50, 0, 0)}})
	d.tells(t, page{})
	want := []crm.Cursor{{}, next, next, {Newest: at.Add(time.Second)}, {Newest: at.Add(time.Second)}}
	if len(d.crm.since) != len(want) {
		t.Fatalf("asked from %+v", d.crm.since)
	}
	for i := range want {
		if d.crm.since[i] != want[i] {
			t.Errorf("page %d: asked from %+v, want %+v", i, d.crm.since[i], want[i])
		}
	}
	if got := d.log.String(); strings.Count(got, "does not say") != 1 || strings.Count(got, "says again") != 1 {
		t.Errorf("the log:\n%s", got)
	}
}

func TestACRMThatIsGoneIsAskedNoMore(t *testing.T) {
	d := newDesk(t)
	d.err = crm.ErrPaused
	d.tells(t)
	d.err = errors.New("no key")
	d.tells(t)
	d.err = crm.ErrNoCRM
	d.tells(t)
	d.clock.pass(time.Hour)
	if found, err := d.Pass(t.Context()); found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
}

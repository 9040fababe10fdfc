package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

const (
	ana = "01900000-0000-7000-8000-00000000000a"
	bob = "01900000-0000-7000-8000-00000000000b"
)

// office is a store with a clock and a published standard, for one test.
type office struct {
	*store.Store
	db      *sqldb.DB
	mu      sync.Mutex // guards clock where several work at once
	clock   time.Time
	active  map[string]string
	version int32
}

// each runs a test on both stores.
func each(t *testing.T, run func(t *testing.T, o *office)) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		run(t, newOffice(db))
	})
}

func newOffice(db *sqldb.DB) *office {
	o := &office{
		db:     db,
		clock:  time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		active: map[string]string{"default": "standards/default/versions/v1", "trial": "standards/trial/versions/v1"},
	}
	o.Store = store.New(db, o.tick,
		func(*sqldb.Tx) (map[string]string, error) { return o.active, nil })
	return o
}

// tick is the clock of the store, which goes on whenever somebody looks at it.
func (o *office) tick() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(time.Millisecond)
	return o.clock
}

// now is the clock of others, who look while the store works.
func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clock
}

// scored is a lead with a verdict of the default standard, at the next facts version.
func (o *office) scored(lead string, verdict decision.Verdict, change ...func(*store.Lead)) *store.Lead {
	o.version++
	fit, engagement := 75.0, 40.5
	l := &store.Lead{
		ID: lead, FactsVersion: o.version, AsOf: o.clock, Accepted: o.clock, Claimed: o.clock,
		Assessments: []store.Assessment{{
			Standard: "default", Version: o.active["default"], Track: "sales", Handling: standard.Handling{Queue: "inbound"},
			Decision:   decision.Decision{Verdict: verdict, Reasons: []decision.Reason{{Code: "because", Description: "of " + verdict.String()}}},
			Fit:        &typev1.Fit{Status: typev1.Fit_STATUS_SCORED, Score: &fit, FitClass: "A"},
			Engagement: &typev1.Engagement{Score: &engagement, EngagementBand: "2"},
			Attributes: func() []byte { return []byte(`{"country":"DE"}`) },
		}},
	}
	for _, c := range change {
		c(l)
	}
	return l
}

func historical(l *store.Lead) { l.Historical = true }

// stirredNow: the lead did something just before the claim.
func (o *office) stirredNow(l *store.Lead) { l.Stirred = o.clock.Add(time.Microsecond) }

func won(at time.Time) func(*store.Lead) {
	return func(l *store.Lead) {
		l.Outcome = &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_WON, OccurredTime: timestamppb.New(at), Actor: "import"}
	}
}

// decide decides one lead and returns what became of it.
func (o *office) decide(t tester, l *store.Lead) store.Result {
	t.Helper()
	results, err := o.Decide(context.Background(), []*store.Lead{l})
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func (o *office) qualification(t tester, lead string) *handoffv1.Qualification {
	t.Helper()
	q, err := o.Qualification(context.Background(), lead, "")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// handoffs of a lead, oldest first.
func (o *office) handoffs(t tester, lead string) []*handoffv1.Handoff {
	t.Helper()
	hs, err := o.Handoffs(context.Background(), []store.Term{{Column: store.LeadColumn, Value: lead}}, false, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	handoffs := make([]*handoffv1.Handoff, len(hs))
	for i := range hs {
		handoffs[i] = hs[i].Handoff
	}
	return handoffs
}

func (o *office) act(h *handoffv1.Handoff, cause lifecycle.Cause, to lifecycle.Stage, reason string) (*handoffv1.Handoff, error) {
	a := store.Act{Handoff: store.HandoffID(h.GetName()), Cause: cause, To: to, Reason: reason, Actor: "jane", By: lifecycle.Sales}
	if cause == lifecycle.ByMerge || cause == lifecycle.ByLeave { // no person does
		a.By = lifecycle.System
	}
	if cause == lifecycle.ByOutcome {
		a.Outcome = &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_WON, Reason: reason}
	}
	return o.Act(context.Background(), a)
}

// told is what ingest is to be told about a lead, in order.
func (o *office) told(t tester, lead string) []string {
	t.Helper()
	rows, err := o.db.Read().QueryContext(context.Background(),
		`SELECT type FROM outbox WHERE lead_id = $1 ORDER BY occurred_time, activity_id`, lead)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var types []string
	for rows.Next() {
		var kind string
		if err := rows.Scan(&kind); err != nil {
			t.Fatal(err)
		}
		types = append(types, kind)
	}
	return types
}

// moves of a lead, oldest first, as from→to.
func (o *office) moves(t tester, lead string) []store.Move {
	t.Helper()
	moves, err := o.Moves(context.Background(), lead, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(moves)-1; i < j; i, j = i+1, j-1 {
		moves[i], moves[j] = moves[j], moves[i]
	}
	return moves
}

// tester is what helpers need of a test, also of a generated one.
type tester interface {
	Helper()
	Fatal(args ...any)
}

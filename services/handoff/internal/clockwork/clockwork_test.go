package clockwork_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/clockwork"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// office is a store in the time of a bubble, and who works it.
type office struct {
	*store.Store
	db     *sqldb.DB
	worker *clockwork.Worker
	facts  int32
}

func (o *office) close() { o.db.Close() }

func (o *office) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	err := o.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(statement, args...); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *office {
	t.Helper()
	db := dbtest.Migrated(t, url, "handoff", sqldb.Full, migrations.FS)
	s := store.New(db, time.Now, func(*sqldb.Tx) (map[string]string, error) { return map[string]string{"default": "v1"}, nil })
	if err := s.VoidLeases(t.Context()); err != nil {
		t.Fatal(err)
	}
	worker, err := clockwork.New(s, noop.Meter{}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &office{Store: s, db: db, worker: worker}
}

// handOff hands a lead off to jane and returns the id.
func (o *office) handOff(t *testing.T, sla string) string {
	t.Helper()
	spec, err := standard.Parse("sla.yaml", []byte("{id: default, handoff: {sla: "+sla+"}}"))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := standard.Compile(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.facts++
	lead := uuid.Must(uuid.NewV7()).String()
	results, err := o.Decide(t.Context(), []*store.Lead{{
		ID: lead, FactsVersion: o.facts, AsOf: time.Now(), Accepted: time.Now(), Claimed: time.Now(), Stirred: time.Now(),
		Assessments: []store.Assessment{{
			Standard: "default", Version: "v1", Track: "sales", Handling: compiled.Handle(nil, false),
			Decision: decision.Decision{Verdict: decision.Qualified, Reasons: []decision.Reason{{Code: "gates"}}},
		}},
	}})
	if err != nil || results[0].State != store.Decided {
		t.Fatal(results, err)
	}
	handoffs, err := o.Handoffs(t.Context(), []store.Term{{Column: store.LeadColumn, Value: lead}}, false, nil, 1)
	if err != nil || len(handoffs) != 1 {
		t.Fatal(handoffs, err)
	}
	return store.HandoffID(handoffs[0].GetName())
}

// claim gives a handoff to jane.
func (o *office) claim(t *testing.T, handoff string) {
	t.Helper()
	if _, err := o.Claim(t.Context(), store.Claim{Handoff: handoff, Actor: "jane"}); err != nil {
		t.Fatal(err)
	}
}

func (o *office) clock(t *testing.T, handoff string) *handoffv1.SlaClock {
	t.Helper()
	h, err := o.Handoff(t.Context(), handoff)
	if err != nil || len(h.GetClocks()) != 1 {
		t.Fatal(h, err)
	}
	return h.GetClocks()[0]
}

const sla = `{withinMinutes: 60, warnAtPercent: [50], escalateAfterMinutes: 5, aroundTheClock: true}`

// The worker wakes when a step is due: in the time of the bubble, in that very instant.
func TestStepsAreDoneInTheInstant(t *testing.T) {
	url := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		o := open(t, url)
		o.worker.Start(t.Context())
		defer o.worker.Stop()
		time.Sleep(10 * time.Minute) // nothing is due
		begin := time.Now()
		h := o.handOff(t, sla)
		o.claim(t, h)
		time.Sleep(66 * time.Minute)
		c := o.clock(t, h)
		if warned := c.GetWarnTime().AsTime().Sub(begin); warned != 30*time.Minute {
			t.Errorf("warned after %s", warned)
		}
		if told := c.GetEscalateTime().AsTime().Sub(begin); told != 65*time.Minute {
			t.Errorf("escalated after %s", told)
		}
	})
}

// A step that fell due while no worker ran is done when the next one starts; what was
// done is not done again.
func TestARestart(t *testing.T) {
	url := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		o := open(t, url)
		o.worker.Start(t.Context())
		h := o.handOff(t, sla)
		o.claim(t, h)
		time.Sleep(40 * time.Minute)
		warned := o.clock(t, h).GetWarnTime().AsTime()
		// The process dies with the next step in its hands.
		o.worker.Stop()
		time.Sleep(20 * time.Minute)
		if due, err := o.ClaimTimers(t.Context(), time.Hour, 10); err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		o.close()

		time.Sleep(3 * time.Hour)
		again := open(t, url)
		again.worker.Start(t.Context())
		defer again.worker.Stop()
		start := time.Now()
		time.Sleep(time.Second)
		c := again.clock(t, h)
		if !c.GetWarnTime().AsTime().Equal(warned) {
			t.Errorf("warned again at %s", c.GetWarnTime().AsTime())
		}
		if late := c.GetEscalateTime().AsTime().Sub(start); late < 0 || late > time.Second || c.GetState() != handoffv1.SlaClock_STATE_BREACHED {
			t.Errorf("%s after the start: %v", late, c)
		}
	})
}

// One that fails holds up no other, and is tried again.
func TestAStepThatFails(t *testing.T) {
	url := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		o := open(t, url)
		bad, good := o.handOff(t, sla), o.handOff(t, sla)
		o.claim(t, bad)
		o.claim(t, good)
		o.sql(t, `UPDATE sla_clocks SET rules_id = 'lost' WHERE handoff_id = $1`, bad)
		o.worker.Start(t.Context())
		defer o.worker.Stop()
		begin := time.Now()
		time.Sleep(31 * time.Minute)
		if warned := o.clock(t, good).GetWarnTime().AsTime().Sub(begin); warned > 31*time.Minute || warned < 30*time.Minute {
			t.Errorf("the good one was warned after %s", warned)
		}
	})
}

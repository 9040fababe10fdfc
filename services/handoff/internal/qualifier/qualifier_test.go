package qualifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	noopmetric "go.opentelemetry.io/otel/metric/noop"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	ana = "leads/01900000-0000-7000-8000-00000000000a"
	bob = "leads/01900000-0000-7000-8000-00000000000b"
)

// aStandard qualifies whoever did two things, unless they are in Atlantis.
const aStandard = `
id: default
appliesTo: 'has(lead.segment) ? lead.segment != "tests" : true'
fit:
  groups:
    - id: who
      criteria: [{id: country, when: 'lead.country != ""', points: 50}]
engagement:
  groups:
    - id: what
      rules: [{id: viewed, activities: [page.viewed], points: 20}]
qualification:
  disqualify:
    - {id: atlantis, description: Lives in Atlantis, when: {when: 'lead.country == "Atlantis"'}}
  gates: {engagementScore: {atLeast: 40}}
`

// bench is a qualifier with its store and the world around it.
type bench struct {
	*Qualifier
	*world
	store     *store.Store
	standards *standard.Registry
	clock     time.Time
}

func newBench(t *testing.T) *bench {
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Full, migrations.FS)
	b := &bench{clock: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { b.clock = b.clock.Add(time.Millisecond); return b.clock }
	b.standards = standard.NewRegistry(db, now)
	b.world = newWorld(now)
	b.store = store.New(db, now, b.standards.ActiveIn)
	b.publish(t, aStandard)
	q, err := New(Deps{
		Pending: b.world, Fit: b.world, Behavior: b.world, Standards: b.standards, Store: b.store, Now: now,
		Tracer: nooptrace.NewTracerProvider().Tracer(""), Meter: noopmetric.NewMeterProvider().Meter(""),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Qualifier = q
	return b
}

func (b *bench) publish(t *testing.T, yaml string) {
	t.Helper()
	spec, err := standard.Parse("test.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	v, err := b.standards.Create(t.Context(), spec, "tester")
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []standard.Side{standard.Marketing, standard.Sales} {
		if _, err := b.standards.SignOff(t.Context(), v.StandardID, v.ID, side, string(side), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.standards.Publish(t.Context(), v.StandardID, v.ID, standard.Publication{Actor: "tester"}); err != nil {
		t.Fatal(err)
	}
}

// run does a pass.
func (b *bench) run(t *testing.T) error {
	t.Helper()
	return b.pass(t.Context(), t.Context())
}

// mustRun does a pass that must not ask for a pause.
func (b *bench) mustRun(t *testing.T) {
	t.Helper()
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) qualification(t *testing.T, lead string) *handoffv1.Qualification {
	t.Helper()
	q, err := b.store.Qualification(context.Background(), store.LeadID(lead), "")
	if err != nil {
		t.Fatalf("%s: %v", lead, err)
	}
	return q
}

// outcomes are how the leases ended, in order.
func (b *bench) outcomes() []string {
	var out []string
	for _, c := range b.ended {
		out = append(out, strings.TrimPrefix(c.GetOutcome().String(), "OUTCOME_"))
	}
	return out
}

func TestFromCaptureToDecision(t *testing.T) {
	b := newBench(t)
	b.capture(ana, knows("country", "DE"), did("page.viewed"), did("page.viewed"))
	b.capture(bob, knows("country", "Atlantis"))
	b.mustRun(t)

	q := b.qualification(t, ana)
	if q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetFitScore() != 50 || q.GetEngagementScore() != 40 ||
		q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED || q.GetHandoff() == "" || q.GetFactsVersion() != 3 {
		t.Errorf("qualification %v", q)
	}
	if q := b.qualification(t, bob); q.GetVerdict() != typev1.Verdict_VERDICT_DISQUALIFIED || q.GetReasons()[0].GetCode() != "atlantis" {
		t.Errorf("bob: %v", q)
	}
	if got := b.outcomes(); !slices.Equal(got, []string{"DECIDED", "DECIDED"}) {
		t.Errorf("leases ended %v", got)
	}
	if d := b.ended[0].GetDecision(); d.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || d.GetFactsVersion() != 3 {
		t.Errorf("digest %v", d)
	}
	want := []string{"ClaimPending", "AssessFit", "RegisterFitModel", "AssessFit", "ApplyFacts", "RegisterEngagementModel", "ApplyFacts", "Complete"}
	if !slices.Equal(b.calls, want) {
		t.Errorf("calls %v", b.calls)
	}
}

// In the steady state a pass is one call to each service, however many leads.
func TestAPassAsksEachServiceOnce(t *testing.T) {
	b := newBench(t)
	b.capture(ana, did("page.viewed"))
	b.mustRun(t)
	b.calls = nil
	for i := range 100 {
		b.capture(fmt.Sprintf("leads/01900000-0000-7000-8000-0000000002%02d", i), did("page.viewed"))
	}
	b.mustRun(t)
	if want := []string{"ClaimPending", "AssessFit", "ApplyFacts", "Complete"}; !slices.Equal(b.calls, want) {
		t.Errorf("calls %v", b.calls)
	}
	if n := len(b.ended); n != 101 {
		t.Errorf("%d leases ended", n)
	}
}

func TestWhoeverTheStandardDoesNotApplyToHasNoVerdict(t *testing.T) {
	b := newBench(t)
	b.capture(ana, knows("segment", "tests"))
	b.mustRun(t)
	if _, err := b.store.Qualification(t.Context(), store.LeadID(ana), ""); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if got := b.outcomes(); !slices.Equal(got, []string{"DECIDED"}) || b.ended[0].GetDecision() != nil {
		t.Errorf("leases ended %v with %v", got, b.ended[0].GetDecision())
	}
}

// While a service is away the leases are given back and nothing counts.
func TestAServiceIsAway(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.DeadlineExceeded} {
		for _, method := range []string{"AssessFit", "RegisterFitModel", "ApplyFacts", "RegisterEngagementModel", "Complete", "ClaimPending"} {
			t.Run(code.String()+" "+method, func(t *testing.T) {
				b := newBench(t)
				b.capture(ana, did("page.viewed"))
				b.before = func(called string, _ any) error {
					if called == method {
						return status.Error(code, "away")
					}
					return nil
				}
				for range 10 {
					if err := b.run(t); !isAway(err) {
						t.Fatalf("error %v does not ask for a pause", err)
					}
					if k := b.leads[ana]; method == "Complete" {
						k.leased = false // the lease runs out
						k.attempt--
					}
				}
				b.before = nil
				if k := b.leads[ana]; k.attempt != 0 || k.quarantined {
					t.Fatalf("attempts counted: %d", k.attempt)
				}
				b.mustRun(t)
				if v := b.qualification(t, ana).GetFactsVersion(); v != 1 {
					t.Errorf("facts version %d", v)
				}
			})
		}
	}
}

// A lead that makes a whole call fail is found and fails alone.
func TestAPoisonedLeadFailsAlone(t *testing.T) {
	for name, poison := range map[string]func(method string, request any) error{
		"a call fails": func(method string, request any) error {
			for _, a := range applications(request) {
				if a.GetLead() == bob {
					return status.Error(codes.Internal, "cannot")
				}
			}
			return nil
		},
		"a panic": func(_ string, request any) error {
			for _, a := range applications(request) {
				if a.GetLead() == bob {
					panic("a bug, with bob@example.com in its text")
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.capture(ana, did("page.viewed"))
			b.mustRun(t)
			b.before = func(method string, request any) (err error) {
				defer func() {
					if p := recover(); p != nil {
						b.mu.Unlock() // as the deferred unlock of a real server would
						defer b.mu.Lock()
						panic(p)
					}
				}()
				return poison(method, request)
			}
			b.capture(ana, did("page.viewed"))
			b.capture(bob, did("page.viewed"))
			for range 6 {
				b.mustRun(t)
			}
			if v := b.qualification(t, ana).GetFactsVersion(); v != 2 {
				t.Errorf("ana at version %d", v)
			}
			if !b.leads[bob].quarantined {
				t.Errorf("bob is not quarantined after %d attempts", b.leads[bob].attempt)
			}
			for _, c := range b.ended {
				if strings.Contains(c.GetError(), "@") {
					t.Errorf("an error says too much: %q", c.GetError())
				}
			}
		})
	}
}

func applications(request any) []*behaviorv1.FactsApplication {
	if r, ok := request.(*behaviorv1.ApplyFactsRequest); ok {
		return r.GetApplications()
	}
	return nil
}

// A scorer that lost its database gets models and histories again, in chunks.
func TestALostDatabaseComesBack(t *testing.T) {
	for name, lose := range map[string]func(*world){
		"profilefit": func(w *world) { w.fit = scorerState{models: map[string]bool{}, leads: map[string]*checkpoint{}} },
		"behavior":   func(w *world) { w.act = scorerState{models: map[string]bool{}, leads: map[string]*checkpoint{}} },
		"only the leads": func(w *world) {
			w.fit.leads, w.act.leads = map[string]*checkpoint{}, map[string]*checkpoint{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.capture(ana, knows("country", "DE"), did("page.viewed"), did("page.viewed"), did("page.viewed"))
			b.mustRun(t)
			lose(b.world)
			b.capture(ana, did("page.viewed"))
			b.mustRun(t)
			q := b.qualification(t, ana)
			if q.GetFactsVersion() != 5 || q.GetEngagementScore() != 80 || q.GetFitScore() != 50 {
				t.Errorf("qualification %v", q)
			}
		})
	}
}

// Facts that are too many for a message are read and sent in chunks; a try that was
// cut off in the middle is taken up.
func TestLongHistories(t *testing.T) {
	for name, prepare := range map[string]func(b *bench){
		"from the start": func(*bench) {},
		"after a cut": func(b *bench) {
			b.fit.leads[ana+" "+b.revision().FitRevision] = &checkpoint{version: 2}
			b.act.leads[ana+" "+b.revision().EngagementRevision] = &checkpoint{version: 4, facts: b.leads[ana].facts[:4]}
		},
		"after a crash before completion": func(b *bench) {
			b.act.leads[ana+" "+b.revision().EngagementRevision] = &checkpoint{version: 7, facts: b.leads[ana].facts}
		},
		"with a base that does not fit": func(b *bench) {
			b.act.leads[ana+" "+b.revision().EngagementRevision] = &checkpoint{version: 3}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.capture(bob, did("page.viewed"))
			b.mustRun(t) // models are known
			k := b.capture(ana, knows("segment", "all"), did("page.viewed"), did("page.viewed"), did("page.viewed"),
				did("page.viewed"), did("page.viewed"), did("page.viewed"))
			k.omit = true
			prepare(b)
			b.mustRun(t)
			if q := b.qualification(t, ana); q.GetFactsVersion() != 7 || q.GetEngagementScore() != 120 {
				t.Errorf("version %d, score %v", q.GetFactsVersion(), q.GetEngagementScore())
			}
		})
	}
}

func (b *bench) revision() *standard.Compiled {
	active, err := b.standards.Active(context.Background())
	if err != nil {
		panic(err)
	}
	return active[0]
}

// What is newer at a scorer while the lease is ours is not to be: it counts.
func TestSomethingNewerWasScored(t *testing.T) {
	b := newBench(t)
	b.capture(ana, did("page.viewed"))
	b.act.models[b.revision().EngagementRevision] = true
	b.act.leads[ana+" "+b.revision().EngagementRevision] = &checkpoint{version: 9}
	b.mustRun(t)
	if got := b.outcomes(); !slices.Equal(got, []string{"FAILED"}) {
		t.Errorf("leases ended %v", got)
	}
}

func TestAStandardIsPublishedMeanwhile(t *testing.T) {
	b := newBench(t)
	b.capture(ana, did("page.viewed"))
	published := false
	b.before = func(method string, _ any) error {
		if method == "ApplyFacts" && !published {
			published = true
			b.publish(t, strings.Replace(aStandard, "atLeast: 40", "atLeast: 20", 1))
		}
		return nil
	}
	b.mustRun(t)
	q := b.qualification(t, ana)
	if q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetStandardVersion() != b.revision().Version {
		t.Errorf("verdict %s by %s, active is %s", q.GetVerdict(), q.GetStandardVersion(), b.revision().Version)
	}
}

func TestImportedOutcomesAttach(t *testing.T) {
	b := newBench(t)
	won := did("sales.won")
	won.Activity.PropertiesJson = []byte(`{"amount": 12500, "currency_code": "EUR", "reason": "price"}`)
	ours := did("sales.lost")
	ours.Source = store.Source
	k := b.capture(ana, won, ours)
	k.historical = true
	b.mustRun(t)
	q := b.qualification(t, ana)
	o := q.GetOutcome()
	if o.GetKind() != handoffv1.Outcome_KIND_WON || o.GetAmount() != "12500" || o.GetCurrencyCode() != "EUR" || o.GetReason() != "price" || o.GetActor() != "import" {
		t.Errorf("outcome %v", o)
	}
	if q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_NURTURE {
		t.Errorf("stage %s", q.GetStage())
	}
}

// The workers run until they are stopped, also while everything is away.
func TestStartAndStop(t *testing.T) {
	b := newBench(t)
	decided := make(chan struct{}, 10)
	b.Now = time.Now
	b.now = time.Now
	b.before = func(method string, _ any) error {
		switch method {
		case "ClaimPending":
			time.Sleep(time.Millisecond) // a poll takes a moment
		case "Complete":
			decided <- struct{}{}
		}
		return nil
	}
	b.capture(ana, did("page.viewed"))
	b.Start(t.Context())
	select {
	case <-decided:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was decided")
	}
	b.Stop()
	if b.leads[ana].done != 1 {
		t.Error("stopped before the lease was ended")
	}
}

package profilefit_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/telemetry"
)

// delta is an assessment of lead 1 from one version to another, at the 9th hour.
func delta(from, to int32, facts ...*typev1.Fact) *profilefitv1.FitAssessment {
	return &profilefitv1.FitAssessment{Lead: "leads/1", Revision: "r1", FromVersion: from, ToVersion: to, AsOfTime: hour(9), Facts: facts}
}

// The compare-and-set, call by call, on one lead.
func TestCheckpoint(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		de, big := attribute(1, 0, "country", `"DE"`), attribute(2, 1, "employees", `5000`)
		us, small := attribute(3, 2, "country", `"US"`), attribute(4, 3, "employees", `5`)
		activity := &typev1.Fact{Id: "a", Source: "web", EffectiveTime: hour(1), Activity: &typev1.ActivityFact{Type: "page.viewed"}}
		reset := delta(0, 3, de, big)
		reset.Reset_ = true
		wrongReset := delta(2, 3, de)
		wrongReset.Reset_ = true
		for i, call := range []struct {
			name  string
			call  *profilefitv1.FitAssessment
			state typev1.CheckpointState
			score float64
		}{
			{"a revision nobody registered", delta(0, 1, de), notKnown, 0},
			{"a delta on nothing", delta(1, 2, big), mismatch, 0},
			{"the whole history", delta(0, 1, de), ok, 20},
			{"the same again", delta(0, 1, de), ok, 20},
			{"a delta", delta(1, 2, big), ok, 40},
			{"a delta again", delta(1, 2, big), ok, 40},
			{"what is older", delta(0, 1, de), stale, 0},
			{"a delta from elsewhere", delta(3, 4, small), mismatch, 0},
			{"a delta without attributes", delta(2, 3, activity), ok, 40},
			{"which made it a version", delta(2, 3), ok, 40},
			{"another delta", delta(3, 5, us), ok, 30},
			{"the whole history, newer", delta(0, 6, us, small), ok, 10},
			{"which replaced what was stored", delta(6, 6), ok, 10},
			{"back to an older version", reset, ok, 40},
			{"a reset with a delta", wrongReset, mismatch, 0},
			{"which changed nothing", delta(3, 3), ok, 40},
		} {
			result := r.assess(call.call)[0]
			if result.GetState() != call.state || result.GetFit().GetScore() != call.score {
				t.Fatalf("%d, %s: %v with %v, want %v with %v", i, call.name, result.GetState(), result.GetFit().GetScore(), call.state, call.score)
			}
			if (result.GetFit() != nil) != (call.state == ok) {
				t.Fatalf("%d, %s: a fit without OK, or OK without: %v", i, call.name, result)
			}
			if i == 0 {
				r.register("r1", software())
			}
		}
	})
}

func TestAssessFit(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", software())
		got := r.assess(delta(0, 2, attribute(2, 5, "employees", `5000`), attribute(1, 0, "country", `"DE"`)))[0]
		want := &profilefitv1.FitResult{
			State: ok,
			Fit: &typev1.Fit{
				Status: typev1.Fit_STATUS_SCORED, Score: proto.Float64(40), FitClass: "A",
				Contributions: []*typev1.Contribution{
					{Rule: "size", Group: "company", Kind: typev1.Contribution_KIND_GIVEN, Points: 30, Description: "more than 200 employees"},
					{Rule: "country", Group: "company", Kind: typev1.Contribution_KIND_GIVEN, Points: 20, Description: "Country we sell to"},
					{Rule: "company", Group: "company", Kind: typev1.Contribution_KIND_CAP, Points: -10, Description: "Company: at most 40"},
				},
			},
			Timeline: []*typev1.FitPoint{
				{EffectiveTime: hour(0), Score: proto.Float64(20), FitClass: "B"},
				{EffectiveTime: hour(5), Score: proto.Float64(40), FitClass: "A"},
			},
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestInsufficientDataHasNoScore(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		model := software()
		model.MinKnown = 2
		r.register("r1", model)
		got := r.assess(delta(0, 1, attribute(1, 0, "country", `"DE"`)))[0]
		want := &profilefitv1.FitResult{
			State:    ok,
			Fit:      &typev1.Fit{Status: typev1.Fit_STATUS_INSUFFICIENT_DATA, Unknown: []string{"size"}},
			Timeline: []*typev1.FitPoint{{EffectiveTime: hour(0)}},
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A fact that was in the future comes true without a new version.
func TestAsOf(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", software())
		at := func(h int, call *profilefitv1.FitAssessment) float64 {
			call.AsOfTime = hour(h)
			result := r.assess(call)[0]
			if result.GetState() != ok {
				t.Fatalf("state %v", result.GetState())
			}
			return result.GetFit().GetScore()
		}
		history := []*typev1.Fact{attribute(1, 0, "country", `"DE"`), attribute(2, 5, "employees", `5`)}
		if got := at(4, delta(0, 2, history...)); got != 20 {
			t.Errorf("before it is true: %v", got)
		}
		if got := at(6, delta(2, 2)); got != 30 {
			t.Errorf("after it became true: %v", got)
		}
		if got := at(3, delta(2, 2)); got != 20 {
			t.Errorf("asked about the past: %v", got)
		}
		if got := at(7, delta(2, 3)); got != 30 {
			t.Errorf("the next version: %v", got)
		}
	})
}

// One bad lead harms nobody else in the call.
func TestFailuresAreOfOneLead(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", software())
		for name, test := range map[string]struct {
			bad  func(*profilefitv1.FitAssessment)
			want string
		}{
			"no lead":    {func(a *profilefitv1.FitAssessment) { a.Lead = "" }, "lead: expected a name"},
			"no instant": {func(a *profilefitv1.FitAssessment) { a.AsOfTime = nil }, "asOfTime: expected a time"},
			"backwards":  {func(a *profilefitv1.FitAssessment) { a.FromVersion = 9 }, "fromVersion: expected"},
			"below zero": {func(a *profilefitv1.FitAssessment) { a.FromVersion = -1 }, "fromVersion: expected"},
			"a fact out of time": {func(a *profilefitv1.FitAssessment) {
				a.Facts[0].EffectiveTime = &timestamppb.Timestamp{Seconds: 1 << 60}
			}, "facts[0].effectiveTime: expected a time"},
		} {
			bad := delta(0, 1, attribute(1, 0, "country", `"DE"`))
			bad.Lead = "leads/bad"
			test.bad(bad)
			good := delta(0, 1, attribute(1, 0, "country", `"DE"`))
			good.Lead = "leads/" + strings.ReplaceAll(name, " ", "-")
			results := r.assess(bad, good)
			if results[0].GetState() != failedState || !strings.Contains(results[0].GetError(), test.want) {
				t.Errorf("%s: %v, want FAILED: %s", name, results[0], test.want)
			}
			if results[1].GetState() != ok || results[1].GetFit().GetScore() != 20 {
				t.Errorf("%s: the other lead is %v", name, results[1])
			}
		}
	})
}

func TestLeadTwiceInACall(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", software())
		r.register("r2", &typev1.FitModel{})
		other := delta(0, 1)
		other.Revision = "r2"
		results := r.assess(
			delta(0, 1, attribute(1, 0, "country", `"DE"`)),
			other,
			delta(1, 2, attribute(2, 0, "employees", `5`)),
			delta(1, 2, attribute(2, 0, "employees", `5`)),
			delta(0, 1, attribute(1, 0, "country", `"DE"`)),
			delta(2, 3),
		)
		for i, want := range []struct {
			state typev1.CheckpointState
			score float64
		}{{ok, 20}, {ok, 0}, {ok, 30}, {ok, 30}, {stale, 0}, {ok, 30}} {
			if results[i].GetState() != want.state || results[i].GetFit().GetScore() != want.score {
				t.Errorf("%d is %v, want %v", i, results[i], want)
			}
		}
		if got := r.assess(delta(3, 3))[0]; got.GetState() != ok || got.GetFit().GetScore() != 30 {
			t.Errorf("stored: %v", got)
		}
	})
}

// Two qualifiers, one of which lost its lease: whatever interleaves, each answer is
// right and the newest version stays.
func TestConcurrentCalls(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", software())
		const versions = 20
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for v := int32(1); v <= versions; v++ {
					calls := []*profilefitv1.FitAssessment{delta(0, v, attribute(1, 0, "country", `"DE"`)), delta(0, v)}
					calls[1].Lead = "leads/2"
					response, err := r.AssessFit(t.Context(), &profilefitv1.AssessFitRequest{Assessments: calls})
					if err != nil {
						t.Error(err)
						return
					}
					for _, result := range response.GetResults() {
						if result.GetState() != ok && result.GetState() != stale {
							t.Errorf("version %d: %v", v, result)
						}
					}
				}
			})
		}
		wg.Wait()
		if got := r.assess(delta(versions, versions))[0]; got.GetState() != ok || got.GetFit().GetScore() != 20 {
			t.Errorf("stored: %v", got)
		}
	})
}

// Whatever happened to the checkpoint, the fit in the end is that of the whole history,
// byte for byte.
func TestEveryWayEndsInTheSameBytes(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		lead := 0
		rapid.Check(t, func(t *rapid.T) {
			lead++
			q := qualifier{t: t, rig: r, lead: fmt.Sprintf("leads/a%d", lead), revision: "r1", history: drawHistory(t)}
			for range rapid.IntRange(0, 8).Draw(t, "calls") {
				switch rapid.IntRange(0, 9).Draw(t, "what") {
				case 0:
					if rapid.IntRange(0, 9).Draw(t, "really drop?") == 0 {
						q.rig = q.rig.dropDatabase()
					}
				case 1:
					q.sendAll(q.version(0, q.last()), true)
				case 2:
					q.sendAll(q.version(0, q.last()), false)
				case 3:
					q.rewrite()
				default: // right, stale, doubled or from elsewhere
					from := q.version(0, q.last())
					q.send(from, q.version(from, q.last()), false)
				}
			}
			q.catchUp()
			r = q.rig
			got := q.send(q.last(), q.last(), false)

			fresh := qualifier{t: t, rig: r, lead: fmt.Sprintf("leads/b%d", lead), revision: "r1", history: q.history}
			fresh.catchUp()
			want := fresh.send(q.last(), q.last(), false)
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Fatalf("(-fresh +got):\n%s", diff)
			}
			if got.GetState() != ok || string(q.stored()) != string(fresh.stored()) {
				t.Fatalf("state %v; stored\n%q\nfresh\n%q", got.GetState(), q.stored(), fresh.stored())
			}
		})
	})
}

// drawHistory draws the facts of each version of a lead's facts.
func drawHistory(t *rapid.T) [][]*typev1.Fact {
	values := map[string][]string{"country": {`"DE"`, `"US"`, `null`}, "employees": {`5`, `5000`, `"x"`}, "other": {`1`}}
	var history [][]*typev1.Fact
	for v := range rapid.IntRange(1, 5).Draw(t, "versions") {
		var facts []*typev1.Fact
		for i := range rapid.IntRange(0, 2).Draw(t, "facts") {
			key := rapid.SampledFrom([]string{"country", "employees", "other"}).Draw(t, "key")
			f := attribute(int32(v+1), rapid.IntRange(0, 12).Draw(t, "at"), key, rapid.SampledFrom(values[key]).Draw(t, "value"))
			f.Id = fmt.Sprintf("%d.%d", v+1, i)
			facts = append(facts, f)
		}
		history = append(history, facts)
	}
	return history
}

// qualifier sends one lead's facts as handoff would, and as a broken one would.
type qualifier struct {
	t        *rapid.T
	rig      rig
	lead     string
	revision string
	history  [][]*typev1.Fact
}

func (q *qualifier) version(from, to int32) int32 {
	return rapid.Int32Range(from, to).Draw(q.t, "version")
}

func (q *qualifier) send(from, to int32, reset bool) *profilefitv1.FitResult {
	var facts []*typev1.Fact
	for _, f := range q.history[from:to] {
		facts = append(facts, f...)
	}
	return q.rig.assess(&profilefitv1.FitAssessment{
		Lead: q.lead, Revision: q.revision, FromVersion: from, ToVersion: to, Facts: facts, AsOfTime: hour(9), Reset_: reset,
	})[0]
}

func (q *qualifier) last() int32 { return int32(len(q.history)) }

// rewrite makes a new version whose history lacks facts of an old one, as an un-merge
// does. The qualifier sends a rewritten history from 0.
func (q *qualifier) rewrite() {
	rewritten := append(slices.Clone(q.history), nil)
	rewritten[q.version(1, q.last())-1] = nil
	q.history = rewritten
	if result := q.send(0, q.last(), false); result.GetState() != ok && result.GetState() != notKnown {
		q.t.Fatalf("rewritten: %v", result)
	}
}

// sendAll sends the whole history up to a version in two chunks.
func (q *qualifier) sendAll(to int32, reset bool) {
	middle := q.version(0, to)
	q.send(0, middle, reset)
	q.send(middle, to, false)
}

// catchUp brings the checkpoint to the newest version, whatever it answers.
func (q *qualifier) catchUp() {
	last := q.last()
	for range 3 {
		switch result := q.send(last, last, false); result.GetState() {
		case ok:
			return
		case notKnown:
			q.rig.register(q.revision, software())
		case mismatch:
			q.sendAll(last, true)
		default:
			q.t.Fatalf("%v", result)
		}
	}
}

// stored returns the bytes that are stored of the lead.
func (q *qualifier) stored() []byte {
	var version, asOf, latest int64
	var facts, result []byte
	err := q.rig.db.Read().QueryRowContext(q.rig.t.Context(),
		`SELECT facts_version, as_of, latest, facts, result FROM fits WHERE lead_id = $1`, strings.TrimPrefix(q.lead, "leads/")).
		Scan(&version, &asOf, &latest, &facts, &result)
	if err != nil {
		q.t.Fatal(err)
	}
	return fmt.Appendf(nil, "%d %d %d %q %q", version, asOf, latest, facts, result)
}

// Each lead whose own trace is recorded gets a span in it.
func TestSpans(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		spans := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
		tele := telemetry.New("profilefit", nil)
		tele.Tracer = provider.Tracer("test")
		r = newRig(t, r.db, tele)
		r.register("r1", software())
		traced, unsampled, untraced := delta(0, 1), delta(0, 1), delta(0, 1)
		traced.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		unsampled.Traceparent = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00"
		unsampled.Lead, untraced.Lead = "leads/2", "leads/3"
		r.assess(untraced, traced, unsampled)
		got := spans.GetSpans()
		if len(got) != 1 || got[0].Name != "assay.fit" ||
			got[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || got[0].Parent.SpanID().String() != "b7ad6b7169203331" {
			t.Fatalf("spans %+v", got)
		}
		attributes := fmt.Sprint(got[0].Attributes)
		for _, want := range []string{"assay.lead", "leads/1", "assay.checkpoint", "ok", "assay.revision", "r1"} {
			if !strings.Contains(attributes, want) {
				t.Errorf("attributes %s, want %s", attributes, want)
			}
		}
	})
}

// One call with 256 leads: one SELECT and one multi-row upsert.
func BenchmarkAssessFit(b *testing.B) {
	for _, kind := range []string{"one attribute", "activities only"} {
		b.Run(kind, func(b *testing.B) { benchmark(b, kind == "one attribute") })
	}
}

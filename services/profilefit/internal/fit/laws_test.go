package fit_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/points"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// assess is what the laws are about: a model, facts in the order of their arrival,
// repetitions included, and an instant.
type assess func(spec fit.Spec, facts []fit.Fact, asOf time.Time) fit.Assessment

// subject is the package under test, brought the facts at once.
func subject(spec fit.Spec, facts []fit.Fact, asOf time.Time) fit.Assessment {
	m := model(spec)
	return m.Assess(m.Add(nil, facts...), asOf)
}

// model compiles a spec. Laws ask for the same one a few times in a row.
func model(spec fit.Spec) *fit.Model {
	key, err := json.Marshal(spec)
	if err == nil && string(key) != last.key {
		last.key = string(key)
		last.model, err = fit.Compile(spec)
	}
	if err != nil {
		panic(err)
	}
	return last.model
}

var last struct {
	key   string
	model *fit.Model
}

// law is a property that every assess must have.
type law func(t *rapid.T, assess assess)

var laws = map[string]law{
	"sum":     sum,
	"order":   order,
	"time":    timeLaw,
	"replay":  replay,
	"rest":    rest,
	"missing": missing,
}

// Sum: the score is the sum of its lines, within its limits, and none without a score.
func sum(t *rapid.T, assess assess) {
	spec, facts := drawSpec(t), drawFacts(t)
	spec.MinKnown = rapid.IntRange(0, criteria(spec.Groups)).Draw(t, "minKnown")
	r := assess(spec, facts, drawInstant(t, "asOf")).Result
	var total, shown points.Points
	own := map[string]points.Points{} // of each group
	for _, line := range r.Lines {
		total += line.Points
		own[line.Group] += line.Points
		if line.Kind == fit.Shown {
			shown += line.Points
		}
	}
	if total != r.Score {
		t.Fatalf("lines sum to %v, the score is %v", total, r.Score)
	}
	if (r.Underlying != nil) != (shown != 0) || r.Underlying != nil && *r.Underlying != r.Score-shown {
		t.Fatalf("%v shown of %v, underlying %v", shown, r.Score, r.Underlying)
	}
	if r.Status == fit.InsufficientData {
		if len(r.Lines) > 0 || r.Class != "" || r.Score != 0 {
			t.Fatalf("without a score there are lines %v, score %v and class %q", r.Lines, r.Score, r.Class)
		}
		return
	}
	for _, g := range spec.Groups {
		withinLimits(t, g, own)
	}
	if underlying := (r.Score - shown).Float(); underlying < lowest(spec) || (spec.MaxPoints != nil && underlying > *spec.MaxPoints) {
		t.Fatalf("the score is %v, %v of it shown", r.Score, shown)
	}
}

func lowest(spec fit.Spec) float64 {
	if spec.MinPoints == nil {
		return 0
	}
	return *spec.MinPoints
}

// withinLimits returns what a group gives: its own lines and those of the groups in it.
func withinLimits(t *rapid.T, g fit.Group, own map[string]points.Points) points.Points {
	gives := own[g.ID]
	for _, inside := range g.Groups {
		gives += withinLimits(t, inside, own)
	}
	if g.MaxPoints != nil && gives.Float() > *g.MaxPoints || g.MinPoints != nil && gives.Float() < *g.MinPoints {
		t.Fatalf("group %s gives %v", g.ID, gives)
	}
	return gives
}

// Order: the same set of facts gives the same bytes in any order, with any repetition.
func order(t *rapid.T, assess assess) {
	spec, facts, asOf := drawSpec(t), drawFacts(t), drawInstant(t, "asOf")
	same(t, assess(spec, facts, asOf), assess(spec, drawShuffled(t, facts), asOf))
}

// Time: the assessment at an instant knows the facts up to it and no others; and the
// timeline of a later one says what it was.
func timeLaw(t *rapid.T, assess assess) {
	spec, facts := drawSpec(t), drawFacts(t)
	at, later := drawInstant(t, "at"), drawInstant(t, "later")
	if later.Before(at) {
		at, later = later, at
	}
	until := slices.DeleteFunc(slices.Clone(facts), func(f fit.Fact) bool { return f.EffectiveTime.After(at) })
	then := assess(spec, facts, at)
	same(t, then, assess(spec, until, at))
	timeline := assess(spec, facts, later).Timeline
	for len(timeline) > 0 && timeline[len(timeline)-1].EffectiveTime.After(at) {
		timeline = timeline[:len(timeline)-1]
	}
	if diff := lawtest.Diff(then.Timeline, timeline, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the timeline up to %v (-then +later):\n%s", at, diff)
	}
	// Within a day the timeline does not follow the clock; the result does.
	if n := len(timeline); n > 0 && !slices.ContainsFunc(asked(spec), text.ReadsTime) {
		p := timeline[n-1]
		p.EffectiveTime = time.Time{}
		if p != (fit.Point{Status: then.Result.Status, Score: then.Result.Score, Class: then.Result.Class, Persona: then.Result.Persona}) {
			t.Fatalf("the timeline ends in %v, the result is %v", timeline[n-1], then.Result)
		}
	}
}

// Rest: where no condition looks at the clock or back, nothing changes while nothing
// happens; and where one does, the model says until when.
func rest(t *rapid.T, assess assess) {
	spec, facts := drawTimeless(t), drawFacts(t)
	if rapid.Bool().Draw(t, "looks back") {
		spec = drawSpec(t)
	}
	at, later := drawInstant(t, "at"), drawInstant(t, "later")
	if later.Before(at) {
		at, later = later, at
	}
	facts = slices.DeleteFunc(facts, func(f fit.Fact) bool { return f.EffectiveTime.After(at) })
	m := model(spec)
	if m.Settled(m.Add(nil, facts...)).After(at) {
		return
	}
	same(t, assess(spec, facts, at), assess(spec, facts, later))
}

// Replay: a fresh assessment of the whole history finds what was found when the facts
// came bit by bit: here by the plain reading of the model.
func replay(t *rapid.T, assess assess) {
	spec, facts, asOf := drawSpec(t), drawFacts(t), drawInstant(t, "asOf")
	spec.MinKnown = rapid.IntRange(0, criteria(spec.Groups)).Draw(t, "minKnown")
	same(t, naive{}.assess(spec, facts, asOf), assess(spec, facts, asOf), withoutWords)
}

// Missing is not low: without an attribute, each criterion is answered as before or
// unknown, never "no" instead of "yes"; and there still is a score, unless the model
// asks for a number of known criteria.
func missing(t *rapid.T, assess assess) {
	spec, facts, asOf := draw(t, whenConditions, true), drawFacts(t), drawInstant(t, "asOf")
	key := rapid.SampledFrom(keys).Draw(t, "missing")
	fewer := slices.DeleteFunc(slices.Clone(facts), func(f fit.Fact) bool { return f.Key == key })
	with, without := assess(spec, facts, asOf).Result, assess(spec, fewer, asOf).Result
	if without.Status != fit.Scored {
		t.Fatalf("without %s there is no score", key)
	}
	eachCriterion(spec.Groups, func(c fit.Criterion) {
		before, after := answer(with, c.ID), answer(without, c.ID)
		if after != before && after != "unknown" {
			t.Fatalf("without %s the answer of %s is %q, it was %q", key, c.ID, after, before)
		}
	})
}

func eachCriterion(groups []fit.Group, do func(fit.Criterion)) {
	for _, g := range groups {
		for _, c := range g.Criteria {
			do(c)
		}
		eachCriterion(g.Groups, do)
	}
}

func answer(r fit.Result, criterion string) string {
	if slices.Contains(r.Unknown, criterion) {
		return "unknown"
	}
	for _, line := range r.Lines {
		if line.Rule == criterion {
			return fmt.Sprint(line.Kind, line.Points)
		}
	}
	return "no"
}

func criteria(groups []fit.Group) (n int) {
	eachCriterion(groups, func(fit.Criterion) { n++ })
	return n
}

var withoutWords = cmpopts.IgnoreFields(fit.Line{}, "Description")

func same(t *rapid.T, want, got fit.Assessment, options ...cmp.Option) {
	t.Helper()
	options = append(options, cmpopts.IgnoreFields(fit.Assessment{}, "Faults"), cmpopts.EquateEmpty())
	if diff := lawtest.Diff(want, got, options...); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestLaws(t *testing.T) {
	for name, law := range laws {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { law(t, subject) })
		})
	}
}

// Replay again, of the package against itself: facts brought in bit by bit, through
// the encoding they are stored in, give the same bytes as all at once.
func TestReplayInChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, facts, asOf := drawSpec(t), drawFacts(t), drawInstant(t, "asOf")
		m := model(spec)
		var h fit.History
		var err error
		for rest := drawShuffled(t, facts); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			h = m.Add(h, rest[:n]...)
			if h, err = fit.DecodeHistory(h.Encode()); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		whole := m.Add(nil, facts...)
		if string(h.Encode()) != string(whole.Encode()) {
			t.Fatalf("histories differ:\n%s", cmp.Diff(whole, h))
		}
		same(t, m.Assess(whole, asOf), m.Assess(h, asOf))
	})
}

// Without a mistake the plain reading of the model keeps the laws.
func TestPlainReadingKeepsTheLaws(t *testing.T) {
	for name, law := range laws {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { law(t, naive{}.assess) })
		})
	}
}

// A law that nothing can break says nothing: each mistake is caught by its law.
func TestMistakesBreakTheLaws(t *testing.T) {
	for _, test := range []struct {
		mistake string
		wrong   naive
		laws    []string
	}{
		{"arrival order", naive{arrivalOrder: true}, []string{"order"}},
		{"double counting", naive{doubleCount: true}, []string{"order"}},
		{"dropped cap line", naive{dropCapLines: true}, []string{"sum"}},
		{"ignored cap", naive{ignoreCaps: true}, []string{"sum"}},
		{"unknown is false", naive{unknownIsFalse: true}, []string{"missing"}},
		{"facts of the future", naive{seesTheFuture: true}, []string{"time"}},
		{"the first value stays", naive{keepsFirst: true}, []string{"order", "replay"}},
		{"days of another calendar", naive{utc: true}, []string{"replay"}},
		{"no memory", naive{forgets: true}, []string{"replay"}},
		{"changes by time show late", naive{foldsLate: true}, []string{"replay"}},
	} {
		t.Run(test.mistake, func(t *testing.T) {
			for _, name := range test.laws {
				if !breaks(t, laws[name], test.wrong.assess) {
					t.Errorf("the law of %s does not notice", name)
				}
			}
		})
	}
}

// breaks reports whether a law fails for a wrong assess.
func breaks(t *testing.T, law law, wrong assess) bool {
	t.Helper()
	defer set(t, "rapid.shrinktime", "0s")()
	defer set(t, "rapid.checks", "400")()
	probe := &probe{name: t.Name()}
	done := make(chan struct{})
	go func() { // a failed check ends its goroutine
		defer close(done)
		rapid.Check(probe, func(t *rapid.T) { law(t, wrong) })
	}()
	<-done
	return probe.failed
}

// set sets a flag and returns what sets it back.
func set(t *testing.T, name, value string) func() {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	return func() { _ = flag.Set(name, before) }
}

// probe is a test that is expected to fail.
type probe struct {
	name   string
	failed bool
}

func (p *probe) Helper()               {}
func (p *probe) Name() string          { return p.name }
func (p *probe) Logf(string, ...any)   {}
func (p *probe) Log(...any)            {}
func (p *probe) Skipf(string, ...any)  { p.SkipNow() }
func (p *probe) Skip(...any)           { p.SkipNow() }
func (p *probe) SkipNow()              { runtime.Goexit() }
func (p *probe) Errorf(string, ...any) { p.Fail() }
func (p *probe) Error(...any)          { p.Fail() }
func (p *probe) Fatalf(string, ...any) { p.FailNow() }
func (p *probe) Fatal(...any)          { p.FailNow() }
func (p *probe) FailNow()              { p.Fail(); runtime.Goexit() }
func (p *probe) Fail()                 { p.failed = true }
func (p *probe) Failed() bool          { return p.failed }

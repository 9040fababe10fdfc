package engagement

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
)

// lawOracle: the score and its lines are what the oracle says.
func lawOracle(build func(*Compiled, Model) engine, s scenario) error {
	e := arrived(build, s)
	for _, at := range s.instants {
		o := newOracle(s.model, s.counting(), s.fit)
		o.run(at)
		want, wantLines := o.score()
		score := e.score(at)
		gotLines := map[lineOf]points.Points{}
		for _, line := range score.Contributions {
			gotLines[lineOf{line.Rule, line.Line}] += line.Points
		}
		// Of a share that is kept, what had faded before is rounded together: only the sum
		// of both lines is said.
		for _, lines := range []map[lineOf]points.Points{wantLines, gotLines} {
			for of, p := range lines {
				if of.line == TakenAway {
					lines[lineOf{of.of, Faded}] += p
					delete(lines, of)
				}
			}
		}
		empty := func(_ lineOf, p points.Points) bool { return p == 0 }
		maps.DeleteFunc(gotLines, empty)
		maps.DeleteFunc(wantLines, empty)
		if diff := cmp.Diff(wantLines, gotLines); diff != "" || score.Points != want {
			return fmt.Errorf("at %s score %v, the oracle says %v; its lines (-) and the fold's (+): %s", time.UnixMicro(at).UTC(), score.Points, want, diff)
		}
	}
	return nil
}

// sayable leaves out of a model what the oracle cannot say.
func sayable(m *Model) {
	m.Overrides, m.Floor = nil, nil
	zone := func(s *Schedule) {
		if s != nil {
			s.ZoneAttribute = ""
			for i := range s.At {
				if s.At[i] == "02:30" {
					s.At[i] = "04:45" // every day has it once
				}
			}
		}
	}
	for i := range m.Resets {
		zone(m.Resets[i].Schedule)
	}
	for i := range m.Suspensions {
		m.Suspensions[i].Freeze = false
	}
	for i := range m.SharedLimits {
		if m.SharedLimits[i].Limit.Per == PerVisit {
			m.SharedLimits[i].Limit.Per = PerDay // whose visit is not said
		}
	}
	var walk func(g *Group)
	walk = func(g *Group) {
		g.Floor = nil
		for i := range g.Rules {
			zone(g.Rules[i].Schedule)
		}
		for i := range g.Groups {
			walk(&g.Groups[i])
		}
	}
	for i := range m.Groups {
		walk(&m.Groups[i])
	}
}

func newSayable(n int, seed uint64) scenario {
	s := newScenarioOf(n, seed|1, sayable)
	last := slices.MaxFunc(append(slices.Clone(s.facts), Fact{Micros: start}), func(a, b Fact) int { return int(a.Micros/hour - b.Micros/hour) })
	s.instants = []int64{s.instants[0], last.Micros + 60*24*hour}
	return s
}

// The oracle and the fold agree over generated models and histories.
func TestTheOracleAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSayable(rapid.IntRange(0, 40).Draw(t, "facts"), rapid.Uint64().Draw(t, "seed"))
		if err := lawOracle(resting, s); err != nil {
			t.Fatal(err)
		}
	})
}

// The oracle notices a fold that is wrong.
func TestTheOracleNoticesWrongFolds(t *testing.T) {
	for name, build := range map[string]func(*Compiled, Model) engine{
		"arrival order": func(c *Compiled, _ Model) engine { return &arrivalOrder{freshEngine: freshEngine{compiled: c}} },
		"double count":  func(c *Compiled, _ Model) engine { return &doubleCount{freshEngine{compiled: c}} },
		"dropped cap":   func(c *Compiled, m Model) engine { return &droppedCap{resting(c, m)} },
	} {
		noticed := false
		for seed := uint64(1); seed < 600 && !noticed; seed += 2 {
			noticed = lawOracle(build, newSayable(20, seed)) != nil
		}
		if !noticed {
			t.Errorf("the oracle agrees with a fold with %s", name)
		}
	}
}

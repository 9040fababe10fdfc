package engagement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/points"
)

// maxGateDepth is the deepest nesting of gates.
const maxGateDepth = 20

// gate compiles a gate; nil for none. It may name rules and segments that are compiled
// later: names are looked up when all are known.
func (b *compiler) gate(path string, g *Gate) *gate {
	if g == nil {
		return nil
	}
	in := gateCompiler{compiler: b, out: &gate{}}
	in.out.root = in.node(path, g, 1)
	if len(in.out.profile) > maxLeaves {
		b.problem(path, "must ask at most %d things about the lead, asks %d", maxLeaves, len(in.out.profile))
	}
	b.gates = append(b.gates, in.out)
	return in.out
}

// gateCompiler compiles one gate.
type gateCompiler struct {
	*compiler
	out *gate
}

// node compiles a gate, or one inside of it.
func (b *gateCompiler) node(path string, g *Gate, depth int) node {
	if depth > maxGateDepth {
		b.problem(path, "must be at most %d gates deep", maxGateDepth)
		return nil
	}
	if g.Foreign != "" {
		b.problem(path+"."+g.Foreign, "must not be asked inside the engagement part")
		return nil
	}
	several := func(at string, of []Gate, count int) node {
		out := &atLeastGate{count: count}
		for i := range of {
			out.of = append(out.of, b.node(fmt.Sprintf("%s[%d]", at, i), &of[i], depth+1))
		}
		return out
	}
	type kind struct {
		field string
		given bool
		make  func(path string) node
	}
	var fields []string
	var made node
	given := 0
	for _, k := range []kind{
		{"all", len(g.All) > 0, func(at string) node { return several(at, g.All, len(g.All)) }},
		{"any", len(g.Any) > 0, func(at string) node { return several(at, g.Any, 1) }},
		{"atLeast", g.AtLeast != nil, func(at string) node {
			n := len(g.AtLeast.Of)
			if g.AtLeast.Count < 1 || g.AtLeast.Count > n {
				b.problem(at+".count", "must be from 1 to the number of gates, %d, is %d", n, g.AtLeast.Count)
			}
			return several(at+".of", g.AtLeast.Of, g.AtLeast.Count)
		}},
		{"not", g.Not != nil, func(at string) node { return &notGate{b.node(at, g.Not, depth+1)} }},
		{"activity", g.Activity != nil, func(at string) node {
			leaf := b.activityGate(at, g.Activity)
			b.out.activity = append(b.out.activity, leaf)
			return leaf
		}},
		{"when", g.When != "", func(at string) node {
			w := b.question(at, g.When)
			if w == nil {
				return nil
			}
			b.out.attributes = append(b.out.attributes, w.attributes...)
			b.out.readsNow = b.out.readsNow || w.readsNow
			return b.profileLeaf(&whenGate{w})
		}},
		{"fitScore", g.FitScore != nil, func(at string) node { return b.fitLeaf(&fitScoreGate{b.scores(at, g.FitScore)}) }},
		{"fitClass", len(g.FitClass) > 0, func(string) node { return b.fitLeaf(fitClassGate(g.FitClass)) }},
		{"persona", len(g.Persona) > 0, func(string) node { return b.fitLeaf(personaGate(g.Persona)) }},
		{"known", g.Known != nil, func(at string) node {
			b.out.attributes = append(b.out.attributes, g.Known.Attributes...)
			return b.profileLeaf(b.known(at, g.Known))
		}},
		{"stage", len(g.Stage) > 0, func(string) node {
			b.out.asksStage = true
			return stages(g.Stage)
		}},
	} {
		fields = append(fields, k.field)
		if k.given {
			given++
			made = k.make(path + "." + k.field)
		}
	}
	if given != 1 {
		b.problem(path, "must give exactly one of %s, gives %d", strings.Join(fields, ", "), given)
	}
	return made
}

func (b *gateCompiler) profileLeaf(asks node) node {
	leaf := &profileLeaf{number: len(b.out.profile), asks: asks}
	b.out.profile = append(b.out.profile, asks)
	return leaf
}

func (b *gateCompiler) fitLeaf(asks node) node {
	b.out.readsFit = true
	return b.profileLeaf(asks)
}

// question compiles a condition over lead, account and now.
func (b *compiler) question(path, text string) *when { return b.when(path, text, askVars) }

// stages are compared as the state keeps them: the last part of the type of a
// lifecycle fact.
func stages(names []string) node {
	out := make(stageGate, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	return out
}

func (b *compiler) known(path string, k *Known) node {
	count := k.Count
	if count == 0 {
		count = len(k.Attributes)
	}
	if count < 1 || count > len(k.Attributes) {
		b.problem(path+".count", "must be from 0 to the number of attributes, %d, is %d", len(k.Attributes), k.Count)
	}
	return &knownGate{count: count, attributes: k.Attributes}
}

func (b *compiler) activityGate(path string, a *ActivityGate) *activityGate {
	out := &activityGate{
		rule: -1, measure: a.Measure, withinDays: int64(a.WithinDays), inVisit: a.InVisit,
		in: span{atLeast: a.AtLeast, atMost: a.AtMost, over: a.Over, below: a.Below},
	}
	if out.in == (span{}) {
		once := 1.0
		out.in.atLeast = &once
	}
	b.edges(path, &out.in)
	if a.Measure > MeasureDaysSince {
		b.problem(path+".measure", "must be a known measure, is %d", a.Measure)
	}
	if a.WithinDays < 0 || a.WithinDays > maxDays {
		b.problem(path+".withinDays", "must be from 0 to %d days, is %d", maxDays, a.WithinDays)
	}
	b.later(func() {
		out.rule = slices.IndexFunc(b.out.rules, func(r compiledRule) bool { return r.id == a.Rule })
		if out.rule < 0 {
			b.problem(path+".rule", "must be the id of a rule or signal, is %q", a.Rule)
		}
	})
	return out
}

// scores compiles a range of scores.
func (b *compiler) scores(path string, r *Range) *segmentSpan {
	out := &segmentSpan{all: b.span(path, r)}
	for _, id := range slices.Sorted(maps.Keys(r.BySegment)) {
		at := path + ".bySegment." + id
		of := r.BySegment[id]
		own := b.span(at, &of)
		if len(of.BySegment) > 0 {
			b.problem(at+".bySegment", "must not be given inside another")
		}
		b.later(func() {
			if i := b.segment(at, id); i >= 0 {
				if out.own == nil {
					out.own = map[int]*span{}
				}
				out.own[i] = &own
			}
		})
	}
	return out
}

func (b *compiler) span(path string, r *Range) span {
	number := func(p *points.Points) *float64 {
		if p == nil {
			return nil
		}
		n := p.Float()
		return &n
	}
	out := span{atLeast: number(r.AtLeast), atMost: number(r.AtMost), over: number(r.Over), below: number(r.Below)}
	b.edges(path, &out)
	return out
}

// edges checks that a range has at most one edge at each end, and numbers inside.
func (b *compiler) edges(path string, r *span) {
	if r.atLeast != nil && r.over != nil {
		b.problem(path, "must give atLeast or over, not both")
	}
	if r.atMost != nil && r.below != nil {
		b.problem(path, "must give atMost or below, not both")
	}
	low, high := r.atLeast, r.atMost
	open := false
	if low == nil {
		low, open = r.over, r.over != nil
	}
	if high == nil {
		high, open = r.below, open || r.below != nil
	}
	if low != nil && high != nil && (*low > *high || open && *low == *high) {
		b.problem(path, "must contain numbers, none is between %v and %v", *low, *high)
	}
}

// segment returns the position of a segment in Compiled.segments; -1 if there is none.
func (b *compiler) segment(path, id string) int {
	i := slices.IndexFunc(b.out.segments, func(s segment) bool { return s.id == id })
	if i < 0 {
		b.problem(path, "must be the id of a segment, is %q", id)
	}
	return i
}

package standard

import (
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/condition"
)

// qualification compiles the rules of the verdict.
func (c *compiler) qualification(path string, spec *handoffv1.StandardSpec) decision.Rules {
	q := spec.GetQualification()
	g := gates{compiler: c, spec: spec, countable: countable(spec.GetEngagement())}
	ids := ids{}
	rules := decision.Rules{
		Exclude:    g.named(ids, join(path, "exclude"), q.GetExclude()),
		Disqualify: g.named(ids, join(path, "disqualify"), q.GetDisqualify()),
		FastTrack:  g.named(ids, join(path, "fastTrack"), q.GetFastTrack()),
	}
	if needs := q.GetNeedsData(); needs != nil {
		rules.NeedsData = g.needsData(join(path, "needsData"), needs)
	}
	if gate := q.GetGates(); gate != nil {
		rules.Gates = g.gate(join(path, "gates"), gate)
	}
	slices.Sort(g.windows)
	c.windows = slices.Compact(g.windows)
	if n := len(c.windows); n > maxWindows {
		c.add(path, "at most %d different `withinDays`, not %d", maxWindows, n)
	}
	return rules
}

// gates compiles gates against the models they ask.
type gates struct {
	*compiler
	spec *handoffv1.StandardSpec
	// countable are the ids of rules and signals.
	countable map[string]bool
	windows   []int32
}

func (g *gates) named(ids ids, path string, named []*handoffv1.NamedGate) []decision.Rule {
	var rules []decision.Rule
	for i, n := range named {
		at := index(path, i)
		g.id(ids, at, n.GetId())
		rules = append(rules, decision.Rule{
			ID: n.GetId(), Description: n.GetDescription(), When: g.gate(join(at, "when"), n.GetWhen()),
		})
	}
	return rules
}

func (g *gates) needsData(path string, needs *handoffv1.NeedsData) decision.NeedsData {
	attributes := needs.GetAttributes()
	if len(attributes) == 0 {
		g.add(join(path, "attributes"), "at least one attribute to ask for")
	}
	for i, attribute := range attributes {
		if slices.Contains(attributes[:i], attribute) {
			g.add(index(join(path, "attributes"), i), "each attribute once, %q stands above already", attribute)
		}
	}
	out := decision.NeedsData{Attributes: slices.Clone(attributes)}
	if when := needs.GetWhen(); when != nil {
		out.When = g.gate(join(path, "when"), when)
	}
	return out
}

// gate compiles one gate. While something is wrong with it the answer is of no use.
func (g *gates) gate(path string, gate *typev1.Gate) decision.Gate {
	type kind struct {
		field string
		given bool
		make  func(path string) decision.Gate
	}
	var given []kind
	for _, k := range []kind{
		{"all", len(gate.GetAll()) > 0, func(at string) decision.Gate { return decision.All(g.several(at, gate.GetAll())...) }},
		{"any", len(gate.GetAny()) > 0, func(at string) decision.Gate { return decision.Any(g.several(at, gate.GetAny())...) }},
		{"atLeast", gate.GetAtLeast() != nil, func(at string) decision.Gate { return g.atLeast(at, gate.GetAtLeast()) }},
		{"not", gate.GetNot() != nil, func(at string) decision.Gate { return decision.Not(g.gate(at, gate.GetNot())) }},
		{"fitScore", gate.GetFitScore() != nil, func(at string) decision.Gate {
			g.model(at, "fit", g.spec.GetFit() != nil)
			return decision.FitScore(g.scores(at, gate.GetFitScore()))
		}},
		{"engagementScore", gate.GetEngagementScore() != nil, func(at string) decision.Gate {
			g.model(at, "engagement", g.spec.GetEngagement() != nil)
			return decision.EngagementScore(g.scores(at, gate.GetEngagementScore()))
		}},
		{"fitClass", len(gate.GetFitClass()) > 0, func(at string) decision.Gate {
			g.labels(at, gate.GetFitClass(), "fit.classes", g.spec.GetFit().GetClasses())
			return decision.FitClass(slices.Clone(gate.GetFitClass())...)
		}},
		{"engagementBand", len(gate.GetEngagementBand()) > 0, func(at string) decision.Gate {
			g.labels(at, gate.GetEngagementBand(), "engagement.bands", g.spec.GetEngagement().GetBands())
			return decision.EngagementBand(slices.Clone(gate.GetEngagementBand())...)
		}},
		{"activity", gate.GetActivity() != nil, func(at string) decision.Gate { return g.activity(at, gate.GetActivity()) }},
		{"when", gate.GetWhen() != "", func(at string) decision.Gate {
			return decision.When(g.condition(at, gate.GetWhen(), condition.LeadVar))
		}},
	} {
		if k.given {
			given = append(given, k)
		}
	}
	switch len(given) {
	case 1:
		return given[0].make(join(path, given[0].field))
	case 0:
		g.add(path, "one of all, any, atLeast, not, fitScore, engagementScore, fitClass, engagementBand, activity, when")
	default:
		names := make([]string, len(given))
		for i, k := range given {
			names[i] = k.field
		}
		g.add(path, "exactly one of them, not %s; join gates with `all` or `any`", strings.Join(names, " and "))
	}
	return nil
}

func (g *gates) several(path string, of []*typev1.Gate) []decision.Gate {
	compiled := make([]decision.Gate, len(of))
	for i, gate := range of {
		compiled[i] = g.gate(index(path, i), gate)
	}
	return compiled
}

func (g *gates) atLeast(path string, k *typev1.AtLeast) decision.Gate {
	if int(k.GetCount()) > len(k.GetOf()) {
		g.add(join(path, "count"), "at most the number of gates, %d, not %d", len(k.GetOf()), k.GetCount())
	}
	return decision.AtLeast(int(k.GetCount()), g.several(join(path, "of"), k.GetOf())...)
}

func (g *gates) scores(path string, r *typev1.Range) decision.Range {
	var out decision.Range
	if r.AtLeast == nil && r.Below == nil {
		g.add(path, "`atLeast`, `below` or both")
	}
	if r.AtLeast != nil {
		p := g.points(join(path, "atLeast"), r.GetAtLeast())
		out.AtLeast = &p
	}
	if r.Below != nil {
		p := g.points(join(path, "below"), r.GetBelow())
		out.Below = &p
	}
	if out.AtLeast != nil && out.Below != nil && *out.AtLeast >= *out.Below {
		g.add(path, "`atLeast` less than `below`: no score is %v or more and below %v", r.GetAtLeast(), r.GetBelow())
	}
	return out
}

func (g *gates) model(path, name string, given bool) {
	if !given {
		g.add(path, "a standard with `%s`: without it there is no score", name)
	}
}

func (g *gates) labels(path string, labels []string, where string, edges []*typev1.ClassEdge) {
	for i, label := range labels {
		if !slices.ContainsFunc(edges, func(e *typev1.ClassEdge) bool { return e.GetLabel() == label }) {
			g.add(index(path, i), "a label of %s, not %q", where, label)
		}
	}
}

func (g *gates) activity(path string, a *typev1.ActivityGate) decision.Gate {
	if !g.countable[a.GetRule()] {
		g.add(join(path, "rule"), "the id of a rule or signal of `engagement`, not %q", a.GetRule())
	}
	if days := a.GetWithinDays(); days > 0 {
		g.windows = append(g.windows, days)
	}
	return decision.Activity(a.GetRule(), int(a.GetAtLeast()), int(a.GetWithinDays()))
}

// countable are the ids that an activity gate may name.
func countable(model *typev1.EngagementModel) map[string]bool {
	ids := map[string]bool{}
	for _, group := range model.GetGroups() {
		for _, rule := range group.GetRules() {
			ids[rule.GetId()] = true
		}
	}
	for _, signal := range model.GetSignals() {
		ids[signal.GetId()] = true
	}
	return ids
}

// gatesDepth is the depth of the deepest gate of a standard.
func gatesDepth(q *handoffv1.QualificationRules) int {
	depth := max(gateDepth(q.GetGates()), gateDepth(q.GetNeedsData().GetWhen()))
	for _, tier := range [][]*handoffv1.NamedGate{q.GetExclude(), q.GetDisqualify(), q.GetFastTrack()} {
		for _, n := range tier {
			depth = max(depth, gateDepth(n.GetWhen()))
		}
	}
	return depth
}

func gateDepth(g *typev1.Gate) int {
	if g == nil {
		return 0
	}
	below := gateDepth(g.GetNot())
	for _, of := range [][]*typev1.Gate{g.GetAll(), g.GetAny(), g.GetAtLeast().GetOf()} {
		for _, sub := range of {
			below = max(below, gateDepth(sub))
		}
	}
	return below + 1
}

package standard

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
)

// qualification compiles the rules of the verdict.
func (c *compiler) qualification(path string, spec *handoffv1.StandardSpec) decision.Rules {
	q := spec.GetQualification()
	g := gates{compiler: c, spec: spec, names: namesOf(spec), watch: &typev1.Watch{}, levels: &typev1.Levels{}}
	ids := ids{}
	rules := decision.Rules{
		Exclude:       g.refusals(ids, join(path, "exclude"), q.GetExclude()),
		Disqualify:    g.refusals(ids, join(path, "disqualify"), q.GetDisqualify()),
		SelfSelection: g.selfSelections(ids, join(path, "selfSelection"), q.GetSelfSelection()),
		FastTrack:     g.fastTracks(ids, join(path, "fastTrack"), q.GetFastTrack()),

		ApprovalMayOverride: q.GetApproval().GetMayOverrideDisqualification(),
	}
	if p := q.GetPermission(); p != nil {
		rules.Permission = &decision.Permission{Channel: p.GetChannel(), Purpose: p.GetPurpose()}
	}
	if needs := q.GetNeedsData(); needs != nil {
		rules.NeedsData = g.needsData(join(path, "needsData"), needs)
	}
	for _, tier := range []struct {
		path string
		gate *typev1.Gate
		to   *decision.Gate
	}{
		{join(path, "gates"), q.GetGates(), &rules.Gates},
		{join(path, "salesReady"), q.GetSalesReady(), &rules.SalesReady},
		{"appliesWhile", spec.GetAppliesWhile(), &rules.While},
	} {
		if tier.gate != nil {
			*tier.to = g.gate(tier.path, tier.gate)
		}
	}
	for i, segment := range spec.GetSegments() {
		at := index("segments", i)
		g.id(ids, at, segment.GetId())
		rules.Segments = append(rules.Segments, decision.Segment{
			ID: segment.GetId(), When: g.condition(join(at, "when"), segment.GetWhen(), leadVars),
		})
	}
	g.close()
	if n := len(c.windows); n > maxWindows {
		c.add(path, "at most %d different `withinDays`, not %d", maxWindows, n)
	}
	return rules
}

// gates compiles gates against the models they ask.
type gates struct {
	*compiler
	spec  *handoffv1.StandardSpec
	names names
	// windows are the `withinDays` that gates ask for, and watch all that they ask of
	// the engagement part.
	windows []int32
	watch   *typev1.Watch
	levels  *typev1.Levels
}

// close ends the compiling of gates: what they ask, and the numbers they compare with,
// the edges of bands included.
func (g *gates) close() {
	model := g.spec.GetEngagement()
	edges := func(levels *[]float64, bands []*typev1.ClassEdge, bySegment []*typev1.SegmentEdges) {
		for _, own := range bySegment {
			bands = append(slices.Clip(bands), own.GetEdges()...)
		}
		for _, edge := range bands {
			*levels = append(*levels, edge.GetAtLeast())
		}
		slices.Sort(*levels)
		*levels = slices.Compact(*levels)
	}
	edges(&g.levels.Engagement, model.GetBands(), model.GetBandsBySegment())
	edges(&g.levels.Combined, model.GetCombined().GetBands(), model.GetCombined().GetBandsBySegment())
	slices.Sort(g.windows)
	g.compiler.windows, g.compiler.levels = slices.Compact(g.windows), g.levels
	if len(g.watch.GetActivities()) > 0 {
		g.compiler.watch = g.watch
	}
}

func (g *gates) named(ids ids, path string, named []*handoffv1.NamedGate) []decision.Rule {
	var rules []decision.Rule
	for i, n := range named {
		at := index(path, i)
		g.id(ids, at, n.GetId())
		rule := decision.Rule{ID: n.GetId(), Description: n.GetDescription(), When: g.gate(join(at, "when"), n.GetWhen())}
		if n.ShownScore != nil {
			p := g.points(join(at, "shownScore"), n.GetShownScore())
			rule.Shown = &p
		}
		rules = append(rules, rule)
	}
	return rules
}

func (g *gates) needsData(path string, needs *handoffv1.NeedsData) decision.NeedsData {
	attributes := needs.GetAttributes()
	if len(attributes) == 0 {
		g.add(join(path, "attributes"), "at least one attribute to ask for")
	}
	g.once(join(path, "attributes"), attributes)
	for i, attribute := range attributes {
		g.attribute(index(join(path, "attributes"), i), attribute)
	}
	out := decision.NeedsData{Attributes: slices.Clone(attributes)}
	if when := needs.GetWhen(); when != nil {
		out.When = g.gate(join(path, "when"), when)
	}
	return out
}

// gate compiles one gate. While something is wrong with it the answer is of no use.
func (g *gates) gate(path string, gate *typev1.Gate) decision.Gate {
	if gate == nil {
		gate = &typev1.Gate{}
	}
	type kind struct {
		field string
		given bool
		make  func(path string) decision.Gate
	}
	var names []string
	var given []kind
	for _, k := range []kind{
		{"all", len(gate.GetAll()) > 0, func(at string) decision.Gate { return decision.All(g.several(at, gate.GetAll())...) }},
		{"any", len(gate.GetAny()) > 0, func(at string) decision.Gate { return decision.Any(g.several(at, gate.GetAny())...) }},
		{"atLeast", gate.GetAtLeast() != nil, func(at string) decision.Gate { return g.atLeast(at, gate.GetAtLeast()) }},
		{"not", gate.GetNot() != nil, func(at string) decision.Gate { return decision.Not(g.gate(at, gate.GetNot())) }},
		{"fitScore", gate.GetFitScore() != nil, func(at string) decision.Gate {
			g.model(at, "fit", g.spec.GetFit() != nil)
			return decision.FitScore(g.scores(at, gate.GetFitScore(), nil))
		}},
		{"engagementScore", gate.GetEngagementScore() != nil, func(at string) decision.Gate {
			g.model(at, "engagement", g.spec.GetEngagement() != nil)
			return decision.EngagementScore(g.scores(at, gate.GetEngagementScore(), &g.levels.Engagement))
		}},
		{"combinedScore", gate.GetCombinedScore() != nil, func(at string) decision.Gate {
			g.model(at, "engagement.combined", g.spec.GetEngagement().GetCombined() != nil)
			return decision.CombinedScore(g.scores(at, gate.GetCombinedScore(), &g.levels.Combined))
		}},
		{"fitClass", len(gate.GetFitClass()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetFitClass(), "a label of fit.classes, fit.ladder or fit.grade", g.names.classes)
			return decision.FitClass(slices.Clone(gate.GetFitClass())...)
		}},
		{"engagementBand", len(gate.GetEngagementBand()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetEngagementBand(), "a label of engagement.bands or engagement.ladders", g.names.bands)
			return decision.EngagementBand(slices.Clone(gate.GetEngagementBand())...)
		}},
		{"combinedBand", len(gate.GetCombinedBand()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetCombinedBand(), "a label of engagement.combined.bands", g.names.combinedBands)
			return decision.CombinedBand(slices.Clone(gate.GetCombinedBand())...)
		}},
		{"matrix", len(gate.GetMatrix()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetMatrix(), "a fit class and an engagement band together, such as A1", g.names.matrix())
			return decision.Matrix(slices.Clone(gate.GetMatrix())...)
		}},
		{"activity", gate.GetActivity() != nil, func(at string) decision.Gate { return g.activity(at, gate.GetActivity()) }},
		{"when", gate.GetWhen() != "", func(at string) decision.Gate {
			return decision.When(g.condition(at, gate.GetWhen(), leadVars))
		}},
		{"known", gate.GetKnown() != nil, func(at string) decision.Gate { return g.known(at, gate.GetKnown()) }},
		{"persona", len(gate.GetPersona()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetPersona(), "the id of one of fit.personas", g.names.personas)
			return decision.Persona(slices.Clone(gate.GetPersona())...)
		}},
		{"icp", gate.Icp != nil, func(at string) decision.Gate {
			g.model(at, "fit.icp", g.spec.GetFit().GetIcp() != "")
			return decision.ICP(gate.GetIcp())
		}},
		{"flag", gate.GetFlag() != "", func(at string) decision.Gate {
			g.oneOf(at, []string{gate.GetFlag()}, "the id of a flag of fit or engagement", g.names.flags)
			return decision.Flagged(gate.GetFlag(), g.names.words(gate.GetFlag()))
		}},
		{"stage", len(gate.GetStage()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetStage(), "a lifecycle stage such as NURTURE", stages)
			return decision.Stage(slices.Clone(gate.GetStage())...)
		}},
		{"points", gate.GetPoints() != nil, func(at string) decision.Gate {
			g.oneOf(join(at, "of"), []string{gate.GetPoints().GetOf()}, "the id of a criterion, rule or group", g.names.lines)
			return decision.PointsOf(gate.GetPoints().GetOf(), g.names.words(gate.GetPoints().GetOf()),
				g.scores(join(at, "range"), gate.GetPoints().GetRange(), nil))
		}},
		{"suspended", len(gate.GetSuspended()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetSuspended(), "the id of one of engagement.suspensions", g.names.suspensions)
			return decision.Suspended(slices.Clone(gate.GetSuspended())...)
		}},
		{"segment", len(gate.GetSegment()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetSegment(), "the id of one of `segments`", g.names.segments)
			return decision.InSegment(slices.Clone(gate.GetSegment())...)
		}},
		{"fitStatus", len(gate.GetFitStatus()) > 0, func(at string) decision.Gate {
			g.oneOf(at, gate.GetFitStatus(), "SCORED or INSUFFICIENT_DATA", map[string]bool{"SCORED": true, "INSUFFICIENT_DATA": true})
			return decision.FitStatus(slices.Clone(gate.GetFitStatus())...)
		}},
	} {
		names = append(names, k.field)
		if k.given {
			given = append(given, k)
		}
	}
	switch len(given) {
	case 1:
		return given[0].make(join(path, given[0].field))
	case 0:
		g.add(path, "one of %s", strings.Join(names, ", "))
	default:
		for i, k := range given {
			names[i] = k.field
		}
		g.add(path, "exactly one of them, not %s; join gates with `all` or `any`", strings.Join(names[:len(given)], " and "))
	}
	return nil
}

// stages are the words for lifecycle stages.
var stages = func() map[string]bool {
	words := map[string]bool{}
	for number, name := range typev1.LifecycleStage_name {
		if number != 0 {
			words[strings.TrimPrefix(name, "LIFECYCLE_STAGE_")] = true
		}
	}
	return words
}()

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

func (g *gates) known(path string, k *typev1.KnownGate) decision.Gate {
	attributes := k.GetAttributes()
	g.once(join(path, "attributes"), attributes)
	if int(k.GetCount()) > len(attributes) {
		g.add(join(path, "count"), "at most the number of attributes, %d, not %d", len(attributes), k.GetCount())
	}
	for i, attribute := range attributes {
		g.attribute(index(join(path, "attributes"), i), attribute)
	}
	return decision.Known(cmp.Or(int(k.GetCount()), len(attributes)), slices.Clone(attributes)...)
}

// once checks that no attribute stands twice.
func (c *compiler) once(path string, attributes []string) {
	for i, attribute := range attributes {
		if slices.Contains(attributes[:i], attribute) {
			c.add(index(path, i), "each attribute once, %q stands above already", attribute)
		}
	}
}

// scores reads a range of points, and adds its edges to the levels that are watched.
func (g *gates) scores(path string, r *typev1.Range, levels *[]float64) decision.Range {
	if r == nil {
		return decision.Range{} // it is required, and missed there
	}
	out := g.span(path, r)
	for _, of := range append(slices.Collect(maps.Values(r.GetBySegment())), r) {
		for _, edge := range []struct {
			name string
			at   *float64
		}{{"atLeast", of.AtLeast}, {"atMost", of.AtMost}, {"over", of.Over}, {"below", of.Below}} {
			if edge.at == nil {
				continue
			}
			if of == r {
				g.points(join(path, edge.name), *edge.at)
			}
			if levels != nil {
				*levels = append(*levels, *edge.at)
			}
		}
	}
	return out
}

// span reads a range of numbers.
func (g *gates) span(path string, r *typev1.Range) decision.Range {
	out := g.edgesOf(path, r)
	for segment, own := range r.GetBySegment() {
		at := entry(join(path, "bySegment"), segment)
		if !g.names.segments[segment] {
			g.add(at, "the id of one of `segments`, not %q", segment)
		}
		if len(own.GetBySegment()) > 0 {
			g.add(join(at, "bySegment"), "nothing: a lead has one segment")
		}
		if out.BySegment == nil {
			out.BySegment = map[string]decision.Range{}
		}
		out.BySegment[segment] = g.edgesOf(at, own)
	}
	return out
}

// edgesOf reads the edges of a range.
func (g *gates) edgesOf(path string, r *typev1.Range) decision.Range {
	out := decision.Range{AtLeast: r.AtLeast, AtMost: r.AtMost, Over: r.Over, Below: r.Below}
	switch {
	case r.AtLeast == nil && r.AtMost == nil && r.Over == nil && r.Below == nil:
		g.add(path, "`atLeast` or `over`, `atMost` or `below`, or one of each")
	case r.AtLeast != nil && r.Over != nil:
		g.add(path, "`atLeast` or `over`, not both")
	case r.AtMost != nil && r.Below != nil:
		g.add(path, "`atMost` or `below`, not both")
	default:
		low, high := cmp.Or(r.AtLeast, r.Over), cmp.Or(r.AtMost, r.Below)
		if low != nil && high != nil && (*low > *high || *low == *high && (r.Over != nil || r.Below != nil)) {
			g.add(path, "a lower edge below the upper one: nothing lies from %v to %v", *low, *high)
		}
	}
	return out
}

func (g *gates) model(path, name string, given bool) {
	if !given {
		g.add(path, "a standard with `%s`: without it there is no score", name)
	}
}

// oneOf checks that words are among those that the standard knows.
func (g *gates) oneOf(path string, words []string, expected string, known map[string]bool) {
	for i, word := range words {
		if !known[word] {
			at := path
			if len(words) > 1 || strings.HasPrefix(expected, "a ") {
				at = index(path, i)
			}
			g.add(at, "%s, not %q", expected, word)
		}
	}
}

// activity compiles a gate over activities: what it asks is watched by the engagement
// part, each question once.
func (g *gates) activity(path string, a *typev1.ActivityGate) decision.Gate {
	if !g.names.countable[a.GetRule()] {
		g.add(join(path, "rule"), "the id of a rule or signal of `engagement`, not %q", a.GetRule())
	}
	asked := &typev1.Range{AtLeast: a.AtLeast, AtMost: a.AtMost, Over: a.Over, Below: a.Below}
	if a.AtLeast == nil && a.AtMost == nil && a.Over == nil && a.Below == nil {
		asked.AtLeast = proto.Float64(1)
	}
	in := g.edgesOf(path, asked)
	if days := a.GetWithinDays(); days > 0 {
		g.windows = append(g.windows, days)
	}
	question := proto.CloneOf(a)
	question.AtLeast, question.AtMost, question.Over, question.Below = nil, nil, nil, nil
	place := slices.IndexFunc(g.watch.GetActivities(), func(w *typev1.ActivityGate) bool { return proto.Equal(w, question) })
	if place < 0 {
		place = len(g.watch.GetActivities())
		g.watch.Activities = append(g.watch.Activities, question)
		g.levels.Watched = append(g.levels.Watched, &typev1.WatchedLevels{})
	}
	for _, edge := range []*float64{in.AtLeast, in.AtMost, in.Over, in.Below} {
		if edge != nil {
			g.levels.Watched[place].At = append(g.levels.Watched[place].At, *edge)
		}
	}
	return decision.Activity(decision.Measured{
		Place: place, Rule: strings.ReplaceAll(a.GetRule(), "_", " "), Of: measures[a.GetMeasure()],
		WithinDays: int(a.GetWithinDays()), InVisit: a.GetInVisit(),
	}, in)
}

var measures = map[typev1.ActivityGate_Measure]decision.Measure{
	typev1.ActivityGate_MEASURE_DAYS:       decision.Days,
	typev1.ActivityGate_MEASURE_SUM:        decision.Sum,
	typev1.ActivityGate_MEASURE_DISTINCT:   decision.Distinct,
	typev1.ActivityGate_MEASURE_COUNTED:    decision.Counted,
	typev1.ActivityGate_MEASURE_DAYS_SINCE: decision.DaysSince,
}

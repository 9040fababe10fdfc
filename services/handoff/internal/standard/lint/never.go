package lint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// never finds conditions that can never hold, and choices that another one above always
// takes.
func (l *linter) never() {
	l.dead = map[string]bool{}
	for _, c := range l.criteria {
		if !possible(l.claim(c.GetWhen())) {
			l.warn("never", c.path+".when", "%s: the condition can never hold", l.named(c.GetId()))
		}
		var choices []condition.Claim
		for _, choice := range c.GetChoices() {
			choices = append(choices, l.claim(choice.GetWhen()))
		}
		l.shadowed(c.GetId(), c.path, choices, func(i int) string { return c.GetChoices()[i].GetDescription() })
		var bands []condition.Claim
		for _, b := range c.GetBands() {
			bands = append(bands, inSpan("number", rangeSpan(b.GetRange())))
		}
		for i := range bands {
			if i > 0 && follows(bands[i], anyOf(bands[:i]...)) {
				l.warn("never", index(c.path+".bands", i), "%s: the band is never reached, those above have all of it", l.named(c.GetId()))
			}
		}
	}
	for i, rung := range l.fitModel.GetLadder() {
		if !possible(l.claim(rung.GetWhen())) {
			l.warn("never", index("fit.ladder", i)+".when", "class %s: the condition can never hold", rung.GetLabel())
		}
	}
	for i, signal := range l.model.GetSignals() {
		if !possible(l.of(signal.GetActivities()), l.claim(signal.GetWhen())) {
			l.dead[signal.GetId()] = true
			l.warn("never", index("engagement.signals", i)+".when", "%s: the condition can never hold", l.named(signal.GetId()))
		}
	}
	l.neverRules()
	for _, c := range l.asked {
		var choices []condition.Claim
		for _, choice := range c.GetChoices() {
			choices = append(choices, l.gate(choice.GetIf()))
		}
		l.shadowed(c.GetId(), c.path, choices, func(i int) string { return c.GetChoices()[i].GetDescription() })
	}
}

// of is the claim that an activity is of one of the types, if they are written out.
func (l *linter) of(types []string) condition.Claim {
	if len(types) == 0 || slices.ContainsFunc(types, func(t string) bool { return strings.HasSuffix(t, "*") }) {
		return all()
	}
	return oneOf("activity.type", types...)
}

func (l *linter) neverRules() {
	for _, r := range l.rules {
		claim := all(l.of(r.GetActivities()), r.claim)
		if !possible(claim) {
			l.dead[r.GetId()] = true
			l.warn("never", r.path+".when", "%s: the condition can never hold", l.named(r.GetId()))
		}
		var choices []condition.Claim
		for _, choice := range r.GetChoices() {
			choices = append(choices, all(claim, l.claim(choice.GetWhen())))
		}
		l.shadowed(r.GetId(), r.path, choices, func(i int) string { return r.GetChoices()[i].GetDescription() })
	}
	// What asks for something that never happens never happens either.
	for changed := true; changed; {
		changed = false
		for _, r := range l.rules {
			if l.dead[r.GetId()] {
				continue
			}
			if why := l.blocked(r); why != "" {
				l.dead[r.GetId()], changed = true, true
				l.warn("never", r.path, "%s can never give points: %s", l.named(r.GetId()), why)
			}
		}
	}
}

// blocked says why a rule never gives points although its condition may hold.
func (l *linter) blocked(r *rule) string {
	if r.GetOnlyIf() != nil && !possible(l.gate(r.GetOnlyIf()), l.world()) {
		return "what `onlyIf` asks for can never hold"
	}
	for _, step := range r.GetSequence().GetSteps() {
		if l.dead[step] {
			return l.named(step) + " never happens"
		}
	}
	if len(r.GetAfter()) > 0 && !slices.ContainsFunc(r.GetAfter(), func(id string) bool { return !l.dead[id] }) {
		return "nothing that it comes after ever happens"
	}
	// A sweep that only takes what a trigger missed, and the trigger misses nothing.
	var why string
	gatesIn(r.GetOnlyIf(), func(g *typev1.Gate) {
		guard := g.GetNot().GetActivity()
		if guard == nil || guard.GetWithinDays() > 0 || why != "" {
			return
		}
		for _, trigger := range l.rules {
			if trigger.GetId() == guard.GetRule() && trigger.GetOnlyIf() == nil && trigger != r && sees(trigger, r) &&
				follows(r.claim, trigger.claim) {
				why = fmt.Sprintf("wherever its condition holds, %s has fired before, and it only acts if that has not", l.named(trigger.GetId()))
			}
		}
	})
	return why
}

// sees says whether a rule happens at every change of what another one reads.
func sees(trigger, r *rule) bool {
	read := terms(r.claim)
	return len(trigger.GetAttributes()) > 0 && len(read) > 0 && !slices.ContainsFunc(read, func(term string) bool {
		return !slices.ContainsFunc(trigger.GetAttributes(), func(key string) bool {
			return term == "lead."+key || strings.Contains(term, "(lead."+key+")")
		})
	})
}

// shadowed finds choices that can never be the first that holds.
func (l *linter) shadowed(id, path string, choices []condition.Claim, words func(i int) string) {
	for i, choice := range choices {
		at := index(path+".choices", i)
		name := words(i)
		if name == "" {
			name = fmt.Sprintf("choice %d", i+1)
		} else {
			name = "“" + name + "”"
		}
		switch {
		case !possible(choice):
			l.warn("never", at, "%s: the condition of %s can never hold", l.named(id), name)
		case i > 0 && follows(choice, anyOf(choices[:i]...)):
			l.warn("never", at, "%s: %s is never reached, a choice above always holds where it does", l.named(id), name)
		}
	}
}

// world is what is true of every lead: how far scores can reach, and what never happens.
func (l *linter) world() condition.Claim {
	w := all()
	for _, of := range []struct {
		term string
		bound
		given bool
	}{
		{fitScore, l.fitBound(), l.spec.GetFit() != nil},
		{engagementScore, l.engagementBound(), l.spec.GetEngagement() != nil},
		{combinedScore, l.combinedBound(), l.model.GetCombined() != nil},
	} {
		if of.given {
			w.Of = append(w.Of, inSpan(of.term, span{low: of.least, high: of.most}))
		}
	}
	for _, e := range l.allEdges() {
		if label := e.unreachable(); label != "" && !e.bySegment {
			w.Of = append(w.Of, not(oneOf(e.term, label)))
		}
	}
	visit := func(g *typev1.Gate) {
		a := g.GetActivity()
		if a == nil || a.GetMeasure() == typev1.ActivityGate_MEASURE_DAYS_SINCE {
			return
		}
		most := math.Inf(1)
		switch {
		case l.dead[a.GetRule()]:
			most = 0
		case a.GetMeasure() == typev1.ActivityGate_MEASURE_DAYS && a.GetWithinDays() > 0:
			most = float64(a.GetWithinDays())
		case a.GetMeasure() == typev1.ActivityGate_MEASURE_COUNTED:
			most = l.countedMost(a.GetRule())
		}
		least := 0.0
		if a.GetMeasure() == typev1.ActivityGate_MEASURE_SUM {
			least = math.Inf(-1)
		}
		w.Of = append(w.Of, inSpan(activityTerm(a), span{low: least, high: most}))
	}
	l.everyGate(func(_ string, g *typev1.Gate) { gatesIn(g, visit) })
	return w
}

// countedMost is how often a rule counts at most.
func (l *linter) countedMost(id string) float64 {
	for _, r := range l.rules {
		if limit := r.GetLimit(); r.GetId() == id && limit != nil && limit.GetPer() <= typev1.RepeatLimit_PER_LEAD &&
			limit.Points == nil && limit.GetPerValue() == "" && !r.forgets {
			return float64(max(limit.GetCount(), 1))
		}
	}
	return math.Inf(1)
}

// everyGate calls visit for each gate of the standard that is not inside of another.
func (l *linter) everyGate(visit func(path string, g *typev1.Gate)) {
	q := l.spec.GetQualification()
	for _, tier := range []struct {
		path  string
		gates []*handoffv1.NamedGate
	}{{"exclude", q.GetExclude()}, {"disqualify", q.GetDisqualify()}, {"fastTrack", q.GetFastTrack()}} {
		for i, named := range tier.gates {
			visit(index("qualification."+tier.path, i)+".when", named.GetWhen())
		}
	}
	for i, s := range q.GetSelfSelection() {
		at := index("qualification.selfSelection", i)
		visit(at+".budget", s.GetBudget())
		visit(at+".authority", s.GetAuthority())
		visit(at+".need", s.GetNeed())
		visit(at+".timeline", s.GetTimeline())
	}
	visit("qualification.needsData.when", q.GetNeedsData().GetWhen())
	visit("qualification.gates", q.GetGates())
	visit("qualification.salesReady", q.GetSalesReady())
	visit("appliesWhile", l.spec.GetAppliesWhile())
	model := l.model
	for _, r := range l.rules {
		visit(r.path+".onlyIf", r.GetOnlyIf())
	}
	for _, c := range l.asked {
		for i, choice := range c.GetChoices() {
			visit(index(c.path+".choices", i)+".if", choice.GetIf())
		}
	}
	for i, reset := range model.GetResets() {
		visit(index("engagement.resets", i)+".onlyIf", reset.GetOnlyIf())
	}
	for i, memory := range model.GetMemories() {
		visit(index("engagement.memories", i)+".onlyIf", memory.GetOnlyIf())
	}
	for i, override := range model.GetOverrides() {
		visit(index("engagement.overrides", i)+".if", override.GetIf())
	}
	for i, flag := range model.GetFlags() {
		visit(index("engagement.flags", i)+".if", flag.GetIf())
	}
	for i, ladder := range model.GetLadders() {
		for j, row := range ladder.GetRows() {
			visit(index(index("engagement.ladders", i)+".rows", j)+".if", row.GetIf())
		}
	}
}

// gates finds gates that can never hold, alone or because what they ask for is out of
// reach. Of an `any` each alternative is asked.
func (l *linter) gates() {
	world := l.world()
	var check func(path string, g *typev1.Gate, beside ...condition.Claim)
	check = func(path string, g *typev1.Gate, beside ...condition.Claim) {
		claim := all(append(slices.Clone(beside), l.gate(g))...)
		switch {
		case !possible(claim):
			l.warn("never", path, "what is asked here can never hold")
		case !possible(claim, world):
			l.warn("out-of-reach", path, "out of reach: %s", l.reach(g))
		default:
			for i, alternative := range g.GetAny() {
				check(index(path+".any", i), alternative, beside...)
			}
			for i, part := range g.GetAll() {
				if len(part.GetAny()) == 0 {
					continue
				}
				others := slices.Clone(beside)
				for j, other := range g.GetAll() {
					if j != i {
						others = append(others, l.gate(other))
					}
				}
				check(index(path+".all", i), part, others...)
			}
		}
	}
	l.everyGate(func(path string, g *typev1.Gate) {
		if g == nil || strings.HasSuffix(path, ".onlyIf") && strings.Contains(path, ".rules[") {
			return // rules were asked before
		}
		check(path, g)
	})
}

// reach says in words how far the scores that a gate asks for can go.
func (l *linter) reach(g *typev1.Gate) string {
	var words []string
	add := func(text string) {
		if !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	score := func(name string, b bound) { add(name + " " + b.extent()) }
	gatesIn(g, func(g *typev1.Gate) {
		switch {
		case g.GetFitScore() != nil:
			score(fitScore, l.fitBound())
		case g.GetEngagementScore() != nil:
			score(engagementScore, l.engagementBound())
		case g.GetCombinedScore() != nil:
			score(combinedScore, l.combinedBound())
		case len(g.GetFitClass()) > 0:
			add("no score reaches class " + strings.Join(g.GetFitClass(), ", "))
		case len(g.GetEngagementBand()) > 0:
			add("no score reaches band " + strings.Join(g.GetEngagementBand(), ", "))
		case len(g.GetCombinedBand()) > 0:
			add("no score reaches band " + strings.Join(g.GetCombinedBand(), ", "))
		case g.GetActivity() != nil:
			add(l.named(g.GetActivity().GetRule()) + " cannot happen so often")
		}
	})
	return strings.Join(words, ", ")
}

// extent says in words how far a score goes.
func (b bound) extent() string {
	switch low, high := math.IsInf(b.least, 0), math.IsInf(b.most, 0); {
	case low && high:
		return "has no ends"
	case low:
		return "goes no higher than " + number(b.most)
	case high:
		return "goes no lower than " + number(b.least)
	default:
		return "goes from " + number(b.least) + " to " + number(b.most)
	}
}

// scale is a list of edges over a score.
type scale struct {
	path, term, what string
	edges            []*typev1.ClassEdge
	bound            bound
	bySegment        bool
}

// labelled is one edge of a scale.
type labelled struct {
	scale
	i int
}

// unreachable is the label if no score reaches the edge.
func (e labelled) unreachable() string {
	if edge := e.edges[e.i]; edge.GetAtLeast() > e.bound.most {
		return edge.GetLabel()
	}
	return ""
}

func (l *linter) scales() []scale {
	model := l.model
	var found []scale
	add := func(path, term, what string, b bound, edges []*typev1.ClassEdge, bySegment []*typev1.SegmentEdges) {
		found = append(found, scale{path, term, what, edges, b, len(bySegment) > 0})
		for i, own := range bySegment {
			found = append(found, scale{index(path+"BySegment", i) + ".edges", term, what, own.GetEdges(), b, true})
		}
	}
	add("fit.classes", fitClass, "class", l.fitBound(), l.fitModel.GetClasses(), l.fitModel.GetClassesBySegment())
	add("engagement.bands", engagementBand, "band", l.engagementBound(), model.GetBands(), model.GetBandsBySegment())
	add("engagement.combined.bands", combinedBand, "band", l.combinedBound(), model.GetCombined().GetBands(), model.GetCombined().GetBandsBySegment())
	return found
}

func (l *linter) allEdges() []labelled {
	var all []labelled
	for _, s := range l.scales() {
		for i := range s.edges {
			all = append(all, labelled{s, i})
		}
	}
	return all
}

// edges finds classes that no score reaches, and scores without a class.
func (l *linter) edges() {
	for _, e := range l.allEdges() {
		if label := e.unreachable(); label != "" {
			l.warn("out-of-reach", index(e.path, e.i), "%s %s begins at %s, the score goes no higher than %s",
				e.what, label, number(e.edges[e.i].GetAtLeast()), number(e.bound.most))
		}
	}
	for _, s := range l.scales() {
		if n := len(s.edges); n > 0 && s.edges[n-1].GetAtLeast() > s.bound.least {
			l.info("no-class", index(s.path, n-1), "a score below %s has no %s, and the score %s",
				number(s.edges[n-1].GetAtLeast()), s.what, s.bound.extent())
		}
	}
}

package lint

import (
	"regexp"
	"slices"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

var (
	readsList    = regexp.MustCompile(`\blists\.([a-z][a-z0-9_]*)`)
	readsPersona = regexp.MustCompile(`\bfit\.persona\b`)
)

// unused finds what is declared and never read.
func (l *linter) unused() {
	lists := map[string]bool{}
	personas := false
	expressions("", l.spec.ProtoReflect(), func(_, text string) {
		for _, match := range readsList.FindAllStringSubmatch(text, -1) {
			lists[match[1]] = true
		}
		personas = personas || readsPersona.MatchString(text)
	})
	for i, list := range l.spec.GetLists() {
		if !lists[list.GetId()] {
			l.warn("unused", index("lists", i), "no condition reads the list `%s`", list.GetId())
		}
	}

	matched := map[string]bool{}
	named := map[string]bool{}
	segments := map[string]bool{}
	ranges := func(r *typev1.Range) {
		for id := range r.GetBySegment() {
			segments[id] = true
		}
	}
	l.everyGate(func(_ string, g *typev1.Gate) {
		gatesIn(g, func(g *typev1.Gate) {
			matched[g.GetActivity().GetRule()] = true
			for _, id := range g.GetPersona() {
				named[id] = true
			}
			ranges(g.GetFitScore())
			ranges(g.GetEngagementScore())
			ranges(g.GetCombinedScore())
			ranges(g.GetPoints().GetRange())
		})
	})
	for _, r := range l.rules {
		for _, id := range slices.Concat(r.GetSequence().GetSteps(), r.GetAfter()) {
			matched[id] = true
		}
	}
	for i, signal := range l.model.GetSignals() {
		if !matched[signal.GetId()] {
			l.warn("unused", index("engagement.signals", i), "nothing asks for the signal %s, and it gives no points", l.named(signal.GetId()))
		}
	}

	for _, c := range l.criteria {
		for _, id := range c.GetPersonas() {
			named[id] = true
		}
	}
	for i, persona := range l.fitModel.GetPersonas() {
		if !personas && !named[persona.GetId()] {
			l.info("unused", index("fit.personas", i), "no gate and no criterion asks for the persona `%s`; it is only shown", persona.GetId())
		}
	}

	model := l.model
	for _, own := range slices.Concat(l.fitModel.GetClassesBySegment(), model.GetBandsBySegment(), model.GetCombined().GetBandsBySegment()) {
		segments[own.GetSegment()] = true
	}
	for i, segment := range l.spec.GetSegments() {
		if !segments[segment.GetId()] {
			l.warn("unused", index("segments", i), "no threshold and no edge is different for the segment `%s`", segment.GetId())
		}
	}
}

package profilefit

import (
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"

	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// specOf returns what a model message says to the core. What only a reader of the
// standard needs (descriptions of personas, which criteria ask alike on purpose) stays
// behind.
func specOf(model *typev1.FitModel) fit.Spec {
	spec := fit.Spec{
		Groups: groupsOf(model.GetGroups()), MaxPoints: model.MaxPoints, MinPoints: model.MinPoints,
		MinKnown: int(model.GetMinKnown()), Required: model.GetRequired(),
		Classes: edgesOf(model.GetClasses()), ICP: model.GetIcp(), TimeZone: model.GetTimeZone(),
	}
	for _, of := range model.GetClassesBySegment() {
		spec.ClassesBySegment = append(spec.ClassesBySegment, fit.SegmentEdges{Segment: of.GetSegment(), Edges: edgesOf(of.GetEdges())})
	}
	for _, rung := range model.GetLadder() {
		spec.Ladder = append(spec.Ladder, fit.Rung{Label: rung.GetLabel(), When: rung.GetWhen()})
	}
	if grade := model.GetGrade(); grade != nil {
		spec.Grade = &fit.Grade{Labels: grade.GetLabels(), Start: grade.GetStart()}
	}
	for _, p := range model.GetPersonas() {
		spec.Personas = append(spec.Personas, fit.Rule{ID: p.GetId(), When: p.GetWhen()})
	}
	for _, f := range model.GetFlags() {
		spec.Flags = append(spec.Flags, fit.Rule{ID: f.GetId(), When: f.GetWhen()})
	}
	for _, o := range model.GetOverrides() {
		spec.Overrides = append(spec.Overrides, fit.Override{
			ID: o.GetId(), Description: o.GetDescription(), When: o.GetWhen(), Points: o.GetPoints(),
		})
	}
	for _, s := range model.GetSegments() {
		spec.Segments = append(spec.Segments, fit.Rule{ID: s.GetId(), When: s.GetWhen()})
	}
	for _, l := range model.GetLists() {
		spec.Lists = append(spec.Lists, fit.List{ID: l.GetId(), Values: l.GetValues()})
	}
	return spec
}

var combinations = map[typev1.Combine]fit.Combine{
	typev1.Combine_COMBINE_MAX: fit.Max,
	typev1.Combine_COMBINE_MIN: fit.Min,
}

func groupsOf(groups []*typev1.FitGroup) []fit.Group {
	var specs []fit.Group
	for _, g := range groups {
		spec := fit.Group{
			ID: g.GetId(), Description: g.GetDescription(), MaxPoints: g.MaxPoints, MinPoints: g.MinPoints,
			Combine: combinations[g.GetCombine()], Groups: groupsOf(g.GetGroups()),
		}
		for _, c := range g.GetCriteria() {
			spec.Criteria = append(spec.Criteria, criterionOf(c))
		}
		specs = append(specs, spec)
	}
	return specs
}

func criterionOf(c *typev1.Criterion) fit.Criterion {
	spec := fit.Criterion{
		ID: c.GetId(), Description: c.GetDescription(),
		When: c.GetWhen(), Points: c.GetPoints(), Steps: int(c.GetSteps()),
		Value: c.GetValue(), UnknownPoints: c.GetUnknownPoints(), UnmatchedSteps: int(c.GetUnmatchedSteps()),
		WeightPercent: c.WeightPercent, SkipUnknown: c.GetSkipUnknown(), Personas: c.GetPersonas(),
	}
	for _, ch := range c.GetChoices() {
		spec.Choices = append(spec.Choices, fit.Choice{
			When: ch.GetWhen(), Points: ch.GetPoints(), Steps: int(ch.GetSteps()), Description: ch.GetDescription(),
		})
	}
	for _, b := range c.GetBands() {
		spec.Bands = append(spec.Bands, fit.Band{
			Range: rangeOf(b.GetRange()), Points: b.GetPoints(), Steps: int(b.GetSteps()), Description: b.GetDescription(),
		})
	}
	return spec
}

func rangeOf(r *typev1.Range) fit.Range {
	if r == nil {
		return fit.Range{}
	}
	spec := fit.Range{AtLeast: r.AtLeast, Over: r.Over, Below: r.Below, AtMost: r.AtMost}
	for segment, own := range r.GetBySegment() {
		if spec.BySegment == nil {
			spec.BySegment = map[string]fit.Range{}
		}
		spec.BySegment[segment] = rangeOf(own)
	}
	return spec
}

func edgesOf(edges []*typev1.ClassEdge) []fit.ClassEdge {
	var specs []fit.ClassEdge
	for _, edge := range edges {
		specs = append(specs, fit.ClassEdge{Label: edge.GetLabel(), AtLeast: edge.GetAtLeast()})
	}
	return specs
}

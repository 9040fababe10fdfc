package standard

import (
	"cmp"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// names are the words of a standard that its gates may use.
type names struct {
	// countable are ids of rules and signals, lines those of criteria, rules and groups.
	countable, lines map[string]bool
	// classes, bands and combinedBands are labels.
	classes, bands, combinedBands map[string]bool
	personas, flags, segments     map[string]bool
	suspensions                   map[string]bool
	descriptions                  map[string]string
}

func namesOf(spec *handoffv1.StandardSpec) names {
	n := names{
		countable: map[string]bool{}, lines: map[string]bool{},
		classes: map[string]bool{}, bands: map[string]bool{}, combinedBands: map[string]bool{},
		suspensions: map[string]bool{},
		personas:    map[string]bool{}, flags: map[string]bool{}, segments: map[string]bool{},
		descriptions: map[string]string{},
	}
	for _, segment := range spec.GetSegments() {
		n.segments[segment.GetId()] = true
	}
	n.fit(spec.GetFit())
	n.engagement(spec.GetEngagement())
	return n
}

// words are those for an id: its description, or the id itself.
func (n *names) words(id string) string { return cmp.Or(n.descriptions[id], id) }

func (n *names) fit(model *typev1.FitModel) {
	n.fitGroups(model.GetGroups())
	labels(n.classes, model.GetClasses(), model.GetClassesBySegment())
	for _, rung := range model.GetLadder() {
		n.classes[rung.GetLabel()] = true
	}
	for _, label := range model.GetGrade().GetLabels() {
		n.classes[label] = true
	}
	for _, persona := range model.GetPersonas() {
		n.personas[persona.GetId()] = true
	}
	for _, flag := range model.GetFlags() {
		n.flags[flag.GetId()] = true
		n.descriptions[flag.GetId()] = flag.GetDescription()
	}
}

func (n *names) fitGroups(groups []*typev1.FitGroup) {
	for _, group := range groups {
		n.line(group.GetId(), group.GetDescription())
		for _, criterion := range group.GetCriteria() {
			n.line(criterion.GetId(), criterion.GetDescription())
		}
		n.fitGroups(group.GetGroups())
	}
}

func (n *names) engagement(model *typev1.EngagementModel) {
	n.engagementGroups(model.GetGroups())
	for _, signal := range model.GetSignals() {
		n.countable[signal.GetId()] = true
	}
	labels(n.bands, model.GetBands(), model.GetBandsBySegment())
	for _, ladder := range model.GetLadders() {
		for _, rung := range ladder.GetRows() {
			n.bands[rung.GetLabel()] = true
		}
	}
	labels(n.combinedBands, model.GetCombined().GetBands(), model.GetCombined().GetBandsBySegment())
	for _, suspension := range model.GetSuspensions() {
		n.suspensions[suspension.GetId()] = true
	}
	for _, flag := range model.GetFlags() {
		n.flags[flag.GetId()] = true
		n.descriptions[flag.GetId()] = flag.GetDescription()
	}
}

func (n *names) engagementGroups(groups []*typev1.EngagementGroup) {
	for _, group := range groups {
		n.line(group.GetId(), group.GetDescription())
		for _, rule := range group.GetRules() {
			n.line(rule.GetId(), rule.GetDescription())
			n.countable[rule.GetId()] = true
		}
		for _, criterion := range group.GetCriteria() {
			n.line(criterion.GetId(), criterion.GetDescription())
		}
		n.engagementGroups(group.GetGroups())
	}
}

func (n *names) line(id, description string) {
	n.lines[id] = true
	n.descriptions[id] = description
}

// matrix are all classes with all bands.
func (n *names) matrix() map[string]bool {
	fields := map[string]bool{}
	for class := range n.classes {
		for band := range n.bands {
			fields[class+band] = true
		}
	}
	return fields
}

func labels(to map[string]bool, edges []*typev1.ClassEdge, bySegment []*typev1.SegmentEdges) {
	for _, edge := range edges {
		to[edge.GetLabel()] = true
	}
	for _, own := range bySegment {
		labels(to, own.GetEdges(), nil)
	}
}

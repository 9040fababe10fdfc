package standard

import (
	"strconv"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/points"
)

// The scorers refuse a bad model as well. It is checked here all the same, so that
// a standard is refused as a whole, with every path, before it reaches them.

// fit checks the fit model.
func (c *compiler) fit(path string, model *typev1.FitModel) {
	if model == nil {
		return
	}
	ids := ids{}
	criteria := 0
	for group, at := range fitGroups(path, model.GetGroups()) {
		c.id(ids, at, group.GetId())
		c.cap(at, group.MaxPoints)
		for j, criterion := range group.GetCriteria() {
			criteria++
			c.criterion(ids, index(join(at, "criteria"), j), criterion)
		}
	}
	c.cap(path, model.MaxPoints)
	c.edges(join(path, "classes"), model.GetClasses())
	if known := int(model.GetMinKnown()); known > criteria {
		c.add(join(path, "minKnown"), "at most the number of criteria, %d, not %d", criteria, known)
	}
	if model.GetTimeZone() != "" {
		c.add(join(path, "timeZone"), "nothing: give `timeZone` of the standard")
	}
	c.filled(path, model)
}

// filled refuses what a model has from its standard.
func (c *compiler) filled(path string, model interface {
	GetSegments() []*typev1.Segment
	GetLists() []*typev1.TextList
	GetDictionaries() []string
},
) {
	if len(model.GetSegments()) > 0 {
		c.add(join(path, "segments"), "nothing: give `segments` of the standard")
	}
	if len(model.GetLists()) > 0 {
		c.add(join(path, "lists"), "nothing: give `lists` of the standard")
	}
	if len(model.GetDictionaries()) > 0 {
		c.add(join(path, "dictionaries"), "nothing: it is filled from the conditions")
	}
}

func (c *compiler) criterion(ids ids, path string, criterion *typev1.Criterion) {
	c.id(ids, path, criterion.GetId())
	c.points(join(path, "unknownPoints"), criterion.GetUnknownPoints())
	switch when, choices := criterion.GetWhen(), criterion.GetChoices(); {
	case when != "" && len(choices) > 0:
		c.add(path, "`when` or `choices`, not both")
	case when != "" || len(criterion.GetBands()) > 0:
		c.points(join(path, "points"), criterion.GetPoints())
	case len(choices) > 0:
		if criterion.GetPoints() != 0 {
			c.add(join(path, "points"), "the points in each of `choices`")
		}
		for i, choice := range choices {
			at := index(join(path, "choices"), i)
			c.points(join(at, "points"), choice.GetPoints())
		}
	default:
		c.add(path, "`when`, `choices` or `bands`")
	}
}

// engagement checks the engagement model.
func (c *compiler) engagement(path string, model *typev1.EngagementModel) {
	if model == nil {
		return
	}
	ids := ids{}
	for group, at := range engagementGroups(path, model.GetGroups()) {
		c.id(ids, at, group.GetId())
		c.cap(at, group.MaxPoints)
		c.decay(join(at, "decay"), group.GetDecay())
		for j, rule := range group.GetRules() {
			at := index(join(at, "rules"), j)
			c.id(ids, at, rule.GetId())
			c.trigger(at, rule)
			c.cap(at, rule.MaxPoints)
			c.points(join(at, "points"), rule.GetPoints())
			c.decay(join(at, "decay"), rule.GetDecay())
			c.limit(join(at, "limit"), rule.GetLimit())
		}
	}
	for i, signal := range model.GetSignals() {
		at := index(join(path, "signals"), i)
		c.id(ids, at, signal.GetId())
	}
	c.cap(path, model.MaxPoints)
	c.edges(join(path, "bands"), model.GetBands())
	c.zone(join(path, "timeZone"), model.GetTimeZone(), "")
	if len(model.GetCountWindowDays()) > 0 {
		c.add(join(path, "countWindowDays"), "nothing: it is filled from `withinDays` of the gates")
	}
	if model.GetWatch() != nil {
		c.add(join(path, "watch"), "nothing: it is filled from the gates")
	}
	c.filled(path, model)
}

// trigger checks that a rule says when it happens.
func (c *compiler) trigger(path string, rule *typev1.EngagementRule) {
	if len(rule.GetActivities()) == 0 && len(rule.GetAttributes()) == 0 && rule.GetSchedule() == nil &&
		len(rule.GetAfter()) == 0 && rule.GetSequence() == nil && rule.GetInactivity() == nil {
		c.add(join(path, "activities"), "at least one activity type, or `attributes`, `schedule`, `after`, `sequence` or `inactivity`")
	}
}

func (c *compiler) limit(path string, limit *typev1.RepeatLimit) {
	period := limit.GetPer() != typev1.RepeatLimit_PER_UNSPECIFIED && limit.GetPer() != typev1.RepeatLimit_PER_LEAD
	if limit.GetEvery() > 1 && !period {
		c.add(join(path, "every"), "a period in `per`: hour, day, week or month")
	}
}

func (c *compiler) decay(path string, decay *typev1.Decay) {
	if decay.GetHalfLifeDays() > 0 && decay.GetWindowDays() > 0 {
		c.add(path, "`halfLifeDays` or `windowDays`, not both")
	}
}

// ids are the ids of a model and where each was given first.
type ids map[string]string

// id checks that an id is free. Groups, rules and the total name lines of the same
// score, so they share one space.
func (c *compiler) id(taken ids, path, id string) {
	first, repeated := taken[id]
	switch {
	case id == "total":
		c.add(join(path, "id"), "another id than `total`, which names the total's own lines")
	case repeated:
		c.add(join(path, "id"), "an id of its own, %q is that of %s", id, first)
	default:
		taken[id] = path
	}
}

// edges checks the edges of classes or bands.
func (c *compiler) edges(path string, edges []*typev1.ClassEdge) {
	labels := map[string]bool{}
	for i, edge := range edges {
		at := index(path, i)
		c.points(join(at, "atLeast"), edge.GetAtLeast())
		if labels[edge.GetLabel()] {
			c.add(join(at, "label"), "a label of its own, %q stands above already", edge.GetLabel())
		}
		labels[edge.GetLabel()] = true
		if i > 0 && edge.GetAtLeast() >= edges[i-1].GetAtLeast() {
			c.add(join(at, "atLeast"), "less than the edge above, %v, not %v", edges[i-1].GetAtLeast(), edge.GetAtLeast())
		}
	}
}

// cap checks the cap of the rule, group or total at the path.
func (c *compiler) cap(path string, most *float64) {
	if most != nil {
		c.points(join(path, "maxPoints"), *most)
	}
}

// points reads an amount of points.
func (c *compiler) points(path string, amount float64) points.Points {
	p, err := points.FromFloat(amount)
	if err != nil {
		c.add(path, "points that %v", err)
	}
	return p
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// entry is the path of an entry of a map.
func entry(path, key string) string { return path + "[" + strconv.Quote(key) + "]" }

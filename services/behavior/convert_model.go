package behavior

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/internal/points"
)

// modelReader turns the message into the core's model and notes what cannot be said
// there: the core knows no fractions of a hundredth.
type modelReader struct{ problems engagement.Problems }

func (r *modelReader) model(m *typev1.EngagementModel) engagement.Model {
	out := engagement.Model{
		TimeZone: m.GetTimeZone(), LadderLabels: m.GetLadderLabels(),
		Cap: r.optional("maxPoints", m.MaxPoints), Least: r.optional("minPoints", m.MinPoints),
		Floor: r.floor("floor", m.GetFloor()),
		Bands: r.edges("bands", m.GetBands()), SegmentBands: r.segmentEdges("bandsBySegment", m.GetBandsBySegment()),
		Watch: r.watch(m.GetWatch()),
	}
	for _, days := range m.GetCountWindowDays() {
		out.CountWindows = append(out.CountWindows, int(days))
	}
	for path, g := range each("groups", m.GetGroups()) {
		out.Groups = append(out.Groups, r.group(path, g))
	}
	for _, s := range m.GetSignals() {
		out.Signals = append(out.Signals, engagement.Signal{
			ID: s.GetId(), Description: s.GetDescription(), Activities: s.GetActivities(), Attributes: s.GetAttributes(),
			When: s.GetWhen(), Value: s.GetValue(), Distinct: s.GetDistinct(), VisitMinutes: int(s.GetVisitMinutes()),
		})
	}
	for path, l := range each("ladders", m.GetLadders()) {
		out.Ladders = append(out.Ladders, r.ladder(path, l))
	}
	for path, l := range each("sharedLimits", m.GetSharedLimits()) {
		shared := engagement.SharedLimit{ID: l.GetId(), Description: l.GetDescription(), Rules: l.GetRules()}
		if limit := r.limit(path+".limit", l.GetLimit()); limit != nil {
			shared.Limit = *limit
		}
		out.SharedLimits = append(out.SharedLimits, shared)
	}
	for path, in := range each("resets", m.GetResets()) {
		out.Resets = append(out.Resets, engagement.Reset{
			ID: in.GetId(), Description: in.GetDescription(), Activities: in.GetActivities(), When: in.GetWhen(),
			Attributes: in.GetAttributes(), Schedule: schedule(in.GetSchedule()),
			Inactivity: r.inactivity(path+".inactivity", in.GetInactivity()),
			OnlyIf:     r.optionalGate(path+".onlyIf", in.GetOnlyIf()), Of: in.GetOf(),
			Keep: r.points(path+".keepPercent", in.GetKeepPercent()), Restore: in.GetRestore(), Forget: in.GetForget(),
			Limit: r.limit(path+".limit", in.GetLimit()),
		})
	}
	for path, in := range each("memories", m.GetMemories()) {
		out.Memories = append(out.Memories, engagement.Memory{
			ID: in.GetId(), Description: in.GetDescription(), Activities: in.GetActivities(), When: in.GetWhen(),
			OnlyIf: r.optionalGate(path+".onlyIf", in.GetOnlyIf()), First: in.GetFirst(),
		})
	}
	for _, in := range m.GetSuspensions() {
		out.Suspensions = append(out.Suspensions, engagement.Suspension{
			ID: in.GetId(), Description: in.GetDescription(), From: in.GetFrom(), FromWhen: in.GetFromWhen(),
			Until: in.GetUntil(), UntilWhen: in.GetUntilWhen(), Of: in.GetOf(), Freeze: in.GetFreeze(),
		})
	}
	for path, in := range each("overrides", m.GetOverrides()) {
		out.Overrides = append(out.Overrides, engagement.Override{
			ID: in.GetId(), Description: in.GetDescription(), Activities: in.GetActivities(), When: in.GetWhen(),
			If: r.optionalGate(path+".if", in.GetIf()), Points: r.points(path+".points", in.GetPoints()),
			PerUnit: r.perUnit(path+".perUnit", in.GetPerUnit()), Until: in.GetUntil(),
			Combined: in.GetScore() == typev1.EngagementOverride_SCORE_COMBINED,
		})
	}
	if in := m.GetCombined(); in != nil {
		out.Combined = &engagement.Combined{
			Cap: r.optional("combined.maxPoints", in.MaxPoints), Least: r.optional("combined.minPoints", in.MinPoints),
			Floor: r.floor("combined.floor", in.GetFloor()), Bands: r.edges("combined.bands", in.GetBands()),
			SegmentBands: r.segmentEdges("combined.bandsBySegment", in.GetBandsBySegment()),
			FitCap:       r.optional("combined.fitMaxPoints", in.FitMaxPoints), UnknownFitIsZero: in.GetUnknownFitIsZero(),
		}
	}
	for path, in := range each("flags", m.GetFlags()) {
		out.Flags = append(out.Flags, engagement.Flag{
			ID: in.GetId(), Description: in.GetDescription(), If: r.gate(path+".if", in.GetIf()),
		})
	}
	if in := m.GetConsent(); in != nil {
		out.Consent = &engagement.Consent{
			Category: in.GetCategory(), UnknownWithholds: in.GetUnknown() == typev1.ConsentGate_UNKNOWN_WITHHELD,
		}
	}
	for _, in := range m.GetSegments() {
		out.Segments = append(out.Segments, engagement.Segment{ID: in.GetId(), Description: in.GetDescription(), When: in.GetWhen()})
	}
	if len(m.GetLists()) > 0 {
		out.Lists = make(map[string][]string, len(m.GetLists()))
	}
	for _, in := range m.GetLists() {
		out.Lists[in.GetId()] = in.GetValues()
	}
	return out
}

func (r *modelReader) group(path string, g *typev1.EngagementGroup) engagement.Group {
	out := engagement.Group{
		ID: g.GetId(), Description: g.GetDescription(),
		Cap: r.optional(path+".maxPoints", g.MaxPoints), Least: r.optional(path+".minPoints", g.MinPoints),
		Floor: r.floor(path+".floor", g.GetFloor()),
	}
	if g.GetDecay() != nil {
		out.Decay = r.decay(path+".decay", g.GetDecay())
	}
	if s := g.GetStop(); s != nil {
		out.Stop = &engagement.Stop{
			Engagement: r.optional(path+".stop.engagementAtLeast", s.EngagementAtLeast),
			Combined:   r.optional(path+".stop.combinedAtLeast", s.CombinedAtLeast),
			Group:      r.optional(path+".stop.groupAtLeast", s.GroupAtLeast),
		}
	}
	switch g.GetCombine() {
	case typev1.Combine_COMBINE_UNSPECIFIED, typev1.Combine_COMBINE_SUM:
	case typev1.Combine_COMBINE_MAX:
		out.Combine = engagement.CombineMax
	case typev1.Combine_COMBINE_MIN:
		out.Combine = engagement.CombineMin
	default:
		r.problem(path+".combine", "must be SUM, MAX or MIN, is %d", g.GetCombine())
	}
	for path, rule := range each(path+".rules", g.GetRules()) {
		out.Rules = append(out.Rules, r.rule(path, rule))
	}
	for path, in := range each(path+".criteria", g.GetCriteria()) {
		criterion := engagement.Criterion{ID: in.GetId(), Description: in.GetDescription(), WeightPercent: 100 * points.One}
		if in.WeightPercent != nil {
			criterion.WeightPercent = r.points(path+".weightPercent", in.GetWeightPercent())
		}
		for path, choice := range each(path+".choices", in.GetChoices()) {
			criterion.Choices = append(criterion.Choices, engagement.GateChoice{
				If: r.gate(path+".if", choice.GetIf()), Points: r.points(path+".points", choice.GetPoints()),
				Description: choice.GetDescription(),
			})
		}
		out.Criteria = append(out.Criteria, criterion)
	}
	for path, in := range each(path+".groups", g.GetGroups()) {
		out.Groups = append(out.Groups, r.group(path, in))
	}
	return out
}

func (r *modelReader) rule(path string, in *typev1.EngagementRule) engagement.Rule {
	out := engagement.Rule{
		ID: in.GetId(), Description: in.GetDescription(), Activities: in.GetActivities(), Attributes: in.GetAttributes(),
		Schedule: schedule(in.GetSchedule()), After: in.GetAfter(), When: in.GetWhen(),
		Inactivity: r.inactivity(path+".inactivity", in.GetInactivity()), OnlyIf: r.optionalGate(path+".onlyIf", in.GetOnlyIf()),
		Points: r.points(path+".points", in.GetPoints()), PerUnit: r.perUnit(path+".perUnit", in.GetPerUnit()),
		Limit: r.limit(path+".limit", in.GetLimit()), Cap: r.optional(path+".maxPoints", in.MaxPoints),
		Value: in.GetValue(), Distinct: in.GetDistinct(), VisitMinutes: int(in.GetVisitMinutes()),
	}
	if s := in.GetSequence(); s != nil {
		out.Sequence = &engagement.Sequence{Steps: s.GetSteps(), Within: r.days(path+".sequence.withinDays", s.GetWithinDays())}
	}
	for path, choice := range each(path+".choices", in.GetChoices()) {
		out.Choices = append(out.Choices, engagement.RuleChoice{
			When: choice.GetWhen(), Points: r.points(path+".points", choice.GetPoints()), Description: choice.GetDescription(),
		})
	}
	for i, p := range in.GetRepeatPoints() {
		out.RepeatPoints = append(out.RepeatPoints, r.points(fmt.Sprintf("%s.repeatPoints[%d]", path, i), p))
	}
	if in.GetDecay() != nil {
		decay := r.decay(path+".decay", in.GetDecay())
		out.Decay = &decay
	}
	return out
}

func (r *modelReader) perUnit(path string, in *typev1.PerUnit) *engagement.PerUnit {
	if in == nil {
		return nil
	}
	out := &engagement.PerUnit{
		Value: in.GetValue(), Points: points.One, Unit: 1, Whole: in.GetWhole(),
		Min: r.optional(path+".min", in.Min), Max: r.optional(path+".max", in.Max),
	}
	if in.Points != nil {
		out.Points = r.points(path+".points", in.GetPoints())
	}
	if in.Unit != nil {
		out.Unit = in.GetUnit()
	}
	return out
}

func (r *modelReader) inactivity(path string, in *typev1.Inactivity) *engagement.Inactivity {
	if in == nil {
		return nil
	}
	return &engagement.Inactivity{
		After: r.days(path+".days", in.GetDays()), Repeat: r.days(path+".repeatDays", in.GetRepeatDays()),
		NotBefore: r.days(path+".notBeforeDays", in.GetNotBeforeDays()),
	}
}

func schedule(in *typev1.Schedule) *engagement.Schedule {
	if in == nil {
		return nil
	}
	return &engagement.Schedule{
		At: in.GetAt(), Weekdays: integers(in.GetWeekdays()), MonthDays: integers(in.GetMonthDays()),
		ZoneAttribute: in.GetZoneAttribute(),
	}
}

func integers(in []int32) []int {
	out := make([]int, len(in))
	for i, n := range in {
		out[i] = int(n)
	}
	return out
}

func (r *modelReader) limit(path string, in *typev1.RepeatLimit) *engagement.Limit {
	if in == nil {
		return nil
	}
	out := &engagement.Limit{
		Count: int(in.GetCount()), Every: int(in.GetEvery()), Rolling: in.GetRolling(),
		Points: r.optional(path+".points", in.Points), PerValue: in.GetPerValue(),
	}
	per, known := map[typev1.RepeatLimit_Per]engagement.Per{
		typev1.RepeatLimit_PER_UNSPECIFIED: engagement.PerLead,
		typev1.RepeatLimit_PER_LEAD:        engagement.PerLead,
		typev1.RepeatLimit_PER_HOUR:        engagement.PerHour,
		typev1.RepeatLimit_PER_DAY:         engagement.PerDay,
		typev1.RepeatLimit_PER_WEEK:        engagement.PerWeek,
		typev1.RepeatLimit_PER_MONTH:       engagement.PerMonth,
		typev1.RepeatLimit_PER_YEAR:        engagement.PerYear,
		typev1.RepeatLimit_PER_VISIT:       engagement.PerVisit,
	}[in.GetPer()]
	if !known {
		r.problem(path+".per", "must be a period that is known here, is %d", in.GetPer())
	}
	out.Per = per
	return out
}

func (r *modelReader) decay(path string, d *typev1.Decay) engagement.Decay {
	out := engagement.Decay{
		HalfLife: r.days(path+".halfLifeDays", d.GetHalfLifeDays()),
		Window:   int(d.GetWindowDays()), Linear: int(d.GetLinearDays()), After: int(d.GetAfterDays()),
	}
	for path, step := range each(path+".steps", d.GetSteps()) {
		out.Steps = append(out.Steps, engagement.DecayStep{
			After: int(step.GetAfterDays()), Percent: r.points(path+".percent", step.GetPercent()),
		})
	}
	return out
}

func (r *modelReader) floor(path string, f *typev1.Floor) *engagement.Floor {
	if f == nil {
		return nil
	}
	return &engagement.Floor{Points: r.points(path+".points", f.GetPoints()), Schedule: schedule(f.GetSchedule())}
}

func (r *modelReader) edges(path string, in []*typev1.ClassEdge) []engagement.Edge {
	var out []engagement.Edge
	for path, edge := range each(path, in) {
		out = append(out, engagement.Edge{Label: edge.GetLabel(), AtLeast: r.points(path+".atLeast", edge.GetAtLeast())})
	}
	return out
}

func (r *modelReader) segmentEdges(path string, in []*typev1.SegmentEdges) []engagement.SegmentEdges {
	var out []engagement.SegmentEdges
	for path, s := range each(path, in) {
		out = append(out, engagement.SegmentEdges{Segment: s.GetSegment(), Edges: r.edges(path+".edges", s.GetEdges())})
	}
	return out
}

func (r *modelReader) ladder(path string, l *typev1.Ladder) engagement.Ladder {
	out := engagement.Ladder{ID: l.GetId(), Description: l.GetDescription()}
	for path, row := range each(path+".rows", l.GetRows()) {
		out.Rows = append(out.Rows, engagement.Rung{
			Label: row.GetLabel(), If: r.optionalGate(path+".if", row.GetIf()), Description: row.GetDescription(),
		})
	}
	return out
}

func (r *modelReader) watch(w *typev1.Watch) engagement.Watch {
	var out engagement.Watch
	for _, a := range w.GetActivities() {
		out.Activities = append(out.Activities, activityGate(a))
	}
	return out
}

func (r *modelReader) optionalGate(path string, g *typev1.Gate) *engagement.Gate {
	if g == nil {
		return nil
	}
	out := r.gate(path, g)
	return &out
}

func (r *modelReader) gate(path string, g *typev1.Gate) engagement.Gate {
	out := engagement.Gate{
		All: r.gates(path+".all", g.GetAll()), Any: r.gates(path+".any", g.GetAny()),
		Not: r.optionalGate(path+".not", g.GetNot()), When: g.GetWhen(),
		FitScore: r.scores(path+".fitScore", g.GetFitScore()), FitClass: g.GetFitClass(), Persona: g.GetPersona(),
		Stage: g.GetStage(), Foreign: foreign(g),
	}
	if a := g.GetAtLeast(); a != nil {
		out.AtLeast = &engagement.AtLeast{Count: int(a.GetCount()), Of: r.gates(path+".atLeast.of", a.GetOf())}
	}
	if a := g.GetActivity(); a != nil {
		activity := activityGate(a)
		out.Activity = &activity
	}
	if k := g.GetKnown(); k != nil {
		out.Known = &engagement.Known{Count: int(k.GetCount()), Attributes: k.GetAttributes()}
	}
	return out
}

func (r *modelReader) gates(path string, in []*typev1.Gate) []engagement.Gate {
	var out []engagement.Gate
	for path, g := range each(path, in) {
		out = append(out, r.gate(path, g))
	}
	return out
}

// foreign names the fields of a gate that only the qualification can ask.
func foreign(g *typev1.Gate) string {
	var names []string
	for name, given := range map[string]bool{
		"engagementScore": g.GetEngagementScore() != nil, "engagementBand": len(g.GetEngagementBand()) > 0,
		"combinedScore": g.GetCombinedScore() != nil, "combinedBand": len(g.GetCombinedBand()) > 0,
		"matrix": len(g.GetMatrix()) > 0, "icp": g.Icp != nil, "flag": g.GetFlag() != "",
		"points": g.GetPoints() != nil, "fitStatus": len(g.GetFitStatus()) > 0,
	} {
		if given {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func activityGate(a *typev1.ActivityGate) engagement.ActivityGate {
	measures := map[typev1.ActivityGate_Measure]engagement.Measure{
		typev1.ActivityGate_MEASURE_DAYS:       engagement.MeasureDays,
		typev1.ActivityGate_MEASURE_SUM:        engagement.MeasureSum,
		typev1.ActivityGate_MEASURE_DISTINCT:   engagement.MeasureDistinct,
		typev1.ActivityGate_MEASURE_COUNTED:    engagement.MeasureCounted,
		typev1.ActivityGate_MEASURE_DAYS_SINCE: engagement.MeasureDaysSince,
	}
	return engagement.ActivityGate{
		Rule: a.GetRule(), Measure: measures[a.GetMeasure()], WithinDays: int(a.GetWithinDays()), InVisit: a.GetInVisit(),
		AtLeast: a.AtLeast, AtMost: a.AtMost, Over: a.Over, Below: a.Below,
	}
}

// scores reads a range of scores.
func (r *modelReader) scores(path string, in *typev1.Range) *engagement.Range {
	if in == nil {
		return nil
	}
	out := &engagement.Range{
		AtLeast: r.optional(path+".atLeast", in.AtLeast), Below: r.optional(path+".below", in.Below),
		Over: r.optional(path+".over", in.Over), AtMost: r.optional(path+".atMost", in.AtMost),
	}
	for segment, other := range in.GetBySegment() {
		if out.BySegment == nil {
			out.BySegment = map[string]engagement.Range{}
		}
		out.BySegment[segment] = *r.scores(path+".bySegment."+segment, other)
	}
	return out
}

// days reads a number of days of 24 hours.
func (r *modelReader) days(path string, days float64) time.Duration {
	if math.IsNaN(days) || days < 0 || days > 3650 {
		r.problem(path, "must be from 0 to 3650, is %v", days)
		return 0
	}
	out := time.Duration(math.Round(days * float64(24*time.Hour)))
	if days > 0 && out == 0 {
		r.problem(path, "must be a nanosecond or more, is %v", days)
	}
	return out
}

func (r *modelReader) optional(path string, p *float64) *points.Points {
	if p == nil {
		return nil
	}
	out := r.points(path, *p)
	return &out
}

func (r *modelReader) points(path string, p float64) points.Points {
	out, err := points.FromFloat(p)
	if err != nil {
		r.problem(path, "%v", err)
	}
	return out
}

func (r *modelReader) problem(path, format string, args ...any) {
	r.problems = append(r.problems, engagement.Problem{Path: path, Expected: fmt.Sprintf(format, args...)})
}

// each goes through messages with their paths.
func each[T any](path string, list []T) func(yield func(string, T) bool) {
	return func(yield func(string, T) bool) {
		for i, item := range list {
			if !yield(fmt.Sprintf("%s[%d]", path, i), item) {
				return
			}
		}
	}
}

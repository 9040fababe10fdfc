package engagement

import (
	"fmt"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// group compiles a group, its rules and the groups inside it; false: there are too many.
func (b *compiler) group(path string, g *Group, parent, depth int, decay Decay) bool {
	b.id(path+".id", g.ID)
	if depth > maxDepth {
		b.problem(path, "must be at most %d groups deep", maxDepth)
		return false
	}
	b.checkDecay(path+".decay", g.Decay)
	if g.Decay.given() {
		decay = g.Decay
	}
	at := len(b.out.groups)
	if at == maxGroups {
		b.problem("groups", "must be at most %d together", maxGroups)
		return false
	}
	b.out.groups = append(b.out.groups, compiledGroup{
		id: g.ID, description: named(g.Description, g.ID), parent: parent, first: len(b.out.rules), stop: g.Stop,
	})
	b.stop(path+".stop", g.Stop)
	b.groupScore(path, g, at)
	for r := range g.Rules {
		b.rule(fmt.Sprintf("%s.rules[%d]", path, r), &g.Rules[r], at, decay)
	}
	b.out.groups[at].end = len(b.out.rules)
	if len(b.out.rules) > maxRules {
		b.problem("groups", "must have at most %d rules together", maxRules)
		return false
	}
	for i := range g.Groups {
		if !b.group(fmt.Sprintf("%s.groups[%d]", path, i), &g.Groups[i], at, depth+1, decay) {
			return false
		}
	}
	b.out.groups[at].after = len(b.out.groups)
	return true
}

func (d Decay) given() bool {
	return d.HalfLife != 0 || d.Window != 0 || d.Linear != 0 || d.After != 0 || len(d.Steps) > 0
}

func (b *compiler) rule(path string, r *Rule, group int, decay Decay) {
	b.id(path+".id", r.ID)
	at := len(b.out.rules)
	if r.Decay != nil {
		decay = *r.Decay
		b.checkDecay(path+".decay", decay)
	}
	out := compiledRule{id: r.ID, description: named(r.Description, r.ID), group: group, fade: b.fade(decay)}
	out.stops = b.stopsOf(group)
	vars := b.kind(path, r)
	t := trigger{
		act: giveAct, of: at, types: r.Activities, attributes: r.Attributes,
		when: b.when(path+".when", r.When, vars), gate: b.gate(path+".onlyIf", r.OnlyIf),
	}
	b.amounts(path, r, &out, &t, vars)
	b.counts(path, r.Value, r.Distinct, r.VisitMinutes, vars, &out, &t)
	if limit, given := b.limit(path+".limit", r.Limit); given {
		out.own = true
		out.limits = append(out.limits, ruleLimit{limit: limit, key: b.key(path+".limit.perValue", &b.out.limits[limit].Limit, &t)})
	}
	b.ruleScore(path, r, decay, &out)
	b.out.rules = append(b.out.rules, out)
	b.happens(path, r, &t)
}

// amounts compiles how much a match gives.
func (b *compiler) amounts(path string, r *Rule, out *compiledRule, t *trigger, vars condition.Vars) {
	given := 0
	for _, is := range []bool{r.Points != 0, len(r.Choices) > 0, r.PerUnit != nil, len(r.RepeatPoints) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		b.problem(path, "must give one of points, choices, perUnit and repeatPoints, gives %d", given)
	}
	b.checkPoints(path+".points", r.Points)
	out.points, t.points = r.Points, r.Points
	for i, choice := range r.Choices {
		at := fmt.Sprintf("%s.choices[%d]", path, i)
		b.checkPoints(at+".points", choice.Points)
		if choice.When == "" {
			b.problem(at+".when", "must not be empty")
		}
		t.choices = append(t.choices, choiceWhen{b.when(at+".when", choice.When, vars), choice.Points})
	}
	for i, p := range r.RepeatPoints {
		b.checkPoints(fmt.Sprintf("%s.repeatPoints[%d]", path, i), p)
	}
	out.repeat = r.RepeatPoints
	t.amount = b.perUnit(path+".perUnit", r.PerUnit, vars)
}

func (b *compiler) perUnit(path string, u *PerUnit, vars condition.Vars) *perUnit {
	if u == nil {
		return nil
	}
	b.checkPoints(path+".points", u.Points)
	if u.Unit <= 0 || amountOf(u.Unit) <= 0 {
		b.problem(path+".unit", "must be a millionth or more, is %v", u.Unit)
	}
	if u.Min != nil && u.Max != nil && *u.Min > *u.Max {
		b.problem(path+".min", "must not be more than max, is %v", *u.Min)
	}
	return &perUnit{
		value: b.expression(path+".value", u.Value, vars), points: u.Points, unit: amountOf(u.Unit), whole: u.Whole,
		min: u.Min, max: u.Max,
	}
}

func (b *compiler) checkPoints(path string, p points.Points) {
	if p > points.Max || p < -points.Max {
		b.problem(path, "must be from -1e9 to 1e9, is %v", p)
	}
}

// counts compiles what gates can be told of the matches of a rule or signal.
func (b *compiler) counts(path, value, distinct string, visitMinutes int, vars condition.Vars, out *compiledRule, t *trigger) {
	if value != "" {
		t.value, out.value = b.expression(path+".value", value, vars), true
	}
	if distinct != "" {
		t.distinct, out.distinct = b.expression(path+".distinct", distinct, vars), true
	}
	const most = 1440
	if visitMinutes < 0 || visitMinutes > most {
		b.problem(path+".visitMinutes", "must be from 0 to %d, is %d", most, visitMinutes)
	}
	if visitMinutes == 0 {
		visitMinutes = 30
	}
	out.pause = int64(visitMinutes) * 60 * microsPerSecond
}

func (b *compiler) signal(path string, s *Signal) {
	b.id(path+".id", s.ID)
	at := len(b.out.rules)
	out := compiledRule{id: s.ID, description: named(s.Description, s.ID), signal: true, group: -1, fade: fade{never: true}}
	vars := activityVars
	if len(s.Attributes) > 0 {
		vars = changeVars
		if len(s.Activities) > 0 {
			b.problem(path, "must give activities or attributes, not both")
		}
	} else if len(s.Activities) == 0 {
		b.problem(path+".activities", "must name at least one activity type")
	}
	b.types(path+".activities", s.Activities)
	t := trigger{
		act: countAct, of: at, types: s.Activities, attributes: s.Attributes, when: b.when(path+".when", s.When, vars),
	}
	b.counts(path, s.Value, s.Distinct, s.VisitMinutes, vars, &out, &t)
	b.out.rules = append(b.out.rules, out)
	b.out.triggers = append(b.out.triggers, t)
}

// kind checks when a rule happens, and returns what its conditions may read.
func (b *compiler) kind(path string, r *Rule) condition.Vars {
	given := 0
	for _, is := range []bool{len(r.Attributes) > 0, r.Schedule != nil, len(r.After) > 0, r.Sequence != nil, r.Inactivity != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		b.problem(path, "must give at most one of attributes, schedule, after, sequence and inactivity, gives %d", given)
	}
	b.types(path+".activities", r.Activities)
	if len(r.Activities) > 0 && given > 0 && r.Inactivity == nil {
		b.problem(path+".activities", "must not be given beside attributes, schedule, after or sequence")
	}
	switch {
	case len(r.Attributes) > 0:
		return changeVars
	case r.Schedule != nil || r.Inactivity != nil:
		return aloneVars
	case len(r.After) > 0 || r.Sequence != nil:
		return activityVars | changeVars
	case len(r.Activities) == 0:
		b.problem(path+".activities", "must name at least one activity type")
	}
	return activityVars
}

// happens adds the trigger of a rule.
func (b *compiler) happens(path string, r *Rule, t *trigger) {
	switch {
	case r.Schedule != nil || r.Inactivity != nil:
		t.types = nil
		b.byItself(path, r.Schedule, r.Inactivity, r.Activities, t)
	case len(r.After) > 0:
		t.act = followAct
		b.after(path+".after", r.After, t)
	case r.Sequence != nil:
		t.act = followAct
		b.sequence(path+".sequence", r.Sequence, t)
	}
	b.out.triggers = append(b.out.triggers, *t)
}

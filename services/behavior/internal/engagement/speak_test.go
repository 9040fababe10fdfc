package engagement

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

// speak gives a model something of every part of the language that happens in the fold.
func speak(r *rand.Rand, m *Model) {
	var ids, groups []string
	var add func(g *Group)
	add = func(g *Group) {
		groups = append(groups, g.ID)
		for i := range r.IntN(3) {
			g.Rules = append(g.Rules, spokenRule(r, fmt.Sprintf("%s_x%d", g.ID, i)))
		}
		for i := range g.Rules {
			ids = append(ids, g.Rules[i].ID)
		}
		if r.IntN(5) == 0 {
			g.Stop = &Stop{Engagement: ptr(points.Points(r.IntN(6000)))}
			if r.IntN(2) == 0 {
				g.Stop = &Stop{Group: ptr(points.Points(r.IntN(4000)))}
			}
		}
		if r.IntN(6) == 0 && g.Cap == nil {
			g.Floor = &Floor{Points: points.Points(r.IntN(2000) - 1000), Schedule: pick(r, nil, randomSchedule(r))}
		}
		for i := range g.Groups {
			add(&g.Groups[i])
		}
	}
	for i := range m.Groups {
		add(&m.Groups[i])
	}
	some := func() []string {
		if len(ids) == 0 || r.IntN(3) == 0 {
			return []string{pick(r, groups...)}
		}
		return []string{pick(r, ids...), pick(r, groups...)}
	}
	// Rules that ask for others by their ids.
	last := &m.Groups[len(m.Groups)-1]
	if len(ids) > 0 {
		for i := range r.IntN(3) {
			rule := Rule{ID: fmt.Sprintf("follows%d", i), Limit: randomLimit(r), When: pick(r, "", `has(lead.country)`)}
			if r.IntN(2) == 0 {
				rule.After, rule.Points = []string{pick(r, ids...), pick(r, ids...)}, 150
			} else {
				rule.Sequence = &Sequence{Steps: []string{pick(r, ids...), pick(r, ids...)}, Within: time.Duration(r.IntN(20)) * 24 * time.Hour}
				rule.RepeatPoints = []points.Points{300, 100}
			}
			rule.Decay = ptr(randomDecay(r))
			last.Rules = append(last.Rules, rule)
		}
		last.Rules = append(last.Rules, Rule{
			ID: "gated", Activities: []string{"*"}, Points: points.Points(r.IntN(900) - 300), Decay: ptr(randomDecay(r)),
			OnlyIf: &Gate{Any: []Gate{spokenGate(r, ids), spokenGate(r, ids)}}, Limit: randomLimit(r),
		})
	}
	if r.IntN(3) == 0 {
		m.SharedLimits = []SharedLimit{{ID: "shared", Rules: some(), Limit: *randomLimit(r)}}
	}
	if r.IntN(2) == 0 {
		m.Memories = []Memory{{ID: "memory", Activities: []string{"form.submitted"}, When: pick(r, conditions...), First: r.IntN(2) == 0}}
	}
	for i := range r.IntN(3) {
		reset := Reset{ID: fmt.Sprintf("reset%d", i), Forget: r.IntN(2) == 0, Of: pick(r, nil, some())}
		switch r.IntN(4) {
		case 0:
			reset.Schedule = randomSchedule(r)
		case 1:
			reset.Inactivity, reset.Activities = randomInactivity(r), pick(r, nil, []string{"page.*"})
		case 2:
			reset.Attributes = []string{"country"}
		default:
			reset.Activities, reset.When = []string{"lifecycle.recycled"}, pick(r, conditions...)
		}
		if len(m.Memories) > 0 && r.IntN(2) == 0 {
			reset.Restore = "memory"
		} else {
			reset.Keep = points.Points(r.IntN(3) * 3333)
		}
		if r.IntN(2) == 0 {
			reset.Limit = &Limit{Per: PerWeek, Rolling: r.IntN(2) == 0}
		}
		m.Resets = append(m.Resets, reset)
	}
	if r.IntN(3) == 0 {
		m.Suspensions = []Suspension{{
			ID: "pause", From: []string{"email.clicked"}, Until: []string{pick(r, "form.submitted", "email.*")}, FromWhen: pick(r, conditions...),
			Of: pick(r, nil, some()), Freeze: r.IntN(2) == 0,
		}}
	}
	if r.IntN(4) == 0 {
		m.Overrides = append(m.Overrides, Override{
			ID: "by_hand", Activities: []string{"form.*"}, PerUnit: &PerUnit{Value: "activity.properties.n", Points: 700, Unit: 0.3}, Until: []string{"page.viewed"},
		})
	}
	if r.IntN(4) == 0 && m.Cap == nil {
		m.Floor = &Floor{Points: points.Points(r.IntN(1000)), Schedule: pick(r, nil, randomSchedule(r))}
	}
	for i := range r.IntN(2) {
		m.Signals = append(m.Signals, Signal{
			ID: fmt.Sprintf("told%d", i), Activities: []string{"*"}, Value: "activity.properties.n", Distinct: "activity.properties.path", VisitMinutes: 120,
		})
	}
}

func spokenRule(r *rand.Rand, id string) Rule {
	rule := randomRule(r, id)
	switch r.IntN(7) {
	case 0:
		rule.Activities, rule.Attributes = nil, []string{"country", "size", "account.size"}
		rule.When = pick(r, "", `has(before.country)`, `lead.country == "DE"`)
	case 1:
		rule.Activities, rule.Schedule = nil, randomSchedule(r)
		rule.When = pick(r, "", `lead.country == "DE"`, `now > timestamp("2026-06-01T00:00:00Z")`, `fit.score >= 50`)
	case 2:
		rule.Activities, rule.Inactivity = pick(r, nil, []string{"page.*"}), randomInactivity(r)
		rule.When = pick(r, "", `!has(lead.country)`)
	case 3:
		rule.Points, rule.PerUnit = 0, &PerUnit{Value: "activity.properties.n", Points: 33, Unit: 0.7, Whole: r.IntN(2) == 0, Max: ptr(points.Points(90))}
	case 4:
		rule.Points, rule.Choices = 0, []RuleChoice{{When: `activity.properties.n > 2`, Points: 500}, {When: `lead.country == "DE"`, Points: -120}}
	case 5:
		rule.Points, rule.RepeatPoints = 0, []points.Points{500, -200, 100}
	default:
		rule.Activities = []string{"*"}
	}
	rule.Limit = pick(r, nil, rule.Limit, randomLimit(r))
	if rule.Limit != nil && (rule.Schedule != nil || rule.Inactivity != nil || rule.Attributes != nil) {
		rule.Limit.PerValue = ""
	}
	return rule
}

func randomLimit(r *rand.Rand) *Limit {
	l := &Limit{Count: 1 + r.IntN(3), Per: Per(r.IntN(int(PerVisit) + 1))}
	if l.Per != PerLead && l.Per != PerVisit {
		l.Rolling, l.Every = r.IntN(2) == 0, r.IntN(3)
	}
	if r.IntN(3) == 0 {
		l.Points = ptr(points.Points(r.IntN(2000)))
		l.Count = pick(r, 0, l.Count)
	}
	if r.IntN(4) == 0 {
		l.PerValue = "activity.properties.path"
	}
	return l
}

func randomSchedule(r *rand.Rand) *Schedule {
	s := &Schedule{At: []string{pick(r, "00:00", "02:30", "08:15")}, ZoneAttribute: pick(r, "", "zone")}
	switch r.IntN(3) {
	case 0:
		s.Weekdays = []int{1, 4}
	case 1:
		s.MonthDays = []int{1, 31}
	}
	return s
}

func randomInactivity(r *rand.Rand) *Inactivity {
	const day = 24 * time.Hour
	return &Inactivity{
		After: time.Duration(1+r.IntN(20)) * day, Repeat: pick(r, 0, time.Duration(5+r.IntN(20))*day), NotBefore: pick(r, 0, 30*day),
	}
}

// spokenGate asks for what was done.
func spokenGate(r *rand.Rand, ids []string) Gate {
	if r.IntN(3) == 0 {
		return randomGateOf(r)
	}
	a := ActivityGate{Rule: pick(r, ids...), Measure: Measure(r.IntN(int(MeasureDaysSince) + 1)), WithinDays: pick(r, 0, 3, 40), InVisit: r.IntN(4) == 0}
	if n := float64(r.IntN(5)); r.IntN(2) == 0 {
		a.AtLeast = &n
	} else {
		a.Below = &n
	}
	return Gate{Activity: &a}
}

// randomGateOf asks the profile or the stage.
func randomGateOf(r *rand.Rand) Gate {
	switch r.IntN(4) {
	case 0:
		return Gate{When: `lead.country == "DE"`}
	case 1:
		return Gate{Not: &Gate{Known: &Known{Attributes: []string{"country"}}}}
	case 2:
		return Gate{FitScore: &Range{AtLeast: ptr(points.Points(4000))}}
	default:
		return Gate{Stage: []string{"RECYCLED"}}
	}
}

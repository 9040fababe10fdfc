package engagement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// define scores from the words of the contract, in the plainest way and with no part
// of the engine but its decay tables: sort, ask, count by maps.
func define(m Model, facts []Fact, fit []FitPoint, at int64) (total points.Points, byRule map[string]points.Points) {
	byRule = map[string]points.Points{}
	facts = slices.Clone(facts)
	rank := func(f Fact) int {
		switch {
		case f.Kind == Attribute:
			return 0
		case strings.HasPrefix(f.Type, "lifecycle."):
			return 2
		default:
			return 3
		}
	}
	slices.SortFunc(facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.Micros, b.Micros), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	})
	facts = slices.CompactFunc(facts, func(a, b Fact) bool {
		return a.Micros == b.Micros && a.Kind == b.Kind && a.Source == b.Source && a.ID == b.ID
	})
	for _, g := range m.Groups {
		var group points.Points
		for _, rule := range g.Rules {
			byRule[rule.ID] = defineRule(m, g, rule, facts, fit, at)
			group += byRule[rule.ID]
		}
		if g.Cap != nil {
			group = min(group, *g.Cap)
		}
		total += group
	}
	if m.Cap != nil {
		total = min(total, *m.Cap)
	}
	return total, byRule
}

func defineRule(m Model, g Group, rule Rule, facts []Fact, fit []FitPoint, at int64) points.Points {
	var when *condition.Condition
	if rule.When != "" {
		when = compiledOnce(rule.When)
	}
	zone, _ := time.LoadLocation(m.TimeZone)
	used := map[string]int{}
	days := map[int64]points.Points{}
	for _, f := range facts {
		if f.Kind != Activity || f.Micros > at || !slices.ContainsFunc(rule.Activities, func(p string) bool {
			return p == f.Type || strings.HasSuffix(p, "*") && strings.HasPrefix(f.Type, p[:len(p)-1])
		}) {
			continue
		}
		if when != nil {
			known := condition.AttributeMap{}
			for _, a := range facts {
				if a.Kind == Attribute && a.Micros <= f.Micros {
					known[a.Name], _ = condition.ParseValue(a.Value)
				}
			}
			asked := condition.Facts{Lead: known, Activity: &condition.Activity{Type: f.Type, Source: f.Source, Campaign: f.Campaign, Properties: f.Properties}}
			latest := int64(-1 << 63)
			for _, p := range fit {
				if p.Micros <= f.Micros && p.Micros >= latest {
					latest = p.Micros
					asked.Fit = nil
					if p.Scored {
						asked.Fit = &condition.Fit{Score: p.Points.Float(), Class: p.Class}
					}
				}
			}
			if answer, _ := when.Eval(&asked); answer != condition.True {
				continue
			}
		}
		if l := rule.Limit; l != nil {
			period := definePeriod(l, time.UnixMicro(f.Micros).In(zone))
			if used[period]++; used[period] > max(l.Count, 1) {
				continue
			}
		}
		days[defineDay(zone, f.Micros)] += rule.Points
	}
	decay := g.Decay
	if rule.Decay != nil {
		decay = *rule.Decay
	}
	fades := newFade(decay)
	var sum points.Points
	for day, p := range days {
		sum += fades.left(p, defineDay(zone, at)-day)
	}
	if rule.Cap != nil {
		sum = max(-*rule.Cap, min(*rule.Cap, sum))
	}
	return sum
}

// defineDay numbers the days of a zone's calendar.
func defineDay(zone *time.Location, micros int64) int64 {
	year, month, day := time.UnixMicro(micros).In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

var compiledConditions sync.Map

func compiledOnce(text string) *condition.Condition {
	if c, ok := compiledConditions.Load(text); ok {
		return c.(*condition.Condition)
	}
	c, err := condition.Compile(text, condition.LeadVar|condition.ActivityVar|condition.FitVar)
	if err != nil {
		panic(err)
	}
	compiledConditions.Store(text, c)
	return c
}

// definePeriod names a period by its first day or hour on the wall.
func definePeriod(l *Limit, t time.Time) string {
	every := max(l.Every, 1)
	date := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	since := int(date.Unix() / 86400)
	switch l.Per {
	case PerHour:
		n := since*24 + t.Hour()
		// On the wall, whatever the offset to UTC is.
		return time.Unix(int64(n-n%every)*3600, 0).UTC().Format("2006-01-02T15")
	case PerDay:
		return date.AddDate(0, 0, -(since % every)).Format(time.DateOnly)
	case PerWeek:
		monday := date.AddDate(0, 0, -(int(date.Weekday())+6)%7)
		week := (int(monday.Unix()/86400) + 3) / 7
		return monday.AddDate(0, 0, -7*(week%every)).Format(time.DateOnly)
	case PerMonth:
		n := (t.Year()-1970)*12 + int(t.Month()) - 1
		n -= n % every
		return time.Date(1970, time.Month(n+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
	case PerYear:
		n := t.Year() - 1970
		return strconv.Itoa(n - n%every)
	default:
		return "ever"
	}
}

package engagement

import (
	"cmp"
	"slices"

	"github.com/assay-hq/assay/services/internal/points"
)

// ActivityLine is what one activity gives under one rule at an instant. The lines of
// a rule sum to what its contributions say before caps.
type ActivityLine struct {
	// Key is the activity's place in the fold, Type its type.
	Key  Key
	Type string
	// Rule is the id of the rule.
	Rule string
	// Given before anything is withheld.
	Given points.Points
	// Points left after repeat limit and decay.
	Points points.Points
	// Limited: withheld by the repeat limit.
	Limited bool
}

// lines folds entries from the first and says what each gives.
func (c *Compiled) lines(p *Profile, entries []Entry, micros int64) []ActivityLine {
	today := c.calendar.day(micros)
	matcher := c.NewMatcher(p)
	state := State{known: p.known}
	var lines []ActivityLine
	open := make([][]int, len(c.rules)) // lines of each rule's latest day
	days := make([]int64, len(c.rules))
	for i := range entries {
		e := &entries[i]
		if e.Key.Micros > micros {
			break
		}
		before := make([]points.Points, len(e.Matches))
		for j, m := range e.Matches {
			if t := &c.triggers[m.Trigger]; t.act == giveAct && state.rules != nil {
				before[j] = state.rules[t.of].sum()
			}
		}
		c.Step(&state, e, matcher)
		date := c.calendar.day(e.Key.Micros)
		for j, m := range e.Matches {
			t := &c.triggers[m.Trigger]
			if t.act != giveAct {
				continue
			}
			rule, at := &c.rules[t.of], t.of
			limited := state.rules[at].sum() == before[j] && m.Points != 0
			line := ActivityLine{Key: e.Key, Type: e.Type, Rule: rule.id, Given: m.Points, Limited: limited}
			if days[at] != date {
				rule.fade.share(lines, open[at], today-days[at])
				open[at], days[at] = open[at][:0], date
			}
			if !limited {
				open[at] = append(open[at], len(lines))
			}
			lines = append(lines, line)
		}
	}
	for i := range open {
		c.rules[i].fade.share(lines, open[i], today-days[i])
	}
	return lines
}

// share divides what is left of a bucket among its activities: each its own part
// rounded down, and the hundredths that remain to those with the largest rest, the
// earlier first.
func (f *fade) share(lines []ActivityLine, of []int, age int64) {
	var sum points.Points
	for _, i := range of {
		sum += lines[i].Given
	}
	rests := make(map[int]uint64, len(of))
	remain := f.left(sum, age)
	for _, i := range of {
		lines[i].Points, rests[i] = f.floor(lines[i].Given, age)
		remain -= lines[i].Points
	}
	slices.SortStableFunc(of, func(a, b int) int { return cmp.Compare(rests[b], rests[a]) })
	for _, i := range of[:remain] {
		lines[i].Points++
	}
}

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
func (c *Compiled) lines(entries []Entry, micros int64) []ActivityLine {
	today := utcDay(micros)
	var state State
	var lines []ActivityLine
	open := make([][]int, len(c.rules)) // lines of each rule's latest day
	days := make([]int64, len(c.rules))
	for i := range entries {
		e := &entries[i]
		if e.Key.Micros > micros {
			break
		}
		c.Step(&state, e)
		date := utcDay(e.Key.Micros)
		for _, m := range e.Matches {
			rule := &c.rules[m.Rule]
			if rule.signal {
				continue
			}
			line := ActivityLine{Key: e.Key, Type: e.Type, Rule: rule.id, Given: m.Points, Limited: m.Limited}
			if days[m.Rule] != date {
				rule.fade.share(lines, open[m.Rule], today-days[m.Rule])
				open[m.Rule], days[m.Rule] = open[m.Rule][:0], date
			}
			if !m.Limited {
				open[m.Rule] = append(open[m.Rule], len(lines))
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

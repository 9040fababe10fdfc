package engagement

import "github.com/assay-hq/assay/services/internal/points"

// happened reports whether a rule has lines.
func (s *ruleState) happened() bool { return s.count > 0 }

// given adds the lines of what a rule gave, withheld, took away and gave back, and
// returns their sum.
func (r *reading) given(rule *compiledRule, s *ruleState, group string) points.Points {
	add := func(line Line, p points.Points, count, last int64) {
		*r.lines = append(*r.lines, Contribution{
			Rule: rule.id, Group: group, Line: line, Points: p, Count: count, LastMicros: last, Description: rule.words[line],
		})
	}
	add(Given, s.given, s.count, s.last)
	if s.limitedCount > 0 {
		add(Limited, -s.limited, s.limitedCount, s.lastLimited)
	}
	return s.given - s.limited
}

// left returns what is left of a rule's points on a day.
func (c *Compiled) left(s *State, i int, day int64) points.Points {
	return c.leftCounting(s, i, day, nil)
}

// leftCounting is left, and counts the matches within each of the model's windows.
func (c *Compiled) leftCounting(s *State, i int, day int64, within []int64) points.Points {
	rule, r := &c.rules[i], &s.rules[i]
	if rule.fade.never && len(within) == 0 {
		return r.given - r.limited
	}
	windows := c.windows
	if within == nil {
		windows = nil
	}
	left := r.buckets.read(rule, day, windows, within)
	if rule.fade.never {
		return r.given - r.limited
	}
	return left
}

func (c *Compiled) day(micros int64) int64 { return utcDay(micros) }

// signals returns the position of the first signal.
func (c *Compiled) signals() int {
	for i := range c.rules {
		if c.rules[i].signal {
			return i
		}
	}
	return len(c.rules)
}

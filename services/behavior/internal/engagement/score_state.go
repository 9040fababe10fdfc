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
	for why, line := range withheldAs {
		if w := &s.withheld[why]; w.count > 0 {
			add(line, -w.points, w.count, w.last)
		}
	}
	if s.taken != 0 {
		add(TakenAway, -s.taken, 1, s.lastTaken)
	}
	if s.restored != 0 {
		add(Restored, s.restored, 1, s.lastRestored)
	}
	return s.sum()
}

// leftCounting is left, and counts the matches within each of the model's windows.
func (c *Compiled) leftCounting(s *State, i int, day int64, within []int64) points.Points {
	if len(within) == 0 {
		return c.left(s, i, day)
	}
	rule, r := &c.rules[i], &s.rules[i]
	left := r.buckets.read(rule, day, c.windows, within)
	if rule.fade.never {
		return r.sum()
	}
	return left
}

func (c *Compiled) day(micros int64) int64 { return c.calendar.day(micros) }

// signals returns the position of the first signal.
func (c *Compiled) signals() int {
	for i := range c.rules {
		if c.rules[i].signal {
			return i
		}
	}
	return len(c.rules)
}

// withheldAs are the lines of the reasons.
var withheldAs = [reasons]Line{byLimit: Limited, byStop: Stopped, bySuspension: Suspended}

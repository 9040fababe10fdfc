package engagement

import "github.com/assay-hq/assay/services/internal/points"

// Score is how interested a lead is, at an instant.
type Score struct {
	// Points is the score: the sum of the contributions.
	Points points.Points
	// Band of the score; empty if the model gives it none.
	Band string
	// Contributions in the order of the model: for each rule given, limit, decay, cap;
	// then the cap of its group; last the cap of the total.
	Contributions []Contribution
	// Counts of the rules and signals that ever matched, in the order of the model.
	Counts []Count
	// Micros is the instant.
	Micros int64
}

// Contribution is one line of a score.
type Contribution struct {
	// Rule is the id of the rule; on the cap of a group its id, of the total `total`.
	Rule string
	// Group of the rule; empty on the line of the total.
	Group string
	// Line says why the line exists.
	Line Line
	// Points that the line adds; negative takes away.
	Points points.Points
	// Count of activities behind a line of points given or limited; else 0.
	Count int64
	// LastMicros is when the latest of them was; meaningless without a count.
	LastMicros int64
	// Description in words a salesperson can read.
	Description string
}

// Line says why a contribution exists.
type Line uint8

// The lines of a rule, in their order.
const (
	// Given by the rule, before anything is withheld.
	Given Line = iota
	// Limited: withheld by the repeat limit.
	Limited
	// Faded: withheld because points fade with age.
	Faded
	// Capped: withheld by the cap of rule, group or total.
	Capped
)

// Count is how often a rule or signal matched, repeat limits aside.
type Count struct {
	// Rule is the id of the rule or signal.
	Rule string
	// Count of all matches.
	Count int64
	// LastMicros is the instant of the latest.
	LastMicros int64
	// Within has the matches in each of the model's count windows. A window of n days
	// is the UTC day of the instant and the n-1 before it.
	Within []int64
}

// Total is the id of the line of the total's cap.
const Total = "total"

// Score reads the score at an instant that is not before the head.
func (c *Compiled) Score(s *State, micros int64) Score {
	score := Score{Micros: micros}
	if s.rules == nil {
		score.Band = c.band(0)
		return score
	}
	today := utcDay(micros)
	lines, counts := c.sizes(s)
	score.Contributions = make([]Contribution, 0, lines)
	score.Counts = make([]Count, 0, counts)
	within := make([]int64, counts*len(c.windows))
	// read returns what is left of a rule's points, and counts its matches.
	read := func(i int) points.Points {
		rule, r := &c.rules[i], &s.rules[i]
		if r.count == 0 {
			return 0
		}
		count := Count{Rule: rule.id, Count: r.count, LastMicros: r.last}
		if n := len(c.windows); n > 0 {
			count.Within, within = within[:n:n], within[n:]
		}
		score.Counts = append(score.Counts, count)
		left := r.buckets.read(rule, today, c.windows, count.Within)
		if rule.fade.never {
			return r.given - r.limited
		}
		return left
	}
	signals := 0 // begin after the rules
	for g := range c.groups {
		group := &c.groups[g]
		var sum points.Points
		for i := group.first; i < group.end; i++ {
			sum += score.rule(&c.rules[i], &s.rules[i], group.id, read(i))
		}
		sum += score.cap(group.cap, sum, group.id, group.id, group.capped)
		score.Points += sum
		signals = group.end
	}
	for i := signals; i < len(s.rules); i++ {
		read(i)
	}
	score.Points += score.cap(c.cap, score.Points, Total, "", c.capped)
	score.Band = c.band(score.Points)
	return score
}

// sizes returns how many contributions, at most, and how many counts there will be.
func (c *Compiled) sizes(s *State) (lines, counts int) {
	lines = len(c.groups) + 1
	for i := range s.rules {
		if s.rules[i].count > 0 {
			counts++
			lines += 3
		}
	}
	return lines, counts
}

// rule adds the lines of one rule, of whose points some are left, and returns their
// sum.
func (score *Score) rule(rule *compiledRule, r *ruleState, group string, left points.Points) points.Points {
	if r.count == 0 {
		return 0
	}
	add := func(line Line, p points.Points, description string) {
		score.Contributions = append(score.Contributions, Contribution{
			Rule: rule.id, Group: group, Line: line, Points: p, Description: description,
		})
	}
	add(Given, r.given, rule.description)
	given := &score.Contributions[len(score.Contributions)-1]
	given.Count, given.LastMicros = r.count, r.last
	if r.limitedCount > 0 {
		add(Limited, -r.limited, rule.limited)
		limited := &score.Contributions[len(score.Contributions)-1]
		limited.Count, limited.LastMicros = r.limitedCount, r.lastLimited
	}
	if counted := r.given - r.limited; left != counted {
		add(Faded, left-counted, rule.faded)
	}
	if rule.cap == nil {
		return left
	}
	held := max(min(left, *rule.cap), -*rule.cap)
	if held != left {
		add(Capped, held-left, rule.capped)
	}
	return held
}

// cap adds the line of a group's or the total's cap and returns its points.
func (score *Score) cap(limit *points.Points, sum points.Points, rule, group, description string) points.Points {
	if limit == nil || sum <= *limit {
		return 0
	}
	over := *limit - sum
	score.Contributions = append(score.Contributions, Contribution{
		Rule: rule, Group: group, Line: Capped, Points: over, Description: description,
	})
	return over
}

// band returns the first band whose edge the score reaches.
func (c *Compiled) band(p points.Points) string {
	for _, edge := range c.bands {
		if p >= edge.AtLeast {
			return edge.Label
		}
	}
	return ""
}

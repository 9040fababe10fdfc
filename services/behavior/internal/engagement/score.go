package engagement

import "github.com/assay-hq/assay/services/internal/points"

// Score is how interested a lead is, at an instant.
type Score struct {
	// Points is the score: the sum of the contributions.
	Points points.Points
	// Underlying is the score without its lines of kind Shown.
	Underlying points.Points
	// Band of the score; empty if the model gives it none.
	Band string
	// Contributions in the order of the model: the lines of each rule, then the criteria,
	// then the groups inside; then those of the group itself; last those of the total.
	Contributions []Contribution
	// Counts of the rules and signals that ever matched, in the order of the model.
	Counts []Count
	// Combined is fit and engagement as one score; nil if the model has none.
	Combined *CombinedScore
	// Flags are the ids of those that are raised.
	Flags []string
	// Watched answers the questions of the gates of the standard, in their order.
	Watched []float64
	// Suspended are the ids of the suspensions that hold.
	Suspended []string
	// Stage of the lead as its facts tell it, the last part of the type of the latest
	// lifecycle fact; empty if there is none.
	Stage string
	// Micros is the instant.
	Micros int64
}

// Contribution is one line of a score.
type Contribution struct {
	// Rule is the id of the rule or criterion; on lines of a group its id, of the total
	// `total`; of what is shown that of the override or suspension.
	Rule string
	// Group of the rule; empty on the lines of the total.
	Group string
	// Line says why the line exists.
	Line Line
	// Points that the line adds; negative takes away.
	Points points.Points
	// Count of activities behind a line of points given or withheld; else 0.
	Count int64
	// LastMicros is when the latest of them was; meaningless without a count.
	LastMicros int64
	// Description in words a salesperson can read.
	Description string
}

// Line says why a contribution exists.
type Line uint8

// The lines of a rule, in their order; then those of groups, the total and criteria.
const (
	// Given by the rule or criterion, before anything is withheld.
	Given Line = iota
	// Limited: withheld by a repeat limit.
	Limited
	// Stopped: withheld because the group was halted at that instant.
	Stopped
	// Suspended: withheld because scoring was suspended at that instant.
	Suspended
	// TakenAway by a reset.
	TakenAway
	// Restored: given back as it was remembered.
	Restored
	// Faded: withheld because points fade with age.
	Faded
	// Capped: withheld by the cap of rule, group or total.
	Capped
	// Lifted to a floor.
	Lifted
	// Chosen: withheld because only the highest or lowest of a group counts.
	Chosen
	// Shown makes the shown score another than the one underneath.
	Shown
	// Unanswered: the criterion asks something that is not known.
	Unanswered
	// Corrected: of activities of bots, tests and scanners, or taken back, which count as
	// if they had never happened. No points.
	Corrected
	// Unconsented: of activities at instants without consent to be observed. No points.
	Unconsented
	lineKinds
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
	// is the day of the instant and the n-1 before it.
	Within []int64
}

// Total is the id of the lines of the total.
const Total = "total"

// Score reads the score at an instant that is not before the head. The profile may be
// nil if the model asks none.
func (c *Compiled) Score(s *State, profile *Profile, micros int64) Score {
	s, m := c.at(s, profile, micros)
	score := Score{Micros: micros, Stage: s.stage}
	r := reading{c: c, s: s, day: c.day(micros)}
	if c.asks {
		present := c.present(s, &m.view, micros)
		r.present = &present
	}
	lines, counts := c.sizes(s)
	score.Contributions = make([]Contribution, 0, lines)
	r.lines = &score.Contributions
	if counts > 0 {
		r.counting = &score
		score.Counts = make([]Count, 0, counts)
		r.within = make([]int64, counts*len(c.windows))
	}
	value := r.engagement()
	score.Points, _ = r.shown(value, true, false)
	score.Underlying = score.Points - r.display
	for i := c.signals(); i < len(s.rules); i++ {
		r.left(i)
	}
	r.counting = nil
	score.Band = r.band(score.Points)
	if c.combined != nil {
		score.Combined = r.together(score.Points)
	}
	score.Flags, score.Watched, score.Suspended = r.flags(), r.watched(), r.suspended()
	return score
}

// sizes returns how many contributions there usually are, and how many counts.
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

// value returns the engagement score and the combined score underneath what is shown,
// without lines. The view stands at the instant; it may be nil if the model asks none.
func (c *Compiled) value(s *State, v *view, micros int64) (engagement, combined points.Points, known bool) {
	r := c.read(s, v, micros)
	engagement = r.engagement()
	if c.combined != nil {
		combined, known = r.combined(engagement)
	}
	return engagement, combined, known
}

// shownValue returns the scores as they are shown.
func (c *Compiled) shownValue(s *State, v *view, micros int64) (engagement, combined points.Points, known bool) {
	r := c.read(s, v, micros)
	value := r.engagement()
	engagement, _ = r.shown(value, true, false)
	if c.combined != nil {
		combined, known = r.combined(engagement)
		combined, known = r.shown(combined, known, true)
	}
	return engagement, combined, known
}

// groupValue returns the points of a group.
func (c *Compiled) groupValue(group int, s *State, v *view, micros int64) points.Points {
	r := c.read(s, v, micros)
	sum, _ := r.group(group)
	return sum
}

// floorValue returns the points that a floor holds; unknown without a combined score.
func (c *Compiled) floorValue(floor int, s *State, v *view, micros int64) (points.Points, bool) {
	switch of := c.floors[floor].group; of {
	case onTotal:
		engagement, _, _ := c.value(s, v, micros)
		return engagement, true
	case onCombined:
		_, combined, known := c.value(s, v, micros)
		return combined, known
	default:
		return c.groupValue(of, s, v, micros), true
	}
}

// read returns a reading without lines.
func (c *Compiled) read(s *State, v *view, micros int64) *reading {
	r := &reading{c: c, s: s, day: c.day(micros)}
	if c.asks {
		present := c.present(s, v, micros)
		r.present = &present
	}
	return r
}

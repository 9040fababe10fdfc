package engagement

import "github.com/assay-hq/assay/services/internal/points"

// Match is a rule or signal that an activity matched.
type Match struct {
	// Rule is its position in the model: rules in order, then signals.
	Rule int
	// Points the rule gives for the activity.
	Points points.Points
	// Limited is set by Step: the rule's repeat limit withheld the points.
	Limited bool
}

// Entry is an activity as the fold knows it: what matched, no longer why.
type Entry struct {
	// Key is its place in the fold.
	Key Key
	// Type of the activity.
	Type string
	// Matches in the order of rules.
	Matches []Match
	// Inputs is what conditions on the profile read from the activity itself. It is
	// kept so that they can be asked again when the profile turns out to have been
	// another; nil if no such condition is a candidate.
	Inputs *Inputs
}

// Inputs is what a condition reads from an activity.
type Inputs struct {
	Campaign   string
	Properties []byte
}

// State is the fold of entries up to its head. Its size is bounded by the model:
// per rule a few sums, and one bucket for each day back to the rule's horizon.
type State struct {
	// Head is the key of the last entry folded; the zero Key before the first.
	Head  Key
	rules []ruleState
	standing
	// touched counts buckets visited, to hold the engine to its promise on growth.
	touched int
}

// ruleState is what is known of one rule or signal.
type ruleState struct {
	count, limitedCount int64
	// given counts every match; limited is the part that the repeat limit withheld.
	given, limited points.Points
	// last is the instant of the latest match, lastLimited of the latest withheld.
	last, lastLimited int64
	// used is how many matches counted in the current period of the repeat limit.
	period, used int64
	// buckets by day, within the rule's horizon of the head.
	buckets buckets
}

// Step folds one entry in. Entries come in the order of their keys.
func (c *Compiled) Step(s *State, e *Entry) {
	if s.rules == nil {
		s.rules = make([]ruleState, len(c.rules))
	}
	s.Head = e.Key
	today := utcDay(e.Key.Micros)
	for i := range e.Matches {
		m := &e.Matches[i]
		rule, r := &c.rules[m.Rule], &s.rules[m.Rule]
		r.count++
		r.given += m.Points
		r.last = e.Key.Micros
		if m.Limited = c.overLimit(rule, r, e.Key.Micros); m.Limited {
			r.limitedCount++
			r.limited += m.Points
			r.lastLimited = e.Key.Micros
		}
		if rule.horizon == 0 {
			continue
		}
		s.touched++
		if r.buckets.newest.day != today {
			s.touched += r.buckets.prune(rule, today)
		}
		b := r.buckets.on(today, rule.points)
		b.matches++
		if !m.Limited {
			b.counted += m.Points
		}
	}
}

// overLimit says whether the rule's repeat limit withholds one more match, and
// counts it if not.
func (c *Compiled) overLimit(rule *compiledRule, r *ruleState, micros int64) bool {
	if rule.limit == nil {
		return false
	}
	if period := c.calendar.period(rule.limit, micros); period != r.period || r.used == 0 {
		r.period, r.used = period, 0
	}
	if r.used >= int64(rule.limit.Count) {
		return true
	}
	r.used++
	return false
}

// Advance makes what happens by itself up to an instant, which is not before the
// head: what no later instant can read is forgotten. A state is stored advanced to
// its head, so that equal histories are equal bytes.
func (c *Compiled) Advance(s *State, micros int64) {
	today := utcDay(micros)
	for i := range s.rules {
		s.touched += s.rules[i].buckets.prune(&c.rules[i], today)
	}
}

package engagement

import (
	"github.com/assay-hq/assay/services/internal/points"
)

// Step folds one entry in. Entries come in the order of their keys. The matcher is asked
// what the model wants to know at that instant itself: whatever happens by itself up to
// it, and scores that halt or lift.
func (c *Compiled) Step(s *State, e *Entry, m *Matcher) {
	c.prepare(s)
	c.Advance(s, e.Key.Micros, m)
	s.Head, s.folded = e.Key, true
	if e.Void != NotVoid {
		c.void(s, e, m)
		return
	}
	c.begin(s, e.Key.Micros, m)
	for i := range e.Matches {
		match := &e.Matches[i]
		t := &c.triggers[match.Trigger]
		if !c.admits(s, t, match) {
			continue
		}
		if t.act == stageAct {
			s.stage = e.Type[len(lifecycle):]
			continue
		}
		c.do(s, t, match)
	}
	c.end(s)
}

// begin opens a happening: one fact, or what happens by itself at one instant.
func (c *Compiled) begin(s *State, micros int64, m *Matcher) {
	now := &s.now
	now.number++
	now.micros, now.day, now.matcher = micros, c.calendar.day(micros), m
	now.moved = false
}

// end closes it: the ways through sequences go on, and floors lift.
func (c *Compiled) end(s *State) {
	if s.now.some {
		c.walk(s)
	}
	if s.now.moved && len(c.floors) > 0 {
		c.lift(s)
		c.look(s)
	}
	s.now.matcher = nil
}

// do does what a trigger does, once its conditions hold.
func (c *Compiled) do(s *State, t *trigger, m *Match) {
	switch t.act {
	case quietAct:
		c.stir(s, t.of)
	case endAct:
		c.resume(s, t.of)
	case beginAct:
		c.suspend(s, t.of)
	case rememberAct:
		c.remember(s, t.of)
	case resetAct:
		c.reset(s, t.of, m)
	case countAct, giveAct:
		c.give(s, t.of, m)
	case followAct:
		if c.follows(s, t) {
			c.give(s, t.of, m)
		}
	case dropAct:
		s.overrides[t.of] = overrideState{}
	case setAct:
		s.overrides[t.of] = overrideState{on: true, points: m.Points, last: s.now.micros}
	}
}

// give counts a match of a rule or signal, and gives its points or says why not.
func (c *Compiled) give(s *State, i int, m *Match) {
	rule, r, now := &c.rules[i], &s.rules[i], &s.now
	for _, l := range rule.limits {
		if c.limits[l.limit].Per == PerVisit {
			s.limits[l.limit].meet(now.micros, rule.pause)
		}
	}
	p := m.Points
	if rule.repeat != nil {
		p = c.repeated(s, rule, r, m)
	}
	// Whether a score is high enough is asked before the match is part of it.
	given, why := c.allowed(s, rule, m, p)
	r.count++
	r.given += p
	r.last = now.micros
	r.matchedIn = now.number
	if why != notWithheld {
		w := &r.withheld[why]
		w.count++
		w.points += p - given
		w.last = now.micros
	}
	counts := why == notWithheld || given != 0
	if given != 0 {
		now.moved = true
	}
	if given > 0 {
		r.gaveIn = now.number
	}
	c.count(s, rule, r, m, given, counts)
	if len(rule.steps) > 0 {
		c.stepped(s, rule)
	}
}

// allowed returns how much of the points of a match is given, and why not all of it.
func (c *Compiled) allowed(s *State, rule *compiledRule, m *Match, p points.Points) (points.Points, reason) {
	switch {
	case len(rule.suspensions) > 0 && s.suspended(rule, p):
		return 0, bySuspension
	case len(rule.stops) > 0 && p > 0 && c.stopped(s, rule):
		return 0, byStop
	case len(rule.limits) > 0:
		given, counts := c.limited(s, rule, m, p)
		if !counts || given != p {
			return given, byLimit
		}
	}
	return p, notWithheld
}

// count notes what gates can be told of a match, and its points by day.
func (c *Compiled) count(s *State, rule *compiledRule, r *ruleState, m *Match, p points.Points, counts bool) {
	now, of := &s.now, &r.measured
	one := int64(0)
	if counts {
		one = 1
	}
	another := of.matches == 0 || c.calendar.day(of.last) != now.day
	if rule.visits {
		v := &of.visit
		if of.matches == 0 || now.micros-of.last >= rule.pause {
			*v = visit{began: now.micros}
		}
		if v.matches == 0 || another {
			v.days++
		}
		v.matches++
		v.counted += one
		if m.said != nil {
			v.sum = v.sum.plus(m.said.value)
		}
	}
	of.matches++
	of.counted += one
	of.last = now.micros
	if another {
		of.days++
	}
	if m.said != nil {
		if rule.value {
			of.sum = of.sum.plus(m.said.value)
		}
		if rule.distinct && m.said.distinct != 0 {
			of.distinct = meetValue(of.distinct, m.said.distinct, now.micros)
		}
	}
	if rule.horizon == 0 {
		return
	}
	s.touched++
	if r.buckets.some && r.buckets.newest.day != now.day {
		s.touched += r.buckets.prune(rule, now.day)
	}
	if r.leftNow = r.leftNow && r.leftDay == now.day; r.leftNow {
		r.left += p
	}
	b := r.buckets.on(now.day, rule.each)
	b.matches++
	b.counted += one
	if m.said != nil && rule.value {
		b.sum = b.sum.plus(m.said.value)
	}
	if !rule.fade.never {
		b.points += p
	}
}

// repeated returns the points of a match that gives less the more often it happens.
func (c *Compiled) repeated(s *State, rule *compiledRule, r *ruleState, m *Match) points.Points {
	times := r.measured.counted
	if rule.own {
		limit := &c.limits[rule.limits[0].limit]
		l := &s.limits[rule.limits[0].limit]
		t := l.of(limit, m.key(rule.limits[0].key))
		c.room(limit, l, t, s.now.micros, 0)
		times = t.used
	}
	return rule.repeat[min(times, int64(len(rule.repeat)-1))]
}

// key is the value of a limit.
func (m *Match) key(i int) uint64 {
	if i < 0 || m.said == nil {
		return 0
	}
	return m.said.keys[i]
}

// limited returns how much of a match the limits of its rule let count, and counts it;
// false: it does not count at all.
func (c *Compiled) limited(s *State, rule *compiledRule, m *Match, p points.Points) (points.Points, bool) {
	counted, counts := p, true
	for _, l := range rule.limits {
		limit, state := &c.limits[l.limit], &s.limits[l.limit]
		room, some := c.room(limit, state, state.of(limit, m.key(l.key)), s.now.micros, p)
		if counts = counts && some; size(room) < size(counted) {
			counted = room
		}
	}
	if !counts {
		return 0, false
	}
	for _, l := range rule.limits {
		limit, state := &c.limits[l.limit], &s.limits[l.limit]
		state.of(limit, m.key(l.key)).use(limit, s.now.micros, counted)
	}
	return counted, true
}

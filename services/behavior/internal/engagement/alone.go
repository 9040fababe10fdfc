package engagement

import (
	"slices"

	"github.com/assay-hq/assay/services/internal/condition"
)

// What happens by itself: rules and resets by a schedule or by inactivity, and floors
// that are looked at by a schedule. It happens from the lead's first fact on, at
// instants that follow from the model, the facts and the time zone alone, and before
// the facts of its instant. A state at rest has seen what was due up to its head;
// whoever reads it at a later instant lets a copy of it go on.

// aloneTrigger is something that happens by itself.
type aloneTrigger struct {
	// trigger is its position in Compiled.triggers, floor that in Compiled.floors; one of
	// them is -1.
	trigger, floor int
	// schedule, or the position in Compiled.quiets.
	schedule *compiledSchedule
	quiet    int
}

// byItself says when a trigger happens by itself.
func (b *compiler) byItself(path string, schedule *Schedule, quiet *Inactivity, activities []string, t *trigger) {
	if schedule != nil {
		t.schedule = b.schedule(path+".schedule", schedule)
	}
	if quiet != nil {
		t.waits = true
		t.quiet = b.inactivity(path+".inactivity", quiet, activities)
	}
}

// alone lists what happens by itself, in the order in which it does at one instant.
func (b *compiler) alone() {
	out := &b.out
	for i := range out.triggers {
		t := &out.triggers[i]
		if t.act == followAct {
			out.followers = append(out.followers, i)
		}
		if t.schedule == nil && !t.waits {
			continue
		}
		if t.waits {
			out.quiets[t.quiet].alone = len(out.alone)
		}
		out.alone = append(out.alone, aloneTrigger{trigger: i, floor: -1, schedule: t.schedule, quiet: t.quiet})
		out.readsKnown = true
	}
	for _, f := range out.lifting {
		if out.floors[f].schedule != nil {
			s := b.schedule(out.floors[f].path+".schedule", out.floors[f].schedule)
			out.alone = append(out.alone, aloneTrigger{trigger: -1, floor: f, schedule: s, quiet: -1})
			out.readsKnown = true
		}
	}
	for i := range out.alone {
		a := &out.alone[i]
		if a.schedule != nil && a.schedule.zone != "" {
			out.asksAlone = true
		}
		if a.trigger >= 0 {
			out.triggers[a.trigger].reads(func(r *reads) { out.asksAlone = out.asksAlone || r.readsProfile })
		}
	}
	if len(out.alone) > 0 {
		for _, i := range out.followers {
			out.triggers[i].reads(func(r *reads) { out.asksAlone = out.asksAlone || r.readsProfile })
		}
	}
}

// Advance makes what happens by itself up to an instant, which is not before the head.
func (c *Compiled) Advance(s *State, micros int64, m *Matcher) {
	if len(c.alone) == 0 || !s.known.known || micros <= s.known.micros {
		return
	}
	c.prepare(s)
	if s.next == nil {
		c.expectAll(s, m)
	}
	for s.due <= micros {
		c.happen(s, s.due, m)
	}
	s.clock = instant{known: true, micros: micros}
}

// expectAll finds when everything happens next.
func (c *Compiled) expectAll(s *State, m *Matcher) {
	from := s.known.micros
	if s.clock.known {
		from = s.clock.micros
	} else if s.folded {
		from = max(from, s.Head.Micros) // what does not count, and an account, are older than the lead
	}
	s.next, s.due = make([]int64, len(c.alone)), never
	for i := range c.alone {
		a := &c.alone[i]
		if a.schedule != nil {
			c.expect(s, i, c.scheduled(a.schedule, from, m))
		} else {
			c.expect(s, i, c.silence(s, a.quiet))
		}
	}
}

// expect notes when something happens next.
func (c *Compiled) expect(s *State, alone int, micros int64) {
	s.next[alone] = micros
	s.due = min(s.due, micros)
}

// happen makes what is due at an instant.
func (c *Compiled) happen(s *State, micros int64, m *Matcher) {
	if slices.Min(s.next) > micros {
		s.due = slices.Min(s.next) // an activity has put it off
		return
	}
	c.begin(s, micros, m)
	m.stand(micros)
	m.facts.Activity, m.facts.Before = nil, nil
	some := false
	for i := range c.alone {
		if a := &c.alone[i]; s.next[i] == micros && a.trigger >= 0 {
			some = c.act(s, a.trigger, m) || some
			if a.schedule == nil {
				s.quiet[a.quiet].happened = instant{known: true, micros: micros}
			}
		}
	}
	if some {
		for _, i := range c.followers {
			if c.follows(s, &c.triggers[i]) {
				c.act(s, i, m)
			}
		}
	}
	for i := range c.alone {
		if a := &c.alone[i]; s.next[i] == micros && a.floor >= 0 {
			c.liftOne(s, a.floor)
		}
	}
	c.end(s)
	for i := range c.alone {
		if s.next[i] == micros {
			s.next[i] = c.again(s, &c.alone[i], micros, m)
		}
	}
	s.due = slices.Min(s.next)
}

// act asks the conditions of a trigger at the instant of the happening and does what it
// does.
func (c *Compiled) act(s *State, i int, m *Matcher) bool {
	t := &c.triggers[i]
	match := Match{Trigger: i}
	kept := len(m.said)
	defer func() { m.said = m.said[:kept] }()
	if !m.one(&match) || !c.admits(s, t, &match) {
		return false
	}
	c.do(s, t, &match)
	return true
}

// again returns when something that was due happens next. Where nothing it sees can have
// changed until then, it need not be looked at.
func (c *Compiled) again(s *State, a *aloneTrigger, micros int64, m *Matcher) int64 {
	switch {
	case a.schedule == nil:
		return c.silence(s, a.quiet)
	case a.floor >= 0:
		if !c.stepReadsProfile && !c.fading(s) {
			return never // until points are given or taken
		}
	default:
		if w := c.triggers[a.trigger].when; w != nil && !w.readsNow {
			m.stand(micros)
			if truth, _ := w.condition.Eval(&m.facts); truth != condition.True {
				changes := m.view.profile.changesOf(c, &w.reads, micros)
				if changes == never {
					return never
				}
				return c.scheduled(a.schedule, max(micros, changes-1), m)
			}
		}
	}
	return c.scheduled(a.schedule, micros, m)
}

// fading says that points of some rule still fade.
func (c *Compiled) fading(s *State) bool {
	for i := range s.rules {
		if !c.rules[i].fade.never && s.rules[i].buckets.some {
			return true
		}
	}
	return false
}

// look lets the floors with a schedule be looked at again, after points were given or
// taken.
func (c *Compiled) look(s *State) {
	if s.next == nil {
		return
	}
	for i := range c.alone {
		if a := &c.alone[i]; a.floor >= 0 && s.next[i] == never {
			c.expect(s, i, c.scheduled(a.schedule, s.now.micros, s.now.matcher))
		}
	}
}

// nextEvent returns the next instant after that of a state at which something may happen
// by itself; never, if nothing will.
func (c *Compiled) nextEvent(s *State, m *Matcher) int64 {
	if len(c.alone) == 0 || !s.known.known {
		return never
	}
	c.prepare(s)
	if s.next == nil {
		c.expectAll(s, m)
	}
	return slices.Min(s.next)
}

// at returns a state as it is at an instant that is not before its head, and a matcher
// that stands there. The state that it is given does not change.
func (c *Compiled) at(s *State, p *Profile, micros int64) (*State, *Matcher) {
	m := c.NewMatcher(p)
	if len(c.alone) > 0 && s.known.known && micros > s.known.micros {
		copied := s.clone()
		s = &copied
		c.Advance(s, micros, m)
	}
	m.stand(micros)
	return s, m
}

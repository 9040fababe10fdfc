package fit

import (
	"slices"
	"time"
)

// lookAhead is for how many days a sweep looks whether the time alone changes a result.
const lookAhead = 30

// review goes on from where the sweep stands, as if nothing happened any more, and
// returns when the result becomes another. Facts that are true later are not looked at.
func (s *sweep) review(asOf time.Time, now *Result) time.Time {
	m := s.model
	if len(m.past) == 0 && len(m.timed) == 0 {
		return time.Time{}
	}
	s.history = s.history[:s.taken]
	s.midnight = time.Time{}
	if len(m.timed) > 0 {
		s.midnight = nextDay(asOf, m.zone)
	}
	for days := 0; ; {
		at, byTime, ok := s.next()
		if !ok {
			return time.Time{}
		}
		s.facts.Now = at
		s.takeIn(at)
		s.mark(m.timed)
		if s.ask(len(m.questions), true) {
			if then := s.result(); !now.same(&then) {
				return at
			}
		}
		if !byTime {
			continue
		}
		if days++; days == lookAhead {
			return at
		}
		s.midnight = nextDay(at, m.zone)
	}
}

// same reports whether two results are, their words aside.
func (r *Result) same(o *Result) bool {
	return r.Status == o.Status && r.Score == o.Score && r.Class == o.Class && r.Persona == o.Persona && r.ICP == o.ICP &&
		slices.Equal(r.Flags, o.Flags) && slices.Equal(r.Unknown, o.Unknown) && slices.Equal(r.Missing, o.Missing) &&
		slices.EqualFunc(r.Lines, o.Lines, func(a, b Line) bool {
			a.Description, b.Description = "", ""
			return a == b
		})
}

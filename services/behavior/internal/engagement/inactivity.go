package engagement

import "time"

// compiledQuiet is an inactivity.
type compiledQuiet struct {
	// after, repeat and guard in microseconds: see Inactivity.
	after, repeat, guard int64
	// alone is its position in Compiled.alone.
	alone int
}

// inactivity adds an inactivity, and what ends it.
func (b *compiler) inactivity(path string, in *Inactivity, activities []string) int {
	if in.After <= 0 || in.After > maxDays*day {
		b.problem(path+".days", "must be more than 0 and at most %d, is %s", maxDays, inDays(in.After))
	}
	if in.Repeat < 0 || in.Repeat > maxDays*day || in.Repeat > 0 && in.Repeat < time.Hour {
		b.problem(path+".repeatDays", "must be 0 or from an hour to %d days, is %s", maxDays, inDays(in.Repeat))
	}
	if in.NotBefore < 0 || in.NotBefore > maxDays*day {
		b.problem(path+".notBeforeDays", "must be from 0 to %d, is %s", maxDays, inDays(in.NotBefore))
	}
	if len(activities) == 0 {
		activities = []string{"*"}
	}
	quiet := len(b.out.quiets)
	b.out.quiets = append(b.out.quiets, compiledQuiet{
		after: int64(in.After / time.Microsecond), repeat: int64(in.Repeat / time.Microsecond), guard: int64(in.NotBefore / time.Microsecond),
	})
	b.out.triggers = append(b.out.triggers, trigger{act: quietAct, of: quiet, types: activities})
	return quiet
}

// stir notes an activity that ends an inactivity.
func (c *Compiled) stir(s *State, quiet int) {
	s.quiet[quiet] = quietState{ended: instant{known: true, micros: s.now.micros}}
	if s.next != nil {
		c.expect(s, c.quiets[quiet].alone, c.silence(s, quiet))
	}
}

// silence returns the next instant at which an inactivity happens; never, if it has and
// does not repeat.
func (c *Compiled) silence(s *State, quiet int) int64 {
	of, state := &c.quiets[quiet], &s.quiet[quiet]
	if state.happened.known {
		if of.repeat == 0 {
			return never
		}
		return state.happened.micros + of.repeat
	}
	since := s.known
	if state.ended.known {
		since = state.ended
	}
	return max(since.micros+of.after, s.known.micros+of.guard)
}

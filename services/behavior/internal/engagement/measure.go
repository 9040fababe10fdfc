package engagement

// measure returns what is measured of the matches of a rule or signal at an instant
// that is not before the head.
func (c *Compiled) measure(s *State, rule int, of Measure, withinDays int64, inVisit bool, micros int64) float64 {
	if of == MeasureDaysSince {
		return c.daysSince(s, rule, micros)
	}
	if len(s.rules) == 0 {
		return 0
	}
	m := &s.rules[rule].measured
	switch {
	case of == MeasureDistinct:
		return float64(c.distinct(m, withinDays, inVisit, micros))
	case inVisit && (withinDays == 0 || c.calendar.day(micros)-c.calendar.day(m.visit.began) < withinDays):
		return m.visit.measure(of)
	case withinDays == 0:
		return (&visit{matches: m.matches, counted: m.counted, days: m.days, sum: m.sum}).measure(of)
	}
	// All of the window, or of the visit that began before it: what came since is of it.
	var within visit
	today := c.calendar.day(micros)
	s.rules[rule].buckets.all(c.rules[rule].each, func(k *bucket) {
		if today-k.day >= withinDays || k.matches == 0 {
			return
		}
		within.matches += k.matches
		within.counted += k.counted
		within.sum = within.sum.plus(k.sum)
		within.days++
	})
	return within.measure(of)
}

// daysSince returns the days since the latest match, or since the lead is known.
func (c *Compiled) daysSince(s *State, rule int, micros int64) float64 {
	since := s.known
	if len(s.rules) > 0 && s.rules[rule].measured.matches > 0 {
		since = instant{known: true, micros: s.rules[rule].measured.last}
	}
	if !since.known {
		return 0
	}
	return float64(c.calendar.day(micros) - c.calendar.day(since.micros))
}

// distinct returns how many values were met.
func (c *Compiled) distinct(m *measured, withinDays int64, inVisit bool, micros int64) (n int) {
	today := c.calendar.day(micros)
	for i := len(m.distinct) - 1; i >= 0; i-- { // the latest first
		met := m.distinct[i].micros
		if inVisit && met < m.visit.began || withinDays > 0 && today-c.calendar.day(met) >= withinDays {
			break
		}
		n++
	}
	return n
}

func (v *visit) measure(of Measure) float64 {
	switch of {
	case MeasureDays:
		return float64(v.days)
	case MeasureSum:
		return v.sum.float()
	case MeasureCounted:
		return float64(v.counted)
	default:
		return float64(v.matches)
	}
}

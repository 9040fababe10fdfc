package engagement

// measure returns what is measured of the matches of a rule or signal at an instant.
func (c *Compiled) measure(s *State, rule int, _ Measure, _ int64, _ bool, _ int64) float64 {
	if rule >= len(s.rules) {
		return 0
	}
	return float64(s.rules[rule].count)
}

package engagement

import "github.com/assay-hq/assay/services/internal/points"

func (b *compiler) stop(path string, stop *Stop) {
	if stop == nil {
		return
	}
	given := 0
	for _, edge := range []*points.Points{stop.Engagement, stop.Combined, stop.Group} {
		if edge != nil {
			given++
		}
	}
	if given != 1 {
		b.problem(path, "must give exactly one of engagementAtLeast, combinedAtLeast and groupAtLeast, gives %d", given)
	}
	if stop.Combined != nil && b.model.Combined == nil {
		b.problem(path+".combinedAtLeast", "must not be given without a combined score")
	}
}

// stopsOf returns the groups around a rule that have a stop, its own first.
func (b *compiler) stopsOf(group int) (stops []int) {
	for ; group >= 0; group = b.out.groups[group].parent {
		if b.out.groups[group].stop != nil {
			stops = append(stops, group)
		}
	}
	return stops
}

// stopped says that a group around a rule is halted at the instant of the happening.
func (c *Compiled) stopped(s *State, rule *compiledRule) bool {
	view, micros := s.now.view(), s.now.micros
	for _, g := range rule.stops {
		stop := c.groups[g].stop
		if stop.Group != nil {
			if c.groupValue(g, s, view, micros) >= *stop.Group {
				return true
			}
			continue
		}
		engagement, combined, known := c.value(s, view, micros)
		if stop.Engagement != nil && engagement >= *stop.Engagement || stop.Combined != nil && known && combined >= *stop.Combined {
			return true
		}
	}
	return false
}

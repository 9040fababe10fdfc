package decision

import "slices"

// Lack is one thing that keeps a gate from holding.
type Lack struct {
	// Words are the condition, e.g. `engagement score at least 50`.
	Words string
	// Have is the number there is, and Need by how much it must change to reach the
	// range, below 0 where it must fall; both nil where no number is in question.
	Have, Need *float64
	// Missing are attributes that are unknown and would have to be known.
	Missing []string
}

// nearest is the shortest list of conditions that would make the rules' verdict
// QUALIFIED, were they to hold as well: by the gates, or by a fast track or a
// self-selection that is begun where that takes less.
func nearest(rules *Rules, e *Evidence) []Lack {
	var nearest []Lack
	consider := func(lacks []Lack) {
		if nearest == nil || len(lacks) < len(nearest) {
			nearest = lacks
		}
	}
	if rules.Gates != nil {
		lacks := lacking(rules.Gates, e)
		for _, attribute := range rules.NeedsData.missing(e) {
			lacks = append(lacks, Lack{Words: attribute + " known", Missing: []string{attribute}})
		}
		consider(lacks)
	}
	for _, rule := range rules.FastTrack {
		if rule.When != nil {
			consider(lacking(rule.When, e))
		}
	}
	for i := range rules.SelfSelection {
		s := &rules.SelfSelection[i]
		if s.stands(e) != begun {
			continue // a form that nobody filled in is not what a lead lacks
		}
		lacks := []Lack{}
		for _, p := range s.parts() {
			lacks = append(lacks, lacking(p.Gate, e)...)
		}
		consider(lacks)
	}
	return nearest
}

// lacking are the conditions that would have to hold for a gate to hold; never nil, and
// empty if it does.
func lacking(g Gate, e *Evidence) []Lack {
	if g.answer(e) == True {
		return []Lack{}
	}
	switch g := g.(type) {
	case all:
		lacks := []Lack{}
		for _, part := range g.of {
			lacks = append(lacks, lacking(part, e)...)
		}
		return lacks
	case atLeastOf:
		return nearestOf(g, e)
	case score:
		return []Lack{lackOf(g.words(), g.in.of(e.segment), g.of(e).Scored, g.of(e).Points.Float())}
	case pointsOf:
		p, scored := g.points(e)
		return []Lack{lackOf(g.words(), g.in.of(e.segment), scored, p.Float())}
	case activity:
		n, counted := e.Engagement.watched(g.Place)
		return []Lack{lackOf(g.words(), g.in.of(e.segment), counted, n)}
	case known:
		return []Lack{{Words: g.words(), Missing: g.missing(e)}}
	case when:
		lack := Lack{Words: g.words()}
		for _, attribute := range g.Attributes() {
			if !e.known(attribute) {
				lack.Missing = append(lack.Missing, attribute)
			}
		}
		return []Lack{lack}
	default:
		return []Lack{{Words: g.words()}}
	}
}

// nearestOf are the lacks of the alternatives that take the least, as many as it takes.
func nearestOf(g atLeastOf, e *Evidence) []Lack {
	held := 0
	var open [][]Lack
	for _, part := range g.of {
		if part.answer(e) == True {
			held++
			continue
		}
		open = append(open, lacking(part, e))
	}
	slices.SortStableFunc(open, func(a, b []Lack) int { return len(a) - len(b) })
	lacks := []Lack{}
	for i := 0; i < len(open) && held+i < g.count; i++ {
		lacks = append(lacks, open[i]...)
	}
	return lacks
}

func lackOf(words string, r Range, known bool, have float64) Lack {
	lack := Lack{Words: words}
	if !known {
		return lack
	}
	need := r.lacks(have)
	if need == 0 {
		need = -r.exceeds(have)
	}
	lack.Have, lack.Need = &have, &need
	return lack
}

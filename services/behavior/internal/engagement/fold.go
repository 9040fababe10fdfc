package engagement

// Facts is everything that is known of a lead.
type Facts struct {
	// Facts in any order, repeated or not.
	Facts []Fact
	// Fit over time, in any order.
	Fit []FitPoint
}

// Fold scores facts from nothing: those that became true up to an instant count. This
// is what a score means; History arrives at the same with less work.
func (c *Compiled) Fold(facts Facts, micros int64) Score {
	state, matcher := c.fold(facts, micros)
	return c.Score(&state, matcher.view.profile, micros)
}

func (c *Compiled) fold(facts Facts, micros int64) (State, *Matcher) {
	ordered := inOrder(facts.Facts)
	var profile Profile
	profile.setFit(c, facts.Fit)
	if len(c.attributes) > 0 {
		for _, f := range ordered {
			if f.Kind == Attribute {
				profile.put(c, f)
			}
		}
	}
	var state State
	matcher := c.NewMatcher(&profile)
	for _, f := range ordered {
		if f.Micros > micros {
			break
		}
		if e, useful := matcher.Match(f); useful {
			c.Step(&state, &e)
			matcher.forget()
		}
	}
	c.Advance(&state, state.Head.Micros)
	return state, matcher
}

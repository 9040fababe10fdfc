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
	profile := &Profile{}
	profile.setFit(c, facts.Fit)
	for _, f := range ordered {
		profile.meet(c, f)
		if f.Kind == Attribute && len(c.attributes) > 0 {
			profile.put(c, f)
		}
	}
	state := State{known: profile.known}
	matcher := c.NewMatcher(profile)
	changed := instant{}
	for _, f := range ordered {
		if f.Micros > micros {
			break
		}
		if f.Kind == Attribute && c.changes != nil && (!changed.known || changed.micros != f.Micros) {
			changed = instant{known: true, micros: f.Micros}
			if e, useful := matcher.Change(f.Micros); useful {
				c.Step(&state, &e, matcher)
			}
		}
		if e, useful := matcher.Match(f); useful {
			c.Step(&state, &e, matcher)
		}
		matcher.forget()
	}
	c.settle(&state)
	return state, matcher
}

package engagement

import "github.com/assay-hq/assay/services/internal/points"

// reading reads a score from a state at an instant.
type reading struct {
	c *Compiled
	s *State
	// day of the instant in the model's calendar.
	day int64
	// present is what gates ask; nil if the model asks none.
	present *present
	// lines to append to; nil: none are wanted.
	lines *[]Contribution
	// display is the sum of the lines of kind Shown.
	display points.Points
	// counting is the score that counts are added to, as the rules are read; nil: none.
	counting *Score
	within   []int64
	// fixed are the points that are left of each rule, if they are not to be read.
	fixed []points.Points
}

// line adds a line that no activity stands behind.
func (r *reading) line(rule, group string, line Line, p points.Points, words string) {
	if line == Shown {
		r.display += p
	}
	if r.lines != nil {
		*r.lines = append(*r.lines, Contribution{Rule: rule, Group: group, Line: line, Points: p, Description: words})
	}
}

// left returns what is left of a rule's points, and counts its matches.
func (r *reading) left(i int) points.Points {
	if r.fixed != nil {
		return r.fixed[i]
	}
	if r.counting == nil || r.s.rules[i].measured.matches == 0 {
		return r.c.left(r.s, i, r.day)
	}
	measured := &r.s.rules[i].measured
	count := Count{Rule: r.c.rules[i].id, Count: measured.matches, LastMicros: measured.last}
	if n := len(r.c.windows); n > 0 {
		count.Within, r.within = r.within[:n:n], r.within[n:]
	}
	left := r.c.leftCounting(r.s, i, r.day, count.Within)
	r.counting.Counts = append(r.counting.Counts, count)
	return left
}

// engagement returns the engagement score underneath what is shown by overrides.
func (r *reading) engagement() points.Points {
	var sum points.Points
	for g := 0; g < len(r.c.groups); g = r.c.groups[g].after {
		p, _ := r.group(g)
		sum += p
	}
	return r.bound(&r.c.total, sum)
}

// group returns the points of a group. It reports whether anything in it gave a line.
func (r *reading) group(g int) (sum points.Points, gave bool) {
	group := &r.c.groups[g]
	var highest, lowest points.Points
	add := func(p points.Points, given bool) {
		if !given {
			return
		}
		if !gave {
			highest, lowest = p, p
		}
		gave = true
		sum += p
		highest, lowest = max(highest, p), min(lowest, p)
	}
	if r.s.rules != nil {
		for i := group.first; i < group.end; i++ {
			add(r.rule(i, group.id))
		}
	}
	for i := range group.criteria {
		add(r.criterion(&group.criteria[i], group.id))
	}
	for inner := g + 1; inner < group.after; inner = r.c.groups[inner].after {
		add(r.group(inner))
	}
	if group.combine != CombineSum {
		one := highest
		if group.combine == CombineMin {
			one = lowest
		}
		if one != sum {
			r.line(group.id, group.id, Chosen, one-sum, group.chosen)
		}
		sum = one
	}
	before := sum
	sum = r.bound(&group.bounds, sum)
	return sum, gave || sum != before
}

// rule returns the points of a rule and reports whether it has lines.
func (r *reading) rule(i int, group string) (points.Points, bool) {
	rule, state := &r.c.rules[i], &r.s.rules[i]
	defer r.voided(rule, state, group)
	if !state.happened() {
		return 0, false
	}
	left := r.left(i)
	held := left
	if rule.cap != nil {
		held = max(min(left, *rule.cap), -*rule.cap)
	}
	if r.lines == nil {
		return held, true
	}
	counted := r.given(rule, state, group)
	if left != counted {
		r.line(rule.id, group, Faded, left-counted, rule.words[Faded])
	}
	if held != left {
		r.line(rule.id, group, Capped, held-left, rule.words[Capped])
	}
	return held, true
}

// bound holds points between floors and cap.
func (r *reading) bound(b *bounds, sum points.Points) points.Points {
	if lifted := r.s.liftedBy(b.floor); lifted != 0 {
		r.line(b.id, b.group, Lifted, lifted, b.lifted)
		sum += lifted
	}
	if b.cap != nil && sum > *b.cap {
		r.line(b.id, b.group, Capped, *b.cap-sum, b.capped)
		sum = *b.cap
	}
	if b.least != nil && sum < *b.least {
		r.line(b.id, b.group, Shown, *b.least-sum, b.shown)
		sum = *b.least
	}
	return sum
}

// suspended returns the ids of the suspensions that hold.
func (r *reading) suspended() []string {
	var ids []string
	for i := range r.s.suspensions {
		if r.s.suspensions[i].on {
			ids = append(ids, r.c.suspensions[i].id)
		}
	}
	return ids
}

package engagement

import (
	"fmt"
	"slices"

	"github.com/assay-hq/assay/services/internal/points"
)

// compiledReset takes points away that were given before.
type compiledReset struct {
	id, description string
	// of are the rules, and floors the floors of groups, whose points it takes.
	of, floors []int
	keep       points.Points
	// memory that the points become; -1: none.
	memory int
	// forget: the limits that begin anew; nil unless it forgets.
	forget bool
	limits []int
	limit  []ruleLimit
}

// compiledMemory remembers the points of rules.
type compiledMemory struct {
	id, description string
	first           bool
}

func (b *compiler) memories() {
	for i, in := range b.model.Memories {
		path := fmt.Sprintf("memories[%d]", i)
		b.id(path+".id", in.ID)
		if len(in.Activities) == 0 {
			b.problem(path+".activities", "must name at least one activity type")
		}
		b.types(path+".activities", in.Activities)
		b.out.memories = append(b.out.memories, compiledMemory{id: in.ID, description: named(in.Description, in.ID), first: in.First})
		b.out.triggers = append(b.out.triggers, trigger{
			act: rememberAct, of: i, types: in.Activities, when: b.when(path+".when", in.When, activityVars),
			gate: b.gate(path+".onlyIf", in.OnlyIf),
		})
	}
}

func (b *compiler) resets() {
	for i := range b.model.Resets {
		b.addReset(fmt.Sprintf("resets[%d]", i), &b.model.Resets[i])
	}
}

func (b *compiler) addReset(path string, in *Reset) {
	b.id(path+".id", in.ID)
	at := len(b.out.resets)
	out := compiledReset{id: in.ID, description: named(in.Description, in.ID), keep: in.Keep, memory: -1, forget: in.Forget}
	if in.Keep < 0 || in.Keep > wholePercent {
		b.problem(path+".keepPercent", "must be from 0 to 100, is %v", in.Keep)
	}
	if in.Restore != "" {
		out.memory = slices.IndexFunc(b.out.memories, func(m compiledMemory) bool { return m.id == in.Restore })
		if out.memory < 0 {
			b.problem(path+".restore", "must be the id of a memory, is %q", in.Restore)
		}
		if in.Keep != 0 {
			b.problem(path+".keepPercent", "must not be given beside restore")
		}
	}
	vars := b.kind(path, &Rule{
		Activities: in.Activities, Attributes: in.Attributes, Schedule: in.Schedule, Inactivity: in.Inactivity,
	})
	t := trigger{
		act: resetAct, of: at, types: in.Activities, attributes: in.Attributes,
		when: b.when(path+".when", in.When, vars), gate: b.gate(path+".onlyIf", in.OnlyIf),
	}
	if limit, given := b.limit(path+".limit", in.Limit); given {
		if in.Limit.Points != nil {
			b.problem(path+".limit.points", "must not be given for a reset")
		}
		out.limit = []ruleLimit{{limit: limit, key: b.key(path+".limit.perValue", in.Limit, &t)}}
	}
	b.out.resets = append(b.out.resets, out)
	if in.Schedule != nil || in.Inactivity != nil {
		t.types = nil
		b.byItself(path, in.Schedule, in.Inactivity, in.Activities, &t)
	}
	b.out.triggers = append(b.out.triggers, t)
	b.later(func() { b.reach(path, in, &b.out.resets[at]) })
}

// ofTotal and ofCombined name the lifts of the floors of the total and of the combined
// score among what a reset takes.
const ofTotal, ofCombined = Total, "combined"

// reach finds what a reset takes, and which limits it makes begin anew: those of which
// it takes all the rules.
func (b *compiler) reach(path string, in *Reset, out *compiledReset) {
	groups := map[int]bool{
		onTotal:    len(in.Of) == 0 || slices.Contains(in.Of, ofTotal),
		onCombined: len(in.Of) == 0 || slices.Contains(in.Of, ofCombined),
	}
	for g := range b.out.groups {
		group := &b.out.groups[g]
		groups[g] = len(in.Of) == 0 || slices.Contains(in.Of, group.id) || group.parent >= 0 && groups[group.parent]
	}
	if len(in.Of) > 0 {
		for i, id := range in.Of {
			if id != ofTotal && id != ofCombined {
				out.of = append(out.of, b.rulesOf(fmt.Sprintf("%s.of[%d]", path, i), id)...)
			}
		}
		slices.Sort(out.of)
		out.of = slices.Compact(out.of)
	} else {
		for r := range b.out.rules {
			if !b.out.rules[r].signal {
				out.of = append(out.of, r)
			}
		}
	}
	for f := range b.out.floors {
		if groups[b.out.floors[f].group] {
			out.floors = append(out.floors, f)
		}
	}
	if !in.Forget {
		return
	}
	under := map[int][]int{} // limit → its rules
	for r := range b.out.rules {
		for _, l := range b.out.rules[r].limits {
			under[l.limit] = append(under[l.limit], r)
		}
	}
	for l, rules := range under {
		if !slices.ContainsFunc(rules, func(r int) bool { return !slices.Contains(out.of, r) }) {
			out.limits = append(out.limits, l)
		}
	}
	slices.Sort(out.limits)
}

// remember keeps what is left of all points at the instant of the happening.
func (c *Compiled) remember(s *State, i int) {
	m := &s.memories[i]
	if c.memories[i].first && m.known {
		return
	}
	*m = memoryState{known: true, micros: s.now.micros, lifted: slices.Clone(s.lifted)}
	for r := range s.rules {
		if !c.rules[r].signal {
			m.points = append(m.points, c.left(s, r, s.now.day))
		}
	}
}

// reset takes points away, and gives back what was remembered.
func (c *Compiled) reset(s *State, i int, m *Match) {
	reset := &c.resets[i]
	if len(reset.limit) > 0 {
		limit, state := &c.limits[reset.limit[0].limit], &s.limits[reset.limit[0].limit]
		if limit.Per == PerVisit {
			state.meet(s.now.micros, visitPause)
		}
		tally := state.of(limit, m.key(reset.limit[0].key))
		if _, counts := c.room(limit, state, tally, s.now.micros, 0); !counts {
			return
		}
		tally.use(limit, s.now.micros, 0)
	}
	var back *memoryState
	if reset.memory >= 0 {
		if back = &s.memories[reset.memory]; !back.known {
			back = nil
		}
	}
	for _, r := range reset.of {
		c.take(s, r, reset.keep)
		if reset.forget {
			s.rules[r].measured = measured{}
			s.rules[r].buckets.forget(c.rules[r].each)
		}
		if back != nil && back.points[r] != 0 {
			c.restore(s, r, back.points[r])
		}
	}
	for _, f := range reset.floors {
		s.lifted[f] = portion(s.lifted[f], reset.keep)
		if back != nil {
			s.lifted[f] += back.lifted[f]
		}
	}
	for _, l := range reset.limits {
		s.limits[l] = limitState{}
	}
	s.now.moved = true
}

// take leaves a share of what counted of a rule, in hundredths of a percent.
func (c *Compiled) take(s *State, i int, keep points.Points) {
	rule, r := &c.rules[i], &s.rules[i]
	sum := r.sum()
	gone := sum - portion(sum, keep)
	if !rule.fade.never {
		// What has faded away is no longer in a bucket: only what is, is taken by its day.
		// Which buckets are left must not depend on when they were looked at last.
		r.buckets.prune(rule, s.now.day)
		live := points.Points(0)
		r.buckets.all(rule.each, func(k *bucket) { live += k.points })
		faded := sum - live - r.buckets.settled
		gone = r.buckets.keep(keep, rule.each) + faded - portion(faded, keep)
		r.leftNow = false
	}
	if gone != 0 {
		r.taken += gone
		r.lastTaken = s.now.micros
	}
}

// restore gives points that were remembered, as of today.
func (c *Compiled) restore(s *State, i int, p points.Points) {
	rule, r := &c.rules[i], &s.rules[i]
	r.restored += p
	r.lastRestored = s.now.micros
	if !rule.fade.never {
		r.buckets.on(s.now.day, rule.each).points += p
		r.leftNow = false
	}
}

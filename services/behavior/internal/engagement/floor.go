package engagement

import (
	"cmp"
	"slices"
)

// order puts floors of inner groups before those around them, and of the total and the
// combined score last.
func (b *compiler) order() {
	for i := range b.out.floors {
		b.out.lifting = append(b.out.lifting, i)
	}
	slices.SortStableFunc(b.out.lifting, func(a, c int) int {
		return cmp.Compare(b.out.floors[c].group, b.out.floors[a].group)
	})
}

// lift gives what is missing to the floors that are looked at after every fact.
func (c *Compiled) lift(s *State) {
	for _, i := range c.lifting {
		if c.floors[i].schedule == nil {
			c.liftOne(s, i)
		}
	}
}

func (c *Compiled) liftOne(s *State, i int) {
	value, known := c.floorValue(i, s, s.now.view(), s.now.micros)
	if floor := c.floors[i].points; known && value < floor {
		s.lifted[i] += floor - value
	}
}

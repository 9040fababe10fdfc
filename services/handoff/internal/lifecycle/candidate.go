package lifecycle

import (
	"cmp"
	"strings"
	"time"
)

// Candidate is where one of the leads of a person stands in a track. Of several one says
// where the person stands.
type Candidate struct {
	Standing
	// Lead is its id, Own says that it is the one that stands for the person.
	Lead string
	Own  bool
	// HandedOff is when the handoff was made that its cycle has; zero: it has none.
	HandedOff time.Time
	// Said: a person disqualified it.
	Said bool
}

// Open says whether sales has it, or is about to.
func (c *Candidate) Open() bool { return !c.HandedOff.IsZero() && c.Stage.Worked() }

// Compare orders candidates, whose standing is the person's first: what sales works on
// goes on, the furthest first; then the word of somebody who disqualified the lead, which
// nothing that merely waits in a queue outweighs; then what waits there; then how it ended
// or how far it came. Of equals the earliest handoff, the person's own lead, the oldest.
func (c *Candidate) Compare(other *Candidate) int {
	return cmp.Or(
		cmp.Compare(other.weight(), c.weight()),
		c.HandedOff.Compare(other.HandedOff),
		cmp.Compare(count(other.Own), count(c.Own)),
		strings.Compare(c.Lead, other.Lead),
	)
}

func (c *Candidate) weight() int {
	switch {
	case c.Open() && c.Stage > MarketingQualified:
		return 100 + int(c.Stage)
	case c.Stage == Disqualified && c.Said:
		return 90
	case c.Open():
		return 80
	}
	return map[Stage]int{
		Customer: 70, Disqualified: 60, Lost: 50, Recycled: 40, MarketingQualified: 30, Nurture: 20, Lead: 10,
	}[c.Stage]
}

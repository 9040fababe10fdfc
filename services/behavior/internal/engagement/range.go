package engagement

// span is the range of a gate: atLeast and atMost belong to it, over and below do not.
// An edge that is nil is no limit.
type span struct{ atLeast, atMost, over, below *float64 }

// contains says whether a number lies in the range.
func (r *span) contains(n float64) bool { return r.side(n) == 0 }

// side is -1 for a number that is too low for the range, 1 for one that is too high,
// 0 for one in it.
func (r *span) side(n float64) int {
	switch {
	case r.atLeast != nil && n < *r.atLeast, r.over != nil && n <= *r.over:
		return -1
	case r.atMost != nil && n > *r.atMost, r.below != nil && n >= *r.below:
		return 1
	default:
		return 0
	}
}

// segmentSpan is a range, and those of segments that have one of their own.
type segmentSpan struct {
	all span
	// own by the position of the segment in Compiled.segments; nil: none has its own.
	own map[int]*span
}

// of returns the range for the leads of the segment that the lead belongs to.
func (r *segmentSpan) of(p *present) *span {
	if r.own != nil {
		if own := r.own[p.segmentOf()]; own != nil {
			return own
		}
	}
	return &r.all
}

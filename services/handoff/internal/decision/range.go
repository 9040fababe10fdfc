package decision

import "strconv"

// Range is a range of numbers. An edge that is nil is no limit.
type Range struct {
	// AtLeast and AtMost belong to the range; Over and Below do not.
	AtLeast, AtMost, Over, Below *float64
	// BySegment has the ranges of the segments that have one of their own, by id.
	BySegment map[string]Range
}

// of is the range for the leads of a segment.
func (r Range) of(segment string) Range {
	if own, ok := r.BySegment[segment]; ok {
		return own
	}
	return r
}

// contains says whether a number lies in the range.
func (r Range) contains(n float64) bool { return r.lacks(n) == 0 && r.exceeds(n) == 0 }

// lacks is by how much a number is too low for the range; 0: it is not. A number at
// an edge that does not belong to the range lacks the least there is.
func (r Range) lacks(n float64) float64 {
	switch {
	case r.AtLeast != nil && n < *r.AtLeast:
		return *r.AtLeast - n
	case r.Over != nil && n <= *r.Over:
		return max(*r.Over-n, least)
	default:
		return 0
	}
}

// exceeds is by how much a number is too high for the range; 0: it is not.
func (r Range) exceeds(n float64) float64 {
	switch {
	case r.AtMost != nil && n > *r.AtMost:
		return n - *r.AtMost
	case r.Below != nil && n >= *r.Below:
		return max(n-*r.Below, least)
	default:
		return 0
	}
}

// least is the smallest difference of points.
const least = 0.01

// once says whether the range is that of something that happened at all.
func (r Range) once() bool {
	return r.AtLeast != nil && *r.AtLeast == 1 && r.AtMost == nil && r.Below == nil
}

// words is the range as a salesperson reads it.
func (r Range) words() string {
	low, high := "", ""
	switch {
	case r.AtLeast != nil:
		low = "at least " + number(*r.AtLeast)
	case r.Over != nil:
		low = "over " + number(*r.Over)
	}
	switch {
	case r.AtMost != nil:
		high = "at most " + number(*r.AtMost)
	case r.Below != nil:
		high = "below " + number(*r.Below)
	}
	switch {
	case r.AtLeast != nil && r.AtMost != nil && *r.AtLeast == *r.AtMost:
		return "of " + number(*r.AtLeast)
	case low != "" && high != "":
		return low + " and " + high
	case low+high != "":
		return low + high
	default:
		return "of any height"
	}
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

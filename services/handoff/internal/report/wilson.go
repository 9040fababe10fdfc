package report

import "math"

// z is the normal quantile of an interval that holds 95 of 100 times.
const z = 1.959963984540054

// Interval is a range of a rate, from 0 to 1, or of a difference of two, from -1 to 1.
type Interval struct{ Low, High float64 }

// Holds says whether the interval holds a number.
func (i Interval) Holds(x float64) bool { return i.Low <= x && x <= i.High }

// Rate is a share of n.
type Rate struct {
	// Share is from 0 to 1; 0 of nothing.
	Share float64
	// Interval that the true rate lies in, 95 times of 100 (Wilson's); all of 0 to 1 if n
	// is 0.
	Interval
}

// RateOf is the rate of k of n.
func RateOf(k, n int) Rate {
	if n == 0 {
		return Rate{Interval: Interval{0, 1}}
	}
	p, m := float64(k)/float64(n), float64(n)
	center := p + z*z/(2*m)
	spread := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	scale := 1 + z*z/m
	// Rounding must not put the share outside of its own interval.
	return Rate{p, Interval{Low: max(0, min(p, (center-spread)/scale)), High: min(1, max(p, (center+spread)/scale))}}
}

// Difference is by how much a rate is above another one.
type Difference struct {
	// Points is the difference of the shares, from -1 to 1.
	Points float64
	// Interval of the difference (Newcombe's, of the two Wilson intervals).
	Interval
}

// Beyond says how much a rate is above another.
func (r Rate) Beyond(other Rate) Difference {
	d := r.Share - other.Share
	return Difference{d, Interval{
		Low:  d - math.Hypot(r.Share-r.Low, other.High-other.Share),
		High: d + math.Hypot(r.High-r.Share, other.Share-other.Low),
	}}
}

// MoreThanChance says whether the difference is too large for chance, 95 times of 100.
func (d Difference) MoreThanChance() bool { return !d.Holds(0) }

package engagement

import (
	"math"
	"math/bits"

	"github.com/assay-hq/assay/services/internal/points"
)

// amount is a number that a match says of itself, in millionths: sums of them are exact
// and every machine agrees on them.
type amount int64

const (
	oneAmount = amount(1_000_000)
	maxAmount = amount(1_000_000_000_000) * oneAmount
)

// amountOf rounds a number to millionths, and to what an amount can hold.
func amountOf(f float64) amount {
	switch scaled := math.Round(f * float64(oneAmount)); {
	case scaled >= float64(maxAmount):
		return maxAmount
	case scaled <= -float64(maxAmount):
		return -maxAmount
	default:
		return amount(scaled)
	}
}

// plus adds amounts, up to what they can hold.
func (a amount) plus(other amount) amount {
	return max(min(a+other, maxAmount), -maxAmount)
}

func (a amount) float() float64 { return float64(a) / float64(oneAmount) }

// perUnit is points by an amount.
type perUnit struct {
	value    *expression
	points   points.Points
	unit     amount
	whole    bool
	min, max *points.Points
}

// of returns the points of an amount, rounded half away from zero to hundredths.
func (u *perUnit) of(a amount) points.Points {
	var p points.Points
	if u.whole {
		p = timesOver(floorDiv(int64(a), int64(u.unit)), u.points, 1)
	} else {
		p = timesOver(int64(a), u.points, uint64(u.unit))
	}
	if u.min != nil {
		p = max(p, *u.min)
	}
	if u.max != nil {
		p = min(p, *u.max)
	}
	return p
}

// timesOver returns n*p/d rounded half away from zero, from -points.Max to points.Max.
func timesOver(n int64, p points.Points, d uint64) points.Points {
	negative := (n < 0) != (p < 0)
	high, low := bits.Mul64(magnitude(n), magnitude(int64(p)))
	low, carry := bits.Add64(low, d/2, 0)
	high += carry
	out := points.Max
	if high < d {
		if whole, _ := bits.Div64(high, low, d); whole < uint64(points.Max) {
			out = points.Points(whole)
		}
	}
	if negative {
		return -out
	}
	return out
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

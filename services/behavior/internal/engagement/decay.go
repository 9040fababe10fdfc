package engagement

import (
	"math/big"
	"math/bits"
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

const (
	// one is the factor 1 in the fixed-point tables.
	one = uint64(1) << 62
	// halfLives after which nothing is left: by then less than a millionth is.
	halfLives = 20
	// precision in bits while a table is computed. Each step loses less than one of
	// them, and the longest table has 73,000 steps, so the 62 that are kept are right.
	precision = 192
	day       = 24 * time.Hour
)

// fade is how points fade with their age in days of the model's calendar.
type fade struct {
	// never: points stay.
	never bool
	// after is the age in days up to which points stay in full. The ages below count
	// from there.
	after int64
	// factors by age, as multiples of 2^-62: of a half-life.
	factors []uint64
	// shares by age, as parts of whole: of what shrinks by the day or by steps. A
	// fraction like 9/10 has no exact factor, and half a hundredth must round up.
	shares []uint16
	whole  uint64
	// last is the share from the horizon on, as parts of whole; mostly nothing.
	last uint16
	// length is the age from which what is left no longer changes.
	length int64
	// horizon is the same, counted from the match.
	horizon int64
}

// wholePercent is 100 % in hundredths of a percent, as steps are written.
const wholePercent = 100 * 100

func newFade(d Decay) fade {
	f := fade{after: int64(d.After)}
	switch {
	case d.HalfLife > 0:
		f.factors = halving(d.HalfLife)
		f.length = int64(len(f.factors))
	case d.Window > 0:
		f.length = int64(d.Window)
	case d.Linear > 0:
		f.whole, f.length = uint64(d.Linear), int64(d.Linear)
		for age := range d.Linear {
			f.shares = append(f.shares, uint16(d.Linear-age))
		}
	case len(d.Steps) > 0:
		f.whole, f.last = wholePercent, wholePercent
		for _, step := range d.Steps {
			for len(f.shares) < step.After {
				f.shares = append(f.shares, f.last)
			}
			f.last = uint16(step.Percent)
		}
		f.length = int64(len(f.shares))
	default:
		return fade{never: true}
	}
	f.horizon = f.after + f.length
	return f
}

// left returns what is left of an amount at an age in days, in hundredths, rounded
// half away from zero.
func (f *fade) left(p points.Points, age int64) points.Points {
	age -= f.after
	if f.never || age <= 0 {
		return p
	}
	if age >= f.length && f.last == 0 {
		return 0
	}
	if f.factors != nil {
		whole, rest := times(p, f.factors[age])
		whole += points.Points(rest >> 61) // 1 from a half on; a branch that cannot be guessed is slow
		if p < 0 {
			return -whole
		}
		return whole
	}
	if f.shares == nil {
		return p
	}
	whole, rest := f.part(p, age)
	if 2*rest >= f.whole {
		whole++
	}
	if p < 0 {
		return -whole
	}
	return whole
}

// part returns the share of the size of an amount: whole hundredths, and the rest as
// parts of whole.
func (f *fade) part(p points.Points, age int64) (whole points.Points, rest uint64) {
	share := f.last
	if age < f.length {
		share = f.shares[age]
	}
	if p < 0 {
		p = -p
	}
	high, low := bits.Mul64(uint64(p), uint64(share))
	quotient, rest := bits.Div64(high, low, f.whole) // a share is at most the whole: it fits
	return points.Points(quotient), rest
}

// floor is left, rounded down, and the rest: comparable among amounts of one age.
func (f *fade) floor(p points.Points, age int64) (whole points.Points, rest uint64) {
	past, one := age-f.after, one
	switch {
	case f.never || past <= 0 || past >= f.length && f.last == 0:
		return f.left(p, age), 0
	case f.factors != nil:
		whole, rest = times(p, f.factors[past])
	case f.shares != nil:
		whole, rest = f.part(p, past)
		one = f.whole
	default:
		return p, 0
	}
	if p >= 0 {
		return whole, rest
	}
	if rest == 0 {
		return -whole, 0
	}
	return -whole - 1, one - rest
}

// times multiplies the size of an amount by a factor: whole hundredths and the rest
// in multiples of 2^-62.
func times(p points.Points, factor uint64) (whole points.Points, rest uint64) {
	if p < 0 {
		p = -p
	}
	high, low := bits.Mul64(uint64(p), factor)
	return points.Points(high<<2 | low>>62), low & (one - 1)
}

// halving returns 2^(-age/halfLife) for each age in whole days up to the horizon.
func halving(halfLife time.Duration) []uint64 {
	days := 1 + (int64(halfLife)*halfLives-1)/int64(day)
	perDay := exp2Neg(day, halfLife)
	table := make([]uint64, days)
	half := new(big.Int).Lsh(big.NewInt(1), precision-62-1)
	rounded := new(big.Int)
	factor := new(big.Int).Lsh(big.NewInt(1), precision)
	for age := range table {
		rounded.Add(factor, half)
		table[age] = rounded.Rsh(rounded, precision-62).Uint64()
		factor.Mul(factor, perDay)
		factor.Rsh(factor, precision)
	}
	return table
}

// exp2Neg returns 2^(-n/d) as a multiple of 2^-precision: the whole part of the
// exponent shifts, and each binary digit of the rest multiplies a repeated square
// root of one half.
func exp2Neg(n, d time.Duration) *big.Int {
	whole, rest := n/d, n%d
	result := new(big.Int).Lsh(big.NewInt(1), precision)
	if whole > precision {
		return result.SetInt64(0)
	}
	result.Rsh(result, uint(whole))
	root := new(big.Int).Lsh(big.NewInt(1), precision-1)
	for digit := 0; digit < precision && rest > 0; digit++ {
		// The root is now 2^(-1/2^(digit+1)) after one more square root.
		root.Lsh(root, precision)
		root.Sqrt(root)
		rest *= 2
		if rest >= d {
			rest -= d
			result.Mul(result, root)
			result.Rsh(result, precision)
		}
	}
	return result
}

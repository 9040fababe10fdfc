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

// fade is how points fade with their age in days.
type fade struct {
	// never: points stay.
	never bool
	// factors by age, as multiples of 2^-62; nil in a window. Past them nothing is left.
	factors []uint64
	// horizon is the age in days from which nothing is left.
	horizon int64
}

func newFade(d Decay) fade {
	switch {
	case d.HalfLife > 0:
		factors := halving(d.HalfLife)
		return fade{factors: factors, horizon: int64(len(factors))}
	case d.Window > 0:
		return fade{horizon: int64(d.Window)}
	default:
		return fade{never: true}
	}
}

// left returns what is left of an amount at an age in days, in hundredths, rounded
// half away from zero.
func (f *fade) left(p points.Points, age int64) points.Points {
	if f.never || age <= 0 {
		return p
	}
	if age >= f.horizon {
		return 0
	}
	if f.factors == nil {
		return p
	}
	whole, rest := times(p, f.factors[age])
	whole += points.Points(rest >> 61) // 1 from a half on; a branch that cannot be guessed is slow
	if p < 0 {
		return -whole
	}
	return whole
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

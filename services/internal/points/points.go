// Package points holds the unit of every score: points as integers in hundredths,
// so that sums are exact and every machine agrees on them. Outside of the core (in
// protos and JSON) points are decimal numbers with at most two decimals.
package points

import (
	"fmt"
	"math"
	"strconv"
)

// Points is an amount of points in hundredths: 20 points are Points(2000). Negative
// points take away.
type Points int64

const (
	// One is one whole point.
	One Points = 100
	// Max is the largest amount, in either direction, that a standard may state:
	// a thousand million points. Sums of stated amounts stay far from overflow.
	Max = 1_000_000_000 * One
)

// FromFloat reads an amount of points. It must be a number with at most two
// decimals from -1e9 to 1e9; the error says which of these does not hold.
func FromFloat(f float64) (Points, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return 0, fmt.Errorf("must be a finite number, is %v", f)
	case math.Abs(f) > Max.Float():
		return 0, fmt.Errorf("must be from -1e9 to 1e9, is %v", f)
	}
	hundredths := math.Round(f * 100)
	// A decimal with two places has exactly one nearest float64; any other float64
	// was written with more places.
	if hundredths/100 != f {
		return 0, fmt.Errorf("must have at most two decimals, is %v", f)
	}
	return Points(hundredths), nil
}

// Round reads an amount that was points before, and came as a number: to the nearest
// hundredth.
func Round(f float64) Points { return Points(math.Round(f * 100)) }

// Float returns the amount as a number, e.g. 12.5 for Points(1250).
func (p Points) Float() float64 { return float64(p) / 100 }

// String returns the amount with only the decimals it needs, e.g. `12.5`, `-0.25`.
func (p Points) String() string {
	return strconv.FormatFloat(p.Float(), 'f', -1, 64)
}

package report_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/report"
)

// Published figures: Newcombe, Statistics in Medicine 17 (1998), 857–872 (method 3), and
// 873–890 (method 10).
func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {29, 29, 0.8830, 1}, {0, 0, 0, 1}} {
		if r := report.RateOf(c.k, c.n); math.Abs(r.Low-c.low) > 0.0001 || math.Abs(r.High-c.high) > 0.0001 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.k, c.n, r.Low, r.High, c.low, c.high)
		}
	}
	for _, c := range []struct {
		k1, n1, k2, n2 int
		low, high      float64
		more           bool
	}{
		{56, 70, 48, 80, 0.0524, 0.3339, true},
		{9, 10, 3, 10, 0.1705, 0.8090, true},
		{5, 56, 0, 29, -0.0381, 0.1926, false},
		{0, 10, 0, 10, -0.2775, 0.2775, false},
	} {
		d := report.RateOf(c.k1, c.n1).Beyond(report.RateOf(c.k2, c.n2))
		if math.Abs(d.Low-c.low) > 0.0001 || math.Abs(d.High-c.high) > 0.0001 || d.MoreThanChance() != c.more {
			t.Errorf("%d/%d beyond %d/%d: %.4f to %.4f, more than chance %v; want %.4f to %.4f, %v",
				c.k1, c.n1, c.k2, c.n2, d.Low, d.High, d.MoreThanChance(), c.low, c.high, c.more)
		}
	}
}

func TestIntervalsHoldTheirRates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := func(name string) report.Rate {
			n := rapid.IntRange(0, 5000).Draw(t, name)
			return report.RateOf(rapid.IntRange(0, n).Draw(t, name+" hits"), n)
		}
		a, b := rate("a"), rate("b")
		if a.Low < 0 || a.High > 1 || !a.Holds(a.Share) {
			t.Fatalf("%v does not hold its share", a)
		}
		there, back := a.Beyond(b), b.Beyond(a)
		if !there.Holds(there.Points) || there.Low < -1 || there.High > 1 {
			t.Fatalf("%v does not hold its difference", there)
		}
		if there.MoreThanChance() != back.MoreThanChance() || math.Abs(there.Low+back.High) > 1e-12 {
			t.Fatalf("%v is not the opposite of %v", there, back)
		}
	})
}

// The report counts what a spreadsheet would, one condition after another.
func TestWaysEqualANaiveCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flag := rapid.Bool()
		handoffs := rapid.SliceOf(rapid.Custom(func(t *rapid.T) report.Handoff {
			h := report.Handoff{
				Way:      rapid.SampledFrom([]string{"gates", "approval", "fast_track.demo", "self_selection.bant"}).Draw(t, "way"),
				Accepted: flag.Draw(t, "accepted"), Rejected: flag.Draw(t, "rejected"), Recycled: flag.Draw(t, "recycled"),
				Opportunity: flag.Draw(t, "opportunity"), Won: flag.Draw(t, "won"), Lost: flag.Draw(t, "lost"),
				Closed: flag.Draw(t, "closed"),
			}
			if flag.Draw(t, "amount known") {
				h.Amount = rapid.SampledFrom([]string{"0", "12500", "7.5", "0.01", "999999999999999.99"}).Draw(t, "amount")
				h.Currency = rapid.SampledFrom([]string{"EUR", "USD"}).Draw(t, "currency")
			}
			return h
		})).Draw(t, "handoffs")

		var counted report.Exceptions
		for _, h := range handoffs {
			counted.Add(h)
		}
		count := func(way string, is func(report.Handoff) bool) (n int) {
			for _, h := range handoffs {
				if h.Way == way && is(h) {
					n++
				}
			}
			return n
		}
		var codes []string
		for i, w := range counted.Ways() {
			codes = append(codes, w.Code)
			got := []int{w.Handoffs, w.Accepted, w.Rejected, w.Recycled, w.Opportunities, w.Won, w.Lost, w.Closed}
			want := []int{
				count(w.Code, func(report.Handoff) bool { return true }),
				count(w.Code, func(h report.Handoff) bool { return h.Accepted }),
				count(w.Code, func(h report.Handoff) bool { return h.Rejected }),
				count(w.Code, func(h report.Handoff) bool { return h.Recycled }),
				count(w.Code, func(h report.Handoff) bool { return h.Opportunity }),
				count(w.Code, func(h report.Handoff) bool { return h.Won }),
				count(w.Code, func(h report.Handoff) bool { return h.Lost }),
				count(w.Code, func(h report.Handoff) bool { return h.Closed }),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s: %s", w.Code, diff)
			}
			if (w.Code == report.Gates) != (i == 0) {
				t.Fatalf("the standard's line is number %d", i)
			}
			sums := map[string]*big.Rat{}
			for _, h := range handoffs {
				if amount, ok := new(big.Rat).SetString(h.Amount); ok && h.Way == w.Code && h.Won {
					if sums[h.Currency] == nil {
						sums[h.Currency] = new(big.Rat)
					}
					sums[h.Currency].Add(sums[h.Currency], amount)
				}
			}
			for currency, sum := range sums {
				if got := report.Decimal(w.Amounts[currency]); got != sum.FloatString(2) {
					t.Fatalf("%s: %s %s, want %s", w.Code, got, currency, sum.FloatString(2))
				}
			}
			if len(sums) != len(w.Amounts) {
				t.Fatalf("%s: %d currencies, want %d", w.Code, len(w.Amounts), len(sums))
			}
		}
		for _, h := range handoffs {
			if !slices.Contains(codes, h.Way) {
				t.Fatalf("no line for %s in %s", h.Way, strings.Join(codes, ", "))
			}
		}
		if fmt.Sprint(codes[1:]) != fmt.Sprint(slices.Sorted(slices.Values(codes[1:]))) {
			t.Fatalf("lines in the order %v", codes)
		}
	})
}

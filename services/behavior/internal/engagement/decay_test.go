package engagement

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
)

// The table is 2^(-age/half-life), as far as floating point can tell.
func TestHalving(t *testing.T) {
	for _, halfLife := range []time.Duration{time.Nanosecond, time.Hour, day, 7*day + 12*time.Hour, 30 * day, 365 * day, maxDays * day} {
		table := halving(halfLife)
		if want := int(math.Ceil(halfLives * float64(halfLife) / float64(day))); len(table) != want {
			t.Errorf("%v: %d days, want %d", halfLife, len(table), want)
		}
		for age, factor := range table {
			want := math.Exp2(-float64(age) * float64(day) / float64(halfLife))
			if got := float64(factor) / float64(one); math.Abs(got-want) > 1e-12*want {
				t.Fatalf("%v after %d days: %v, want %v", halfLife, age, got, want)
			}
		}
	}
}

// After whole half-lives the factor is exact.
func TestHalvingIsExactAtHalfLives(t *testing.T) {
	table := halving(90 * day)
	for n := range halfLives {
		if want := one >> n; table[90*n] != want {
			t.Errorf("after %d half-lives %d, want %d", n, table[90*n], want)
		}
	}
}

// By hand: what is left of points at an age, at each edge of each kind.
func TestLeftByHand(t *testing.T) {
	quarters := []DecayStep{{30, 5000}, {60, 3333}, {90, 0}}
	for what, c := range map[string]struct {
		decay Decay
		of    points.Points
		left  map[int64]points.Points
	}{
		"never":                       {Decay{}, 1000, map[int64]points.Points{0: 1000, 3650: 1000}},
		"half-life of 30":             {Decay{HalfLife: 30 * day}, 6000, map[int64]points.Points{0: 6000, 15: 4243, 30: 3000, 45: 2121, 60: 1500}},
		"half-life after 7":           {Decay{HalfLife: 30 * day, After: 7}, 6000, map[int64]points.Points{7: 6000, 8: 5863, 37: 3000, 67: 1500}},
		"window of 30":                {Decay{Window: 30}, 1000, map[int64]points.Points{0: 1000, 29: 1000, 30: 0}},
		"window of 30 after 7":        {Decay{Window: 30, After: 7}, 1000, map[int64]points.Points{7: 1000, 36: 1000, 37: 0}},
		"linear over 10":              {Decay{Linear: 10}, 1000, map[int64]points.Points{0: 1000, 1: 900, 5: 500, 9: 100, 10: 0, 11: 0}},
		"linear over 10 after 5":      {Decay{Linear: 10, After: 5}, 1000, map[int64]points.Points{5: 1000, 6: 900, 14: 100, 15: 0}},
		"linear over 3":               {Decay{Linear: 3}, 1000, map[int64]points.Points{1: 667, 2: 333, 3: 0}},
		"0.05 × 9/10 = 0.045 is 0.05": {Decay{Linear: 10}, 5, map[int64]points.Points{1: 5, 5: 3, 9: 1}},
		"and below zero":              {Decay{Linear: 10}, -5, map[int64]points.Points{1: -5, 5: -3, 9: -1}},
		"steps":                       {Decay{Steps: quarters}, 1000, map[int64]points.Points{29: 1000, 30: 500, 59: 500, 60: 333, 89: 333, 90: 0, 3650: 0}},
		"steps that leave something":  {Decay{Steps: quarters[:2]}, 1000, map[int64]points.Points{29: 1000, 30: 500, 60: 333, 3650: 333}},
		"a step at the first day":     {Decay{Steps: []DecayStep{{1, 2500}}}, 1000, map[int64]points.Points{0: 1000, 1: 250}},
	} {
		f := newFade(c.decay)
		for age, want := range c.left {
			if got := f.left(c.of, age); got != want {
				t.Errorf("%s: %v leaves %v at %d days, want %v", what, c.of, got, age, want)
			}
		}
	}
}

// A decay is said in words a salesperson can read.
func TestDecayInWords(t *testing.T) {
	for want, decay := range map[string]Decay{
		"":                                   {},
		"halves every 30 days":               {HalfLife: 30 * day},
		"halves every 1 day, from 7 days on": {HalfLife: day, After: 7},
		"counts for 37 days":                 {Window: 30, After: 7},
		"shrinks to nothing over 10 days":    {Linear: 10},
		"what is left: 50% from 30 days, 33.33% from 60 days": {Steps: []DecayStep{{30, 5000}, {60, 3333}}},
	} {
		if got := decay.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What is left shrinks with age, keeps its sign and is odd: -p leaves -left(p). Its
// floor is at most a hundredth less.
func TestLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFade(randomDecay(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "decay"), 1))))
		p := points.Points(rapid.Int64Range(0, int64(points.Max)*1000).Draw(t, "points"))
		age := rapid.Int64Range(0, f.horizon+1).Draw(t, "age")
		now, later := f.left(p, age), f.left(p, age+1)
		if later > now || later < 0 || now > p || f.left(-p, age) != -now {
			t.Errorf("%v leaves %v, then %v; %v leaves %v", p, now, later, -p, f.left(-p, age))
		}
		for _, p := range []points.Points{p, -p} {
			if floor, _ := f.floor(p, age); floor > f.left(p, age) || floor < f.left(p, age)-1 {
				t.Errorf("%v leaves %v, its floor is %v", p, f.left(p, age), floor)
			}
		}
	})
}

// The wall clock is that of package time, at any instant.
func TestWall(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia"} {
		c, err := newCalendar(zone)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			at := rapid.Int64Range(-4e9, 8e9).Draw(t, "seconds")
			_, offset := time.Unix(at, 0).In(c.zone).Zone()
			if got := c.wall(at*microsPerSecond + 999_999); got != at+int64(offset) {
				t.Fatalf("%s at %d: %d, want %d", zone, at, got, at+int64(offset))
			}
		})
	}
	for _, zone := range []string{"Local", "Mars/Olympus", "../etc/passwd"} {
		if _, err := newCalendar(zone); err == nil {
			t.Errorf("%q is a time zone", zone)
		}
	}
}

package engagement

import (
	"math"
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

// What is left shrinks with age, keeps its sign and is odd: -p leaves -left(p).
func TestLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFade(Decay{HalfLife: time.Duration(rapid.Int64Range(int64(time.Hour), int64(400*day)).Draw(t, "half-life"))})
		p := points.Points(rapid.Int64Range(0, int64(points.Max)*1000).Draw(t, "points"))
		age := rapid.Int64Range(0, f.horizon+1).Draw(t, "age")
		now, later := f.left(p, age), f.left(p, age+1)
		if later > now || later < 0 || now > p || f.left(-p, age) != -now {
			t.Errorf("%v leaves %v, then %v; %v leaves %v", p, now, later, -p, f.left(-p, age))
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

package points_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
)

func TestFromFloat(t *testing.T) {
	for in, want := range map[float64]points.Points{
		0: 0, 1: 100, 0.1: 10, 0.29: 29, 1.15: 115, -0.25: -25, 19.99: 1999,
		1e9: points.Max, -1e9: -points.Max, 999_999_999.99: points.Max - 1,
		math.Copysign(0, -1): 0,
	} {
		got, err := points.FromFloat(in)
		if err != nil || got != want {
			t.Errorf("FromFloat(%v) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestFromFloatSaysWhatIsWrong(t *testing.T) {
	for in, want := range map[float64]string{
		math.NaN():               "finite",
		math.Inf(1):              "finite",
		math.Inf(-1):             "finite",
		1e9 + 1:                  "from -1e9 to 1e9",
		-1e300:                   "from -1e9 to 1e9",
		0.001:                    "two decimals",
		1.0 / 3:                  "two decimals",
		math.Nextafter(0.29, 1):  "two decimals",
		math.Nextafter(-2.5, -9): "two decimals",
	} {
		_, err := points.FromFloat(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("FromFloat(%v) error = %v; want it to say %q", in, err, want)
		}
	}
}

// Every amount survives the way out and back, as a number and as text.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := points.Points(rapid.Int64Range(int64(-points.Max), int64(points.Max)).Draw(t, "points"))
		back, err := points.FromFloat(p.Float())
		if err != nil || back != p {
			t.Fatalf("FromFloat(%v) = %d, %v; want %d", p.Float(), back, err, p)
		}
		f, err := strconv.ParseFloat(p.String(), 64)
		if err != nil || f != p.Float() {
			t.Fatalf("%q reads back as %v, %v", p.String(), f, err)
		}
	})
}

package effective_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/assay-hq/assay/services/ingest/internal/effective"
)

func TestClamp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		offset     time.Duration
		historical bool
		want       time.Duration
		clamped    bool
	}{
		"now":                          {0, false, 0, false},
		"five minutes ahead":           {5 * time.Minute, false, 5 * time.Minute, false},
		"further ahead":                {5*time.Minute + time.Second, false, 5 * time.Minute, true},
		"400 days ago":                 {-400 * day, false, -400 * day, false},
		"longer ago":                   {-401 * day, false, -400 * day, true},
		"longer ago, historical":       {-401 * day, true, -401 * day, false},
		"30 years ago, historical":     {-30 * 365 * day, true, -20 * 365 * day, true},
		"a year ahead, historical":     {365 * day, true, 5 * time.Minute, true},
		"nanoseconds are not kept":     {999, false, 0, false},
		"nanoseconds are not a breach": {5*time.Minute + 0, false, 5 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, clamped := effective.Window{Now: now, Historical: c.historical}.Clamp(now.Add(c.offset))
			if want := now.Add(c.want); !got.Equal(want) || clamped != c.clamped {
				t.Errorf("got %v, %v; want %v, %v", got, clamped, want, c.clamped)
			}
		})
	}
}

func TestTimeOutsideOfTheCalendar(t *testing.T) {
	for _, seconds := range []int64{-62135596801, 253402300800} {
		if _, v := effective.Time("occurredTime", &timestamppb.Timestamp{Seconds: seconds}); v == nil || v.Field != "occurredTime" {
			t.Errorf("%d: %v", seconds, v)
		}
	}
	if _, v := effective.Time("occurredTime", &timestamppb.Timestamp{Nanos: -1}); v == nil {
		t.Error("negative nanoseconds were accepted")
	}
}

package delivery

import (
	"testing"
	"time"
)

// The standard's example schedule reaches over the 72 hours that are promised.
func TestTheScheduleIsTheStandardsAndReachesOverThreeDays(t *testing.T) {
	var sum time.Duration
	for attempt := 1; attempt < MaxAttempts; attempt++ {
		delay, again := Next(attempt, 0)
		if !again {
			t.Fatalf("no attempt after %d", attempt)
		}
		sum += delay
	}
	if _, again := Next(MaxAttempts, 0); again {
		t.Errorf("an attempt after the last")
	}
	if sum != Horizon || sum < 72*time.Hour || MaxAttempts != 10 {
		t.Errorf("%d attempts over %s, the horizon is %s", MaxAttempts, sum, Horizon)
	}
}

func TestJitterAddsAtMostATenth(t *testing.T) {
	for attempt := 1; attempt < MaxAttempts; attempt++ {
		least, _ := Next(attempt, 0)
		most, _ := Next(attempt, 0.999999)
		if most < least || most > least+least/10 {
			t.Errorf("after attempt %d: from %s to %s", attempt, least, most)
		}
	}
}

func TestAReceiverMayAskToWait(t *testing.T) {
	for _, c := range []struct{ after, want time.Duration }{
		{0, 30 * time.Second},
		{-time.Second, 30 * time.Second},
		{time.Second, time.Second},
		{time.Hour, time.Hour},
		{1000 * time.Hour, 24 * time.Hour},
	} {
		if got := Wait(c.after); got != c.want {
			t.Errorf("Wait(%s) = %s, want %s", c.after, got, c.want)
		}
	}
}

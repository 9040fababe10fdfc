package pending_test

import (
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
)

func TestAFewCapturesAreNoCrowd(t *testing.T) {
	var c pending.Crowd
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	leave := c.Enter(31, now)
	if c.Crowded(now) {
		t.Error("31 crowd")
	}
	one := c.Enter(1, now)
	if !c.Crowded(now) {
		t.Error("32 do not crowd")
	}
	one()
	leave()
	if !c.Crowded(now.Add(19 * time.Millisecond)) {
		t.Error("the next one may be on its way")
	}
	if c.Crowded(now.Add(20 * time.Millisecond)) {
		t.Error("none came for a while, and it is no calm yet")
	}
}

func TestTurnsWhileCapturesCrowd(t *testing.T) {
	var c pending.Crowd
	var turns pending.Turns
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	take := func(after time.Duration) bool { return turns.Take(&c, now.Add(after), 250*time.Millisecond) }
	for range 2 {
		if !take(0) {
			t.Error("nobody is in the way")
		}
	}
	leave := c.Enter(100, now)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {1 * time.Millisecond, false}, {249 * time.Millisecond, false}, {250 * time.Millisecond, true}, {260 * time.Millisecond, false}} {
		if got := take(step.after); got != step.want {
			t.Errorf("after %s: %t", step.after, got)
		}
	}
	leave()
	if !take(300 * time.Millisecond) {
		t.Error("the captures are through")
	}
}

package pending_test

import (
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
)

func TestAFewCapturesAreNoCrowd(t *testing.T) {
	var c pending.Crowd
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	c.Enter(15)
	if c.Crowded(now) {
		t.Error("15 crowd")
	}
	c.Enter(1)
	if !c.Crowded(now.Add(time.Hour)) {
		t.Error("16 do not crowd")
	}
	c.Leave(1, now)
	c.Leave(15, now.Add(time.Hour)) // when they were no crowd any more
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
	c.Enter(100)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {1 * time.Millisecond, false}, {249 * time.Millisecond, false}, {250 * time.Millisecond, true}, {260 * time.Millisecond, false}} {
		if got := take(step.after); got != step.want {
			t.Errorf("after %s: %t", step.after, got)
		}
	}
	c.Leave(100, now.Add(270*time.Millisecond))
	if !take(300 * time.Millisecond) {
		t.Error("the captures are through")
	}
}

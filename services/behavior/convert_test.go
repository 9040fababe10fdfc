package behavior

import (
	"testing"
	"time"
)

// A lead can be explained as of the last day that a message can name.
func TestReviewAfterTheLastYearIsNone(t *testing.T) {
	for at, want := range map[time.Time]bool{
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC): true,
		time.Date(10001, 2, 5, 0, 0, 0, 0, time.UTC):     false,
	} {
		if got := review(at.UnixMicro()); (got != nil) != want {
			t.Errorf("review at %v: %v", at, got)
		}
	}
}

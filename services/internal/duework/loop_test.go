package duework_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/duework"
)

// A loop goes on after what it found and after failures, hears which failure is the first
// in a row, and ends with its context.
func TestLoop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	away := errors.New("away")
	answers := []struct {
		found bool
		err   error
	}{{true, nil}, {false, away}, {false, away}, {false, nil}, {false, away}}
	var waited, failed []bool
	duework.Loop{
		Wait: func(ctx context.Context, found bool) error {
			waited = append(waited, found)
			return ctx.Err()
		},
		Pass: func(context.Context) (bool, error) {
			answer := answers[len(waited)-1]
			return answer.found, answer.err
		},
		Failed: func(err error, first bool) {
			if failed = append(failed, first); len(waited) == len(answers) {
				cancel()
			}
		},
		LongestPause: 2 * time.Millisecond,
	}.Run(ctx)
	if want := []bool{true, true, false, false, false, false}; !slices.Equal(waited, want) {
		t.Errorf("waited with %v, want %v", waited, want)
	}
	if want := []bool{true, false, true}; !slices.Equal(failed, want) {
		t.Errorf("first failures %v, want %v", failed, want)
	}
}

package fresh_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/fresh"
)

func TestAnAnswerIsKeptForItsLife(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	asked := 0
	fail := false
	c := fresh.New(5*time.Second, 2, func() time.Time { return now }, func(_ context.Context, key string) (int, error) {
		asked++
		if fail {
			return 0, errors.New("away")
		}
		return asked, nil
	})
	step := func(key string, want int, wantErr bool) {
		t.Helper()
		if got, err := c.Get(t.Context(), key); got != want || (err != nil) != wantErr {
			t.Errorf("%s at %v: %d, %v; want %d", key, now.Sub(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), got, err, want)
		}
	}
	step("a", 1, false)
	now = now.Add(5*time.Second - 1)
	step("a", 1, false)
	now = now.Add(1)
	step("a", 2, false)
	step("b", 3, false)
	c.Forget("a")
	step("a", 4, false)
	step("c", 5, false) // the third: the others are forgotten
	step("a", 6, false)
	now, fail = now.Add(5*time.Second), true
	step("a", 0, true)
	fail = false
	step("a", 8, false)
}

func TestManyAskOnce(t *testing.T) {
	var asked atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	c := fresh.New(time.Minute, 10, nil, func(ctx context.Context, _ string) (string, error) {
		asked.Add(1)
		close(begun)
		<-goOn
		return "yes", ctx.Err()
	})
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if _, err := c.Get(impatient, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
	}()
	<-begun
	leave()
	<-left
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := c.Get(t.Context(), "a"); got != "yes" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	close(goOn)
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

package pending_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
)

func noDecisions(context.Context, []string) (map[string]pending.Decision, error) { return nil, nil }

func TestAwaitHearsOfTheVersionOrALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pending.NewWaiters(noDecisions)
		defer w.Close()
		heard := make(chan pending.Decision, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			d, _ := w.Await(ctx, "a", 3)
			heard <- d
		}()
		synctest.Wait()
		w.Tell("b", pending.Decision{Version: 9})
		w.Tell("a", pending.Decision{Version: 2})
		synctest.Wait()
		if len(heard) != 0 {
			t.Fatal("an older decision was taken")
		}
		w.Tell("a", pending.Decision{Version: 5})
		if d := <-heard; d.Version != 5 {
			t.Error(d)
		}
	})
}

func TestAwaitAsksForDecisionsOfOtherProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked, away := 0, true
		w := pending.NewWaiters(func(_ context.Context, leads []string) (map[string]pending.Decision, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			if away = !away; away {
				return nil, errors.New("away")
			}
			d := map[string]pending.Decision{}
			for _, l := range leads {
				d[l] = pending.Decision{Version: int64(asked)}
			}
			return d, nil
		})
		defer w.Close()
		var all sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		for i := range 500 {
			all.Go(func() {
				if d, ok := w.Await(ctx, fmt.Sprint(i), 3); !ok || d.Version < 3 {
					t.Error(d, ok)
				}
			})
		}
		all.Wait()
		if asked > 6 || time.Since(begin) > time.Second {
			t.Errorf("%d questions in %v for 500 who wait", asked, time.Since(begin))
		}
	})
}

func TestAwaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pending.NewWaiters(noDecisions)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begin := time.Now()
		if _, ok := w.Await(ctx, "a", 1); ok || time.Since(begin) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), ok)
		}
		w.Close()
		if _, ok := w.Await(t.Context(), "a", 1); ok {
			t.Error("waited after Close")
		}
	})
}

func TestBell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bell pending.Bell
		tries := 0
		begin := time.Now()
		err := bell.Poll(t.Context(), 2*time.Second, func() (bool, error) {
			tries++
			if tries == 4 {
				bell.Ring() // while trying: must not be lost
			}
			return tries == 5, nil
		})
		if err != nil || time.Since(begin) != 35*time.Millisecond {
			t.Errorf("%v after %v and %d tries; want at 0, 5, 15, 35 and at the ring", err, time.Since(begin), tries)
		}
		begin, tries = time.Now(), 0
		if err := bell.Poll(t.Context(), 3*time.Second, func() (bool, error) { tries++; return false, nil }); err != nil || time.Since(begin) != 3*time.Second || tries > 25 {
			t.Errorf("%v after %v and %d tries", err, time.Since(begin), tries)
		}
		away := errors.New("away")
		if err := bell.Poll(t.Context(), time.Hour, func() (bool, error) { return false, away }); !errors.Is(err, away) {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := bell.Poll(ctx, time.Hour, func() (bool, error) { return false, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		tries = 0
		if err := bell.Poll(t.Context(), 0, func() (bool, error) { tries++; return false, nil }); err != nil || tries != 1 {
			t.Errorf("without waiting: %v after %d tries", err, tries)
		}
	})
}

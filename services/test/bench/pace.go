package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// processorTime is what this process has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no errors but wrong arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// closedLoop lets callers work one call after another for some time and returns how
// many items a second they got done. do makes one call and returns its items.
func closedLoop(ctx context.Context, callers int, d time.Duration, do func(ctx context.Context, caller int) (int, error)) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done atomic.Int64
	var running sync.WaitGroup
	begin := time.Now()
	for caller := range callers {
		running.Go(func() {
			for time.Since(begin) < d && ctx.Err() == nil {
				n, err := do(ctx, caller)
				if err != nil {
					cancel(err)
					return
				}
				done.Add(int64(n))
			}
		})
	}
	running.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), context.Cause(ctx)
}

// all lets callers do n pieces of work.
func all(ctx context.Context, callers, n int, do func(ctx context.Context, caller, piece int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for ctx.Err() == nil {
				piece := int(next.Add(1)) - 1
				if piece >= n {
					return
				}
				if err := do(ctx, caller, piece); err != nil {
					cancel(err)
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// openLoop makes n calls at a rate, whether or not the ones before have ended, and
// returns how long each took from the instant it was due: what waits behind a slow
// call is counted.
func openLoop(ctx context.Context, perSecond, n int, do func(ctx context.Context, i int) error) (latencies, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make(latencies, n)
	var running sync.WaitGroup
	begin := time.Now()
	for i := range n {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
			took[i] = time.Since(due)
		})
	}
	running.Wait()
	return took, context.Cause(ctx)
}

// latencies of calls.
type latencies []time.Duration

// quantile q, from 0 to 1.
func (l latencies) quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Clone(l)
	slices.Sort(sorted)
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

package duework

import (
	"context"
	"math/rand/v2"
	"time"
)

// firstPause is how long a loop rests after a failure; each further one in a row rests
// twice as long.
const firstPause = 100 * time.Millisecond

// Loop is one polling worker: it passes over what is due as long as there is some, waits
// when there is none, and rests when what it needs is away.
type Loop struct {
	// Wait returns when it is time for the next pass, as Waker.Wait does.
	Wait func(ctx context.Context, found bool) error
	// Pass does some work and says whether there was any. An error asks for a rest.
	Pass func(ctx context.Context) (found bool, err error)
	// Failed hears of each error, and whether it is the first in a row.
	Failed func(err error, first bool)
	// LongestPause bounds the rests.
	LongestPause time.Duration
}

// Run passes until the context ends.
func (l Loop) Run(ctx context.Context) {
	found, pause := true, firstPause
	for l.Wait(ctx, found) == nil {
		var err error
		if found, err = l.Pass(ctx); err == nil {
			pause = firstPause
			continue
		}
		if ctx.Err() == nil {
			l.Failed(err, pause == firstPause)
		}
		// From half the time to all of it, so that workers do not come back at once.
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
		}
		pause = min(2*pause, l.LongestPause)
	}
}

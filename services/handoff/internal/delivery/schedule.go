package delivery

import "time"

// delays are how long after an attempt the next one is made: the schedule that Standard
// Webhooks suggests. Its sum is 75 h 35 min 5 s, so a receiver that is away for three
// days (72 h) misses nothing.
var delays = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// MaxAttempts is how many attempts are made before a delivery is a dead letter.
	MaxAttempts = len(delays) + 1
	// Horizon is how long a receiver may ask to wait again and again before its
	// deliveries are dead letters: the length of the schedule.
	Horizon = 75*time.Hour + 35*time.Minute + 5*time.Second
	// jitterPercent is the most that is added to a delay, so that what failed together
	// does not come back together. It never shortens one: the horizon holds.
	jitterPercent = 10
	// longestWait bounds what a receiver may ask for.
	longestWait = 24 * time.Hour
	// throttle is how long a receiver is left alone that asks for it and says no time.
	throttle = 30 * time.Second
)

// Next returns how long after attempt (from 1) the next one is made; false if that was
// the last. random is a number from 0 up to 1.
func Next(attempt int, random float64) (time.Duration, bool) {
	if attempt < 1 || attempt > len(delays) {
		return 0, false
	}
	delay := delays[attempt-1]
	return delay + time.Duration(random*float64(delay)*jitterPercent/100), true
}

// Wait returns how long to leave a receiver alone that asked for after; 0: it did not
// say.
func Wait(after time.Duration) time.Duration {
	if after <= 0 {
		return throttle
	}
	return min(after, longestWait)
}

// Package effective holds the times at which facts are said to be true within
// what can be believed.
package effective

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// How far from now a time may be. What is further is clamped to the limit.
const (
	// MaxAhead allows for clocks that are fast.
	MaxAhead = 5 * time.Minute
	// MaxAge is how old a live fact may be.
	MaxAge = 400 * 24 * time.Hour
	// MaxHistoricalAge is how old an imported fact may be: twenty years.
	MaxHistoricalAge = 20 * 365 * 24 * time.Hour
)

// Window is what can be believed at an instant.
type Window struct {
	// Now is the instant at which the facts were received.
	Now time.Time
	// Historical facts may be older.
	Historical bool
}

// Clamp returns the time held within the window, and whether it was outside.
// Times are whole microseconds, as they are stored.
func (w Window) Clamp(t time.Time) (time.Time, bool) {
	age := MaxAge
	if w.Historical {
		age = MaxHistoricalAge
	}
	if earliest := w.Now.Add(-age); t.Before(earliest) {
		return earliest.Truncate(time.Microsecond), true
	}
	if latest := w.Now.Add(MaxAhead); t.After(latest) {
		return latest.Truncate(time.Microsecond), true
	}
	return t.Truncate(time.Microsecond), false
}

// Time returns the time of a timestamp, or the violation of one outside of the
// years 1 to 9999.
func Time(field string, t *timestamppb.Timestamp) (time.Time, *violation.Violation) {
	if t.CheckValid() != nil {
		return time.Time{}, violation.New(field, "a time in the years 1 to 9999")
	}
	return t.AsTime(), nil
}

package qualifier

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// way is how a pass differs from one over what is new: why its leads are decided,
// and whether anything is stored. Its zero value is the live one.
type way struct {
	cause store.Cause
	// tracks that are released, by lead.
	tracks map[string][]string
	// dry stores nothing, and decides by these standards.
	dry       bool
	standards []*standard.Compiled
	// activities asks for the line of each activity as well.
	activities bool
}

func (w *way) released(lead string) []string { return w.tracks[lead] }

// standardsOf are those that decide.
func (w *way) standardsOf(ctx context.Context, q *Qualifier) ([]*standard.Compiled, error) {
	if w.dry {
		return w.standards, nil
	}
	return q.Standards.Active(ctx)
}

// Outcome is what became of a lead that was decided again.
type Outcome struct {
	// Lead as `leads/{lead}`.
	Lead string
	// Decided says that it was; if not it was given back, or failed.
	Decided bool
	// Error says why it failed; never personal.
	Error string
	// Changes are what the decision meant, one for each track.
	Changes []store.Change
	// Mismatched says that a scorer needed the history.
	Mismatched bool
}

// Again decides claimed leads again, because the standards changed, time passed or
// they are released: the tracks of each are then in released. An error says that a
// service is away.
func (q *Qualifier) Again(ctx context.Context, claimed []*ingestv1.ClaimedLead, cause store.Cause, released map[string][]string) ([]Outcome, error) {
	return q.again(ctx, claimed, way{cause: cause, tracks: released})
}

// Preview decides leads that were only read, by the given standards, and stores
// nothing of them.
func (q *Qualifier) Preview(ctx context.Context, read []*ingestv1.ClaimedLead, standards []*standard.Compiled) ([]Outcome, error) {
	return q.again(ctx, read, way{cause: store.ByRescore, dry: true, standards: standards})
}

func (q *Qualifier) again(ctx context.Context, claimed []*ingestv1.ClaimedLead, w way) ([]Outcome, error) {
	outcomes := make([]Outcome, 0, len(claimed))
	for page := range slices.Chunk(claimed, maxLeads) {
		within, cancel := context.WithTimeout(ctx, patience)
		jobs, err := q.qualify(within, page, w)
		cancel()
		for _, j := range jobs {
			outcomes = append(outcomes, Outcome{
				Lead: j.GetLead(), Decided: j.end == decided || j.end == forgotten, Error: j.error, Changes: j.changes, Mismatched: j.mismatched,
			})
		}
		if err != nil {
			return outcomes, err
		}
	}
	return outcomes, nil
}

// recently is how long ago an activity may be for a lead to be handed off when time
// alone qualifies it.
const recently = 30 * 24 * time.Hour

// recent says whether the lead did something scored not long before the instant.
func recent(e *typev1.Engagement, asOf time.Time) bool {
	for _, c := range e.GetCounts() {
		if last := c.GetLastTime(); last != nil && asOf.Sub(last.AsTime()) <= recently {
			return true
		}
	}
	return false
}

// reviewTime is the earliest of the times at which time alone may change what the rules
// read of the scores; zero if there is none.
func reviewTime(times ...*timestamppb.Timestamp) time.Time {
	var earliest time.Time
	for _, at := range times {
		if at != nil && (earliest.IsZero() || at.AsTime().Before(earliest)) {
			earliest = at.AsTime()
		}
	}
	return earliest
}

package store

import (
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Telling is an activity that ingest is still to be told of.
type Telling struct {
	// ActivityID is stable, so that telling it twice changes nothing.
	ActivityID string
	// Lead without `leads/`.
	Lead string
	// Type of the activity, e.g. `sales.accepted`.
	Type string
	// Time it happened.
	Time time.Time
	// Properties as one JSON object.
	Properties []byte
}

const (
	insertTellings = `INSERT INTO outbox (activity_id, lead_id, type, occurred_time, properties, due_time) VALUES `
	tellingColumns = 6
)

func (t *Telling) columns(due time.Time) []any {
	return []any{t.ActivityID, t.Lead, t.Type, sqldb.Micros(t.Time), t.Properties, sqldb.Micros(due)}
}

package store

import (
	"context"
	"database/sql"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Report does with a handoff what plan makes of it as it is, and of the stages that its
// cycle has reached with the word of sales: all acts or none, in one transaction. With dry
// it only says what would be. Errors are those of [Store.Act] and of plan.
func (s *Store) Report(ctx context.Context, handoff string, dry bool,
	plan func(h *handoffv1.Handoff, reached map[lifecycle.Stage]bool) ([]Act, error),
) (*handoffv1.Handoff, error) {
	return s.acts(ctx, handoff, dry, func(tx *sqldb.Tx, h *handoffv1.Handoff) ([]Act, error) {
		reached, err := reachedStages(tx, h)
		if err != nil {
			return nil, err
		}
		return plan(h, reached)
	})
}

// reachedStages are the stages to which sales moved the lead in the cycle of a handoff.
func reachedStages(tx *sqldb.Tx, h *handoffv1.Handoff) (map[lifecycle.Stage]bool, error) {
	reached := map[lifecycle.Stage]bool{}
	rows, err := tx.Query(`SELECT to_stage FROM stage_moves WHERE lead_id = $1 AND track = $2 AND cycle = $3 AND cause IN ($4, $5)`,
		LeadID(h.GetLead()), h.GetTrack(), h.GetCycle(), string(lifecycle.ByAccept), string(lifecycle.ByOutcome))
	return reached, scanAll(rows, err, func(rows *sql.Rows) error {
		var stage int64
		err := rows.Scan(&stage)
		reached[lifecycle.Stage(stage)] = true
		return err
	})
}

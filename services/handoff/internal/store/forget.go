package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Forget takes back what was decided of leads of which nothing is known any more, since
// the import that made them was undone: verdicts, decisions, stages and moves go, as if
// the leads had never been. It says of each whether it is forgotten. Others are to be
// decided like any lead: those of which something newer was decided, and those that sales
// ever had or of which a person said something here. That is history and stays.
func (s *Store) Forget(ctx context.Context, leads []*Lead) (forgotten []bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		forgotten = make([]bool, len(leads))
		results := make([]Result, len(leads))
		b := batch{tx: tx, querier: tx, moment: s.now()}
		if err := b.admit(leads, lockOrder(leads), s.activeIn, results); err != nil {
			return err
		}
		if err := b.write(s); err != nil {
			return err
		}
		stay, err := b.withHistory()
		if err != nil {
			return err
		}
		for _, i := range b.admitted {
			if slices.Contains(stay, leads[i].ID) {
				continue
			}
			if err := forget(tx, leads[i].ID); err != nil {
				return err
			}
			forgotten[i] = true
		}
		return nil
	})
	return forgotten, err
}

// withHistory are those of the leads that sales had or of which a person said something.
func (b *batch) withHistory() (stay []string, err error) {
	for _, query := range []string{
		`SELECT lead_id FROM handoffs WHERE lead_id IN (`,
		`SELECT lead_id FROM approvals WHERE lead_id IN (`,
		`SELECT lead_id FROM stage_moves WHERE cause NOT IN ('` + string(lifecycle.ByVerdict) + `', '` + string(lifecycle.ByMerge) + `') AND lead_id IN (`,
	} {
		err := selectIn(b.tx, query, b.ids, func(rows *sql.Rows) error {
			var lead string
			err := rows.Scan(&lead)
			stay = append(stay, lead)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return stay, nil
}

// forget deletes what was decided of a lead. Its own row stays: a pass over what was known
// before, which may still be under way, is stale by it.
func forget(tx *sqldb.Tx, lead string) error {
	for _, table := range []string{"verdicts", "tracks", "decisions", "stage_moves", "held_leads", "reviews", "outbox"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE lead_id = $1`, lead); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`UPDATE leads SET outcome = NULL, outcome_time = 0 WHERE lead_id = $1`, lead)
	return err
}

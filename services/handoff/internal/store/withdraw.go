package store

import (
	"database/sql"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// withdraw closes the handoffs of leads that nobody may approach any more, and that nobody
// had taken.
func (b *batch) withdraw() error {
	return selectIn(b.tx, selectHandoff+` WHERE handoff_id IN (`, b.toWithdraw, func(rows *sql.Rows) error {
		before, err := scanHandoff(rows)
		if err != nil {
			return err
		}
		after := proto.CloneOf(before)
		after.State, after.OutcomeReason = handoffv1.Handoff_STATE_DISQUALIFIED, decision.SuppressedCode
		b.happened.changes = append(b.happened.changes, &change{before: before, after: after, cause: lifecycle.ByVerdict, actor: Qualifier})
		return nil
	})
}

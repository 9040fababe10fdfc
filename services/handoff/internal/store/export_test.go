package store

import (
	"context"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Change changes a handoff as a person would, with what follows from it, whatever the
// lifecycle says of that.
func (s *Store) Change(ctx context.Context, handoff, lead string, cause lifecycle.Cause, actor string, do func(h *handoffv1.Handoff)) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := lockLead(tx, lead); err != nil {
			return err
		}
		before, err := scanHandoff(tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, handoff))
		if err != nil {
			return err
		}
		after := proto.CloneOf(before)
		do(after)
		h := &happened{moment: s.now(), changes: []*change{{before: before, after: after, cause: cause, actor: actor}}}
		if err := s.follows(tx, h); err != nil {
			return err
		}
		return saveHandoff(tx, after, h.moment)
	})
}

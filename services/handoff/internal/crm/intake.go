package crm

import (
	"context"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// Handoffs are where reports go; *store.Store does.
type Handoffs interface {
	// Report does with a handoff what plan makes of it as it is, in one transaction that
	// holds the lead; with dry it only says what would be.
	Report(ctx context.Context, handoff string, dry bool,
		plan func(h *handoffv1.Handoff, reached map[lifecycle.Stage]bool) ([]store.Act, error)) (*handoffv1.Handoff, error)
}

// Enter does what the report says, as far as the handoff allows it: all or nothing, and
// once. changed is false if it was said before. dry only says what would become of it.
// Errors are those of store.Act, and *DiffersError.
func (r *Report) Enter(ctx context.Context, handoffs Handoffs, dry bool) (changed bool, err error) {
	_, err = handoffs.Report(ctx, r.Handoff, dry, func(h *handoffv1.Handoff, reached map[lifecycle.Stage]bool) ([]store.Act, error) {
		acts, err := r.Acts(h, reached)
		changed = len(acts) > 0
		return acts, err
	})
	return changed && err == nil, err
}

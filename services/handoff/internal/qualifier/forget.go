package qualifier

import (
	"context"

	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// forget takes back what was said of leads of which nothing is known any more, here and
// in the scorers. Leads that sales ever had stay open, and are decided like any other.
func (q *Qualifier) forget(ctx context.Context, jobs []*job) error {
	var leads []*store.Lead
	var gone []*job
	for _, j := range jobs {
		switch {
		case !j.GetGone():
		case j.dry: // it is none of those that a change concerns
			j.end = decided
		default:
			leads, gone = append(leads, j.toDecide()), append(gone, j)
		}
	}
	if len(leads) == 0 {
		return nil
	}
	done, err := q.Store.Forget(ctx, leads)
	if err != nil {
		return err
	}
	var names []string
	for i, j := range gone {
		if done[i] {
			names = append(names, j.GetLead())
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := q.Scored.Forget(ctx, names); err != nil {
		return err
	}
	for i, j := range gone {
		if done[i] {
			j.end = forgotten
		}
	}
	return nil
}

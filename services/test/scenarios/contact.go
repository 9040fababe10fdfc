package scenarios

import (
	"context"
	"fmt"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// said are the states of permissions by what is done.
var said = map[string]ingestv1.PermissionRecord_State{
	"permit":            ingestv1.PermissionRecord_STATE_GRANTED,
	"permitUnconfirmed": ingestv1.PermissionRecord_STATE_PENDING,
	"withdraw":          ingestv1.PermissionRecord_STATE_WITHDRAWN,
}

// sayOfContact says whether the lead may be approached. It is decided by that at the next
// step.
func (p *Player) sayOfContact(ctx context.Context, lead string, w *Word) error {
	if state, of := said[w.Does]; of {
		channel, purpose, _ := strings.Cut(w.Permission, " ")
		_, err := p.Permissions.RecordPermission(ctx, &ingestv1.RecordPermissionRequest{
			Parent: lead, PermissionRecord: &ingestv1.PermissionRecord{Channel: channel, Purpose: purpose, State: state, Source: "scenario"},
		})
		return err
	}
	known, err := p.Leads.GetLead(ctx, &ingestv1.GetLeadRequest{Name: lead})
	if err != nil {
		return err
	}
	if len(known.GetIdentities()) == 0 {
		return fmt.Errorf("the lead has no identity")
	}
	_, err = p.Suppressions.BatchCreateSuppressions(ctx, &ingestv1.BatchCreateSuppressionsRequest{
		Entries: []*ingestv1.SuppressionEntry{{Identity: known.GetIdentities()[0], Reason: w.Reason, Mode: ingestv1.Suppression_MODE_HAND_OFF}},
	})
	return err
}

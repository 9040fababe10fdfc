package ingest_test

import (
	"testing"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// What captures go by holds from the first capture of a process on, and what another process
// changes soon after.
func TestEveryProcessGoesByTheSettings(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		block := func(values ...string) {
			_, err := h.identities().UpdateIdentitySettings(h.as(typev1.Role_ROLE_ADMIN), &ingestv1.UpdateIdentitySettingsRequest{
				IdentitySettings: &ingestv1.IdentitySettings{Name: "identitySettings", AnonymousIdLimit: 1, EmailLimit: 1, CrmIdLimit: 1, BlockedValues: values},
			})
			h.ok(err)
		}
		block("test@test.com")
		next := newHouse(t, h.db, nil)
		refused := func(address string) bool {
			_, err := next.CaptureLead(next.marketing(), of(email(address)))
			return apierr.Reason(err) == "BLOCKED_IDENTITY"
		}
		if !refused("test@test.com") {
			t.Error("the first capture does not go by the settings")
		}
		if h.db.Dialect() == sqldb.SQLite {
			return // there is one process
		}
		block("test@test.com", "nobody@a.example")
		next.eventually("another process does not go by the settings", func() bool { return refused("nobody@a.example") })
	})
}

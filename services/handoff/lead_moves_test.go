package handoff_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// Who may call the method of a move is who may cause it in the lifecycle: the roles that
// stand beside the method are those of the table.
func TestMethodsOfMovesAreForWhoMayMove(t *testing.T) {
	methods := handoffv1.File_assay_handoff_v1_handoff_service_proto.Services().ByName("HandoffService").Methods()
	for method, cause := range map[protoreflect.Name]lifecycle.Cause{
		"AcceptHandoff": lifecycle.ByAccept, "RejectHandoff": lifecycle.ByReject, "RecycleHandoff": lifecycle.ByRecycle,
		"RecordOutcome": lifecycle.ByOutcome, "DisqualifyLead": lifecycle.ByDisqualify, "ReinstateLead": lifecycle.ByReinstate,
		"ReassignOwner": lifecycle.ByLeave,
	} {
		var who lifecycle.Who
		for _, edge := range lifecycle.Table {
			if edge.Cause == cause {
				who |= edge.Who
			}
		}
		access, _ := proto.GetExtension(methods.ByName(method).Options(), typev1.E_Access).(*typev1.Access)
		var roles []string
		for _, role := range access.GetRoles() {
			roles = append(roles, strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_")))
		}
		if got, want := strings.Join(roles, ", "), (who &^ lifecycle.System).String(); got != want {
			t.Errorf("%s is for %s, the move for %s", method, got, want)
		}
	}
}

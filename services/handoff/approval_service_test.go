package handoff_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

// frontDoor is ingest as far as a capture goes: it keeps what it captured by request id, and
// may end the call just after that, as a crash does.
type frontDoor struct {
	grpc.ClientConnInterface
	mu       sync.Mutex
	captured map[string]*ingestv1.CaptureLeadRequest
	callers  []string
	crash    context.CancelFunc
}

const captured = "leads/01900000-0000-7000-8000-00000000000a"

// Invoke implements grpc.ClientConnInterface.
func (f *frontDoor) Invoke(ctx context.Context, _ string, request, reply any, _ ...grpc.CallOption) error {
	in, ok := request.(*ingestv1.CaptureLeadRequest)
	if !ok {
		return errors.New("only captures here")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	who, _ := caller.From(ctx)
	f.callers = append(f.callers, who.Actor)
	f.captured[in.GetRequestId()] = proto.CloneOf(in)
	proto.Merge(reply.(*ingestv1.CaptureLeadResponse), &ingestv1.CaptureLeadResponse{Lead: captured})
	if f.crash != nil {
		f.crash()
		f.crash = nil
		<-ctx.Done()
	}
	return nil
}

// One call captures and asks. If it breaks between the two, the same call goes on from
// there: one person, one approval.
func TestACaptureForApprovalSurvivesACrashInBetween(t *testing.T) {
	door := &frontDoor{captured: map[string]*ingestv1.CaptureLeadRequest{}}
	service, conn := serveWith(t, door)
	if _, err := service.Bootstrap(t.Context(), []byte("id: default\n"), ""); err != nil {
		t.Fatal(err)
	}
	approvals := handoffv1.NewApprovalServiceClient(conn)
	in := &handoffv1.CaptureForApprovalRequest{
		Capture: &ingestv1.CaptureLeadRequest{
			Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: "u-1"}}}, WaitForDecision: true,
		},
		Reason: "called in", RequestId: "call-17",
	}
	ctx, crash := context.WithCancel(as(t, "jane", typev1.Role_ROLE_SALES))
	door.crash = crash
	if a, err := approvals.CaptureForApproval(ctx, in); err == nil {
		t.Fatalf("the first call went through: %v", a)
	}
	first, err := approvals.CaptureForApproval(as(t, "jane", typev1.Role_ROLE_SALES), in)
	if err != nil || first.GetLead() != captured || first.GetState() != handoffv1.Approval_STATE_REQUESTED || first.GetRequester() != "jane" {
		t.Fatalf("%v, %v", first, err)
	}
	again, err := approvals.CaptureForApproval(as(t, "jane", typev1.Role_ROLE_SALES), in)
	if err != nil || again.GetName() != first.GetName() {
		t.Errorf("%v, %v", again, err)
	}
	list, err := approvals.ListApprovals(as(t, "kim", typev1.Role_ROLE_MANAGER), &handoffv1.ListApprovalsRequest{})
	if err != nil || len(list.GetApprovals()) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if len(door.captured) != 1 || len(door.callers) != 2 || door.callers[0] != "jane" {
		t.Errorf("captured %d times by %v", len(door.captured), door.callers)
	}
	for _, c := range door.captured {
		if c.GetWaitForDecision() {
			t.Error("the capture waits for a decision that the approval is to change")
		}
	}
	// Another's request of the same name is another one.
	if _, err := approvals.CaptureForApproval(as(t, "max", typev1.Role_ROLE_SALES), in); err == nil {
		t.Error("a second approval of the same lead was opened")
	}
}

package loop_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// A lead asks, jane takes it and answers too late; the worker warns her meanwhile, and the
// report shows what the machine, the clock and the lead's patience were.
func TestTheTimeToAnswer(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard+"\nhandoff: {sla: {withinMinutes: 60, warnAtPercent: [50], aroundTheClock: true}}\n", nil)
		sales, manager := h.as(typev1.Role_ROLE_SALES), h.as(typev1.Role_ROLE_MANAGER)
		lead := h.capture(t.Context(), "demo@example.com", "demo.requested").GetLead()
		name := h.handoffs(lead)[0].GetName()
		_, err := h.handoff.ClaimHandoff(sales, &handoffv1.ClaimHandoffRequest{Name: name})
		h.ok(err)
		get := func() *handoffv1.Handoff {
			t.Helper()
			handoff, err := h.handoff.GetHandoff(sales, &handoffv1.GetHandoffRequest{Name: name})
			h.ok(err)
			if len(handoff.GetClocks()) != 1 {
				t.Fatalf("handoff %v", handoff)
			}
			return handoff
		}
		if c := get().GetClocks()[0]; c.GetState() != handoffv1.SlaClock_STATE_RUNNING || c.GetOwner() != "jane" || c.GetWarnTime() != nil {
			t.Errorf("clock %v", c)
		}

		h.pass(40 * time.Minute)
		for deadline := time.Now().Add(30 * time.Second); get().GetClocks()[0].GetWarnTime() == nil; {
			if time.Now().After(deadline) {
				t.Fatal("nobody warns her")
			}
			time.Sleep(5 * time.Millisecond) // the worker is another goroutine's: there is no signal to wait for
		}
		h.pass(40 * time.Minute)
		if c := get().GetClocks()[0]; c.GetState() != handoffv1.SlaClock_STATE_BREACHED {
			t.Errorf("clock %v", c)
		}
		_, err = h.handoff.AcceptHandoff(sales, &handoffv1.AcceptHandoffRequest{Name: name})
		h.ok(err)
		answered := get()
		if c := answered.GetClocks()[0]; c.GetState() != handoffv1.SlaClock_STATE_NOT_MET || c.GetStopCause() != "accept" || answered.GetDueTime() != nil {
			t.Errorf("handoff %v", answered)
		}
		if speed := answered.GetSpeedToLeadDuration().AsDuration(); speed < 80*time.Minute || speed > 81*time.Minute {
			t.Errorf("speed to lead %s", speed)
		}
		if machine := answered.GetMachineDuration().AsDuration(); machine <= 0 || machine > time.Minute {
			t.Errorf("the machine took %s", machine)
		}

		report, err := h.reports.GetSlaReport(manager, &handoffv1.GetSlaReportRequest{})
		h.ok(err)
		owners := report.GetOwners()
		if len(owners) != 1 || owners[0].GetName() != "users/jane" || owners[0].GetClockCount() != 1 || owners[0].GetMetCount() != 0 ||
			owners[0].GetMetShare() != 0 || owners[0].MetShare == nil || owners[0].GetP90WorkingDuration().AsDuration() < 80*time.Minute ||
			owners[0].GetMedianSpeedToLeadDuration().AsDuration() != answered.GetSpeedToLeadDuration().AsDuration() || report.GetTotal().GetClockCount() != 1 {
			t.Errorf("report %v", report)
		}
		now := timestamppb.Now()
		_, err = h.reports.GetSlaReport(manager, &handoffv1.GetSlaReportRequest{FromTime: now, ToTime: now})
		want(t, err, codes.InvalidArgument, "INVALID_FIELD", "toTime")
	})
}

package ingest_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

const (
	pending   = ingestv1.PermissionRecord_STATE_PENDING
	granted   = ingestv1.PermissionRecord_STATE_GRANTED
	withdrawn = ingestv1.PermissionRecord_STATE_WITHDRAWN
)

func (h *house) permissions() ingestv1.PermissionServiceClient {
	return ingestv1.NewPermissionServiceClient(h.conn)
}

// permit records what a person said of newsletters by email, so long after the start.
func (h *house) permit(lead string, state ingestv1.PermissionRecord_State, after time.Duration) *ingestv1.RecordPermissionResponse {
	h.t.Helper()
	r, err := h.permissions().RecordPermission(h.marketing(), &ingestv1.RecordPermissionRequest{Parent: lead, PermissionRecord: &ingestv1.PermissionRecord{
		Channel: "email", Purpose: "newsletter", State: state, Basis: "consent", Source: "form:footer", TextVersion: "2026-01",
		Address: "192.0.2.7", EffectiveTime: timestamppb.New(start.Add(after)),
	}})
	h.ok(err)
	return r
}

// may returns the answer for newsletters by email.
func (h *house) may(lead string) (bool, string) {
	h.t.Helper()
	r, err := h.permissions().GetPermissions(h.marketing(), &ingestv1.GetPermissionsRequest{Name: lead + "/permissions"})
	h.ok(err)
	if len(r.GetPermissions()) != 1 {
		h.t.Fatalf("answers: %v", r)
	}
	p := r.GetPermissions()[0]
	return p.GetAllowed(), p.GetReason()
}

// Double opt-in: what is pending allows nothing until the person confirms it.
func TestPermissionIsConfirmedByToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		lead := h.capture(of(email("ann@a.example"))).GetLead()
		asked := h.permit(lead, pending, 0)
		if ok, why := h.may(lead); ok || !strings.Contains(why, "not confirmed") {
			t.Errorf("before: %v because %s", ok, why)
		}
		if got := h.attribute(lead, "permission_email_newsletter"); got != "pending" {
			t.Errorf("before, the attribute says %q", got)
		}
		h.pass(time.Hour)
		confirm := &ingestv1.ConfirmPermissionRequest{Token: asked.GetConfirmToken()}
		first, err := h.permissions().ConfirmPermission(h.marketing(), confirm)
		h.ok(err)
		again, err := h.permissions().ConfirmPermission(h.marketing(), confirm)
		h.ok(err)
		if first.GetState() != granted || !again.GetRecordTime().AsTime().Equal(first.GetRecordTime().AsTime()) || first.GetTextVersion() != "2026-01" {
			t.Errorf("%v, and again %v", first, again)
		}
		if ok, why := h.may(lead); !ok || why != "granted on 2026-03-01 by form:footer" {
			t.Errorf("after: %v because %s", ok, why)
		}
		if got := h.attribute(lead, "permission_email_newsletter"); got != "granted" {
			t.Errorf("after, the attribute says %q", got)
		}
		h.pass(time.Hour)
		h.permit(lead, withdrawn, 2*time.Hour)
		if _, err := h.permissions().ConfirmPermission(h.marketing(), confirm); status.Code(err) != codes.NotFound {
			t.Errorf("a token of what was withdrawn: %v", err)
		}
		if _, err := h.permissions().ConfirmPermission(h.marketing(), &ingestv1.ConfirmPermissionRequest{Token: "nobody ever made it"}); status.Code(err) != codes.NotFound {
			t.Errorf("a token of nothing: %v", err)
		}
	})
}

// The ledger keeps all that was said; what holds last counts, in any order of arrival.
func TestPermissionLedger(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		lead := h.capture(of(email("ann@a.example"))).GetLead()
		h.pass(time.Hour)
		h.permit(lead, withdrawn, 30*time.Minute)
		h.pass(time.Minute)
		h.permit(lead, granted, 10*time.Minute) // learned of late
		if ok, why := h.may(lead); ok || why != "withdrawn on 2026-03-01 by form:footer" {
			t.Errorf("%v because %s", ok, why)
		}
		if got := h.attribute(lead, "permission_email_newsletter"); got != "withdrawn" {
			t.Errorf("the attribute says %q", got)
		}
		var states []ingestv1.PermissionRecord_State
		token := ""
		for range 2 {
			page, err := h.permissions().ListPermissionRecords(h.marketing(), &ingestv1.ListPermissionRecordsRequest{Parent: lead, PageSize: 1, PageToken: token})
			h.ok(err)
			r := page.GetPermissionRecords()[0]
			if len(page.GetPermissionRecords()) != 1 || r.GetAddress() != "" || len(r.GetAddressHash()) != 32 || r.GetActor() != "test" {
				t.Errorf("%v", page)
			}
			states, token = append(states, r.GetState()), page.GetNextPageToken()
		}
		if states[0] != granted || states[1] != withdrawn || token != "" {
			t.Errorf("%v, and more after %q", states, token)
		}
	})
}

// Who is suppressed may not be called, whatever was said.
func TestSuppressionStandsBeforePermission(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		lead := h.capture(of(email("ann@a.example"))).GetLead()
		h.permit(lead, granted, 0)
		h.suppress(&ingestv1.SuppressionEntry{Identity: email("ann@a.example"), Reason: "opt_out"})
		if ok, why := h.may(lead); ok || why != "suppressed: opt_out" {
			t.Errorf("%v because %s", ok, why)
		}
	})
}

func TestBadPermissions(t *testing.T) {
	h := onSQLite(t)
	lead := h.capture(of(email("ann@a.example"))).GetLead()
	for name, c := range map[string]struct {
		change func(*ingestv1.PermissionRecord)
		field  string
	}{
		"no address":    {func(p *ingestv1.PermissionRecord) { p.Address = "the moon" }, "permissionRecord.address"},
		"in the future": {func(p *ingestv1.PermissionRecord) { p.EffectiveTime = timestamppb.New(start.Add(time.Hour)) }, "permissionRecord.effectiveTime"},
		"no state":      {func(p *ingestv1.PermissionRecord) { p.State = 0 }, "permissionRecord.state"},
		"no channel":    {func(p *ingestv1.PermissionRecord) { p.Channel = "E-Mail" }, "permissionRecord.channel"},
	} {
		p := &ingestv1.PermissionRecord{Channel: "email", Purpose: "sales", State: granted}
		c.change(p)
		_, err := h.permissions().RecordPermission(h.marketing(), &ingestv1.RecordPermissionRequest{Parent: lead, PermissionRecord: p})
		if v := apierr.Violations(err); len(v) != 1 || v[0].Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.permissions().RecordPermission(h.marketing(), &ingestv1.RecordPermissionRequest{
		Parent: "leads/0198f0a1-4b1a-7c2d-9e3f-405162738495", PermissionRecord: &ingestv1.PermissionRecord{Channel: "email", Purpose: "sales", State: granted},
	})
	if status.Code(err) != codes.NotFound {
		t.Errorf("of nobody: %v", err)
	}
}

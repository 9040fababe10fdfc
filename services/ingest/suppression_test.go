package ingest_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func (h *house) manager() ingestv1.SuppressionServiceClient {
	return ingestv1.NewSuppressionServiceClient(h.conn)
}

func (h *house) suppress(entries ...*ingestv1.SuppressionEntry) []*ingestv1.Suppression {
	h.t.Helper()
	r, err := h.manager().BatchCreateSuppressions(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.BatchCreateSuppressionsRequest{Entries: entries})
	h.ok(err)
	return r.GetSuppressions()
}

func (h *house) unsuppress(name string) {
	h.t.Helper()
	_, err := h.manager().DeleteSuppression(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.DeleteSuppressionRequest{Name: name})
	h.ok(err)
}

// attribute returns what is said of a lead now, as text.
func (h *house) attribute(lead, key string) string {
	h.t.Helper()
	l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: lead})
	h.ok(err)
	return l.GetAttributes().GetFields()[key].GetStringValue()
}

// eventually waits for what happens in the background.
func (h *house) eventually(what string, condition func() bool) {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal(what)
		}
	}
}

func of(identity *ingestv1.Identity) *ingestv1.CaptureLeadRequest {
	return &ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{identity}}}
}

func user(id string) *ingestv1.Identity {
	return &ingestv1.Identity{Kind: ingestv1.Identity_KIND_USER_ID, Value: id}
}

// Leads that are there, and those that come later, say why they are not to be handed off,
// and no more when the entry is gone.
func TestSuppressedLeadsSayWhy(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		known, other := h.capture(of(email("ann@a.example"))).GetLead(), h.capture(of(email("bob@b.example"))).GetLead()
		entries := h.suppress(
			&ingestv1.SuppressionEntry{Identity: email("Ann@A.example"), Reason: "customer"},
			&ingestv1.SuppressionEntry{Identity: user("u9"), Reason: "partner"},
		)
		if got := h.attribute(known, "suppressed") + h.attribute(other, "suppressed"); got != "customer" {
			t.Errorf("the leads that are there say %q", got)
		}
		if c := h.claim(10); len(c) != 2 {
			t.Errorf("%d leads are pending", len(c))
		}
		later := h.capture(of(user("u9"))).GetLead()
		if got := h.attribute(later, "suppressed"); got != "partner" {
			t.Errorf("the one that comes later says %q", got)
		}
		version := h.capture(of(email("ann@a.example"))).GetFactsVersion()
		if again := h.capture(of(email("ann@a.example"))); again.GetFactsVersion() != version {
			t.Errorf("saying it again made version %d", again.GetFactsVersion())
		}
		h.unsuppress(entries[0].GetName())
		h.eventually("the lead says it still", func() bool { return h.attribute(known, "suppressed") == "" })
		if got := h.attribute(later, "suppressed"); got != "partner" {
			t.Errorf("the other entry says %q", got)
		}
	})
}

// Everybody with an address of a domain; the strictest entry, of equals the oldest, counts.
func TestSuppressedDomain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ann := h.capture(of(email("ann@rival.example"))).GetLead()
		entries := h.suppress(&ingestv1.SuppressionEntry{Domain: "@Rival.example", Reason: "competitor"})
		h.eventually("the lead does not say it", func() bool { return h.attribute(ann, "suppressed") == "competitor" })
		h.pass(time.Minute)
		h.suppress(&ingestv1.SuppressionEntry{Identity: email("ann@rival.example"), Reason: "customer"})
		if got := h.attribute(ann, "suppressed"); got != "competitor" {
			t.Errorf("with a younger entry: %q", got)
		}
		h.unsuppress(entries[0].GetName())
		h.eventually("the other entry does not count", func() bool { return h.attribute(ann, "suppressed") == "customer" })
	})
}

// Of whom no capture is wanted, nothing is kept: alone, in a batch, or by an activity.
func TestNoCaptureOfTheSuppressed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.suppress(&ingestv1.SuppressionEntry{Identity: email("ann@a.example"), Mode: ingestv1.Suppression_MODE_CAPTURE, Reason: "opt_out"})
		_, err := h.CaptureLead(h.marketing(), of(email("ann@a.example")))
		if status.Code(err) != codes.FailedPrecondition || apierr.Reason(err) != "SUPPRESSED" {
			t.Errorf("alone: %v", err)
		}
		alias := of(user("u7"))
		alias.PreviousIdentities = []*ingestv1.Identity{email("ann@a.example")}
		if _, err := h.CaptureLead(h.marketing(), alias); apierr.Reason(err) != "SUPPRESSED" {
			t.Errorf("by what the person was before: %v", err)
		}
		batch, err := h.BatchCaptureLeads(h.marketing(), &ingestv1.BatchCaptureLeadsRequest{Requests: []*ingestv1.CaptureLeadRequest{
			of(email("ann@a.example")), of(email("bob@b.example")),
		}})
		h.ok(err)
		if r := batch.GetResults(); r[0].GetErrorReason() != "SUPPRESSED" || r[1].GetResponse().GetLead() == "" {
			t.Errorf("in a batch: %v", r)
		}
		record, err := h.BatchRecordActivities(h.marketing(), &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{
			{Identity: email("ann@a.example"), Activity: &ingestv1.Activity{Id: "of ann", Type: "page.viewed"}},
			{Identity: email("bob@b.example"), Activity: &ingestv1.Activity{Id: "of bob", Type: "page.viewed"}},
		}})
		h.ok(err)
		if r := record.GetResults(); r[0].GetErrorReason() != "SUPPRESSED" || r[0].GetId() != "" || record.GetStored() != 1 {
			t.Errorf("by an activity: %v", r)
		}
		if _, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email("ann@a.example")}); status.Code(err) != codes.NotFound {
			t.Errorf("there is a lead: %v", err)
		}
	})
}

func TestTheSuppressionListNamesNobody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.suppress(&ingestv1.SuppressionEntry{Identity: email("ann@a.example"), Reason: "customer"})
		h.pass(time.Minute)
		replaced := h.suppress(&ingestv1.SuppressionEntry{Identity: email("ann@a.example"), Reason: "opt_out", Mode: ingestv1.Suppression_MODE_CAPTURE})
		h.pass(time.Minute)
		h.suppress(&ingestv1.SuppressionEntry{Domain: "b.example", Reason: "competitor"})
		page, err := h.manager().ListSuppressions(h.marketing(), &ingestv1.ListSuppressionsRequest{PageSize: 1})
		h.ok(err)
		if len(page.GetSuppressions()) != 1 || page.GetSuppressions()[0].GetReason() != "competitor" || page.GetSuppressions()[0].GetActor() != "test" {
			t.Errorf("first page: %v", page)
		}
		page, err = h.manager().ListSuppressions(h.marketing(), &ingestv1.ListSuppressionsRequest{PageSize: 1, PageToken: page.GetNextPageToken()})
		h.ok(err)
		if len(page.GetSuppressions()) != 1 || page.GetSuppressions()[0].GetReason() != "opt_out" || page.GetNextPageToken() != "" ||
			page.GetSuppressions()[0].GetName() != replaced[0].GetName() {
			t.Errorf("second page: %v", page)
		}
		check := func(id *ingestv1.Identity) string {
			r, err := h.manager().CheckSuppression(h.marketing(), &ingestv1.CheckSuppressionRequest{Identity: id})
			h.ok(err)
			return r.GetSuppression().GetReason()
		}
		if got := check(email("ANN@a.example")) + "," + check(email("x@b.example")) + "," + check(email("x@c.example")); got != "opt_out,competitor," {
			t.Errorf("checks say %q", got)
		}
	})
}

// Whoever starts with another key would find nobody of the list, and must not.
func TestAnotherKeyIsRefused(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := newHouse(t, migrated(t, url), nil)
		h.suppress(&ingestv1.SuppressionEntry{Identity: email("ann@a.example"), Reason: "customer"})
		other, err := seal.New(append(make([]byte, 31), 1))
		h.ok(err)
		for name, sealer := range map[string]*seal.Sealer{"another key": other, "none": nil} {
			service, err := ingest.New(ingest.Deps{DB: h.db, Now: h.now, Sealer: sealer})
			h.ok(err)
			if err := service.Start(t.Context()); err == nil {
				t.Errorf("it starts with %s", name)
			}
			service.Stop()
		}
	})
}

func TestBadSuppressions(t *testing.T) {
	h := onSQLite(t)
	for name, c := range map[string]struct {
		entry *ingestv1.SuppressionEntry
		field string
	}{
		"nobody":     {&ingestv1.SuppressionEntry{Reason: "x"}, "entries[0]"},
		"two":        {&ingestv1.SuppressionEntry{Reason: "x", Domain: "a.example", Identity: user("u")}, "entries[0]"},
		"no address": {&ingestv1.SuppressionEntry{Reason: "x", Identity: email("ann")}, "entries[0].identity.value"},
		"no domain":  {&ingestv1.SuppressionEntry{Reason: "x", Domain: "a@b"}, "entries[0].domain"},
	} {
		_, err := h.manager().BatchCreateSuppressions(h.marketing(), &ingestv1.BatchCreateSuppressionsRequest{Entries: []*ingestv1.SuppressionEntry{c.entry}})
		if v := apierr.Violations(err); len(v) != 1 || v[0].Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, key := range []string{"suppressed", "permission_email_sales", "consent_analytics"} {
		_, err := h.CaptureLead(h.marketing(), &ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{
			Identities: []*ingestv1.Identity{user("u")}, Attributes: object(`{"` + key + `":"x"}`),
		}})
		if v := apierr.Violations(err); len(v) != 1 || v[0].Field != "lead.attributes."+key {
			t.Errorf("a sender says %s: %v", key, err)
		}
	}
}

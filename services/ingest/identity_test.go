package ingest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

func (h *house) identities() ingestv1.IdentityServiceClient {
	return ingestv1.NewIdentityServiceClient(h.conn)
}

func userID(id string) *ingestv1.Identity {
	return &ingestv1.Identity{Kind: ingestv1.Identity_KIND_USER_ID, Value: id}
}

func visitor(id string) *ingestv1.Identity {
	return &ingestv1.Identity{Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: id}
}

func TestMergeAndUnmerge(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		one := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"team": 1}`, email("a@x.example"))}).GetLead()
		h.pass(time.Second)
		two := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"title": "CTO"}`, email("b@x.example"))}).GetLead()
		merged, err := h.identities().MergeLeads(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.MergeLeadsRequest{Name: two, Other: one, Reason: "the same desk"})
		h.ok(err)
		if l := merged.GetLead(); l.GetName() != one || !slices.Equal(l.GetMembers(), []string{one, two}) || len(l.GetAttributes().GetFields()) != 3 || len(l.GetIdentities()) != 2 {
			t.Fatalf("%v", merged)
		}
		if l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: two}); err != nil || l.GetName() != one {
			t.Errorf("a member answers as %v, %v", l.GetName(), err)
		}
		if list, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{}); err != nil || len(list.GetLeads()) != 1 {
			t.Errorf("%d leads, %v", len(list.GetLeads()), err)
		}
		claimed := h.claim(10)
		if len(claimed) != 1 || claimed[0].GetLead() != one || !slices.Equal(claimed[0].GetMembers(), []string{two}) || claimed[0].GetIdentityVersion() != 1 {
			t.Errorf("%v", claimed)
		}
		links, err := h.identities().ListIdentityLinks(h.marketing(), &ingestv1.ListIdentityLinksRequest{Parent: one})
		h.ok(err)
		if l := links.GetIdentityLinks(); len(l) != 1 || l[0].GetName() != merged.GetLink() || l[0].GetKind() != ingestv1.IdentityLink_KIND_MERGE ||
			l[0].GetState() != ingestv1.IdentityLink_STATE_LINKS || l[0].GetSource() != "test" || l[0].GetReason() != "the same desk" {
			t.Errorf("%v", links)
		}
		split, err := h.identities().UnmergeLead(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.UnmergeLeadRequest{Name: one, Link: merged.GetLink(), Reason: "two people"})
		h.ok(err)
		if len(split.GetLeads()) != 2 || len(split.GetLeads()[0].GetMembers()) != 1 {
			t.Errorf("%v", split)
		}
		for _, c := range h.claim(10) {
			if c.GetFromVersion() != 0 || len(c.GetMembers()) != 0 || c.GetIdentityVersion() < 2 {
				t.Errorf("%v", c)
			}
		}
		_, err = h.identities().UnmergeLead(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.UnmergeLeadRequest{Name: one, Link: merged.GetLink()})
		if status.Code(err) != codes.NotFound {
			t.Errorf("again: %v", err)
		}
		// Repeated, a call does nothing twice: what was taken back since stays so.
		call := &ingestv1.MergeLeadsRequest{Name: one, Other: two, RequestId: "0197A000-0000-4000-8000-000000000001"}
		first, err := h.identities().MergeLeads(h.as(typev1.Role_ROLE_MANAGER), call)
		h.ok(err)
		_, err = h.identities().UnmergeLead(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.UnmergeLeadRequest{Name: one, Link: first.GetLink()})
		h.ok(err)
		if again, err := h.identities().MergeLeads(h.as(typev1.Role_ROLE_MANAGER), call); err != nil || again.GetLink() != first.GetLink() || len(again.GetLead().GetMembers()) != 1 {
			t.Errorf("repeated: %v %v", again, err)
		}
		call.Name, call.Other = two, one
		if _, err := h.identities().MergeLeads(h.as(typev1.Role_ROLE_MANAGER), call); apierr.Reason(err) != "REQUEST_ID_REUSED" {
			t.Errorf("another call with the id: %v", err)
		}
		for field, req := range map[string]*ingestv1.MergeLeadsRequest{
			"name": {Name: "leads/x", Other: one}, "other": {Name: one, Other: one}, "reason": {Name: one, Other: two, Reason: strings.Repeat("x", 501)},
		} {
			_, err := h.identities().MergeLeads(h.as(typev1.Role_ROLE_MANAGER), req)
			if v := apierr.Violations(err); len(v) != 1 || v[0].Field != field {
				t.Errorf("want a violation of %s: %v", field, err)
			}
		}
	})
}

// A capture that waits for its decision is answered, though its lead becomes somebody
// else's meanwhile.
func TestAWaitingCaptureHearsOfThePerson(t *testing.T) {
	h := onSQLite(t)
	known := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", email("a@x.example"))}).GetLead()
	for _, c := range h.claim(10) {
		h.decide(c, typev1.Verdict_VERDICT_NURTURE)
	}
	h.pass(time.Second)
	other := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", email("b@x.example"))}).GetLead()
	answer := make(chan *ingestv1.CaptureLeadResponse, 1)
	go func() {
		r, err := h.CaptureLead(h.marketing(), &ingestv1.CaptureLeadRequest{Lead: lead(`{"title": "CTO"}`, email("b@x.example")), WaitForDecision: true})
		if err != nil {
			t.Error(err)
		}
		answer <- r
	}()
	for { // until it is stored
		l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: other})
		h.ok(err)
		if l.GetAttributes().GetFields()["title"] != nil {
			break
		}
	}
	_, err := h.identities().MergeLeads(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.MergeLeadsRequest{Name: known, Other: other})
	h.ok(err)
	for _, c := range h.claim(10) {
		if c.GetLead() != known {
			t.Errorf("%s is decided", c.GetLead())
		}
		h.decide(c, typev1.Verdict_VERDICT_QUALIFIED)
	}
	if r := <-answer; r.GetDecision().GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED {
		t.Errorf("%v", r)
	}
}

func TestMergeProposals(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.source("web", browserSource())
		known := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", email("a@x.example"))}).GetLead()
		_, err := h.CaptureLead(h.with("web", true), &ingestv1.CaptureLeadRequest{Lead: lead("", userID("u1"), email("a@x.example"))})
		h.ok(err)
		h.pass(time.Second)
		for _, id := range []string{"u2", "u3"} {
			h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", userID(id), email("family@x.example"))})
		}
		list, err := h.identities().ListMergeProposals(h.marketing(), &ingestv1.ListMergeProposalsRequest{})
		h.ok(err)
		if len(list.GetMergeProposals()) != 2 {
			t.Fatalf("%v", list)
		}
		family, said := list.GetMergeProposals()[0], list.GetMergeProposals()[1]
		if len(family.GetEvidence()) != 2 || family.GetEvidence()[0].GetState() != ingestv1.IdentityLink_STATE_SHARED || family.GetEvidence()[0].GetOtherIdentity().GetValue() != "family@x.example" {
			t.Errorf("%v", family)
		}
		if len(said.GetEvidence()) != 1 || said.GetEvidence()[0].GetState() != ingestv1.IdentityLink_STATE_PROPOSED || said.GetEvidence()[0].GetSource() != "web" || !slices.Contains(said.GetLeads(), known) {
			t.Errorf("%v", said)
		}
		accepted, err := h.identities().AcceptMergeProposal(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.AcceptMergeProposalRequest{Name: said.GetName()})
		h.ok(err)
		if accepted.GetState() != ingestv1.MergeProposal_STATE_ACCEPTED || accepted.GetActor() != "test" || accepted.GetDecideTime() == nil {
			t.Errorf("%v", accepted)
		}
		if l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: known}); err != nil || len(l.GetMembers()) != 2 {
			t.Errorf("%v, %v", l, err)
		}
		if d, err := h.identities().DismissMergeProposal(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.DismissMergeProposalRequest{Name: family.GetName()}); err != nil || d.GetState() != ingestv1.MergeProposal_STATE_DISMISSED {
			t.Errorf("%v, %v", d, err)
		}
		if _, err := h.identities().AcceptMergeProposal(h.as(typev1.Role_ROLE_MANAGER), &ingestv1.AcceptMergeProposalRequest{Name: family.GetName()}); status.Code(err) != codes.FailedPrecondition {
			t.Error(err)
		}
		// What was dismissed is not proposed again.
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", userID("u2"), email("family@x.example"), visitor("v9"))})
		if list, err = h.identities().ListMergeProposals(h.marketing(), &ingestv1.ListMergeProposalsRequest{}); err != nil || len(list.GetMergeProposals()) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func TestIdentitySettings(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		admin := h.as(typev1.Role_ROLE_ADMIN)
		first := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", userID("u1"), visitor("v1"))}).GetLead()
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", userID("u2"), visitor("v1"))})
		s, err := h.identities().GetIdentitySettings(h.marketing(), &ingestv1.GetIdentitySettingsRequest{Name: "identitySettings"})
		h.ok(err)
		if s.GetEmailLimit() != 1 || s.GetAnonymousIdLimit() != 1 || s.GetEtag() != "0" {
			t.Errorf("%v", s)
		}
		s.AnonymousIdLimit, s.BlockedValues = 2, []string{"Test@Test.com"}
		changed, err := h.identities().UpdateIdentitySettings(admin, &ingestv1.UpdateIdentitySettingsRequest{IdentitySettings: s})
		h.ok(err)
		if changed.GetAnonymousIdLimit() != 2 || changed.GetEtag() != "1" {
			t.Errorf("%v", changed)
		}
		if _, err := h.identities().UpdateIdentitySettings(admin, &ingestv1.UpdateIdentitySettingsRequest{IdentitySettings: s}); status.Code(err) != codes.Aborted {
			t.Errorf("an old etag: %v", err)
		}
		for { // what is known is resolved again
			l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: first})
			h.ok(err)
			if len(l.GetMembers()) == 2 {
				break
			}
		}
		for _, id := range []*ingestv1.Identity{email("test@test.com"), userID("null"), visitor("0000")} {
			_, err := h.CaptureLead(h.marketing(), &ingestv1.CaptureLeadRequest{Lead: lead("", id)})
			if apierr.Reason(err) != "BLOCKED_IDENTITY" || apierr.Violations(err)[0].Field != "lead.identities" {
				t.Errorf("%v: %v", id, err)
			}
			batch, err := h.BatchCaptureLeads(h.marketing(), &ingestv1.BatchCaptureLeadsRequest{Requests: []*ingestv1.CaptureLeadRequest{{Lead: lead("", id)}}})
			if err != nil || batch.GetResults()[0].GetErrorReason() != "BLOCKED_IDENTITY" {
				t.Errorf("%v, %v", batch, err)
			}
			record := &ingestv1.ActivityRecord{Identity: id, Activity: &ingestv1.Activity{Type: "page.viewed"}}
			recorded, err := h.BatchRecordActivities(h.marketing(), &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{record}})
			if err != nil || recorded.GetResults()[0].GetErrorReason() != "BLOCKED_IDENTITY" {
				t.Errorf("%v, %v", recorded, err)
			}
		}
		if got := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", userID("null"), userID("u1"))}).GetLead(); got != first {
			t.Errorf("one that is left: %s", got)
		}
	})
}

func TestAlias(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		old := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", userID("u1"))}).GetLead()
		h.source("web", browserSource())
		h.source("app", serverSource())
		alias := func(browser bool) *ingestv1.CaptureLeadResponse {
			source := "app"
			if browser {
				source = "web"
			}
			r, err := h.CaptureLead(h.with(source, browser), &ingestv1.CaptureLeadRequest{
				Lead: lead("", userID("u2")), PreviousIdentities: []*ingestv1.Identity{userID("u1"), visitor("v1")},
			})
			h.ok(err)
			return r
		}
		alias(true)
		l, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: visitor("v1")})
		h.ok(err)
		if len(l.GetLead().GetMembers()) != 1 || l.GetLead().GetName() == old {
			t.Errorf("a browser joined two users: %v", l)
		}
		if alias(false).GetLead() != old {
			t.Error("a server did not")
		}
	})
}

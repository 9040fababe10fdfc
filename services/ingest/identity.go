package ingest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

type identityAPI struct {
	ingestv1.UnimplementedIdentityServiceServer
	*Service
}

const settingsName = "identitySettings"

// GetIdentitySettings implements the method.
func (a *identityAPI) GetIdentitySettings(ctx context.Context, _ *ingestv1.GetIdentitySettingsRequest) (*ingestv1.IdentitySettings, error) {
	s, etag, err := a.store.IdentitySettings(ctx)
	if err != nil {
		return nil, err
	}
	return &ingestv1.IdentitySettings{
		Name: settingsName, Etag: etag,
		EmailLimit:       int32(s.Limit(identity.Email)),
		CrmIdLimit:       int32(s.Limit(identity.CRMID)),
		AnonymousIdLimit: int32(s.Limit(identity.AnonymousID)),
		BlockedValues:    s.Blocked, CompanyByDomainOff: s.NoCompany,
	}, nil
}

// UpdateIdentitySettings implements the method. A limit of 0 is the default.
func (a *identityAPI) UpdateIdentitySettings(ctx context.Context, req *ingestv1.UpdateIdentitySettingsRequest) (*ingestv1.IdentitySettings, error) {
	in := req.GetIdentitySettings()
	if in.GetName() != settingsName {
		return nil, apierr.InvalidField("identitySettings.name", settingsName)
	}
	s := identity.Settings{NoCompany: in.GetCompanyByDomainOff(), Limits: map[identity.Kind]int{}}
	for _, l := range []struct {
		kind  identity.Kind
		field string
		limit int32
	}{
		{identity.Email, "emailLimit", in.GetEmailLimit()},
		{identity.CRMID, "crmIdLimit", in.GetCrmIdLimit()},
		{identity.AnonymousID, "anonymousIdLimit", in.GetAnonymousIdLimit()},
	} {
		if l.limit < 0 || l.limit > identity.MaxLimit {
			return nil, apierr.InvalidField("identitySettings."+l.field, "0 to 50")
		}
		if l.limit > 0 {
			s.Limits[l.kind] = int(l.limit)
		}
	}
	if len(in.GetBlockedValues()) > identity.MaxBlocked {
		return nil, apierr.InvalidField("identitySettings.blockedValues", "at most 1,000 values")
	}
	for i, v := range in.GetBlockedValues() {
		value := strings.ToLower(strings.TrimSpace(v))
		if value == "" || activity.CheckText("", value, identity.MaxChars) != nil {
			return nil, apierr.InvalidField("identitySettings.blockedValues["+strconv.Itoa(i)+"]", "a value of at most 320 characters")
		}
		s.Blocked = append(s.Blocked, value)
	}
	if err := a.store.SetIdentitySettings(ctx, s, in.GetEtag()); err != nil {
		return nil, refused(err, settingsName, "")
	}
	select {
	case a.rethink <- struct{}{}:
	default:
	}
	return a.GetIdentitySettings(ctx, nil)
}

// actor is who calls, as records show it.
func actor(ctx context.Context) string {
	c, _ := caller.From(ctx)
	return c.Actor
}

// checkReason refuses a reason that is no text.
func checkReason(reason string) error {
	if v := activity.CheckText("reason", reason, 500); v != nil {
		return invalid(v)
	}
	return nil
}

// MergeLeads implements the method. Leads that were merged before stay merged by the same
// link.
func (a *identityAPI) MergeLeads(ctx context.Context, req *ingestv1.MergeLeadsRequest) (*ingestv1.MergeLeadsResponse, error) {
	id, err := leadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	other, err := leadID("other", req.GetOther())
	if err != nil {
		return nil, err
	}
	if id == other {
		return nil, apierr.InvalidField("other", "another lead")
	}
	call := store.Once{}
	var v *violation.Violation
	if call.RequestID, v = checkRequestID(req.GetRequestId()); v != nil {
		return nil, invalid(v)
	}
	said := proto.CloneOf(req)
	said.RequestId = ""
	if call.Digest, err = bodyDigest(call.RequestID, said); err != nil {
		return nil, err
	}
	if err := checkReason(req.GetReason()); err != nil {
		return nil, err
	}
	for _, one := range []string{id, other} {
		if _, err := a.store.Person(ctx, one); err != nil {
			return nil, refused(err, lead.Name(one), "")
		}
	}
	link, err := a.store.MergeOnce(ctx, call, id, other, actor(ctx), req.GetReason())
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	l, err := a.leadNow(ctx, id)
	if err != nil {
		return nil, err
	}
	return &ingestv1.MergeLeadsResponse{Lead: l, Link: linkName(l.GetName(), link)}, nil
}

func (a *identityAPI) leadNow(ctx context.Context, id string) (*ingestv1.Lead, error) {
	l, err := a.store.Lead(ctx, id)
	if err != nil {
		return nil, refused(err, lead.Name(id), "")
	}
	return leadMessage(l)
}

// UnmergeLead implements the method.
func (a *identityAPI) UnmergeLead(ctx context.Context, req *ingestv1.UnmergeLeadRequest) (*ingestv1.UnmergeLeadResponse, error) {
	id, err := leadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	parent, link, ok := strings.Cut(req.GetLink(), "/identityLinks/")
	if !ok || link == "" {
		return nil, apierr.InvalidField("link", "leads/{lead}/identityLinks/{link}")
	}
	if _, err := leadID("link", parent); err != nil {
		return nil, err
	}
	if err := checkReason(req.GetReason()); err != nil {
		return nil, err
	}
	persons, err := a.store.Sever(ctx, id, link, actor(ctx), req.GetReason())
	if errors.Is(err, store.ErrNoLink) {
		return nil, apierr.NotFound(req.GetLink())
	}
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	response := &ingestv1.UnmergeLeadResponse{}
	for _, person := range persons {
		l, err := a.leadNow(ctx, person)
		if err != nil {
			return nil, err
		}
		response.Leads = append(response.Leads, l)
	}
	return response, nil
}

func linkName(parent, id string) string { return parent + "/identityLinks/" + id }

// ListIdentityLinks implements the method: oldest first.
func (a *identityAPI) ListIdentityLinks(ctx context.Context, req *ingestv1.ListIdentityLinksRequest) (*ingestv1.ListIdentityLinksResponse, error) {
	id, err := leadID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	list, next, err := page.List[store.IdentityLink]{
		Query: "links of " + req.GetParent(), Numbers: 1, Texts: 1,
		Read: func(after page.Place, _ int) ([]store.IdentityLink, error) {
			all, err := a.store.Links(ctx, id)
			if err != nil || after == nil {
				return all, err
			}
			return slices.DeleteFunc(all, func(l store.IdentityLink) bool { // a person has few
				return cmp.Or(cmp.Compare(l.CreatedAt.UnixMicro(), after.Number(0)), cmp.Compare(l.ID, after.Text(1))) <= 0
			}), nil
		},
		At: func(l store.IdentityLink) page.Place { return page.Created(l.CreatedAt, l.ID) },
	}.Page(req)
	if err != nil {
		return nil, refused(err, req.GetParent(), "")
	}
	response := &ingestv1.ListIdentityLinksResponse{NextPageToken: next}
	for _, l := range list {
		response.IdentityLinks = append(response.IdentityLinks, linkMessage(req.GetParent(), l))
	}
	return response, nil
}

func linkMessage(parent string, l store.IdentityLink) *ingestv1.IdentityLink {
	m := &ingestv1.IdentityLink{
		Name: linkName(parent, l.ID), Source: l.Source, CreateTime: timestamppb.New(l.CreatedAt),
		UndoTime: timeMessage(l.SeveredAt), UndoActor: l.SeveredBy, Reason: l.Reason,
		Kind: ingestv1.IdentityLink_KIND_CLAIM, State: ingestv1.IdentityLink_STATE_PROPOSED,
	}
	if l.Lead != "" {
		m.Lead = lead.Name(l.Lead)
	}
	if l.OtherHome {
		m.OtherLead = lead.Name(l.Other)
	}
	switch {
	case l.Value == (identity.Identity{}):
		m.Kind = ingestv1.IdentityLink_KIND_MERGE
	case l.Value.Kind == identity.UserID && l.By.Kind == identity.UserID:
		m.Kind = ingestv1.IdentityLink_KIND_ALIAS
	}
	if m.Kind != ingestv1.IdentityLink_KIND_MERGE {
		m.Identity, m.OtherIdentity = identityMessage(l.By), identityMessage(l.Value)
	}
	switch {
	case !l.SeveredAt.IsZero():
		m.State = ingestv1.IdentityLink_STATE_UNDONE
		if l.SeveredReason != "" {
			m.Reason = l.SeveredReason
		}
	case l.Shared:
		m.State = ingestv1.IdentityLink_STATE_SHARED
	case l.Joined:
		m.State = ingestv1.IdentityLink_STATE_LINKS
	}
	return m
}

func identityMessage(i identity.Identity) *ingestv1.Identity {
	return &ingestv1.Identity{Kind: ingestv1.Identity_Kind(i.Kind), Value: i.Value}
}

func timeMessage(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// ListMergeProposals implements the method.
func (a *identityAPI) ListMergeProposals(ctx context.Context, req *ingestv1.ListMergeProposalsRequest) (*ingestv1.ListMergeProposalsResponse, error) {
	state := store.ProposalState(req.GetState())
	if state == 0 {
		state = store.ProposalOpen
	}
	list, next, err := page.List[store.Proposal]{
		Query: []any{"proposals", int64(state)}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Proposal, error) {
			return a.store.Proposals(ctx, state, after, limit)
		},
		At: func(p store.Proposal) page.Place { return page.Created(p.CreatedAt, p.ID) },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListMergeProposalsResponse{NextPageToken: next}
	for _, p := range list {
		response.MergeProposals = append(response.MergeProposals, proposalMessage(p))
	}
	return response, nil
}

func proposalMessage(p store.Proposal) *ingestv1.MergeProposal {
	m := &ingestv1.MergeProposal{
		Name: "mergeProposals/" + p.ID, State: ingestv1.MergeProposal_State(p.State),
		Leads:      []string{lead.Name(p.Leads[0]), lead.Name(p.Leads[1])},
		CreateTime: timestamppb.New(p.CreatedAt), DecideTime: timeMessage(p.DecidedAt), Actor: p.Actor,
	}
	for _, l := range p.Evidence {
		parent := p.Leads[0]
		if l.Lead != "" {
			parent = l.Lead
		}
		m.Evidence = append(m.Evidence, linkMessage(lead.Name(parent), l))
	}
	for _, pair := range p.Alike {
		alike := &ingestv1.AlikeAddresses{Likeness: ingestv1.AlikeAddresses_Likeness(pair.Likeness)}
		for _, email := range pair.Emails {
			alike.Addresses = append(alike.Addresses, &ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: email})
		}
		m.Alike = append(m.Alike, alike)
	}
	return m
}

// AcceptMergeProposal implements the method.
func (a *identityAPI) AcceptMergeProposal(ctx context.Context, req *ingestv1.AcceptMergeProposalRequest) (*ingestv1.MergeProposal, error) {
	return a.decide(ctx, req.GetName(), store.ProposalAccepted, req.GetReason())
}

// DismissMergeProposal implements the method.
func (a *identityAPI) DismissMergeProposal(ctx context.Context, req *ingestv1.DismissMergeProposalRequest) (*ingestv1.MergeProposal, error) {
	return a.decide(ctx, req.GetName(), store.ProposalDismissed, req.GetReason())
}

func (a *identityAPI) decide(ctx context.Context, name string, state store.ProposalState, reason string) (*ingestv1.MergeProposal, error) {
	id, ok := strings.CutPrefix(name, "mergeProposals/")
	if !ok || activity.CheckText("", id, 64) != nil {
		return nil, apierr.InvalidField("name", "mergeProposals/{merge_proposal}")
	}
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	p, err := a.store.DecideProposal(ctx, id, state, actor(ctx), reason)
	if errors.Is(err, store.ErrDecided) {
		return nil, apierr.WrongState(name, "decided", "open")
	}
	if err != nil {
		return nil, refused(err, name, "")
	}
	return proposalMessage(p), nil
}

// settingsEvery is how often it is looked for settings that another process changed and did
// not live to resolve by.
const settingsEvery = 5 * time.Second

// rethinkAll resolves what is known by new settings.
func (s *Service) rethinkAll(ctx context.Context) {
	ticker := time.NewTicker(settingsEvery)
	defer ticker.Stop()
	for {
		var err error
		for more := true; more && err == nil; {
			more, err = s.store.Reresolve(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Log.WarnContext(ctx, "identities could not be resolved by the settings", "error", err)
		}
		select {
		case <-s.rethink:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// compareEvery is how often new addresses are compared with all others.
const compareEvery = 5 * time.Second

// compareAddresses proposes to merge leads whose addresses are alike.
func (s *Service) compareAddresses(ctx context.Context) {
	ticker := time.NewTicker(compareEvery)
	defer ticker.Stop()
	for {
		var err error
		for more := true; more && err == nil && ctx.Err() == nil; {
			more, err = s.store.CompareAddresses(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Log.WarnContext(ctx, "addresses could not be compared", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

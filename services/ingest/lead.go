package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/internal/terms"
)

// GetLead implements the method. A merged lead answers as its person's.
func (a *ingestAPI) GetLead(ctx context.Context, req *ingestv1.GetLeadRequest) (*ingestv1.Lead, error) {
	id, err := leadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return a.getLead(ctx, id)
}

func (a *ingestAPI) getLead(ctx context.Context, id string) (*ingestv1.Lead, error) {
	l, err := a.store.Lead(ctx, id)
	if err != nil {
		return nil, refused(err, lead.Name(id), "")
	}
	return leadMessage(l)
}

// LookupLead implements the method.
func (a *ingestAPI) LookupLead(ctx context.Context, req *ingestv1.LookupLeadRequest) (*ingestv1.LookupLeadResponse, error) {
	who, v := identity.New(req.GetIdentity())
	if v != nil {
		return nil, invalid(v.Under("identity"))
	}
	id, err := a.store.Lookup(ctx, who)
	if err != nil {
		// The identity is not named: it is personal data.
		return nil, refused(err, "a lead with this identity", "")
	}
	l, err := a.getLead(ctx, id)
	return &ingestv1.LookupLeadResponse{Lead: l}, err
}

var leadTerms = map[string]terms.Kind{"create_time": terms.Time, "update_time": terms.Time}

// ListLeads implements the method.
func (a *ingestAPI) ListLeads(ctx context.Context, req *ingestv1.ListLeadsRequest) (*ingestv1.ListLeadsResponse, error) {
	var q store.LeadQuery
	var err error
	if q.Terms, err = terms.Parse(req.GetFilter(), leadTerms); err != nil {
		return nil, err
	}
	field, direction, _ := strings.Cut(strings.TrimSpace(req.GetOrderBy()), " ")
	direction = strings.TrimSpace(direction)
	if field == "" {
		field, direction = "create_time", "desc"
	}
	if field != "create_time" && field != "update_time" || direction != "" && direction != "asc" && direction != "desc" {
		return nil, apierr.InvalidField("orderBy", "create_time or update_time, and maybe desc after it")
	}
	q.ByUpdate, q.Descending = field == "update_time", direction == "desc"
	list, next, err := page.List[store.Lead]{
		Query: []any{"leads", req.GetFilter(), q.ByUpdate, q.Descending}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Lead, error) { return a.store.Leads(ctx, q, after, limit) },
		At: func(l store.Lead) page.Place {
			if q.ByUpdate {
				return page.Created(l.UpdatedAt, l.ID)
			}
			return page.Created(l.CreatedAt, l.ID)
		},
	}.Page(req)
	if err != nil {
		return nil, err
	}
	leads, err := leadMessages(list)
	return &ingestv1.ListLeadsResponse{Leads: leads, NextPageToken: next}, err
}

func leadMessages(leads []store.Lead) ([]*ingestv1.Lead, error) {
	list := make([]*ingestv1.Lead, len(leads))
	for i, l := range leads {
		var err error
		if list[i], err = leadMessage(l); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// UpdateLead implements the method.
func (a *ingestAPI) UpdateLead(ctx context.Context, req *ingestv1.UpdateLeadRequest) (*ingestv1.Lead, error) {
	id, err := leadID("lead.name", req.GetLead().GetName())
	if err != nil {
		return nil, err
	}
	now := a.now()
	s, v := readUpdate(req)
	if v != nil {
		return nil, invalid(v)
	}
	s.Lead, s.ETag = id, req.GetLead().GetEtag()
	s.Source, s.Effective = activity.DefaultSource, now.Truncate(time.Microsecond)
	err = a.store.Capture(ctx, &store.Capture{Received: now, Trace: telemetry.Traceparent(ctx), Subjects: []*store.Subject{s}})
	if err != nil {
		return nil, refused(err, req.GetLead().GetName(), "")
	}
	return a.getLead(ctx, id)
}

// readUpdate reads the fields that an update's mask names. Without a mask they are
// those present.
func readUpdate(req *ingestv1.UpdateLeadRequest) (*store.Subject, *violation.Violation) {
	s := &store.Subject{StrictSource: true}
	given, v := lead.Attributes(req.GetLead().GetAttributes())
	if v != nil {
		return nil, v.Under("lead.attributes")
	}
	if v := readSource(s, req.GetLead(), given); v != nil {
		return nil, v.Under("lead")
	}
	var belongs string
	if name := req.GetLead().GetAccount(); name != "" {
		if belongs, v = account.ParseName("lead.account", name); v != nil {
			return nil, v
		}
	}
	given, source := s.Attributes, s.LeadSource
	s.Attributes, s.LeadSource = nil, nil
	paths := req.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		s.Attributes, s.LeadSource, s.Account = given, source, belongs
		return s, nil
	}
	for i, path := range paths {
		key, one := strings.CutPrefix(path, "attributes.")
		switch {
		case path == "*":
			s.Replace, s.Attributes, s.LeadSource = true, given, source
			s.Account, s.LeaveAccount = belongs, belongs == ""
		case path == "attributes":
			s.Replace, s.Attributes = true, given
		case path == "lead_source" || strings.HasPrefix(path, "lead_source."): // it is set as a whole
			s.LeadSource = source
		case path == "account":
			s.Account, s.LeaveAccount = belongs, belongs == ""
		case key == lead.SourceChannel || key == lead.SourceCampaign || key == lead.SourceDetail:
			s.LeadSource = source
		case one && lead.CheckKey(key) == nil:
			if s.Replace || slices.ContainsFunc(s.Attributes, func(a lead.Attribute) bool { return a.Key == key }) {
				continue
			}
			change := lead.Attribute{Key: key, Value: []byte("null")} // absent: removed
			if at := slices.IndexFunc(given, func(a lead.Attribute) bool { return a.Key == key }); at >= 0 {
				change = given[at]
			}
			s.Attributes = append(s.Attributes, change)
		default:
			return nil, violation.New(fmt.Sprintf("updateMask.paths[%d]", i), "attributes, attributes.<key>, account or lead_source")
		}
	}
	slices.SortFunc(s.Attributes, func(a, b lead.Attribute) int { return strings.Compare(a.Key, b.Key) })
	return s, nil
}

func leadMessage(l store.Lead) (*ingestv1.Lead, error) {
	m := &ingestv1.Lead{
		Name: lead.Name(l.ID), Etag: l.ETag, FactsVersion: int32(l.Version),
		CreateTime: timestamppb.New(l.CreatedAt), UpdateTime: timestamppb.New(l.UpdatedAt),
		Attributes: &structpb.Struct{},
	}
	if l.Account != "" {
		m.Account = account.Name(l.Account)
	}
	err := protojson.Unmarshal(l.Attributes, m.Attributes)
	if l.LeadSource != nil {
		m.LeadSource = &ingestv1.LeadSource{}
		err = errors.Join(err, protojson.Unmarshal(l.LeadSource, m.LeadSource))
	}
	if err != nil {
		return nil, fmt.Errorf("ingest: stored lead: %w", err)
	}
	for _, id := range l.Identities {
		m.Identities = append(m.Identities, &ingestv1.Identity{Kind: ingestv1.Identity_Kind(id.Kind), Value: id.Value})
	}
	for _, id := range l.Members {
		m.Members = append(m.Members, lead.Name(id))
	}
	return m, nil
}

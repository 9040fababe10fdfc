package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

type accountAPI struct {
	ingestv1.UnimplementedAccountServiceServer
	*Service
}

// accountID returns the id in the name of an account, or the error of a bad one.
func accountID(field, name string) (string, error) {
	id, v := account.ParseName(field, name)
	if v != nil {
		return "", invalid(v)
	}
	return id, nil
}

// GetAccount implements the method.
func (a *accountAPI) GetAccount(ctx context.Context, req *ingestv1.GetAccountRequest) (*ingestv1.Account, error) {
	id, err := accountID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return a.getAccount(ctx, id)
}

func (a *accountAPI) getAccount(ctx context.Context, id string) (*ingestv1.Account, error) {
	found, err := a.store.Account(ctx, id)
	if err != nil {
		return nil, refused(err, account.Name(id), "")
	}
	m, err := accountMessage(found)
	if err != nil {
		return nil, err
	}
	said, err := a.store.AccountFacts(ctx, id)
	if err != nil {
		return nil, err
	}
	m.Facts, err = accountFacts(account.Current(said))
	return m, err
}

// LookupAccount implements the method.
func (a *accountAPI) LookupAccount(ctx context.Context, req *ingestv1.LookupAccountRequest) (*ingestv1.LookupAccountResponse, error) {
	who, v := account.NewIdentity(req.GetIdentity())
	if v != nil {
		return nil, invalid(v.Under("identity"))
	}
	id, err := a.store.LookupAccount(ctx, who)
	if err != nil {
		return nil, refused(err, "an account with this identity", "")
	}
	m, err := a.getAccount(ctx, id)
	return &ingestv1.LookupAccountResponse{Account: m}, err
}

// ListAccounts implements the method.
func (a *accountAPI) ListAccounts(ctx context.Context, req *ingestv1.ListAccountsRequest) (*ingestv1.ListAccountsResponse, error) {
	list, next, err := page.List[store.Account]{
		Query: "accounts", Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Account, error) { return a.store.Accounts(ctx, after, limit) },
		At:   func(a store.Account) page.Place { return page.Created(a.CreatedAt, a.ID) },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListAccountsResponse{NextPageToken: next}
	for _, found := range list {
		m, err := accountMessage(found)
		if err != nil {
			return nil, err
		}
		response.Accounts = append(response.Accounts, m)
	}
	return response, nil
}

// ListAccountLeads implements the method.
func (a *accountAPI) ListAccountLeads(ctx context.Context, req *ingestv1.ListAccountLeadsRequest) (*ingestv1.ListAccountLeadsResponse, error) {
	id, err := accountID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	list, next, err := page.List[store.Lead]{
		Query: "leads of " + req.GetParent(), Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Lead, error) {
			return a.store.AccountLeads(ctx, id, after.Text(0), limit)
		},
		At: func(l store.Lead) page.Place { return page.Place{l.ID} },
	}.Page(req)
	if err != nil {
		return nil, refused(err, req.GetParent(), "")
	}
	leads, err := leadMessages(list)
	return &ingestv1.ListAccountLeadsResponse{Leads: leads, NextPageToken: next}, err
}

// CaptureAccount implements the method.
func (a *accountAPI) CaptureAccount(ctx context.Context, req *ingestv1.CaptureAccountRequest) (*ingestv1.CaptureAccountResponse, error) {
	received := a.now()
	from, err := a.sender(ctx)
	if err != nil {
		return nil, err
	}
	out := from.permitAccount(req)
	capture, clamped, v := readAccount(req, received, trusted(ctx))
	if v != nil {
		return nil, invalid(v)
	}
	capture.Reply = func(r *store.AccountResult) ([]byte, error) { return proto.Marshal(captured(r, clamped)) }
	if capture.Digest, err = bodyDigest(capture.RequestID, withoutRequestID(req)); err != nil {
		return nil, err
	}
	if err := a.store.CaptureAccount(ctx, capture); err != nil {
		return nil, refused(err, req.GetAccount().GetName(), "")
	}
	a.report(ctx, from, []*withheld{out})
	if capture.Replayed == nil {
		return captured(&capture.Result, clamped), nil
	}
	response := &ingestv1.CaptureAccountResponse{}
	if err := proto.Unmarshal(capture.Replayed, response); err != nil {
		return nil, fmt.Errorf("ingest: stored reply: %w", err)
	}
	return response, nil
}

func withoutRequestID(req *ingestv1.CaptureAccountRequest) *ingestv1.CaptureAccountRequest {
	return &ingestv1.CaptureAccountRequest{
		Account: req.GetAccount(), Historical: req.GetHistorical(), DefaultTime: req.GetDefaultTime(), Source: req.GetSource(),
	}
}

// readAccount checks a capture.
func readAccount(req *ingestv1.CaptureAccountRequest, received time.Time, trusted bool) (c *store.AccountCapture, clamped bool, v *violation.Violation) {
	c = &store.AccountCapture{
		Received: received, Historical: req.GetHistorical(), Effective: received.Truncate(time.Microsecond), Source: req.GetSource(),
	}
	if c.RequestID, v = checkRequestID(req.GetRequestId()); v != nil {
		return nil, false, v
	}
	window := effective.Window{Now: received, Historical: req.GetHistorical()}
	if req.GetDefaultTime() != nil {
		t, v := effective.Time("defaultTime", req.GetDefaultTime())
		if v != nil {
			return nil, false, v
		}
		c.Dated = true
		c.Effective, clamped = window.Clamp(t)
	}
	if v := activity.CheckSource("source", c.Source, trusted); v != nil {
		return nil, false, v
	}
	if c.Source == "" {
		c.Source = activity.DefaultSource
	}
	in := req.GetAccount()
	if in.GetName() != "" {
		if c.Account, v = account.ParseName("account.name", in.GetName()); v != nil {
			return nil, false, v
		}
	} else if len(in.GetIdentities()) == 0 {
		return nil, false, violation.New("account.identities", "at least one identity, or account.name")
	}
	if c.Identities, v = account.NewIdentities("account.identities", in.GetIdentities()); v != nil {
		return nil, false, v
	}
	said, out, v := account.Read(in, account.Circumstances{Window: window, Default: c.Effective, Dated: c.Dated, Source: c.Source})
	c.Said = said
	return c, clamped || out, v.Under("account")
}

func captured(r *store.AccountResult, clamped bool) *ingestv1.CaptureAccountResponse {
	outcome := ingestv1.CaptureAccountResponse_OUTCOME_UNCHANGED
	switch {
	case r.Created:
		outcome = ingestv1.CaptureAccountResponse_OUTCOME_CREATED
	case r.Changed:
		outcome = ingestv1.CaptureAccountResponse_OUTCOME_UPDATED
	}
	return &ingestv1.CaptureAccountResponse{
		Account: account.Name(r.Account), Outcome: outcome, FactsVersion: int32(r.Version), TimeClamped: clamped,
	}
}

func accountMessage(a store.Account) (*ingestv1.Account, error) {
	m := &ingestv1.Account{
		Name: account.Name(a.ID), FactsVersion: int32(a.Version),
		CreateTime: timestamppb.New(a.CreatedAt), UpdateTime: timestamppb.New(a.UpdatedAt),
		Attributes: &structpb.Struct{}, Counts: map[string]int32{},
	}
	err := errors.Join(protojson.Unmarshal(a.Attributes, m.GetAttributes()), json.Unmarshal(a.Counts, &m.Counts))
	if err != nil {
		return nil, fmt.Errorf("ingest: stored account: %w", err)
	}
	for _, i := range a.Identities {
		m.Identities = append(m.Identities, &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_Kind(i.Kind), Value: i.Value})
	}
	return m, nil
}

func accountFacts(said []account.Said) ([]*ingestv1.AccountFact, error) {
	list := make([]*ingestv1.AccountFact, len(said))
	for i, s := range said {
		f := &ingestv1.AccountFact{Kind: s.Kind, Key: s.Key, OccurredTime: timestamppb.New(sqldb.Time(s.At.At))}
		err := json.Unmarshal(s.Value, &f.State)
		if s.Properties != nil {
			f.Properties = &structpb.Struct{}
			err = errors.Join(err, protojson.Unmarshal(s.Properties, f.Properties))
		}
		if err != nil {
			return nil, fmt.Errorf("ingest: stored fact of an account: %w", err)
		}
		list[i] = f
	}
	return list, nil
}

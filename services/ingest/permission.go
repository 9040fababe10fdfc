package ingest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

type permissionAPI struct {
	ingestv1.UnimplementedPermissionServiceServer
	*Service
}

// GetPermissions implements the method.
func (a *permissionAPI) GetPermissions(ctx context.Context, req *ingestv1.GetPermissionsRequest) (*ingestv1.Permissions, error) {
	name := strings.TrimSuffix(req.GetName(), "/permissions")
	id, err := leadID("name", name)
	if err != nil {
		return nil, err
	}
	l, err := a.store.Lead(ctx, id)
	if err != nil {
		return nil, refused(err, name, "")
	}
	records, err := a.store.Permissions(ctx, id)
	if err != nil {
		return nil, refused(err, name, "")
	}
	entry, suppressed := a.store.Suppressed(l.Identities)
	response := &ingestv1.Permissions{Name: req.GetName()}
	at := map[string]int{}
	for _, p := range records {
		answer := &ingestv1.Permission{Channel: p.Channel, Purpose: p.Purpose, Record: permissionMessage(p)}
		answer.Allowed, answer.Reason = may(p)
		if suppressed {
			answer.Allowed, answer.Reason = false, "suppressed: "+entry.Reason
		}
		key := p.Channel + "/" + p.Purpose
		if i, again := at[key]; again {
			response.Permissions[i] = answer
			continue
		}
		at[key] = len(response.GetPermissions())
		response.Permissions = append(response.Permissions, answer)
	}
	return response, nil
}

// may says whether a record allows what it is of, and why.
func may(p store.Permission) (allowed bool, why string) {
	why = p.State.String() + " on " + p.Effective.Format(time.DateOnly)
	if p.Source != "" {
		why += " by " + p.Source
	}
	if p.State == store.PermissionPending {
		why += ", and not confirmed yet"
	}
	return p.State == store.PermissionGranted, why
}

// ListPermissionRecords implements the method.
func (a *permissionAPI) ListPermissionRecords(ctx context.Context, req *ingestv1.ListPermissionRecordsRequest) (*ingestv1.ListPermissionRecordsResponse, error) {
	id, err := leadID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	list, next, err := page.List[store.Permission]{
		Query: "permissions of " + req.GetParent(), Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Permission, error) {
			return a.store.PermissionPage(ctx, id, after, limit)
		},
		At: func(p store.Permission) page.Place { return page.Created(p.Received, p.ID) },
	}.Page(req)
	if err != nil {
		return nil, refused(err, req.GetParent(), "")
	}
	response := &ingestv1.ListPermissionRecordsResponse{NextPageToken: next}
	for _, p := range list {
		response.PermissionRecords = append(response.PermissionRecords, permissionMessage(p))
	}
	return response, nil
}

// RecordPermission implements the method.
func (a *permissionAPI) RecordPermission(ctx context.Context, req *ingestv1.RecordPermissionRequest) (*ingestv1.RecordPermissionResponse, error) {
	id, err := leadID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, v := a.newPermission(req.GetPermissionRecord())
	if v != nil {
		return nil, invalid(v.Under("permissionRecord"))
	}
	who, _ := caller.From(ctx)
	p.Lead, p.Actor = id, who.Actor
	response := &ingestv1.RecordPermissionResponse{}
	if p.State == store.PermissionPending {
		token := make([]byte, 32)
		_, _ = rand.Read(token) // never fails
		response.ConfirmToken = base64.RawURLEncoding.EncodeToString(token)
		p.TokenHash = tokenHash(response.GetConfirmToken())
	}
	if err := a.store.RecordPermission(ctx, p); err != nil {
		return nil, refused(err, req.GetParent(), "")
	}
	response.PermissionRecord = permissionMessage(p)
	return response, nil
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func (a *permissionAPI) newPermission(in *ingestv1.PermissionRecord) (p store.Permission, v *violation.Violation) {
	received := a.now().Truncate(time.Microsecond)
	p = store.Permission{
		ID: uuid.Must(uuid.NewV7()).String(), Channel: in.GetChannel(), Purpose: in.GetPurpose(), State: store.PermissionState(in.GetState()),
		Basis: in.GetBasis(), Source: in.GetSource(), TextVersion: in.GetTextVersion(), Effective: received, Received: received,
	}
	if in.GetEffectiveTime() != nil {
		if p.Effective, v = effective.Time("effectiveTime", in.GetEffectiveTime()); v != nil {
			return p, v
		}
		if p.Effective = p.Effective.Truncate(time.Microsecond); p.Effective.After(received.Add(effective.MaxAhead)) {
			return p, violation.New("effectiveTime", "a time that has come")
		}
	}
	if in.GetAddress() != "" {
		address, err := netip.ParseAddr(in.GetAddress())
		switch {
		case err != nil:
			return p, violation.New("address", "an IP address")
		case a.addressKey == nil:
			return p, violation.New("address", "none: there is no ASSAY_SECRETS_KEY to hash it with")
		}
		mac := hmac.New(sha256.New, a.addressKey)
		mac.Write([]byte(address.Unmap().String()))
		p.AddressHash = mac.Sum(nil)[:16]
	}
	return p, nil
}

// ConfirmPermission implements the method.
func (a *permissionAPI) ConfirmPermission(ctx context.Context, req *ingestv1.ConfirmPermissionRequest) (*ingestv1.PermissionRecord, error) {
	const what = "a permission that waits for this token"
	asked, err := a.store.PermissionByToken(ctx, tokenHash(req.GetToken()))
	if err != nil {
		return nil, refused(err, what, "")
	}
	records, err := a.store.Permissions(ctx, asked.Lead)
	if err != nil {
		return nil, refused(err, what, "")
	}
	since, confirmed := false, -1
	for i, p := range records { // in the order in which they hold
		switch since = since || p.ID == asked.ID; {
		case !since || p.Key() != asked.Key():
		case p.State == store.PermissionWithdrawn:
			return nil, apierr.NotFound(what)
		case p.Confirms == asked.ID:
			confirmed = i
		}
	}
	if confirmed >= 0 { // once is enough
		return permissionMessage(records[confirmed]), nil
	}
	who, _ := caller.From(ctx)
	now := a.now().Truncate(time.Microsecond)
	granted := asked
	granted.ID, granted.State, granted.Effective, granted.Received = uuid.Must(uuid.NewV7()).String(), store.PermissionGranted, now, now
	granted.Actor, granted.TokenHash, granted.AddressHash, granted.Confirms = who.Actor, nil, nil, asked.ID
	if err := a.store.RecordPermission(ctx, granted); errors.Is(err, store.ErrNotFound) {
		return nil, apierr.NotFound(what) // forgotten meanwhile
	} else if err != nil {
		return nil, refused(err, lead.Name(asked.Lead), "")
	}
	return permissionMessage(granted), nil
}

func permissionMessage(p store.Permission) *ingestv1.PermissionRecord {
	return &ingestv1.PermissionRecord{
		Channel: p.Channel, Purpose: p.Purpose, State: ingestv1.PermissionRecord_State(p.State), Basis: p.Basis, Source: p.Source,
		TextVersion: p.TextVersion, AddressHash: hex.EncodeToString(p.AddressHash), Actor: p.Actor,
		EffectiveTime: timestamppb.New(p.Effective), RecordTime: timestamppb.New(p.Received),
	}
}

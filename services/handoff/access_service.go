package handoff

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/access"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/page"
)

// accessServer answers the AccessService. The comments in its proto say what each
// method promises.
type accessServer struct {
	handoffv1.UnimplementedAccessServiceServer
	keys    *access.Keys
	door    *access.Door
	sources ingestv1.SourceServiceClient
	now     func() time.Time
}

func (s *accessServer) ListApiKeys(ctx context.Context, in *handoffv1.ListApiKeysRequest) (*handoffv1.ListApiKeysResponse, error) {
	keys, next, err := page.List[access.Key]{
		Query: "apiKeys of " + in.GetSource(), Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]access.Key, error) {
			var from access.Place
			if after != nil {
				from = access.Place{CreateTime: after.Time(0), ID: after.Text(1)}
			}
			return s.keys.List(ctx, sourceID(in.GetSource()), from, limit)
		},
		At: func(key access.Key) page.Place { return page.Created(key.CreateTime, key.ID) },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.ListApiKeysResponse{NextPageToken: next}
	for _, key := range keys {
		out.ApiKeys = append(out.ApiKeys, keyMessage(key))
	}
	return out, nil
}

func (s *accessServer) CreateApiKey(ctx context.Context, in *handoffv1.CreateApiKeyRequest) (*handoffv1.ApiKey, error) {
	var expires time.Time
	if given := in.GetApiKey().GetExpireTime(); given != nil {
		if expires = given.AsTime(); given.CheckValid() != nil || !expires.After(s.now()) {
			return nil, apierr.InvalidField("apiKey.expireTime", "a time to come")
		}
	}
	n := access.New{Actor: in.GetApiKey().GetActor(), Role: in.GetApiKey().GetRole(), Source: sourceID(in.GetApiKey().GetSource()), Expires: expires}
	if n.Source != "" {
		if err := s.checkSource(ctx, in.GetApiKey()); err != nil {
			return nil, err
		}
	}
	key, secret, err := s.keys.Create(ctx, n)
	var full *access.TooManyError
	if errors.As(err, &full) {
		return nil, apierr.WrongState(in.GetApiKey().GetSource(), "with two keys that work, apiKeys/"+strings.Join(full.Keys, " and apiKeys/"),
			"at most one: revoke the older, once nobody uses it")
	}
	if err != nil {
		return nil, err
	}
	out := keyMessage(key)
	out.Secret = secret
	return out, nil
}

// checkSource says why there cannot be such a write key.
func (s *accessServer) checkSource(ctx context.Context, key *handoffv1.ApiKey) error {
	if key.GetRole() != typev1.Role_ROLE_INGEST {
		return apierr.InvalidField("apiKey.role", "ROLE_INGEST for the key of a source: it may only capture")
	}
	found, err := s.sources.GetSource(ctx, &ingestv1.GetSourceRequest{Name: key.GetSource()})
	switch kind := found.GetKind(); {
	case status.Code(err) == codes.NotFound:
		return apierr.InvalidField("apiKey.source", "a source that exists: `assay source create`")
	case err != nil:
		return err
	case kind != ingestv1.Source_KIND_SERVER && kind != ingestv1.Source_KIND_BROWSER:
		return apierr.InvalidField("apiKey.source", "a source of the kind SERVER or BROWSER: one of the kind "+
			strings.TrimPrefix(kind.String(), "KIND_")+" has no write keys")
	}
	return nil
}

// sourceID is the id in the name of a source, empty without one.
func sourceID(name string) string { return strings.TrimPrefix(name, sourcePrefix) }

const sourcePrefix = "sources/"

func (s *accessServer) RevokeApiKey(ctx context.Context, in *handoffv1.RevokeApiKeyRequest) (*handoffv1.ApiKey, error) {
	key, err := s.keys.Revoke(ctx, id(in.GetName()))
	if errors.Is(err, access.ErrNotFound) {
		return nil, apierr.NotFound(in.GetName())
	}
	if err != nil {
		return nil, err
	}
	return keyMessage(key), nil
}

func (s *accessServer) VerifyApiKey(ctx context.Context, in *handoffv1.VerifyApiKeyRequest) (*handoffv1.VerifyApiKeyResponse, error) {
	holder, err := s.door.Verify(ctx, in.GetSecret())
	var refused *access.RefusedError
	switch {
	case errors.Is(err, access.ErrUnknownSecret):
		return nil, apierr.Unauthenticated()
	case errors.As(err, &refused) && refused.Known:
		return nil, apierr.PermissionDeniedFor(refused.Reason)
	case errors.As(err, &refused):
		return nil, apierr.UnauthenticatedFor(refused.Reason)
	case errors.Is(err, access.ErrAway):
		return nil, apierr.Unavailable("the issuer of tokens")
	case err != nil:
		return nil, err
	}
	out := &handoffv1.VerifyApiKeyResponse{Actor: holder.Actor, Role: holder.Role}
	if holder.Source != "" {
		out.Source = sourcePrefix + holder.Source
	}
	if !holder.Ends.IsZero() {
		out.ExpireTime = timestamppb.New(holder.Ends)
	}
	return out, nil
}

func keyMessage(k access.Key) *handoffv1.ApiKey {
	out := &handoffv1.ApiKey{
		Name:       "apiKeys/" + k.ID,
		Actor:      k.Actor,
		Role:       k.Role,
		CreateTime: timestamppb.New(k.CreateTime),
	}
	if k.Source != "" {
		out.Source = sourcePrefix + k.Source
	}
	for _, at := range []struct {
		is time.Time
		to **timestamppb.Timestamp
	}{{k.RevokeTime, &out.RevokeTime}, {k.ExpireTime, &out.ExpireTime}, {k.LastUseTime, &out.LastUseTime}} {
		if !at.is.IsZero() {
			*at.to = timestamppb.New(at.is)
		}
	}
	return out
}

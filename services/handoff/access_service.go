package handoff

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/access"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// accessServer answers the AccessService. The comments in its proto say what each
// method promises.
type accessServer struct {
	handoffv1.UnimplementedAccessServiceServer
	keys *access.Keys
	door *access.Door
	now  func() time.Time
}

func (s *accessServer) ListApiKeys(ctx context.Context, in *handoffv1.ListApiKeysRequest) (*handoffv1.ListApiKeysResponse, error) {
	keys, next, err := list[access.Key]{
		query: "apiKeys", numbers: 1, texts: 1,
		read: func(after place, limit int) ([]access.Key, error) {
			var from access.Place
			if after != nil {
				from = access.Place{CreateTime: after.time(0), ID: after.text(1)}
			}
			return s.keys.List(ctx, from, limit)
		},
		at: func(key access.Key) place { return created(key.CreateTime, key.ID) },
	}.page(in)
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
	key, secret, err := s.keys.Create(ctx, access.New{Actor: in.GetApiKey().GetActor(), Role: in.GetApiKey().GetRole(), Expires: expires})
	if err != nil {
		return nil, err
	}
	out := keyMessage(key)
	out.Secret = secret
	return out, nil
}

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

package handoff

import (
	"context"
	"errors"

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
	key, secret, err := s.keys.Create(ctx, in.GetApiKey().GetActor(), in.GetApiKey().GetRole())
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
	key, err := s.keys.Verify(ctx, in.GetSecret())
	if errors.Is(err, access.ErrUnknownSecret) {
		return nil, apierr.Unauthenticated()
	}
	if err != nil {
		return nil, err
	}
	return &handoffv1.VerifyApiKeyResponse{Actor: key.Actor, Role: key.Role}, nil
}

func keyMessage(k access.Key) *handoffv1.ApiKey {
	out := &handoffv1.ApiKey{
		Name:       "apiKeys/" + k.ID,
		Actor:      k.Actor,
		Role:       k.Role,
		CreateTime: timestamppb.New(k.CreateTime),
	}
	if !k.RevokeTime.IsZero() {
		out.RevokeTime = timestamppb.New(k.RevokeTime)
	}
	return out
}

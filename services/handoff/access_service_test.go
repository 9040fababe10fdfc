package handoff_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

func TestApiKeys(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewAccessServiceClient(conn)
	admin, edge := as(t, "root", typev1.Role_ROLE_ADMIN), caller.With(t.Context(), caller.System("gateway"))

	created, err := api.CreateApiKey(admin, &handoffv1.CreateApiKeyRequest{
		ApiKey: &handoffv1.ApiKey{Actor: "web-form", Role: typev1.Role_ROLE_INGEST},
	})
	if err != nil || created.GetSecret() == "" {
		t.Fatalf("create: %v, %v", created, err)
	}
	who, err := api.VerifyApiKey(edge, &handoffv1.VerifyApiKeyRequest{Secret: created.GetSecret()})
	if err != nil || who.GetActor() != "web-form" || who.GetRole() != typev1.Role_ROLE_INGEST {
		t.Errorf("verify: %v, %v", who, err)
	}
	list, err := api.ListApiKeys(as(t, "aud", typev1.Role_ROLE_AUDITOR), &handoffv1.ListApiKeysRequest{})
	if err != nil || len(list.GetApiKeys()) != 1 || list.GetApiKeys()[0].GetSecret() != "" {
		t.Errorf("list: %v, %v; want one key and no secret", list, err)
	}
	revoked, err := api.RevokeApiKey(admin, &handoffv1.RevokeApiKeyRequest{Name: created.GetName()})
	if err != nil || revoked.GetRevokeTime() == nil || revoked.GetSecret() != "" {
		t.Errorf("revoke: %v, %v", revoked, err)
	}
	_, err = api.VerifyApiKey(edge, &handoffv1.VerifyApiKeyRequest{Secret: created.GetSecret()})
	want(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
}

func TestApiKeysThatEnd(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewAccessServiceClient(conn)
	ends := timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Microsecond))
	created, err := api.CreateApiKey(as(t, "root", typev1.Role_ROLE_ADMIN), &handoffv1.CreateApiKeyRequest{
		ApiKey: &handoffv1.ApiKey{Actor: "web-form", Role: typev1.Role_ROLE_INGEST, ExpireTime: ends},
	})
	if err != nil || !proto.Equal(created.GetExpireTime(), ends) || created.GetLastUseTime() != nil {
		t.Fatalf("%v, %v", created, err)
	}
	who, err := api.VerifyApiKey(caller.With(t.Context(), caller.System("gateway")), &handoffv1.VerifyApiKeyRequest{Secret: created.GetSecret()})
	if err != nil || !proto.Equal(who.GetExpireTime(), ends) {
		t.Errorf("%v, %v", who, err)
	}
}

func TestApiKeysRefuse(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewAccessServiceClient(conn)
	admin := as(t, "root", typev1.Role_ROLE_ADMIN)
	for name, key := range map[string]*handoffv1.ApiKey{
		"no key":           nil,
		"no actor":         {Role: typev1.Role_ROLE_SALES},
		"an address":       {Actor: "jane@example.com", Role: typev1.Role_ROLE_SALES},
		"no role":          {Actor: "jane"},
		"role of services": {Actor: "jane", Role: typev1.Role_ROLE_SERVICE},
		"no such role":     {Actor: "jane", Role: 99},
		"ended already":    {Actor: "jane", Role: typev1.Role_ROLE_SALES, ExpireTime: timestamppb.New(time.Now().Add(-time.Second))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.CreateApiKey(admin, &handoffv1.CreateApiKeyRequest{ApiKey: key})
			want(t, err, codes.InvalidArgument, "INVALID_FIELD")
		})
	}
	_, err := api.CreateApiKey(as(t, "ana", typev1.Role_ROLE_MARKETING), &handoffv1.CreateApiKeyRequest{
		ApiKey: &handoffv1.ApiKey{Actor: "ana-2", Role: typev1.Role_ROLE_ADMIN},
	})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = api.VerifyApiKey(admin, &handoffv1.VerifyApiKeyRequest{Secret: "x"})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = api.RevokeApiKey(admin, &handoffv1.RevokeApiKeyRequest{Name: "apiKeys/nothing0"})
	want(t, err, codes.NotFound, "NOT_FOUND")
}

func TestApiKeyPages(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewAccessServiceClient(conn)
	admin := as(t, "root", typev1.Role_ROLE_ADMIN)
	for i := range 5 {
		if _, err := api.CreateApiKey(admin, &handoffv1.CreateApiKeyRequest{
			ApiKey: &handoffv1.ApiKey{Actor: fmt.Sprint("k", i), Role: typev1.Role_ROLE_SALES},
		}); err != nil {
			t.Fatal(err)
		}
	}
	seen, token := map[string]bool{}, ""
	for {
		page, err := api.ListApiKeys(admin, &handoffv1.ListApiKeysRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.GetApiKeys() {
			seen[k.GetActor()] = true
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(seen) != 5 {
		t.Errorf("keys: %v", seen)
	}
	_, err := api.ListApiKeys(admin, &handoffv1.ListApiKeysRequest{PageToken: "x"})
	want(t, err, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH")
}

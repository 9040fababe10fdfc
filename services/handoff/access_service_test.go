package handoff_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
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

// sourcesOf is an ingest with some sources.
type sourcesOf struct {
	grpc.ClientConnInterface
	kinds map[string]ingestv1.Source_Kind
}

// Invoke implements grpc.ClientConnInterface.
func (s sourcesOf) Invoke(_ context.Context, _ string, request, reply any, _ ...grpc.CallOption) error {
	name := request.(*ingestv1.GetSourceRequest).GetName()
	kind, ok := s.kinds[name]
	if !ok {
		return apierr.NotFound(name)
	}
	proto.Merge(reply.(proto.Message), &ingestv1.Source{Name: name, Kind: kind})
	return nil
}

func TestWriteKeys(t *testing.T) {
	_, conn := serveWith(t, sourcesOf{kinds: map[string]ingestv1.Source_Kind{
		"sources/web": ingestv1.Source_KIND_BROWSER, "sources/shop": ingestv1.Source_KIND_SERVER, "sources/forms": ingestv1.Source_KIND_WEBHOOK,
	}})
	api := handoffv1.NewAccessServiceClient(conn)
	admin, edge := as(t, "root", typev1.Role_ROLE_ADMIN), caller.With(t.Context(), caller.System("gateway"))
	create := func(source string, role typev1.Role) (*handoffv1.ApiKey, error) {
		return api.CreateApiKey(admin, &handoffv1.CreateApiKeyRequest{ApiKey: &handoffv1.ApiKey{Actor: "site", Role: role, Source: source}})
	}
	first, err := create("sources/web", typev1.Role_ROLE_INGEST)
	if err != nil || first.GetSource() != "sources/web" {
		t.Fatalf("%v, %v", first, err)
	}
	who, err := api.VerifyApiKey(edge, &handoffv1.VerifyApiKeyRequest{Secret: first.GetSecret()})
	if err != nil || who.GetSource() != "sources/web" || who.GetRole() != typev1.Role_ROLE_INGEST {
		t.Errorf("verify: %v, %v", who, err)
	}
	second, err := create("sources/web", typev1.Role_ROLE_INGEST)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := create("sources/shop", typev1.Role_ROLE_INGEST); err != nil {
		t.Fatal(err)
	}
	_, err = create("sources/web", typev1.Role_ROLE_INGEST)
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	if !strings.Contains(err.Error(), first.GetName()) || !strings.Contains(err.Error(), second.GetName()) {
		t.Errorf("a third key: %v; want what to revoke", err)
	}
	list, err := api.ListApiKeys(admin, &handoffv1.ListApiKeysRequest{Source: "sources/web"})
	if err != nil || len(list.GetApiKeys()) != 2 || list.GetApiKeys()[1].GetName() != first.GetName() {
		t.Errorf("list: %v, %v", list, err)
	}
	for name, c := range map[string]struct {
		source string
		role   typev1.Role
	}{
		"no such source":       {"sources/nothing", typev1.Role_ROLE_INGEST},
		"another role":         {"sources/web", typev1.Role_ROLE_ADMIN},
		"a webhook has a path": {"sources/forms", typev1.Role_ROLE_INGEST},
		"no name":              {"web", typev1.Role_ROLE_INGEST},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := create(c.source, c.role)
			want(t, err, codes.InvalidArgument, "INVALID_FIELD")
		})
	}
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

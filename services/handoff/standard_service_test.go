package handoff_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/standards"
)

// want fails the test unless err has the code and the reason.
func want(t *testing.T, err error, code codes.Code, reason string) {
	t.Helper()
	if status.Code(err) != code || apierr.Reason(err) != reason {
		t.Errorf("error %v, want %v %s", err, code, reason)
	}
}

func TestStandards(t *testing.T) {
	service, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	marketing, admin := as(t, "ana", typev1.Role_ROLE_MARKETING), as(t, "root", typev1.Role_ROLE_ADMIN)
	if _, err := service.Bootstrap(t.Context(), standards.Default, ""); err != nil {
		t.Fatal(err)
	}

	// The default is there, published by the installation itself.
	list, err := api.ListStandards(marketing, &handoffv1.ListStandardsRequest{})
	if err != nil || len(list.GetStandards()) != 1 {
		t.Fatalf("standards: %v, %v", list, err)
	}
	first, err := api.GetStandardVersion(marketing, &handoffv1.GetStandardVersionRequest{Name: list.GetStandards()[0].GetActiveVersion()})
	if err != nil || first.GetPublisher() != "system:bootstrap" || first.GetPublishTime() == nil {
		t.Fatalf("default: %v, %v", first, err)
	}

	// Marketing writes another version: first only checked, then stored, twice.
	spec := proto.CloneOf(first.GetSpec())
	spec.DisplayName = "Ours"
	create := &handoffv1.CreateStandardVersionRequest{Parent: "standards/default", Spec: spec, ValidateOnly: true}
	checked, err := api.CreateStandardVersion(marketing, create)
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.GetStandardVersion(marketing, &handoffv1.GetStandardVersionRequest{Name: checked.GetName()})
	want(t, err, codes.NotFound, "NOT_FOUND")
	create.ValidateOnly = false
	draft, err := api.CreateStandardVersion(marketing, create)
	if err != nil || draft.GetName() != checked.GetName() || draft.GetCreator() != "ana" || draft.GetPublishTime() != nil {
		t.Fatalf("draft: %v, %v", draft, err)
	}
	if again, err := api.CreateStandardVersion(admin, create); err != nil || !proto.Equal(again, draft) {
		t.Errorf("again: %v, %v; want the stored one", again, err)
	}

	// It takes the yes of both sides, by two people.
	_, err = api.PublishStandardVersion(admin, &handoffv1.PublishStandardVersionRequest{Name: draft.GetName()})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	for _, who := range []context.Context{marketing, as(t, "sam", typev1.Role_ROLE_SALES)} {
		if draft, err = api.SignOffStandardVersion(who, &handoffv1.SignOffStandardVersionRequest{Name: draft.GetName()}); err != nil {
			t.Fatal(err)
		}
	}
	if draft.GetState() != handoffv1.StandardVersion_STATE_SIGNED_OFF {
		t.Errorf("signed off: %v", draft)
	}

	// An admin publishes it; the one before it stays as it was.
	published, err := api.PublishStandardVersion(admin, &handoffv1.PublishStandardVersionRequest{Name: draft.GetName()})
	if err != nil || published.GetPublisher() != "root" {
		t.Fatalf("published: %v, %v", published, err)
	}
	if s, err := api.GetStandard(marketing, &handoffv1.GetStandardRequest{Name: "standards/default"}); err != nil || s.GetActiveVersion() != draft.GetName() || s.GetDisplayName() != "Ours" {
		t.Errorf("standard: %v, %v", s, err)
	}
	versions, err := api.ListStandardVersions(marketing, &handoffv1.ListStandardVersionsRequest{Parent: "standards/default"})
	if err != nil || len(versions.GetVersions()) != 2 || versions.GetVersions()[0].GetName() != draft.GetName() || versions.GetVersions()[0].GetSpec() != nil {
		t.Errorf("versions: %v, %v", versions, err)
	}
	retired, err := api.RetireStandard(admin, &handoffv1.RetireStandardRequest{Name: "standards/default"})
	if err != nil || retired.GetActiveVersion() != "" {
		t.Errorf("retired: %v, %v", retired, err)
	}
}

func TestStandardsRefuse(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	marketing, admin := as(t, "ana", typev1.Role_ROLE_MARKETING), as(t, "root", typev1.Role_ROLE_ADMIN)
	const nothing = "standards/nothing/versions/0123456789abcdef"

	_, err := api.GetStandard(marketing, &handoffv1.GetStandardRequest{Name: "standards/nothing"})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = api.GetStandard(marketing, &handoffv1.GetStandardRequest{Name: "leads/1"})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD")
	_, err = api.ListStandardVersions(marketing, &handoffv1.ListStandardVersionsRequest{Parent: "standards/nothing"})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = api.PublishStandardVersion(admin, &handoffv1.PublishStandardVersionRequest{Name: nothing})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = api.RetireStandard(admin, &handoffv1.RetireStandardRequest{Name: "standards/nothing"})
	want(t, err, codes.NotFound, "NOT_FOUND")

	_, err = api.PublishStandardVersion(as(t, "sam", typev1.Role_ROLE_SALES), &handoffv1.PublishStandardVersionRequest{Name: nothing})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = api.CreateStandardVersion(as(t, "sam", typev1.Role_ROLE_SALES), &handoffv1.CreateStandardVersionRequest{
		Parent: "standards/x", Spec: &handoffv1.StandardSpec{Id: "x"},
	})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")

	_, err = api.CreateStandardVersion(marketing, &handoffv1.CreateStandardVersionRequest{
		Parent: "standards/x", Spec: &handoffv1.StandardSpec{Id: "y"},
	})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD")

	// A standard that does not compile is refused as a whole, path by path.
	_, err = api.CreateStandardVersion(marketing, &handoffv1.CreateStandardVersionRequest{
		Parent: "standards/x", Spec: &handoffv1.StandardSpec{
			Id: "x", TimeZone: "Mars", AppliesTo: "lead.country ==",
			Qualification: &handoffv1.QualificationRules{Gates: &typev1.Gate{FitClass: []string{"A"}}},
		},
	})
	want(t, err, codes.InvalidArgument, "INVALID_STANDARD")
	var fields []string
	for _, v := range apierr.Violations(err) {
		fields = append(fields, v.Field)
	}
	if got := strings.Join(fields, " "); got != "spec.timeZone spec.qualification.gates.fitClass[0] spec.appliesTo" {
		t.Errorf("fields: %s", got)
	}
	if list, err := api.ListStandards(marketing, &handoffv1.ListStandardsRequest{}); err != nil || len(list.GetStandards()) != 0 {
		t.Errorf("stored: %v, %v", list, err)
	}
}

func TestStandardPages(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	ana := as(t, "ana", typev1.Role_ROLE_MARKETING)
	for i := range 5 {
		for _, id := range []string{"many", fmt.Sprintf("s%d", i)} {
			if _, err := api.CreateStandardVersion(ana, &handoffv1.CreateStandardVersionRequest{
				Parent: "standards/" + id, Spec: &handoffv1.StandardSpec{Id: id, DisplayName: fmt.Sprint(i)},
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var names []string
	token := ""
	for {
		page, err := api.ListStandards(ana, &handoffv1.ListStandardsRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.GetStandards() {
			names = append(names, strings.TrimPrefix(s.GetName(), "standards/"))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "many s0 s1 s2 s3 s4" {
		t.Errorf("standards: %s", got)
	}
	seen := map[string]bool{}
	for {
		page, err := api.ListStandardVersions(ana, &handoffv1.ListStandardVersionsRequest{Parent: "standards/many", PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.GetVersions() {
			seen[v.GetName()] = true
		}
		if page.GetNextPageToken() == "" {
			break
		}
		token = page.GetNextPageToken()
	}
	if len(seen) != 5 {
		t.Errorf("versions: %v", seen)
	}
	_, err := api.ListStandards(ana, &handoffv1.ListStandardsRequest{PageToken: token})
	want(t, err, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH")
	_, err = api.ListStandardVersions(ana, &handoffv1.ListStandardVersionsRequest{Parent: "standards/s1", PageToken: token})
	want(t, err, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH")
	_, err = api.ListStandards(ana, &handoffv1.ListStandardsRequest{PageSize: -1})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD")
}

func TestReadStandard(t *testing.T) {
	file, err := handoff.ReadStandard("default.yaml", standards.Default)
	if err != nil || file.Spec.GetId() != "default" || !strings.HasPrefix(file.Version, "standards/default/versions/") || file.Line("fit.classes") < 20 {
		t.Errorf("%+v, %v", file, err)
	}
	_, err = handoff.ReadStandard("mine.yaml", []byte("id: x\ntimeZone: Mars"))
	if err == nil || !strings.HasPrefix(err.Error(), "mine.yaml:2: timeZone: expected an IANA time zone") {
		t.Errorf("error %v", err)
	}
}

package handoff_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/standards"
)

const (
	ofMarketing = handoffv1.SignOff_SIDE_MARKETING
	ofSales     = handoffv1.SignOff_SIDE_SALES
	byRole      = handoffv1.SignOff_SIDE_UNSPECIFIED
)

// draft stores a version of the standard `s` and returns its name.
func draft(t *testing.T, api handoffv1.StandardServiceClient, spec *handoffv1.StandardSpec) string {
	t.Helper()
	spec.Id = "s"
	v, err := api.CreateStandardVersion(as(t, "ana", typev1.Role_ROLE_MARKETING), &handoffv1.CreateStandardVersionRequest{Parent: "standards/s", Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return v.GetName()
}

// agree signs a version off for both sides and publishes it.
func agree(t *testing.T, api handoffv1.StandardServiceClient, name string) {
	t.Helper()
	for _, who := range []context.Context{as(t, "mia", typev1.Role_ROLE_MARKETING), as(t, "sam", typev1.Role_ROLE_SALES)} {
		if _, err := api.SignOffStandardVersion(who, &handoffv1.SignOffStandardVersionRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.PublishStandardVersion(as(t, "mia", typev1.Role_ROLE_MARKETING), &handoffv1.PublishStandardVersionRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
}

// Who may sign for which side.
func TestWhoSignsForWhom(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	const ok, denied, must = codes.OK, codes.PermissionDenied, codes.InvalidArgument
	for role, allowed := range map[typev1.Role]map[handoffv1.SignOff_Side]codes.Code{
		typev1.Role_ROLE_MARKETING: {byRole: ok, ofMarketing: ok, ofSales: denied},
		typev1.Role_ROLE_SALES:     {byRole: ok, ofMarketing: denied, ofSales: ok},
		typev1.Role_ROLE_MANAGER:   {byRole: must, ofMarketing: ok, ofSales: ok},
		typev1.Role_ROLE_ADMIN:     {byRole: must, ofMarketing: ok, ofSales: ok},
		typev1.Role_ROLE_INGEST:    {byRole: denied, ofMarketing: denied, ofSales: denied},
		typev1.Role_ROLE_AUDITOR:   {byRole: denied, ofMarketing: denied, ofSales: denied},
	} {
		for side, code := range allowed {
			t.Run(fmt.Sprint(role, " ", side), func(t *testing.T) {
				name := draft(t, api, &handoffv1.StandardSpec{Description: fmt.Sprint(role, side)})
				v, err := api.SignOffStandardVersion(as(t, "jo", role), &handoffv1.SignOffStandardVersionRequest{Name: name, Side: side, Comment: "fine"})
				if code != ok {
					want(t, err, code, map[codes.Code]string{denied: "PERMISSION_DENIED", must: "INVALID_FIELD"}[code])
					return
				}
				signed := side
				switch role {
				case typev1.Role_ROLE_MARKETING:
					signed = ofMarketing
				case typev1.Role_ROLE_SALES:
					signed = ofSales
				}
				if err != nil || len(v.GetSignOffs()) != 1 || v.GetState() != handoffv1.StandardVersion_STATE_DRAFT {
					t.Fatalf("%v, %v", v, err)
				}
				if s := v.GetSignOffs()[0]; s.GetSide() != signed || s.GetActor() != "jo" || s.GetComment() != "fine" || s.GetCreateTime() == nil {
					t.Errorf("signed: %v", s)
				}
			})
		}
	}
}

// A version through its states, and the log of it.
func TestFromDraftToSuperseded(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	mia, sam, root := as(t, "mia", typev1.Role_ROLE_MARKETING), as(t, "sam", typev1.Role_ROLE_SALES), as(t, "root", typev1.Role_ROLE_ADMIN)
	one, two := draft(t, api, &handoffv1.StandardSpec{DisplayName: "one"}), draft(t, api, &handoffv1.StandardSpec{DisplayName: "two"})
	state := func(name string, want handoffv1.StandardVersion_State) {
		t.Helper()
		v, err := api.GetStandardVersion(sam, &handoffv1.GetStandardVersionRequest{Name: name})
		if err != nil || v.GetState() != want {
			t.Errorf("%s: %v, %v; want %v", name, v.GetState(), err, want)
		}
		list, err := api.ListStandardVersions(sam, &handoffv1.ListStandardVersionsRequest{Parent: "standards/s"})
		if err != nil {
			t.Fatal(err)
		}
		for _, listed := range list.GetVersions() {
			if listed.GetName() == name && (listed.GetState() != want || len(listed.GetSignOffs()) != len(v.GetSignOffs())) {
				t.Errorf("%s in the list: %v, want %v", name, listed, want)
			}
		}
	}
	state(one, handoffv1.StandardVersion_STATE_DRAFT)
	_, err := api.PublishStandardVersion(mia, &handoffv1.PublishStandardVersionRequest{Name: one})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	if !strings.Contains(err.Error(), "neither marketing nor sales has signed it off") {
		t.Errorf("%v does not name the sides", err)
	}
	if _, err := api.SignOffStandardVersion(root, &handoffv1.SignOffStandardVersionRequest{Name: one, Side: ofMarketing}); err != nil {
		t.Fatal(err)
	}
	// An admin is one person, too.
	_, err = api.SignOffStandardVersion(root, &handoffv1.SignOffStandardVersionRequest{Name: one, Side: ofSales})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	_, err = api.PublishStandardVersion(mia, &handoffv1.PublishStandardVersionRequest{Name: one})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	if !strings.Contains(err.Error(), "sales has not signed it off") {
		t.Errorf("%v does not name the side", err)
	}
	if _, err := api.SignOffStandardVersion(sam, &handoffv1.SignOffStandardVersionRequest{Name: one}); err != nil {
		t.Fatal(err)
	}
	state(one, handoffv1.StandardVersion_STATE_SIGNED_OFF)
	if _, err := api.PublishStandardVersion(mia, &handoffv1.PublishStandardVersionRequest{Name: one}); err != nil {
		t.Fatal(err)
	}
	state(one, handoffv1.StandardVersion_STATE_PUBLISHED)
	agree(t, api, two)
	state(one, handoffv1.StandardVersion_STATE_SUPERSEDED)
	state(two, handoffv1.StandardVersion_STATE_PUBLISHED)
	if _, err := api.PublishStandardVersion(mia, &handoffv1.PublishStandardVersionRequest{Name: one}); err != nil {
		t.Errorf("back to the version before, without another sign-off: %v", err)
	}
	if _, err := api.RetireStandard(root, &handoffv1.RetireStandardRequest{Name: "standards/s"}); err != nil {
		t.Fatal(err)
	}
	state(one, handoffv1.StandardVersion_STATE_SUPERSEDED)

	var log []string
	names := map[string]string{one: "one", two: "two", "": "-"}
	for token := ""; ; {
		page, err := api.ListStandardLog(sam, &handoffv1.ListStandardLogRequest{Parent: "standards/s", PageSize: 4, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.GetEntries() {
			if e.GetCreateTime() == nil || int(e.GetSequence()) != len(log)+1 {
				t.Errorf("entry: %v", e)
			}
			log = append(log, strings.TrimPrefix(e.GetKind().String(), "KIND_")+" "+names[e.GetVersion()]+" "+e.GetActor()+strings.TrimPrefix(e.GetSide().String(), "SIDE"))
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
		_, err = api.ListStandardLog(sam, &handoffv1.ListStandardLogRequest{Parent: "standards/other", PageToken: token})
		want(t, err, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH")
	}
	if got := strings.Join(log, "\n"); got != strings.Join([]string{
		"CREATED one ana_UNSPECIFIED", "CREATED two ana_UNSPECIFIED",
		"SIGNED_OFF one root_MARKETING", "SIGNED_OFF one sam_SALES", "PUBLISHED one mia_UNSPECIFIED",
		"SIGNED_OFF two mia_MARKETING", "SIGNED_OFF two sam_SALES", "PUBLISHED two mia_UNSPECIFIED",
		"PUBLISHED one mia_UNSPECIFIED", "RETIRED - root_UNSPECIFIED",
	}, "\n") {
		t.Errorf("log:\n%s", got)
	}
}

// Who may publish while the change window is shut.
func TestAShutChangeWindow(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	opens := time.Now().AddDate(0, 0, 60).UTC().Format("01-02") // the one day
	agree(t, api, draft(t, api, &handoffv1.StandardSpec{ChangeWindow: &handoffv1.ChangeWindow{From: opens, To: opens}}))
	name := draft(t, api, &handoffv1.StandardSpec{DisplayName: "another"})
	for _, who := range []context.Context{as(t, "mia", typev1.Role_ROLE_MARKETING), as(t, "sam", typev1.Role_ROLE_SALES)} {
		if _, err := api.SignOffStandardVersion(who, &handoffv1.SignOffStandardVersionRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	publish := func(role typev1.Role, override bool, reason string) error {
		_, err := api.PublishStandardVersion(as(t, "jo", role), &handoffv1.PublishStandardVersionRequest{
			Name: name, OverrideChangeWindow: override, OverrideReason: reason,
		})
		return err
	}
	err := publish(typev1.Role_ROLE_ADMIN, false, "")
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	if !strings.Contains(err.Error(), opens) {
		t.Errorf("%v does not say when it opens", err)
	}
	want(t, publish(typev1.Role_ROLE_ADMIN, false, "a reason alone"), codes.FailedPrecondition, "WRONG_STATE")
	want(t, publish(typev1.Role_ROLE_MARKETING, true, "because"), codes.PermissionDenied, "PERMISSION_DENIED")
	want(t, publish(typev1.Role_ROLE_MANAGER, true, " "), codes.InvalidArgument, "INVALID_FIELD")
	if err := publish(typev1.Role_ROLE_MANAGER, true, "a law changed"); err != nil {
		t.Fatal(err)
	}
	log, err := api.ListStandardLog(as(t, "jo", typev1.Role_ROLE_AUDITOR), &handoffv1.ListStandardLogRequest{Parent: "standards/s"})
	if err != nil {
		t.Fatal(err)
	}
	if last := log.GetEntries()[len(log.GetEntries())-1]; !last.GetChangeWindowOverridden() || last.GetComment() != "a law changed" || last.GetActor() != "jo" {
		t.Errorf("log: %v", last)
	}
}

func TestStandardFeedback(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	name := draft(t, api, &handoffv1.StandardSpec{})
	agree(t, api, name)
	sam := as(t, "sam", typev1.Role_ROLE_SALES)
	given := &handoffv1.StandardFeedback{Text: "too many students", Lead: "leads/01937b1e-0000-7000-8000-000000000001", Rule: "student"}
	got, err := api.CreateStandardFeedback(sam, &handoffv1.CreateStandardFeedbackRequest{Parent: "standards/s", Feedback: given})
	if err != nil {
		t.Fatal(err)
	}
	want1 := proto.CloneOf(given)
	want1.Name, want1.Version, want1.Actor, want1.CreateTime = "standards/s/feedback/5", name, "sam", got.GetCreateTime()
	if !proto.Equal(got, want1) {
		t.Errorf("got %v, want %v", got, want1)
	}
	if _, err := api.CreateStandardFeedback(sam, &handoffv1.CreateStandardFeedbackRequest{Parent: "standards/s", Feedback: &handoffv1.StandardFeedback{Text: "good"}}); err != nil {
		t.Fatal(err)
	}
	page, err := api.ListStandardFeedback(sam, &handoffv1.ListStandardFeedbackRequest{Parent: "standards/s", PageSize: 1})
	if err != nil || len(page.GetFeedback()) != 1 || page.GetFeedback()[0].GetText() != "good" {
		t.Fatalf("%v, %v", page, err)
	}
	page, err = api.ListStandardFeedback(sam, &handoffv1.ListStandardFeedbackRequest{Parent: "standards/s", PageToken: page.GetNextPageToken()})
	if err != nil || len(page.GetFeedback()) != 1 || !proto.Equal(page.GetFeedback()[0], want1) || page.GetNextPageToken() != "" {
		t.Errorf("%v, %v", page, err)
	}
	for name, bad := range map[string]*handoffv1.StandardFeedback{
		"no text":  {},
		"a person": {Text: "x", Lead: "leads/ana@example.com"},
		"no rule":  {Text: "x", Rule: "No Rule"},
	} {
		_, err := api.CreateStandardFeedback(sam, &handoffv1.CreateStandardFeedbackRequest{Parent: "standards/s", Feedback: bad})
		t.Run(name, func(t *testing.T) { want(t, err, codes.InvalidArgument, "INVALID_FIELD") })
	}
	_, err = api.CreateStandardFeedback(sam, &handoffv1.CreateStandardFeedbackRequest{Parent: "standards/none", Feedback: given})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = api.CreateStandardFeedback(as(t, "a", typev1.Role_ROLE_AUDITOR), &handoffv1.CreateStandardFeedbackRequest{Parent: "standards/s", Feedback: given})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}

func TestDiffAndForm(t *testing.T) {
	service, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	if _, err := service.Bootstrap(t.Context(), standards.Default, ""); err != nil {
		t.Fatal(err)
	}
	auditor := as(t, "a", typev1.Role_ROLE_AUDITOR)
	s, err1 := api.GetStandard(auditor, &handoffv1.GetStandardRequest{Name: "standards/default"})
	v, err2 := api.GetStandardVersion(auditor, &handoffv1.GetStandardVersionRequest{Name: s.GetActiveVersion()})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	spec := proto.CloneOf(v.GetSpec())
	spec.Fit.Classes[0].AtLeast = 80
	diff, err := api.DiffStandardVersion(auditor, &handoffv1.DiffStandardVersionRequest{Name: v.GetName(), ToSpec: spec})
	if err != nil || len(diff.GetChanges()) != 1 {
		t.Fatalf("%v, %v", diff, err)
	}
	wantChange := &handoffv1.StandardChange{
		Kind: handoffv1.StandardChange_KIND_CHANGED, Path: "fit.classes[A].atLeast", Subject: "Fit, class A",
		Before: "75 points", After: "80 points", Description: "Fit, class A: from 75 → 80 points",
	}
	if got := diff.GetChanges()[0]; !proto.Equal(got, wantChange) {
		t.Errorf("got %v, want %v", got, wantChange)
	}
	other := draft(t, api, &handoffv1.StandardSpec{})
	if diff, err := api.DiffStandardVersion(auditor, &handoffv1.DiffStandardVersionRequest{Name: v.GetName(), ToVersion: other}); err != nil || len(diff.GetChanges()) < 5 {
		t.Errorf("another standard: %v, %v", diff, err)
	}
	if diff, err := api.DiffStandardVersion(auditor, &handoffv1.DiffStandardVersionRequest{Name: other, ToVersion: other}); err != nil || len(diff.GetChanges()) != 0 {
		t.Errorf("itself: %v, %v", diff, err)
	}
	for name, c := range map[string]struct {
		in     *handoffv1.DiffStandardVersionRequest
		code   codes.Code
		reason string
	}{
		"neither":         {&handoffv1.DiffStandardVersionRequest{Name: other}, codes.InvalidArgument, "INVALID_FIELD"},
		"both":            {&handoffv1.DiffStandardVersionRequest{Name: other, ToVersion: other, ToSpec: spec}, codes.InvalidArgument, "INVALID_FIELD"},
		"no such version": {&handoffv1.DiffStandardVersionRequest{Name: "standards/s/versions/0123456789abcdef", ToVersion: other}, codes.NotFound, "NOT_FOUND"},
		"to no version":   {&handoffv1.DiffStandardVersionRequest{Name: other, ToVersion: "standards/s/versions/0123456789abcdef"}, codes.NotFound, "NOT_FOUND"},
		"does not compile": {
			&handoffv1.DiffStandardVersionRequest{Name: other, ToSpec: &handoffv1.StandardSpec{Id: "s", AppliesTo: "lead.a =="}},
			codes.InvalidArgument, "INVALID_STANDARD",
		},
	} {
		_, err := api.DiffStandardVersion(auditor, c.in)
		t.Run(name, func(t *testing.T) { want(t, err, c.code, c.reason) })
	}

	byVersion, err1 := api.GetStandardForm(auditor, &handoffv1.GetStandardFormRequest{Name: v.GetName()})
	active, err2 := api.GetStandardForm(auditor, &handoffv1.GetStandardFormRequest{Name: "standards/default"})
	if err := errors.Join(err1, err2); err != nil || !proto.Equal(byVersion, active) || active.GetVersion() != v.GetName() {
		t.Fatalf("%v: %v, %v", err, byVersion, active)
	}
	first, second := active.GetFields()[0], active.GetFields()[1]
	if first.GetAttribute() != "job_title" || first.GetType() != handoffv1.FormField_TYPE_TEXT || !first.GetNeeded() {
		t.Errorf("first: %v", first)
	}
	if second.GetAttribute() != "employees" || second.GetType() != handoffv1.FormField_TYPE_NUMBER || second.GetAnswers()[1].GetAtLeast() != 10 {
		t.Errorf("second: %v", second)
	}
	_, err = api.GetStandardForm(auditor, &handoffv1.GetStandardFormRequest{Name: "standards/s"})
	want(t, err, codes.NotFound, "NOT_FOUND") // only a draft
}

package handoff_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// What is wrong with a standard and what is hardly meant, of one that is sent and of one
// that is stored.
func TestLintStandard(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewStandardServiceClient(conn)
	marketing := as(t, "ana", typev1.Role_ROLE_MARKETING)
	said := func(out *handoffv1.StandardFindings, err error) []string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range out.GetFindings() {
			lines = append(lines, fmt.Sprintf("%v %s %s", f.GetSeverity(), f.GetRule(), f.GetPath()))
		}
		return lines
	}
	lint := func(spec *handoffv1.StandardSpec) []string {
		t.Helper()
		return said(api.LintStandard(marketing, &handoffv1.LintStandardRequest{Spec: spec}))
	}
	fit := func(criterion *typev1.Criterion) *handoffv1.StandardSpec {
		return &handoffv1.StandardSpec{Id: "s", Fit: &typev1.FitModel{Groups: []*typev1.FitGroup{{
			Id: "g", MaxPoints: proto.Float64(40), Criteria: []*typev1.Criterion{criterion},
		}}}}
	}
	spec := fit(&typev1.Criterion{Id: "c", When: "lead.n > 5", Points: 60})
	want := []string{
		"SEVERITY_WARNING cap-below-rule fit.groups[0].maxPoints",
		"SEVERITY_INFO cap-binds fit.groups[0].maxPoints",
		"SEVERITY_INFO nobody-qualifies qualification",
	}
	if got := lint(spec); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := said(api.LintStandardVersion(marketing, &handoffv1.LintStandardVersionRequest{Name: draft(t, api, spec)})); !slices.Equal(got, want) {
		t.Errorf("stored: %q", got)
	}
	if got := lint(fit(&typev1.Criterion{Id: "Big", When: "lead.n >"})); !slices.Equal(got, []string{
		"SEVERITY_ERROR  fit.groups[0].criteria[0].id", "SEVERITY_ERROR  fit.groups[0].criteria[0].when",
	}) {
		t.Errorf("wrong: %q", got)
	}
	if _, err := api.LintStandard(marketing, &handoffv1.LintStandardRequest{}); apierr.Reason(err) != "INVALID_FIELD" {
		t.Errorf("neither: %v", err)
	}
	if _, err := api.LintStandardVersion(marketing, &handoffv1.LintStandardVersionRequest{Name: "standards/s/versions/0123456789abcdef"}); apierr.Reason(err) != "NOT_FOUND" {
		t.Errorf("no such version: %v", err)
	}
}

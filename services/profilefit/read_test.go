package profilefit_test

import (
	"strings"
	"testing"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/assay-hq/assay/services/internal/apierr"
)

func TestGetFit(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		_, err := r.GetFit(t.Context(), &profilefitv1.GetFitRequest{Name: "leads/1/fit"})
		if status.Code(err) != codes.NotFound {
			t.Fatalf("before: %v", err)
		}
		r.register("r1", software())
		r.register("r2", &typev1.FitModel{})
		empty := delta(0, 7)
		empty.Revision = "r2"
		r.assess(empty, delta(0, 3, attribute(1, 0, "employees", `5`), attribute(2, 0, "country", `"US"`)))
		got, err := r.GetFit(t.Context(), &profilefitv1.GetFitRequest{Name: "leads/1/fit"})
		if err != nil {
			t.Fatal(err)
		}
		want := &profilefitv1.LeadFit{Name: "leads/1/fit", Fits: []*profilefitv1.RevisionFit{
			{Revision: "r1", FactsVersion: 3, AsOfTime: hour(9), Fit: &typev1.Fit{
				Status: typev1.Fit_STATUS_SCORED, Score: proto.Float64(10), Contributions: []*typev1.Contribution{
					{Rule: "size", Group: "company", Kind: typev1.Contribution_KIND_GIVEN, Points: 10, Description: "up to 200 employees"},
				},
			}},
			{Revision: "r2", FactsVersion: 7, AsOfTime: hour(9), Fit: &typev1.Fit{Status: typev1.Fit_STATUS_SCORED, Score: proto.Float64(0)}},
		}}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestPreviewFit(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		attributes, err := structpb.NewStruct(map[string]any{"employees": 5000, "country": "DE", "tags": []any{"a"}, "gone": nil})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.PreviewFit(t.Context(), &profilefitv1.PreviewFitRequest{Model: software(), Attributes: attributes})
		if err != nil || got.GetFit().GetScore() != 40 || got.GetFit().GetFitClass() != "A" {
			t.Errorf("got %v, %v", got, err)
		}
		if got, err = r.PreviewFit(t.Context(), &profilefitv1.PreviewFitRequest{Model: software()}); err != nil || len(got.GetFit().GetUnknown()) != 2 {
			t.Errorf("without attributes: %v, %v", got, err)
		}
		attributes.Fields["nested"] = structpb.NewStructValue(&structpb.Struct{})
		_, err = r.PreviewFit(t.Context(), &profilefitv1.PreviewFitRequest{Model: software(), Attributes: attributes})
		names(t, err, "attributes.nested", "a string, number, boolean or list")
	})
}

func TestModelsThatDoNotCompile(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		model := software()
		model.Groups[0].Criteria[1].When = `lead.country = "DE"`
		model.Groups[0].Criteria[0].Choices[1].Points = 0.123
		_, err := r.RegisterFitModel(t.Context(), &profilefitv1.RegisterFitModelRequest{Revision: "r1", Model: model})
		names(t, err, "model.groups[0].criteria[1].when", "Syntax error")
		names(t, err, "model.groups[0].criteria[0].choices[1].points", "two decimals")
		_, err = r.PreviewFit(t.Context(), &profilefitv1.PreviewFitRequest{Model: model})
		names(t, err, "model.groups[0].criteria[1].when", "line 1, column 14")
		if got := r.assess(delta(0, 1))[0]; got.GetState() != notKnown {
			t.Errorf("a model that does not compile is registered: %v", got)
		}
	})
}

func TestRegisterFitModel(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", software())
		r.register("r1", software())
		_, err := r.RegisterFitModel(t.Context(), &profilefitv1.RegisterFitModelRequest{Revision: "r1", Model: &typev1.FitModel{}})
		names(t, err, "revision", "taken by another model")
		_, err = r.RegisterFitModel(t.Context(), &profilefitv1.RegisterFitModelRequest{Revision: "r1"})
		names(t, err, "model", "a fit model")

		// After a restart the model is there.
		if got := newRig(t, r.db, nil).assess(delta(0, 1, attribute(1, 0, "country", `"DE"`)))[0]; got.GetFit().GetScore() != 20 {
			t.Errorf("after a restart: %v", got)
		}
	})
}

// names fails unless the error is INVALID_ARGUMENT, names the field and says the words.
func names(t *testing.T, err error, field, words string) {
	t.Helper()
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("error %v, want INVALID_ARGUMENT", err)
	}
	for _, v := range apierr.Violations(err) {
		if v.Field == field && strings.Contains(v.Expected, words) {
			return
		}
	}
	t.Errorf("error %v names %v, want %s: %s", err, apierr.Violations(err), field, words)
}

package handoff_test

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// What a scorer cannot score with is refused when the version is created, with the path
// in the standard.
func TestScorersCheckTheirModels(t *testing.T) {
	_, conn := serve(t)
	standards := handoffv1.NewStandardServiceClient(conn)
	for _, c := range []struct {
		spec        *handoffv1.StandardSpec
		path, words string
	}{
		{
			&handoffv1.StandardSpec{Id: "x", Fit: &typev1.FitModel{
				Groups: []*typev1.FitGroup{{Id: "a"}, {Id: "b", Description: "wrong: a criterion"}},
			}},
			"spec.fit.groups[1]", "expected a criterion",
		},
		{
			&handoffv1.StandardSpec{Id: "x", Engagement: &typev1.EngagementModel{
				Groups: []*typev1.EngagementGroup{{Id: "a", Description: "wrong: a rule"}},
			}},
			"spec.engagement.groups[0]", "expected a rule",
		},
	} {
		_, err := standards.CreateStandardVersion(as(t, "mia", typev1.Role_ROLE_MARKETING), &handoffv1.CreateStandardVersionRequest{
			Parent: "standards/x", Spec: c.spec, ValidateOnly: true,
		})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		var got string
		for _, detail := range status.Convert(err).Details() {
			if bad, ok := detail.(*errdetails.BadRequest); ok {
				for _, v := range bad.GetFieldViolations() {
					got += v.GetField() + ": " + v.GetDescription()
				}
			}
		}
		if want := c.path + ": " + c.words; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

package profilefit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/profilefit"
)

// everything uses each field of a model that scoring reads: what each means is tested
// in the core; here, that it arrives there.
func everything() *typev1.FitModel {
	return &typev1.FitModel{
		MaxPoints: proto.Float64(100), MinPoints: proto.Float64(-50), MinKnown: 1, TimeZone: "Europe/Berlin",
		Required: []string{"country"}, Icp: `lead.employees > 10`,
		Segments: []*typev1.Segment{{Id: "small", When: `lead.employees < 100`}},
		Lists:    []*typev1.TextList{{Id: "near", Values: []string{"DE", "FR"}}},
		Personas: []*typev1.Persona{{Id: "user", When: `lead.role == "user"`}, {Id: "buyer", When: `lead.role == "buyer"`}},
		Flags:    []*typev1.Flag{{Id: "odd", When: `lead.odd`}, {Id: "even", When: `!lead.odd`}},
		Overrides: []*typev1.FitOverride{
			{Id: "rival", Description: "A competitor", When: `lead.rival`, Points: -10},
		},
		Groups: []*typev1.FitGroup{{
			Id: "company", Description: "Company", MaxPoints: proto.Float64(60), MinPoints: proto.Float64(-5), Combine: typev1.Combine_COMBINE_MAX,
			Criteria: []*typev1.Criterion{
				{
					Id: "size", Description: "Size", Value: `lead.employees`, WeightPercent: proto.Float64(50), UnknownPoints: 2, Bands: []*typev1.Band{
						{Range: &typev1.Range{Over: proto.Float64(1000), BySegment: map[string]*typev1.Range{"small": {AtLeast: proto.Float64(50), Below: proto.Float64(60)}}}, Points: 90, Description: "large"},
						{Range: &typev1.Range{AtLeast: proto.Float64(1), AtMost: proto.Float64(1000)}, Points: 10},
					},
				},
				{Id: "near", When: `lead.country in lists.near`, Points: 5},
			},
			Groups: []*typev1.FitGroup{{Id: "person", Combine: typev1.Combine_COMBINE_MIN, Criteria: []*typev1.Criterion{
				{Id: "bought", When: `true`, Points: 30, Personas: []string{"buyer"}},
				{Id: "either", SkipUnknown: true, Choices: []*typev1.Choice{{When: `lead.never`, Points: 1}, {When: `true`, Points: 20, Description: "either"}}},
			}}},
		}},
		Classes:          []*typev1.ClassEdge{{Label: "A", AtLeast: 50}},
		ClassesBySegment: []*typev1.SegmentEdges{{Segment: "small", Edges: []*typev1.ClassEdge{{Label: "S", AtLeast: 40}}}},
	}
}

func facts(pairs ...string) []*typev1.Fact {
	var all []*typev1.Fact
	for pair := range slices.Chunk(pairs, 2) {
		f := attribute(1, 0, pair[0], pair[1])
		f.Id = pair[0]
		all = append(all, f)
	}
	return all
}

func TestTheWholeLanguage(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", everything())
		got := r.assess(delta(0, 1, facts("country", `"DE"`, "employees", `55`, "role", `"buyer"`, "odd", `false`)...))[0]
		const given, combine = typev1.Contribution_KIND_GIVEN, typev1.Contribution_KIND_COMBINE
		want := &profilefitv1.FitResult{
			State: ok,
			Fit: &typev1.Fit{
				Status: typev1.Fit_STATUS_SCORED, Score: proto.Float64(45), FitClass: "S", Persona: "buyer", Icp: proto.Bool(true), Flags: []string{"even"},
				Contributions: []*typev1.Contribution{
					{Rule: "size", Group: "company", Kind: given, Points: 45, Description: "large (50% of 90)"},
					{Rule: "near", Group: "company", Kind: given, Points: 5, Description: "near"},
					{Rule: "bought", Group: "person", Kind: given, Points: 30, Description: "bought"},
					{Rule: "either", Group: "person", Kind: given, Points: 20, Description: "either"},
					{Rule: "person", Group: "person", Kind: combine, Points: -30, Description: "person: only the lowest counts"},
					{Rule: "company", Group: "company", Kind: combine, Points: -25, Description: "Company: only the highest counts"},
				},
			},
			Timeline: []*typev1.FitPoint{{EffectiveTime: hour(0), Score: proto.Float64(45), FitClass: "S", Persona: "buyer"}},
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}

		got = r.assess(delta(1, 2, facts("rival", `true`, "employees", `5`, "odd", `true`)[:1]...))[0]
		if f := got.GetFit(); f.GetScore() != -10 || f.GetUnderlyingScore() != 45 || f.GetFitClass() != "" {
			t.Errorf("overridden: %v", f)
		}
		shown := got.GetFit().GetContributions()[6]
		if diff := cmp.Diff(&typev1.Contribution{Rule: "rival", Kind: typev1.Contribution_KIND_SHOWN, Points: -55, Description: "A competitor"}, shown, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}

		got = r.assess(delta(0, 3, facts("employees", `5`)...))[0]
		insufficient := &typev1.Fit{
			Status: typev1.Fit_STATUS_INSUFFICIENT_DATA, Missing: []string{"country"}, Unknown: []string{"near", "bought"}, Icp: proto.Bool(false),
		}
		if diff := cmp.Diff(insufficient, got.GetFit(), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if p := got.GetTimeline(); len(p) != 1 || p[0].Score != nil {
			t.Errorf("timeline without a score: %v", p)
		}
	})
}

func TestLaddersAndGrades(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("ladder", &typev1.FitModel{Ladder: []*typev1.FitRung{{Label: "1", When: `lead.country == "DE"`}, {Label: "2"}}})
		r.register("grade", &typev1.FitModel{
			Grade: &typev1.Grade{Labels: []string{"F", "D", "C", "B", "A"}, Start: "D"},
			Groups: []*typev1.FitGroup{{Id: "g", Criteria: []*typev1.Criterion{
				{Id: "a", Description: "Size", When: `lead.employees > 10`, Steps: 2, UnmatchedSteps: -1},
				{Id: "b", Choices: []*typev1.Choice{{When: `lead.country == "DE"`, Steps: 1}}},
				{Id: "c", Value: `lead.employees`, Bands: []*typev1.Band{{Range: &typev1.Range{Below: proto.Float64(0)}, Steps: -4}}},
			}}},
		})
		for _, test := range []struct{ revision, country, employees, want string }{
			{"ladder", `"DE"`, `1`, "1"},
			{"ladder", `"FR"`, `1`, "2"},
			{"grade", `"DE"`, `11`, "A"},
			{"grade", `"FR"`, `11`, "B"},
			{"grade", `"FR"`, `1`, "F"},
			{"grade", `"DE"`, `-1`, "F"},
		} {
			call := delta(0, 1, facts("country", test.country, "employees", test.employees)...)
			call.Revision, call.Reset_ = test.revision, true
			if got := r.assess(call)[0].GetFit(); got.GetFitClass() != test.want || got.GetScore() != 0 {
				t.Errorf("%v: %v", test, got)
			}
		}
	})
}

// What changes by time alone is assessed again without a new fact.
func TestTimeAlone(t *testing.T) {
	each(t, func(t *testing.T, r rig) {
		r.register("r1", &typev1.FitModel{TimeZone: "Europe/Berlin", Groups: []*typev1.FitGroup{{Id: "g", Criteria: []*typev1.Criterion{
			{Id: "trial", When: `daysSince(lead.trial) >= 2`, Points: 1},
			{Id: "growth", When: `lead.employees > ago(lead.employees, 1)`, Points: 10},
		}}}})
		r.register("r2", &typev1.FitModel{Groups: []*typev1.FitGroup{{Id: "g", Criteria: []*typev1.Criterion{
			{Id: "growth", When: `lead.employees > ago(lead.employees, 1)`, Points: 10},
		}}}})
		first := append(facts("trial", `"2026-03-01"`, "employees", `5`), attribute(1, 30, "employees", `6`))
		for i, test := range []struct {
			hour     int
			r1, r2   float64
			timeline int
		}{
			{9, 0, 0, 1},
			{29, 0, 0, 1},
			{30, 10, 10, 2},
			{34, 10, 10, 2}, // 22:00 of 2 March, 23:00 in Berlin
			{35, 11, 10, 3},
			{53, 11, 10, 3},
			{54, 1, 0, 4},
			{600, 1, 0, 4},
		} {
			for revision, want := range map[string]float64{"r1": test.r1, "r2": test.r2} {
				call := delta(1, 1)
				if i == 0 {
					call = delta(0, 1, first...)
				}
				call.Revision, call.AsOfTime = revision, hour(test.hour)
				got := r.assess(call)[0]
				if got.GetState() != ok || got.GetFit().GetScore() != want {
					t.Errorf("%s in hour %d: %v, want %v", revision, test.hour, got, want)
				}
				if n := len(got.GetTimeline()); revision == "r1" && n != test.timeline {
					t.Errorf("in hour %d the timeline has %d points, want %d: %v", test.hour, n, test.timeline, got.GetTimeline())
				}
			}
		}
	})
}

func TestPreviewKnowsTheTime(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLite(t), "profilefit", sqldb.Normal, profilefit.Migrations)
	s, err := profilefit.New(profilefit.Deps{DB: db, Now: func() time.Time { return epoch }})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.PreviewFit(t.Context(), &profilefitv1.PreviewFitRequest{
		Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{"trial": structpb.NewStringValue("2026-02-27")}},
		Model: &typev1.FitModel{Groups: []*typev1.FitGroup{{Id: "g", Criteria: []*typev1.Criterion{
			{Id: "trial", When: `daysSince(lead.trial) == 2`, Points: 1},
		}}}},
	})
	if err != nil || got.GetFit().GetScore() != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

// No field of a model is forgotten on its way to the core: without it, a model that
// uses all of them is another.
func TestEveryFieldOfAModelCounts(t *testing.T) {
	silent := map[protoreflect.FullName]bool{ // what only a reader of the standard needs
		"assay.type.v1.FitModel.dictionaries": true,
		"assay.type.v1.FitModel.ladder":       true, // beside classes: see TestLaddersAndGrades
		"assay.type.v1.FitModel.grade":        true,
	}
	fields := (&typev1.FitModel{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !silent[field.FullName()] && !everything().ProtoReflect().Has(field) {
			t.Errorf("%s is not tested", field.FullName())
		}
	}
}

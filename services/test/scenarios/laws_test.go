package scenarios

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/standards"
)

const (
	// lawCases are the histories that each published standard scores in memory, asked in
	// calls of callCases.
	lawCases  = 1000
	callCases = 100
	// keptCases are those that arrive bit by bit and are kept in a store.
	keptCases = 60
)

// Every published standard keeps the laws over histories of what it reads.
func TestLawsOfPublishedStandards(t *testing.T) {
	files, err := fs.Glob(standards.Published, "published/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no standards: %v", err)
	}
	for _, name := range files {
		standard, err := standards.Published.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name[len("published/"):], func(t *testing.T) {
			dbtest.EachURL(t, func(t *testing.T, url string) {
				s := newScorers(t, url, standard)
				if url[:len("sqlite")] == "sqlite" {
					t.Run("in memory", func(t *testing.T) { s.keepLawsInMemory(t) })
				}
				t.Run("kept", func(t *testing.T) { s.keepLawsInStore(t) })
			})
		})
	}
}

// keepLawsInMemory: sum, order and time, over facts that the scorers are given at once.
// That says something only if the histories meet the rules.
func (s *scorers) keepLawsInMemory(t *testing.T) {
	met := map[string]bool{}
	cases := lawtest.Share(lawCases)
	for first := 0; first < cases; first += callCases {
		var shuffled, fresh []question
		for i := range callCases {
			h := s.words.history(lead(first+i), uint64(first+i))
			at := h.instants[i%len(h.instants)]
			shuffled = append(shuffled, question{lead: i, facts: h.facts(), at: at, dry: true})
			fresh = append(fresh, question{lead: i, facts: h.inOrder(at), at: at, dry: true})
		}
		arrived, replayed := s.ask(t, shuffled), s.ask(t, fresh)
		for i := range arrived {
			arrived[i].sums(t, first+i)
			arrived[i].meets(met)
			arrived[i].is(t, replayed[i], "in one order up to the instant (-), in any order with repetitions (+)", first+i)
		}
	}
	var unmet []string
	for _, id := range s.rules {
		if !met[id] {
			unmet = append(unmet, id)
		}
	}
	if cases == lawCases && len(unmet)*5 > len(s.rules) {
		t.Errorf("no history meets %v of %d rules and criteria", unmet, len(s.rules))
	}
}

// keepLawsInStore: facts that arrive one batch after the other, late ones among them,
// are scored as those that come at once; and so they are when the scorers lost
// everything and are sent the whole history again.
func (s *scorers) keepLawsInStore(t *testing.T) {
	histories := make([]*history, max(lawtest.Share(keptCases), keptCases/4))
	var whole []question
	for i := range histories {
		histories[i] = s.words.history(lead(i), uint64(i))
		whole = append(whole, question{lead: i, facts: histories[i].inOrder(histories[i].instants[2]), at: histories[i].instants[2], dry: true})
	}
	want := s.ask(t, whole)
	for version := range 3 {
		var delta []question
		for i, h := range histories {
			delta = append(delta, question{
				lead: i, facts: h.batches[version], at: h.instants[2], from: version, to: version + 1, history: h.batches[:version+1],
			})
		}
		for i, got := range s.ask(t, delta) {
			got.sums(t, i)
			if version == 2 {
				got.is(t, want[i], "at once (-), bit by bit (+)", i)
			}
		}
	}
	var again, past, fresh []question
	for i, h := range histories {
		again = append(again, question{lead: i, facts: h.facts(), at: h.instants[2], to: 3, reset: true})
		past = append(past, question{lead: i, at: h.instants[0], from: 3, to: 3, history: h.batches})
		fresh = append(fresh, question{lead: len(histories) + i, facts: h.inOrder(h.instants[0]), at: h.instants[0], dry: true})
	}
	for i, got := range s.ask(t, again) {
		got.is(t, want[i], "at once (-), after the loss (+)", i)
	}
	then := s.ask(t, fresh)
	for i, got := range s.ask(t, past) {
		got.is(t, then[i], "fresh (-), asked of the past (+)", i)
	}
}

// scorers are the services that score, with the models of a standard.
type scorers struct {
	fit        profilefitv1.ProfileFitServiceClient
	engagement behaviorv1.BehaviorScoringServiceClient
	// revisions of the models; empty without one.
	fitRevision, engagementRevision string
	words                           vocabulary
	// rules are the ids of its rules and criteria.
	rules []string
}

// newScorers starts the services with a standard and finds the models they were given.
func newScorers(t *testing.T, url string, standard []byte) *scorers {
	t.Helper()
	s := &scorers{words: vocabulary{properties: map[string][]any{}, attributes: map[string][]any{}, zone: time.UTC}}
	conn := start(t, url, standard, func() time.Time { return beginning }, func(request any) {
		switch request := request.(type) {
		case *profilefitv1.RegisterFitModelRequest:
			if !request.GetValidateOnly() {
				s.fitRevision = request.GetRevision()
				s.words.read(request.GetModel(), request.GetModel().GetLists())
				for _, group := range request.GetModel().GetGroups() {
					s.fitRules(group)
				}
			}
		case *behaviorv1.RegisterEngagementModelRequest:
			if !request.GetValidateOnly() {
				s.engagementRevision = request.GetRevision()
				s.words.read(request.GetModel(), request.GetModel().GetLists())
				for _, group := range request.GetModel().GetGroups() {
					s.engagementRules(group)
				}
				if zone, err := time.LoadLocation(request.GetModel().GetTimeZone()); err == nil {
					s.words.zone = zone
				}
			}
		}
	})
	// The first lead brings the models to the scorers.
	_, err := ingestv1.NewIngestServiceClient(conn("ingest")).CaptureLead(caller.With(t.Context(), caller.Caller{Actor: "marketer", Role: typev1.Role_ROLE_MARKETING}), &ingestv1.CaptureLeadRequest{
		Lead:            &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: "a@acme.example"}}},
		WaitForDecision: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.fit, s.engagement = profilefitv1.NewProfileFitServiceClient(conn("profilefit")), behaviorv1.NewBehaviorScoringServiceClient(conn("behavior"))
	return s
}

func (s *scorers) fitRules(group *typev1.FitGroup) {
	for _, c := range group.GetCriteria() {
		s.rules = append(s.rules, c.GetId())
	}
	for _, inner := range group.GetGroups() {
		s.fitRules(inner)
	}
}

func (s *scorers) engagementRules(group *typev1.EngagementGroup) {
	for _, r := range group.GetRules() {
		s.rules = append(s.rules, r.GetId())
	}
	for _, c := range group.GetCriteria() {
		s.rules = append(s.rules, c.GetId())
	}
	for _, inner := range group.GetGroups() {
		s.engagementRules(inner)
	}
}

// question is a lead with what the scorers are sent.
type question struct {
	lead     int
	facts    []*typev1.Fact
	at       time.Time
	from, to int
	dry      bool
	reset    bool
	// history is all that arrived so far, if facts are not all.
	history [][]*typev1.Fact
}

// answer is what the scorers say of a lead.
type answer struct {
	fit        *typev1.Fit
	engagement *typev1.Engagement
}

// ask asks both scorers, all questions in one call to each.
func (s *scorers) ask(t *testing.T, questions []question) []answer {
	t.Helper()
	ctx := caller.With(t.Context(), caller.System("handoff"))
	answers := make([]answer, len(questions))
	for i := range answers {
		answers[i] = answer{&typev1.Fit{}, &typev1.Engagement{}}
	}
	timelines := make([][]*typev1.FitPoint, len(questions))
	if s.fitRevision != "" {
		request := &profilefitv1.AssessFitRequest{}
		for _, q := range questions {
			request.Assessments = append(request.Assessments, &profilefitv1.FitAssessment{
				Lead: lead(q.lead), Revision: s.fitRevision, FromVersion: int32(q.from), ToVersion: int32(max(q.to, 1)), Facts: q.facts,
				AsOfTime: timestamppb.New(q.at), DryRun: q.dry, Reset_: q.reset,
			})
		}
		response, err := s.fit.AssessFit(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range response.GetResults() {
			if r.GetState() != typev1.CheckpointState_CHECKPOINT_STATE_OK {
				t.Fatalf("fit of %d: %s %s", i, r.GetState(), r.GetError())
			}
			answers[i].fit, timelines[i] = r.GetFit(), r.GetTimeline()
		}
	}
	if s.engagementRevision != "" {
		request := &behaviorv1.ApplyFactsRequest{}
		for i, q := range questions {
			request.Applications = append(request.Applications, &behaviorv1.FactsApplication{
				Lead: lead(q.lead), Revision: s.engagementRevision, FromVersion: int32(q.from), ToVersion: int32(max(q.to, 1)), Facts: q.facts,
				FitTimeline: timelines[i], AsOfTime: timestamppb.New(q.at), DryRun: q.dry, Reset_: q.reset,
			})
		}
		response, err := s.engagement.ApplyFacts(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range response.GetResults() {
			if r.GetState() != typev1.CheckpointState_CHECKPOINT_STATE_OK {
				t.Fatalf("engagement of %d: %s %s", i, r.GetState(), r.GetError())
			}
			answers[i].engagement = r.GetEngagement()
		}
	}
	return answers
}

// sums: each score is the sum of its lines.
func (a answer) sums(t *testing.T, seed int) {
	t.Helper()
	combined := a.engagement.GetCombined()
	for _, part := range []struct {
		name  string
		score *float64
		lines []*typev1.Contribution
	}{
		{"fit", a.fit.Score, a.fit.GetContributions()},
		{"engagement", a.engagement.Score, a.engagement.GetContributions()},
		{"combined", combinedScore(combined).Score, combined.GetContributions()},
	} {
		if part.score != nil && math.Abs(sumOf(part.lines)-*part.score) > 1e-6 {
			t.Errorf("history %d: %s is %v, the sum of its lines %v%s", seed, part.name, *part.score, sumOf(part.lines), listed(part.lines))
		}
	}
}

// meets notes what gave points.
func (a answer) meets(met map[string]bool) {
	for _, lines := range [][]*typev1.Contribution{a.fit.GetContributions(), a.engagement.GetContributions()} {
		for _, line := range lines {
			met[line.GetRule()] = met[line.GetRule()] || line.GetKind() == typev1.Contribution_KIND_GIVEN
		}
	}
}

// is: both answers are the same to the byte.
func (a answer) is(t *testing.T, want answer, how string, seed int) {
	t.Helper()
	for _, part := range [][2]proto.Message{{want.fit, a.fit}, {want.engagement, a.engagement}} {
		if !proto.Equal(part[0], part[1]) {
			t.Fatalf("history %d, %s: %s", seed, how, cmp.Diff(part[0], part[1], protocmp.Transform()))
		}
	}
}

func lead(number int) string { return fmt.Sprintf("leads/00000000-0000-7000-8000-%012d", number) }

// watched tells of the requests of a connection.
type watched struct {
	grpc.ClientConnInterface
	tell func(request any)
}

func (w watched) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	w.tell(args)
	return w.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

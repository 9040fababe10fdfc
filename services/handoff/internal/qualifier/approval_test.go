package qualifier

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// approve has jane ask for an approval and kim grant it.
func (b *bench) approve(t *testing.T, lead string) *handoffv1.Approval {
	t.Helper()
	a, err := b.store.RequestApproval(t.Context(), store.Request{ID: uuid.NewString(), Digest: []byte("d"), Approval: &handoffv1.Approval{
		Lead: lead, Track: "sales", Reason: "they called", Requester: "jane", ExpireTime: timestamppb.New(b.clock.Add(24 * time.Hour)),
	}})
	if err == nil {
		a, err = b.store.Approve(t.Context(), store.Word{Approval: store.ApprovalID(a.GetName()), Actor: "kim", Leads: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// again decides a lead again by name, for a cause.
func (b *bench) again(t *testing.T, lead string, cause store.Cause) {
	t.Helper()
	claimed, err := b.ClaimLeads(t.Context(), &ingestv1.ClaimLeadsRequest{Leads: []string{lead}})
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := b.Again(t.Context(), claimed.GetLeads(), cause, nil)
	if err != nil || len(outcomes) != 1 || !outcomes[0].Decided {
		t.Fatalf("%+v, %v", outcomes, err)
	}
}

// An exception changes no byte of a score: not when it is granted, not when it is used,
// not when all leads are scored again by another version.
func TestAnApprovalChangesNoScore(t *testing.T) {
	b := newBench(t)
	b.capture(ana, knows("country", "DE"), did("page.viewed"))
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
	scores := func() (q *handoffv1.Qualification) {
		q, err := b.store.Qualification(t.Context(), store.LeadID(ana), "")
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	same := func(when string, before *handoffv1.Qualification) {
		t.Helper()
		after := scores()
		for name, pair := range map[string][2]any{
			"fit": {before.GetFit(), after.GetFit()}, "engagement": {before.GetEngagement(), after.GetEngagement()},
		} {
			if diff := cmp.Diff(pair[0], pair[1], protocmp.Transform(), protocmp.IgnoreFields(&typev1.Engagement{}, "as_of_time")); diff != "" {
				t.Errorf("%s: %s is another: %s", when, name, diff)
			}
		}
	}
	before := scores()
	if before.GetVerdict() != typev1.Verdict_VERDICT_NURTURE {
		t.Fatalf("before: %v", before.GetReasons())
	}
	granted := b.approve(t, ana)

	// A publish meets the approval first: it is used as by any other decision.
	b.publish(t, aStandard+"\n# another wording\ndescription: more words\n")
	b.again(t, ana, store.ByRescore)
	used := scores()
	if used.GetException() != "approval" || used.GetHandoff() == "" {
		t.Fatalf("after the publish: %v because of %v", used.GetVerdict(), used.GetReasons())
	}
	same("used", before)
	if a, err := b.store.Approval(t.Context(), store.ApprovalID(granted.GetName())); err != nil || a.GetState() != handoffv1.Approval_STATE_CONSUMED {
		t.Errorf("%v, %v", a, err)
	}
	b.publish(t, aStandard)
	b.again(t, ana, store.ByRescore)
	same("scored again", before)

	// The explanation says what the decision does, of now and of then.
	active, err := b.standards.Active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]string{
		b.clock: "approval", granted.GetDecideTime().AsTime(): "approval", granted.GetDecideTime().AsTime().Add(-time.Millisecond): "gates",
	} {
		answer, err := b.Explain(t.Context(), Question{Lead: ana, Standard: active[0], AsOf: at})
		if err != nil || answer.Decision.Codes()[0] != want {
			t.Errorf("explained as of %s: %v, %v; want %s", at, answer.Decision.Codes(), err, want)
		}
	}
}

// Whatever a lead does, a decision under an approval has the scores of one without.
func TestScoresUnderAnApproval(t *testing.T) {
	b := newBench(t)
	active, err := b.standards.Active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		claimed := &ingestv1.ClaimedLead{Lead: ana, ToVersion: 1, AsOfTime: timestamppb.New(b.clock)}
		if country := rapid.SampledFrom([]string{"", "DE", "Atlantis"}).Draw(r, "country"); country != "" {
			claimed.AttributesJson = []byte(`{"country":"` + country + `"}`)
		}
		j := newJob(claimed, way{dry: true, standards: active}, b.clock)
		if err := j.read(active); err != nil {
			r.Fatal(err)
		}
		j.fits, j.engagements = map[scoredAt]fit{}, map[scoredAt]*typev1.Engagement{}
		score := func(name string) *float64 {
			if !rapid.Bool().Draw(r, name+" known") {
				return nil
			}
			p := float64(rapid.IntRange(0, 10000).Draw(r, name)) / 100
			return &p
		}
		for _, s := range active {
			j.fits[j.at(s, s.FitRevision)] = fit{Fit: &typev1.Fit{Score: score("fit")}}
			j.engagements[j.at(s, s.EngagementRevision)] = &typev1.Engagement{Score: score("engagement")}
		}
		for _, plain := range j.toDecide().Assessments {
			under := plain.Under(store.ApprovalOf(&handoffv1.Approval{Requester: "jane", Decider: "kim", Reason: "they called"}))
			if diff := cmp.Diff(plain.Fit, under.Fit, protocmp.Transform()); diff != "" {
				r.Fatal(diff)
			}
			if diff := cmp.Diff(plain.Engagement, under.Engagement, protocmp.Transform()); diff != "" {
				r.Fatal(diff)
			}
		}
	})
}

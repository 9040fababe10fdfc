package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMigrations(t *testing.T) { dbtest.CheckMigrations(t, migrations.FS) }

func TestAQualifiedLeadIsHandedOff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		r := o.decide(t, o.scored(ana, decision.Qualified))
		if r.State != store.Decided || r.Digest.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED {
			t.Fatalf("got %v", r)
		}
		q := o.qualification(t, ana)
		hs := o.handoffs(t, ana)
		if len(hs) != 1 || q.GetHandoff() != hs[0].GetName() || hs[0].GetState() != handoffv1.Handoff_STATE_OPEN ||
			hs[0].GetQueue() != "inbound" || hs[0].GetCycle() != 1 || len(hs[0].GetReasons()) != 1 {
			t.Fatalf("handoffs %v, the qualification names %q", hs, q.GetHandoff())
		}
		if q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetFitScore() != 75 || q.GetEngagementScore() != 40.5 ||
			q.GetFit().GetScore() != 75 || q.GetFitClass() != "A" || q.GetEngagementBand() != "2" || q.GetCycle() != 1 {
			t.Errorf("qualification %v", q)
		}
		records, err := o.Decisions(t.Context(), ana, nil, 10)
		if err != nil || len(records) != 1 {
			t.Fatalf("decisions %v, %v", records, err)
		}
		d := records[0].Decision
		if d.GetName() != hs[0].GetDecision() || string(d.GetAttributesJson()) != `{"country":"DE"}` ||
			d.GetEvidence().GetHandoff() != hs[0].GetName() || d.GetEvidence().GetFitScore() != 75 {
			t.Errorf("record %v", d)
		}
		if got := o.told(t, ana); !slices.Equal(got, []string{"lifecycle.marketing_qualified"}) {
			t.Errorf("ingest is told %v", got)
		}
	})
}

func TestDecidingAgainChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		first := o.scored(ana, decision.Qualified)
		o.decide(t, first)
		o.decide(t, first)                             // a crash before Complete
		o.decide(t, o.scored(ana, decision.Qualified)) // new facts, the same verdict
		records, _ := o.Decisions(t.Context(), ana, nil, 10)
		if n, m := len(o.handoffs(t, ana)), len(o.moves(t, ana)); n != 1 || m != 1 || len(records) != 1 {
			t.Errorf("%d handoffs, %d moves, %d records", n, m, len(records))
		}
		if got := o.qualification(t, ana).GetFactsVersion(); got != 2 {
			t.Errorf("facts version %d, want 2", got)
		}
	})
}

func TestARecordIsWrittenWhenSomethingChanged(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		steps := []struct {
			name   string
			change func(*store.Lead)
			record bool
		}{
			{"the first", func(*store.Lead) {}, true},
			{"the same", func(*store.Lead) {}, false},
			{"a score within its class", func(l *store.Lead) { *l.Assessments[0].Fit.Score = 80 }, false},
			{"the class", func(l *store.Lead) { l.Assessments[0].Fit.FitClass = "B" }, true},
			{"the band", func(l *store.Lead) {
				l.Assessments[0].Fit.FitClass, l.Assessments[0].Engagement.EngagementBand = "B", "1"
			}, true},
			{"the reasons", func(l *store.Lead) {
				l.Assessments[0].Fit.FitClass, l.Assessments[0].Engagement.EngagementBand = "B", "1"
				l.Assessments[0].Decision.Reasons[0].Code = "other"
			}, true},
			{"the verdict", func(l *store.Lead) { l.Assessments[0].Decision.Verdict = decision.Qualified }, true},
		}
		want := 0
		for _, s := range steps {
			if s.record {
				want++
			}
			o.decide(t, o.scored(ana, decision.Nurture, s.change))
			if records, err := o.Decisions(t.Context(), ana, nil, 100); err != nil || len(records) != want {
				t.Errorf("after a change of %s: %d records, %v; want %d", s.name, len(records), err, want)
			}
		}
	})
}

// A stage move comes back to the lead as a fact of ours. Deciding on that fact must
// not hide how long the capture before it took, nor its trace.
func TestOurOwnFactsKeepTheTimingsOfTheCapture(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		took := func(d time.Duration, trace string, own bool) func(*store.Lead) {
			return func(l *store.Lead) {
				l.AcceptDuration, l.TraceID = d, trace
				if own {
					o.stirredNow(l)
				}
			}
		}
		for _, step := range []struct {
			name   string
			change func(*store.Lead)
			accept time.Duration
			trace  string
		}{
			{"a capture", took(time.Second, "one", true), time.Second, "one"},
			{"our own fact", took(time.Millisecond, "", false), time.Second, "one"},
			{"our own fact again", took(time.Millisecond, "", false), time.Second, "one"},
			{"the next capture", took(2*time.Second, "two", true), 2 * time.Second, "two"},
		} {
			l := o.scored(ana, decision.Qualified, step.change)
			o.decide(t, l)
			q := o.qualification(t, ana)
			if got := q.GetStepTimings().GetAcceptDuration().AsDuration(); got != step.accept || q.GetTraceId() != step.trace || q.GetFactsVersion() != l.FactsVersion {
				t.Errorf("after %s: accept %s, trace %q, facts version %d; want %s, %q, %d",
					step.name, got, q.GetTraceId(), q.GetFactsVersion(), step.accept, step.trace, l.FactsVersion)
			}
		}
		o.decide(t, o.scored(bob, decision.Nurture, took(time.Millisecond, "three", false)))
		if q := o.qualification(t, bob); q.GetTraceId() != "three" {
			t.Errorf("a lead that was never decided: trace %q", q.GetTraceId())
		}
	})
}

func TestAnOlderVersionIsStale(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		old := o.scored(ana, decision.Nurture)
		o.decide(t, o.scored(ana, decision.Qualified))
		if r := o.decide(t, old); r.State != store.Stale || r.Digest != nil {
			t.Errorf("got %v", r)
		}
		if q := o.qualification(t, ana); q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED {
			t.Errorf("verdict %s", q.GetVerdict())
		}
	})
}

func TestAnotherVersionOfTheStandardIsOutdated(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		scored := o.scored(ana, decision.Qualified)
		other := o.scored(bob, decision.Nurture, func(l *store.Lead) { l.Assessments[0].Version = "standards/default/versions/v2" })
		o.active["default"] = "standards/default/versions/v2"
		results, err := o.Decide(t.Context(), []*store.Lead{scored, other})
		if err != nil || results[0].State != store.Outdated || results[1].State != store.Decided {
			t.Fatalf("got %v, %v", results, err)
		}
		if _, err := o.Qualification(t.Context(), ana, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an outdated decision was stored: %v", err)
		}
	})
}

func TestHistoryIsNotHandedOff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified, historical))
		if n := len(o.handoffs(t, ana)); n != 0 || o.qualification(t, ana).GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED {
			t.Fatalf("%d handoffs, stage %s", n, o.qualification(t, ana).GetStage())
		}
		o.decide(t, o.scored(ana, decision.Nurture)) // alive, but the verdict is not QUALIFIED
		if n := len(o.handoffs(t, ana)); n != 0 {
			t.Fatalf("%d handoffs without the verdict", n)
		}
		o.decide(t, o.scored(ana, decision.Qualified))
		if n := len(o.handoffs(t, ana)); n != 1 {
			t.Errorf("%d handoffs after live activity", n)
		}
	})
}

func TestWhatSalesSays(t *testing.T) {
	type say struct {
		cause lifecycle.Cause
		to    lifecycle.Stage
	}
	accept := say{lifecycle.ByAccept, lifecycle.SalesAccepted}
	reject := say{lifecycle.ByReject, lifecycle.Recycled}
	recycle := say{lifecycle.ByRecycle, lifecycle.Recycled}
	outcome := func(to lifecycle.Stage) say { return say{lifecycle.ByOutcome, to} }
	for _, c := range []struct {
		name  string
		says  []say
		state handoffv1.Handoff_State
		stage lifecycle.Stage
		told  []string
	}{
		{"accept", []say{accept}, handoffv1.Handoff_STATE_ACCEPTED, lifecycle.SalesAccepted, []string{"sales.accepted"}},
		{"reject", []say{reject}, handoffv1.Handoff_STATE_REJECTED, lifecycle.Recycled, []string{"sales.rejected"}},
		{"recycle", []say{accept, recycle}, handoffv1.Handoff_STATE_RECYCLED, lifecycle.Recycled, []string{"sales.accepted", "sales.recycled"}},
		{
			"win",
			[]say{accept, outcome(lifecycle.SalesQualified), outcome(lifecycle.Opportunity), outcome(lifecycle.Customer)},
			handoffv1.Handoff_STATE_WON, lifecycle.Customer,
			[]string{"sales.accepted", "sales.qualified", "sales.opportunity", "sales.won"},
		},
		{
			"lose and recycle",
			[]say{accept, outcome(lifecycle.Lost), recycle},
			handoffv1.Handoff_STATE_RECYCLED, lifecycle.Recycled,
			[]string{"sales.accepted", "sales.lost", "sales.recycled"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				o.decide(t, o.scored(ana, decision.Qualified))
				h := o.handoffs(t, ana)[0]
				want := []string{"lifecycle.marketing_qualified"}
				for i, s := range c.says {
					before := h.GetEtag()
					var err error
					if h, err = o.act(h, s.cause, s.to, "because"); err != nil {
						t.Fatal(err)
					}
					if h.GetEtag() == before {
						t.Error("the etag did not change")
					}
					want = append(want, c.told[i], "lifecycle."+map[lifecycle.Stage]string{
						lifecycle.SalesAccepted: "sales_accepted", lifecycle.Recycled: "recycled", lifecycle.SalesQualified: "sales_qualified",
						lifecycle.Opportunity: "opportunity", lifecycle.Customer: "customer", lifecycle.Lost: "lost",
					}[s.to])
				}
				stored := o.handoffs(t, ana)[0]
				if diff := cmp.Diff(stored.String(), h.String()); diff != "" {
					t.Errorf("the answer is not what is stored: %s", diff)
				}
				if h.GetState() != c.state || h.GetOwner() != "jane" && c.says[0] == accept {
					t.Errorf("state %s, owner %q", h.GetState(), h.GetOwner())
				}
				q := o.qualification(t, ana)
				if q.GetStage() != typev1.LifecycleStage(c.stage) {
					t.Errorf("stage %s, want %s", q.GetStage(), c.stage)
				}
				if recycled := c.stage == lifecycle.Recycled; (q.GetCycle() == 2) != recycled || (q.GetHandoff() == "") != recycled {
					t.Errorf("cycle %d with handoff %q", q.GetCycle(), q.GetHandoff())
				}
				got := o.told(t, ana)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("ingest is told %v, want %v", got, want)
				}
			})
		})
	}
}

func TestWhatSalesMayNotSay(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		h := o.handoffs(t, ana)[0]
		var state *store.StateError
		var forbidden *lifecycle.ForbiddenError

		if _, err := o.act(h, lifecycle.ByRecycle, lifecycle.Recycled, "x"); !errors.As(err, &state) || state.Is != handoffv1.Handoff_STATE_OPEN {
			t.Errorf("recycling an open handoff: %v", err)
		}
		if _, err := o.act(h, lifecycle.ByReject, lifecycle.Recycled, ""); !errors.Is(err, lifecycle.ErrNoReason) {
			t.Errorf("rejecting without a reason: %v", err)
		}
		if _, err := o.Act(t.Context(), store.Act{
			Handoff: store.HandoffID(h.GetName()), Cause: lifecycle.ByAccept,
			To: lifecycle.SalesAccepted, Actor: "jane", Etag: "99",
		}); !errors.Is(err, store.ErrEtag) {
			t.Errorf("another etag: %v", err)
		}
		if _, err := o.Act(t.Context(), store.Act{Handoff: "01900000-0000-7000-8000-0000000000ff"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such handoff: %v", err)
		}
		accepted, err := o.act(h, lifecycle.ByAccept, lifecycle.SalesAccepted, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.act(h, lifecycle.ByAccept, lifecycle.SalesAccepted, ""); !errors.As(err, &state) || state.Is != handoffv1.Handoff_STATE_ACCEPTED {
			t.Errorf("accepting twice: %v", err)
		}
		if _, err := o.act(accepted, lifecycle.ByOutcome, lifecycle.Opportunity, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := o.act(accepted, lifecycle.ByOutcome, lifecycle.SalesQualified, ""); !errors.As(err, &forbidden) ||
			forbidden.Is != lifecycle.Opportunity || !slices.Equal(forbidden.Wanted, []lifecycle.Stage{lifecycle.SalesAccepted}) {
			t.Errorf("going back: %v", err)
		}
		if n := len(o.moves(t, ana)); n != 3 {
			t.Errorf("%d moves, want 3: a refusal moves nothing", n)
		}
	})
}

func TestARecycledLeadWaitsUntilItIsStirred(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		before := o.clock
		o.decide(t, o.scored(ana, decision.Qualified))
		h := o.handoffs(t, ana)[0]
		if _, err := o.act(h, lifecycle.ByReject, lifecycle.Recycled, "no_budget"); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Qualified)) // our own facts came back
		o.decide(t, o.scored(ana, decision.Qualified, func(l *store.Lead) { l.Stirred = before }))
		if q := o.qualification(t, ana); q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_RECYCLED || q.GetCycle() != 2 {
			t.Fatalf("stage %s in cycle %d", q.GetStage(), q.GetCycle())
		}
		o.decide(t, o.scored(ana, decision.Nurture, o.stirredNow)) // stirred, not yet qualified
		o.decide(t, o.scored(ana, decision.Qualified))
		hs := o.handoffs(t, ana)
		if len(hs) != 2 || hs[1].GetCycle() != 2 || hs[1].GetState() != handoffv1.Handoff_STATE_OPEN {
			t.Fatalf("handoffs %v", hs)
		}
	})
}

func TestScoringAgainDoesNotTouchACycleWithAHandoff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(ana, decision.Disqualified))
		if h := o.handoffs(t, ana)[0]; h.GetState() != handoffv1.Handoff_STATE_OPEN {
			t.Errorf("handoff %v", h)
		}
		q := o.qualification(t, ana)
		if q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED || q.GetVerdict() != typev1.Verdict_VERDICT_DISQUALIFIED {
			t.Errorf("stage %s, verdict %s", q.GetStage(), q.GetVerdict())
		}
	})
}

func TestADisqualifiedLeadReturnsWhenItIsStirred(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Disqualified))
		o.decide(t, o.scored(ana, decision.Qualified))
		if q := o.qualification(t, ana); q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_DISQUALIFIED {
			t.Fatalf("stage %s, but nothing new happened", q.GetStage())
		}
		o.decide(t, o.scored(ana, decision.Qualified, o.stirredNow))
		if hs := o.handoffs(t, ana); len(hs) != 1 || hs[0].GetCycle() != 2 {
			t.Fatalf("handoffs %v", hs)
		}
	})
}

func TestAnAcceptedLeadIsNotDisqualified(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		if _, err := o.act(o.handoffs(t, ana)[0], lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Disqualified, o.stirredNow))
		q := o.qualification(t, ana)
		if q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_SALES_ACCEPTED || q.GetVerdict() != typev1.Verdict_VERDICT_DISQUALIFIED {
			t.Errorf("stage %s, verdict %s", q.GetStage(), q.GetVerdict())
		}
	})
}

func TestTheLeadingVerdict(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		both := o.scored(ana, decision.Nurture, func(l *store.Lead) {
			second := l.Assessments[0]
			second.Standard, second.Version = "trial", o.active["trial"]
			second.Decision.Verdict = decision.Qualified
			l.Assessments = append(l.Assessments, second)
		})
		r := o.decide(t, both)
		if r.Digest.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || r.Digest.GetStandardVersion() != o.active["trial"] {
			t.Errorf("digest %v", r.Digest)
		}
		if q := o.qualification(t, ana); q.GetStandardVersion() != o.active["trial"] {
			t.Errorf("leading %s", q.GetStandardVersion())
		}
		q, err := o.Qualification(t.Context(), ana, "default")
		if err != nil || q.GetVerdict() != typev1.Verdict_VERDICT_NURTURE || q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED {
			t.Errorf("by the default standard: %v, %v", q, err)
		}
		if n := len(o.handoffs(t, ana)); n != 1 {
			t.Errorf("%d handoffs", n)
		}
	})
}

func TestTwoTracks(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified, func(l *store.Lead) {
			second := l.Assessments[0]
			second.Standard, second.Version, second.Track, second.Handling.Queue = "trial", o.active["trial"], "product", "trials"
			l.Assessments = append(l.Assessments, second)
		}))
		hs := o.handoffs(t, ana)
		if len(hs) != 2 || hs[0].GetTrack() == hs[1].GetTrack() {
			t.Fatalf("handoffs %v", hs)
		}
		if _, err := o.act(hs[0], lifecycle.ByReject, lifecycle.Recycled, "no"); err != nil {
			t.Fatal(err)
		}
		lines, err := o.Qualifications(t.Context(), []store.Term{{Column: store.StageColumn, Value: int64(lifecycle.Recycled)}}, false, nil, 10)
		if err != nil || len(lines) != 1 || lines[0].Qualification.GetTrack() != hs[0].GetTrack() {
			t.Errorf("lines %v, %v", lines, err)
		}
	})
}

func TestImportedOutcomes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
		o.decide(t, o.scored(ana, decision.Nurture, historical, won(day)))
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(ana, decision.Nurture, historical, won(day.AddDate(0, 0, -1))))
		q := o.qualification(t, ana)
		if got := q.GetOutcome(); got.GetKind() != handoffv1.Outcome_KIND_WON || !got.GetOccurredTime().AsTime().Equal(day) {
			t.Errorf("outcome %v", got)
		}
		if q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_NURTURE {
			t.Errorf("an imported outcome moved the stage to %s", q.GetStage())
		}
	})
}

// Every page begins where the one before ended, whatever the size.
func TestLists(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var leads []*store.Lead
		for i := range 7 {
			verdict := decision.Nurture
			if i%2 == 0 {
				verdict = decision.Qualified
			}
			leads = append(leads, o.scored(fmt.Sprintf("01900000-0000-7000-8000-0000000001%02d", i), verdict, func(l *store.Lead) {
				score := float64(i % 3) // ties
				l.Assessments[0].Engagement.Score = &score
			}))
		}
		if _, err := o.Decide(t.Context(), leads); err != nil {
			t.Fatal(err)
		}
		for _, byEngagement := range []bool{false, true} {
			var got []string
			var scores []float64
			var place []any
			for {
				lines, err := o.Qualifications(t.Context(), nil, byEngagement, place, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(lines) == 0 {
					break
				}
				for _, l := range lines {
					got = append(got, l.Qualification.GetLead())
					scores = append(scores, l.Qualification.GetEngagementScore())
					place = l.Place
					if l.Qualification.GetFit() != nil || l.Qualification.GetEngagement() != nil {
						t.Error("lines carry contributions")
					}
				}
			}
			sorted := slices.Clone(got)
			slices.Sort(sorted)
			if len(slices.Compact(sorted)) != 7 || len(got) != 7 {
				t.Errorf("by engagement %v: %v", byEngagement, got)
			}
			if byEngagement && !slices.IsSortedFunc(scores, func(a, b float64) int { return int(b - a) }) {
				t.Errorf("scores %v", scores)
			}
		}
		for column, value := range map[store.Column]any{
			store.StageColumn: int64(lifecycle.MarketingQualified), store.VerdictColumn: int64(typev1.Verdict_VERDICT_QUALIFIED),
		} {
			lines, err := o.Qualifications(t.Context(), []store.Term{{Column: column, Value: value}}, false, nil, 100)
			if err != nil || len(lines) != 4 {
				t.Errorf("by %s: %d lines, %v", column, len(lines), err)
			}
		}
		all, err := o.Handoffs(t.Context(), nil, false, nil, 3)
		if err != nil || len(all) != 3 {
			t.Fatalf("%v, %v", all, err)
		}
		rest, err := o.Handoffs(t.Context(), nil, false, all[2].Place, 3)
		if err != nil || len(rest) != 1 {
			t.Errorf("the rest: %v, %v", rest, err)
		}
	})
}

func TestManyDecideTheSameLeadAtOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		const workers = 4
		var leads []*store.Lead
		for range workers {
			leads = append(leads, o.scored(ana, decision.Qualified))
		}
		done := make(chan error, workers)
		for _, l := range leads {
			go func() {
				s := store.New(o.db, time.Now, func(*sqldb.Tx) (map[string]string, error) { return o.active, nil })
				_, err := s.Decide(context.Background(), []*store.Lead{l})
				done <- err
			}()
		}
		for range workers {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if n, m := len(o.handoffs(t, ana)), len(o.moves(t, ana)); n != 1 || m != 1 {
			t.Errorf("%d handoffs, %d moves", n, m)
		}
		if v := o.qualification(t, ana).GetFactsVersion(); v != workers {
			t.Errorf("facts version %d", v)
		}
	})
}

package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// Hand-raisers come first, in the order in which they asked; the others by their score.
func TestAQueueIsWorkedByPriorityThenByRequestOrScore(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		asked := func(at time.Duration) func(*store.Lead) {
			return func(l *store.Lead) {
				l.Stirred = o.clock.Add(at)
				l.Assessments[0].Handling = standard.Handling{Queue: "inbound", Priority: 10, ByRequest: true, Action: "Call"}
			}
		}
		scored := func(score float64) func(*store.Lead) {
			return func(l *store.Lead) {
				l.Assessments[0].Engagement = &typev1.Engagement{Score: &score}
				l.Assessments[0].Handling = standard.Handling{Queue: "inbound"}
			}
		}
		want := []string{"asked first", "asked later", "score 90", "score 40"}
		leads := map[string]string{}
		for i, c := range []struct {
			name   string
			change func(*store.Lead)
		}{
			{"score 40", scored(40)}, {"asked later", asked(-time.Minute)}, {"score 90", scored(90)}, {"asked first", asked(-time.Hour)},
		} {
			lead := ana[:len(ana)-1] + string(rune('c'+i))
			leads[store.LeadName(lead)] = c.name
			o.decide(t, o.scored(lead, decision.Qualified, c.change))
		}
		var got []string
		var place []any
		for range 4 {
			page, err := o.Handoffs(t.Context(), nil, true, place, 1)
			if err != nil || len(page) != 1 {
				t.Fatalf("%v, %v", page, err)
			}
			got, place = append(got, leads[page[0].GetLead()]), page[0].Place
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// A standard that decides once keeps its first verdict until the cycle ends.
func TestAVerdictThatIsGivenOnceStands(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		once := func(l *store.Lead) { l.Assessments[0].Once = true }
		o.decide(t, o.scored(ana, decision.Nurture, once))
		first := o.qualification(t, ana)
		o.decide(t, o.scored(ana, decision.Qualified, once))
		if q := o.qualification(t, ana); q.GetVerdict() != typev1.Verdict_VERDICT_NURTURE || q.GetFactsVersion() != first.GetFactsVersion() {
			t.Errorf("verdict %s of version %d, want the first to stand", q.GetVerdict(), q.GetFactsVersion())
		}
		if hs := o.handoffs(t, ana); len(hs) != 0 {
			t.Errorf("handed off: %v", hs)
		}
	})
}

// What no standard says any more is not shown any more; the record stays.
func TestAVerdictGoesWithItsStandard(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(ana, decision.Nurture, func(l *store.Lead) { l.Assessments = nil }))
		if q, err := o.Qualification(t.Context(), ana, "default"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v, %v; want none", q, err)
		}
		if lines, err := o.Qualifications(t.Context(), nil, false, nil, 10); err != nil || len(lines) != 1 ||
			lines[0].Qualification.GetVerdict() != typev1.Verdict_VERDICT_UNSPECIFIED {
			t.Errorf("lines %v, %v; want the track without a verdict", lines, err)
		}
		records, err := o.Decisions(t.Context(), ana, nil, 10)
		if err != nil || len(records) != 1 || records[0].Decision.GetEvidence().GetStatus() != handoffv1.Qualification_STATUS_SCORED {
			t.Errorf("records %v, %v", records, err)
		}
	})
}

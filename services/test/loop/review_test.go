package loop_test

import (
	"fmt"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// Points and what takes them away leave their windows at different times.
const fading = `
id: default
engagement:
  groups:
    - id: what
      rules:
        - {id: viewed, activities: [page.viewed], points: 60, decay: {windowDays: 100}}
        - {id: event, activities: [event.attended], points: 60, decay: {windowDays: 3}}
        - {id: annoyed, activities: [email.unsubscribed], points: -60, decay: {windowDays: 5}}
        - {id: angry, activities: [email.complained], points: -60, decay: {windowDays: 50}}
qualification:
  gates: {engagementScore: {atLeast: 50}}
`

// becomes waits until a lead's verdict is one.
func (h *house) becomes(lead string, verdict typev1.Verdict) *handoffv1.Qualification {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		q := h.qualification(lead)
		if q.GetVerdict() == verdict {
			return q
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is still %s (engagement %v as of %v, review at %v), want %s", lead, q.GetVerdict(), q.GetEngagementScore(),
				q.GetAsOfTime().AsTime(), q.GetEngagement().GetReviewTime(), verdict)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Time alone changes verdicts: nothing has to happen to a lead. Down it takes points;
// up it hands off only who did something lately.
func TestTimeAloneChangesVerdicts(t *testing.T) {
	const qualified, nurture = typev1.Verdict_VERDICT_QUALIFIED, typev1.Verdict_VERDICT_NURTURE
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, fading, nil)
		capture := func(n int, types ...string) string {
			return h.capture(t.Context(), fmt.Sprintf("lead%d@example.com", n), types...).GetLead()
		}
		fades, annoyed, angry := capture(1, "event.attended"), capture(2, "page.viewed", "email.unsubscribed"), capture(3, "page.viewed", "email.complained")
		h.becomes(fades, qualified)
		h.becomes(annoyed, nurture)
		h.becomes(angry, nurture)

		h.pass(4 * 24 * time.Hour)
		if q := h.becomes(fades, nurture); q.GetEngagementScore() != 0 || q.GetHandoff() == "" {
			t.Errorf("faded: %v", q)
		}
		if q := h.qualification(annoyed); q.GetVerdict() != nurture {
			t.Errorf("before its time: %v", q)
		}
		h.pass(2 * 24 * time.Hour)
		if q := h.becomes(annoyed, qualified); q.GetHandoff() == "" || q.GetStage() != mql {
			t.Errorf("qualified by time, after recent activity: %v", q)
		}
		h.pass(45 * 24 * time.Hour)
		if q := h.becomes(angry, qualified); q.GetHandoff() != "" || q.GetStage() != leadStage || q.GetHeldUntilTime() != nil {
			t.Errorf("qualified by time, long after: %v", q)
		}
		// It comes back.
		if d := h.capture(t.Context(), "lead3@example.com", "page.viewed").GetDecision(); d.GetStage() != mql {
			t.Errorf("after something live: %v", d)
		}
		if q := h.qualification(angry); q.GetHandoff() == "" {
			t.Errorf("after something live: %v", q)
		}
	})
}

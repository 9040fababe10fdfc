package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

const month = 30 * 24 * time.Hour

// rules are standards that say the same of every lead, unless an approval stands.
var (
	never    = &decision.Rules{}
	excludes = &decision.Rules{Exclude: []decision.Rule{{ID: "staff", Description: "Works for us", When: decision.All()}}}
	refuses  = &decision.Rules{Disqualify: []decision.Rule{{ID: "student", Description: "Is a student", When: decision.All()}}}
	yields   = &decision.Rules{Disqualify: refuses.Disqualify, ApprovalMayOverride: true}
)

// by the rules: what each standard says, one for each of the rules, in their order.
func judged(rules ...*decision.Rules) func(*store.Lead) {
	return func(l *store.Lead) {
		first := l.Assessments[0]
		l.Assessments = nil
		for i, r := range rules {
			under := func(a *decision.Approval) store.Assessment {
				out := first
				if i > 0 {
					out.Standard, out.Version = "trial", "standards/trial/versions/v1"
				}
				out.Decision = decision.Decide(r, &decision.Evidence{Approval: a})
				return out
			}
			a := under(nil)
			a.Under = under
			l.Assessments = append(l.Assessments, a)
		}
	}
}

// request asks for an approval of a lead in jane's name.
func (o *office) request(lead string, change ...func(*handoffv1.Approval)) (*handoffv1.Approval, error) {
	r := store.Request{ID: uuid.NewString(), Digest: []byte("digest"), Approval: &handoffv1.Approval{
		Lead: store.LeadName(lead), Track: "sales", Reason: "met them at the trade show", Evidence: "badge scanned",
		Requester: "jane", ExpireTime: timestamppb.New(o.clock.Add(month).Truncate(time.Microsecond)),
	}}
	for _, c := range change {
		c(r.Approval)
	}
	return o.RequestApproval(context.Background(), r)
}

func overriding(a *handoffv1.Approval) { a.OverridesDisqualification = true }

// kim says something of an approval.
func kim(a *handoffv1.Approval) store.Word {
	return store.Word{Approval: store.ApprovalID(a.GetName()), Actor: "kim", Leads: true, Comment: "go ahead"}
}

// granted is an approval that kim granted.
func (o *office) granted(t tester, lead string, change ...func(*handoffv1.Approval)) *handoffv1.Approval {
	t.Helper()
	a, err := o.request(lead, change...)
	if err == nil {
		a, err = o.Approve(context.Background(), kim(a))
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (o *office) approval(t tester, a *handoffv1.Approval) *handoffv1.Approval {
	t.Helper()
	now, err := o.Approval(context.Background(), store.ApprovalID(a.GetName()))
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// reviews are the leads that are due to be decided again by now.
func (o *office) dueReviews(t *testing.T) []string {
	t.Helper()
	claimed, err := o.ClaimReviews(t.Context(), time.Minute, 10)
	if err != nil {
		t.Fatal(err)
	}
	var leads []string
	for _, r := range claimed {
		leads = append(leads, r.Lead)
	}
	return leads
}

func TestAnApprovalHandsOffWhatTheGatesDoNot(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		a, err := o.request(ana)
		if err != nil || a.GetState() != handoffv1.Approval_STATE_REQUESTED || a.GetCycle() != 1 || a.GetEtag() == "" {
			t.Fatalf("%v, %v", a, err)
		}
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		if hs := o.handoffs(t, ana); len(hs) != 0 {
			t.Fatalf("handed off before anybody approved: %v", hs)
		}
		if a, err = o.Approve(t.Context(), kim(a)); err != nil || a.GetState() != handoffv1.Approval_STATE_APPROVED || a.GetDecider() != "kim" {
			t.Fatalf("%v, %v", a, err)
		}
		if due := o.dueReviews(t); !slices.Equal(due, []string{ana}) {
			t.Fatalf("due to be decided: %v", due)
		}
		o.decide(t, o.scored(ana, decision.Nurture, judged(never), by(store.ByReview)))

		hs := o.handoffs(t, ana)
		if len(hs) != 1 || hs[0].GetException() != "approval" || hs[0].GetApproval() != a.GetName() {
			t.Fatalf("handoffs %v", hs)
		}
		const words = "approved by kim: go ahead; asked for by jane: met them at the trade show"
		if got := hs[0].GetReasons()[0]; got.GetCode() != "approval" || got.GetDescription() != words {
			t.Errorf("handed off because of %v", got)
		}
		used := o.approval(t, a)
		if used.GetState() != handoffv1.Approval_STATE_CONSUMED || used.GetHandoff() != hs[0].GetName() || used.GetEndTime() == nil {
			t.Errorf("after the handoff: %v", used)
		}

		// Whatever is scored later, and however late it is, the cycle stands by it.
		o.clock = o.clock.Add(2 * month)
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		q := o.qualification(t, ana)
		if q.GetVerdict().String() != "VERDICT_QUALIFIED" || q.GetException() != "approval" || q.GetHandoff() != hs[0].GetName() {
			t.Errorf("after two months: %v because of %v", q.GetVerdict(), q.GetReasons())
		}
		if got := o.approval(t, a); got.GetState() != handoffv1.Approval_STATE_CONSUMED {
			t.Errorf("after two months the approval is %s", got.GetState())
		}
		var state *store.ApprovalStateError
		if _, err := o.Revoke(t.Context(), kim(a)); !errors.As(err, &state) || state.Is != handoffv1.Approval_STATE_CONSUMED {
			t.Errorf("revoking what was used: %v", err)
		}
		var handed *store.HandedOffError
		if _, err := o.request(ana); !errors.As(err, &handed) || handed.Handoff != hs[0].GetName() {
			t.Errorf("asking for another in the cycle: %v", err)
		}

		// The next cycle is another matter.
		if _, err := o.act(hs[0], lifecycle.ByReject, lifecycle.Recycled, "no_budget"); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		if q := o.qualification(t, ana); q.GetVerdict().String() != "VERDICT_NURTURE" {
			t.Errorf("in the next cycle: %v because of %v", q.GetVerdict(), q.GetReasons())
		}
		o.granted(t, ana) // it stirs the lead: a person wants it
		o.decide(t, o.scored(ana, decision.Nurture, judged(never), by(store.ByReview)))
		if hs := o.handoffs(t, ana); len(hs) != 2 || hs[1].GetCycle() != 2 {
			t.Errorf("handoffs after an approval in the second cycle: %v", hs)
		}
	})
}

func TestWhatAnApprovalReplaces(t *testing.T) {
	type passes []func(*store.Lead)
	for name, c := range map[string]struct {
		before passes
		rules  []*decision.Rules
		change []func(*handoffv1.Approval)
		how    []func(*store.Lead)
		want   string
	}{
		"the gates":                           {rules: []*decision.Rules{never}, want: "approval"},
		"no exclusion":                        {rules: []*decision.Rules{excludes}, change: []func(*handoffv1.Approval){overriding}},
		"no disqualification":                 {rules: []*decision.Rules{yields}},
		"a disqualification it says":          {rules: []*decision.Rules{yields}, change: []func(*handoffv1.Approval){overriding}, want: "approval"},
		"none that the standard keeps":        {rules: []*decision.Rules{refuses}, change: []func(*handoffv1.Approval){overriding}},
		"the gates of the next standard":      {rules: []*decision.Rules{excludes, never}, want: "approval"},
		"a rest among the disqualified":       {before: passes{judged(yields)}, rules: []*decision.Rules{yields}, change: []func(*handoffv1.Approval){overriding}, want: "approval"},
		"no rest that it does not speak of":   {before: passes{judged(yields)}, rules: []*decision.Rules{never}},
		"the wait of what came with a file":   {before: passes{historical}, rules: []*decision.Rules{never}, want: "approval"},
		"the wait of what a publish moved":    {before: passes{by(store.ByRescore)}, rules: []*decision.Rules{never}, want: "approval"},
		"history that comes at the same time": {rules: []*decision.Rules{never}, how: []func(*store.Lead){historical}, want: "approval"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				for _, p := range c.before {
					o.decide(t, o.scored(ana, decision.Qualified, p))
				}
				a := o.granted(t, ana, c.change...)
				how := append([]func(*store.Lead){judged(c.rules...), by(store.ByReview)}, c.how...)
				o.decide(t, o.scored(ana, decision.Nurture, how...))
				hs := o.handoffs(t, ana)
				switch {
				case c.want == "" && len(hs) > 0:
					t.Errorf("handed off because of %v", hs[0].GetReasons())
				case c.want == "" && o.approval(t, a).GetState() != handoffv1.Approval_STATE_APPROVED:
					t.Errorf("not used, and %s", o.approval(t, a).GetState())
				case c.want != "" && (len(hs) != 1 || hs[0].GetException() != c.want || hs[0].GetApproval() != a.GetName()):
					t.Errorf("handoffs %v", hs)
				}
			})
		})
	}
}

// A standard that decides once keeps its verdict, unless an approval replaces it.
func TestAnApprovalReplacesAVerdictGivenOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		once := func(l *store.Lead) {
			judged(never)(l)
			a := &l.Assessments[0]
			under := a.Under
			a.Once = true
			a.Under = func(approval *decision.Approval) store.Assessment {
				out := under(approval)
				out.Once = true
				return out
			}
		}
		o.decide(t, o.scored(ana, decision.Nurture, once))
		o.granted(t, ana)
		o.decide(t, o.scored(ana, decision.Nurture, once, by(store.ByReview)))
		if hs := o.handoffs(t, ana); len(hs) != 1 {
			t.Fatalf("handoffs %v", hs)
		}
		o.decide(t, o.scored(ana, decision.Nurture, once))
		if q := o.qualification(t, ana); q.GetException() != "approval" {
			t.Errorf("afterwards: %v because of %v", q.GetVerdict(), q.GetReasons())
		}
	})
}

func TestAnApprovalEndsInTime(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		waits, err := o.request(ana)
		if err != nil {
			t.Fatal(err)
		}
		stands := o.granted(t, bob)
		o.decide(t, o.scored(bob, decision.Nurture, judged(excludes))) // it stands, and nothing comes of it
		if due := o.dueReviews(t); len(due) != 0 {
			t.Fatalf("due before their time: %v", due)
		}
		o.clock = o.clock.Add(month)
		for _, a := range []*handoffv1.Approval{waits, stands} {
			if now := o.approval(t, a); now.GetState() != handoffv1.Approval_STATE_EXPIRED || !proto.Equal(now.GetEndTime(), a.GetExpireTime()) {
				t.Errorf("nobody wrote it down yet: %v", now)
			}
		}
		expired, err := o.Approvals(t.Context(), []store.Term{{Column: store.StateColumn, Value: int64(handoffv1.Approval_STATE_EXPIRED)}}, nil, 10)
		if err != nil || len(expired) != 2 {
			t.Errorf("listed as expired: %v, %v", expired, err)
		}
		var state *store.ApprovalStateError
		if _, err := o.Approve(t.Context(), kim(waits)); !errors.As(err, &state) || state.Is != handoffv1.Approval_STATE_EXPIRED {
			t.Errorf("approving what has expired: %v", err)
		}
		due := o.dueReviews(t)
		slices.Sort(due)
		if !slices.Equal(due, []string{ana, bob}) {
			t.Errorf("due when they expire: %v", due)
		}
		o.decide(t, o.scored(bob, decision.Nurture, judged(never), by(store.ByReview)))
		if hs := o.handoffs(t, bob); len(hs) != 0 {
			t.Errorf("handed off by what has expired: %v", hs)
		}
		if again, err := o.request(ana); err != nil || again.GetState() != handoffv1.Approval_STATE_REQUESTED {
			t.Errorf("asking again after that: %v, %v", again, err)
		}
	})
}

func TestWhoMaySayWhatOfAnApproval(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		jane := func(a *handoffv1.Approval) store.Word {
			return store.Word{Approval: store.ApprovalID(a.GetName()), Actor: "jane", Leads: true, Comment: "me"}
		}
		a, err := o.request(ana)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Approve(t.Context(), jane(a)); !errors.Is(err, store.ErrOwnRequest) {
			t.Errorf("approving one's own: %v", err)
		}
		if _, err := o.Decline(t.Context(), jane(a)); !errors.Is(err, store.ErrOwnRequest) {
			t.Errorf("declining one's own: %v", err)
		}
		if _, err := o.Revoke(t.Context(), kim(a)); !errors.Is(err, store.ErrNotTheirs) {
			t.Errorf("taking back another's request: %v", err)
		}
		stale := kim(a)
		stale.Etag = "0"
		if _, err := o.Approve(t.Context(), stale); !errors.Is(err, store.ErrEtag) {
			t.Errorf("approving another revision: %v", err)
		}
		var open *store.OpenApprovalError
		if _, err := o.request(ana); !errors.As(err, &open) || open.Approval != a.GetName() {
			t.Errorf("asking twice: %v", err)
		}
		declined, err := o.Decline(t.Context(), kim(a))
		if err != nil || declined.GetState() != handoffv1.Approval_STATE_DECLINED || declined.GetComment() != "go ahead" || declined.GetEndTime() == nil {
			t.Errorf("%v, %v", declined, err)
		}
		var state *store.ApprovalStateError
		if _, err := o.Approve(t.Context(), store.Word{Approval: store.ApprovalID(a.GetName()), Actor: "max", Leads: true}); !errors.As(err, &state) ||
			state.Is != handoffv1.Approval_STATE_DECLINED || state.Wanted != handoffv1.Approval_STATE_REQUESTED {
			t.Errorf("approving what another declined: %v", err)
		}

		b := o.granted(t, ana)
		sales := jane(b)
		sales.Leads = false
		if _, err := o.Revoke(t.Context(), sales); !errors.Is(err, store.ErrForManagers) {
			t.Errorf("a salesperson takes back what was granted: %v", err)
		}
		if revoked, err := o.Revoke(t.Context(), kim(b)); err != nil || revoked.GetRevoker() != "kim" || revoked.GetRevokeComment() != "go ahead" {
			t.Errorf("%v, %v", revoked, err)
		}
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		if hs := o.handoffs(t, ana); len(hs) != 0 {
			t.Errorf("handed off by what was revoked: %v", hs)
		}
		c, err := o.request(ana)
		if err == nil {
			sales.Approval = store.ApprovalID(c.GetName())
			c, err = o.Revoke(t.Context(), sales)
		}
		if err != nil || c.GetState() != handoffv1.Approval_STATE_REVOKED {
			t.Errorf("taking back one's own request: %v, %v", c, err)
		}
		if _, err := o.Approval(t.Context(), uuid.NewString()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}

func TestTheSameRequestMakesOneApproval(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		r := store.Request{ID: uuid.NewString(), Digest: []byte("one"), Approval: &handoffv1.Approval{
			Lead: store.LeadName(ana), Track: "sales", Reason: "r", Requester: "jane", ExpireTime: timestamppb.New(o.clock.Add(month)),
		}}
		first, err := o.RequestApproval(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := o.RequestApproval(t.Context(), r)
		if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("again: %s, %v", diff, err)
		}
		known, err := o.Requested(t.Context(), r.ID, r.Digest)
		if diff := cmp.Diff(first, known, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("known: %s, %v", diff, err)
		}
		if _, err := o.Approve(t.Context(), kim(first)); err != nil {
			t.Fatal(err)
		}
		if again, err := o.RequestApproval(t.Context(), r); err != nil || again.GetState() != handoffv1.Approval_STATE_APPROVED {
			t.Errorf("again, when it was granted: %v, %v", again, err)
		}
		r.Digest = []byte("two")
		if _, err := o.RequestApproval(t.Context(), r); !errors.Is(err, store.ErrRequestReused) {
			t.Errorf("something else by the same request: %v", err)
		}
	})
}

// Asking for a lead that nobody decided yet does not make it one that was decided.
func TestAnApprovalBeforeTheFirstDecision(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.granted(t, ana)
		if err := o.Exists(t.Context(), ana); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("decided: %v", err)
		}
		if track, err := o.Track(t.Context(), ana); track != "sales" || err != nil {
			t.Errorf("track %s, %v", track, err)
		}
		o.decide(t, o.scored(ana, decision.Nurture, judged(never)))
		if hs := o.handoffs(t, ana); len(hs) != 1 || hs[0].GetApproval() != a.GetName() {
			t.Errorf("handoffs %v", hs)
		}
	})
}

// A request that still waits when the lead meets the gates is no longer needed.
func TestARequestEndsWithTheHandoff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a, err := o.request(ana)
		if err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Qualified))
		now := o.approval(t, a)
		if now.GetState() != handoffv1.Approval_STATE_REVOKED || now.GetRevoker() != store.Qualifier {
			t.Errorf("after the handoff: %v", now)
		}
		if hs := o.handoffs(t, ana); len(hs) != 1 || hs[0].GetException() != "" || hs[0].GetApproval() != "" {
			t.Errorf("handoffs %v", hs)
		}
	})
}

// A preview says what an approval means, and uses none.
func TestForeseeingUsesNoApproval(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.granted(t, ana)
		foreseen, err := o.Foresee(t.Context(), []*store.Lead{o.scored(ana, decision.Nurture, judged(never))})
		if err != nil || !foreseen[0].Changes[0].Qualifies() {
			t.Fatalf("%+v, %v", foreseen, err)
		}
		if now := o.approval(t, a); now.GetState() != handoffv1.Approval_STATE_APPROVED {
			t.Errorf("used by a preview: %v", now)
		}
	})
}

func TestPagesOfApprovals(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var want []string
		for i := range 5 {
			lead := fmt.Sprintf("01900000-0000-7000-8000-%012d", i)
			a, err := o.request(lead, func(a *handoffv1.Approval) { a.Requester = "j" + fmt.Sprint(i%2) })
			if err != nil {
				t.Fatal(err)
			}
			want = append([]string{a.GetName()}, want...)
		}
		var got []string
		var place []any
		for {
			page, err := o.Approvals(t.Context(), nil, place, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				got = append(got, a.GetName())
				place = []any{sqldb.Micros(a.GetRequestTime().AsTime()), store.ApprovalID(a.GetName())}
			}
			if len(page) < 2 {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, c := range []struct {
			term store.Term
			want int
		}{
			{store.Term{Column: store.RequesterColumn, Value: "j0"}, 3},
			{store.Term{Column: store.StateColumn, Value: int64(handoffv1.Approval_STATE_REQUESTED)}, 5},
			{store.Term{Column: store.StateColumn, Value: int64(handoffv1.Approval_STATE_APPROVED)}, 0},
			{store.Term{Column: store.DeciderColumn, Value: "kim"}, 0},
			{store.Term{Column: store.TrackColumn, Value: "sales"}, 5},
		} {
			if page, err := o.Approvals(t.Context(), []store.Term{c.term}, nil, 10); err != nil || len(page) != c.want {
				t.Errorf("%v: %d, %v; want %d", c.term, len(page), err, c.want)
			}
		}
	})
}

// Two managers, a revocation, what the lead does and the end of its time, all at once:
// one manager wins and the others are told, and the lead is handed off if and only if the
// approval was used.
func TestApprovalsUnderContention(t *testing.T) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		var tick atomic.Int64
		var leap atomic.Int64 // moves the clock on
		clock := func() time.Time {
			return start.Add(time.Duration(tick.Add(1))*time.Microsecond + time.Duration(leap.Load()))
		}
		o := &office{db: db, clock: start, active: map[string]string{"default": "standards/default/versions/v1"}}
		o.Store = store.New(db, clock, func(*sqldb.Tx) (map[string]string, error) { return o.active, nil })

		ended := map[handoffv1.Approval_State]int{}
		for round := range 40 {
			lead := fmt.Sprintf("01900000-0000-7000-8000-%012d", round)
			o.decide(t, o.scored(lead, decision.Nurture, judged(never)))
			now := start.Add(time.Duration(leap.Load()))
			a, err := o.request(lead, func(a *handoffv1.Approval) { a.ExpireTime = timestamppb.New(now.Add(time.Hour)) })
			if err != nil {
				t.Fatal(err)
			}
			live := []*store.Lead{o.scored(lead, decision.Nurture, judged(never)), o.scored(lead, decision.Nurture, judged(never), by(store.ByReview))}
			var won, lost atomic.Int32
			var all sync.WaitGroup
			say := func(do func(context.Context, store.Word) (*handoffv1.Approval, error), who string) {
				all.Go(func() {
					w := kim(a)
					w.Actor = who
					var state *store.ApprovalStateError
					switch _, err := do(context.Background(), w); {
					case err == nil:
						won.Add(1)
					case errors.As(err, &state), errors.Is(err, store.ErrNotTheirs):
						lost.Add(1)
					default:
						t.Errorf("%s: %v", who, err)
					}
				})
			}
			say(o.Approve, "kim")
			say(o.Approve, "max")
			if round%2 == 0 {
				say(o.Revoke, "lee")
			} else {
				say(o.Decline, "lee")
			}
			for _, l := range live {
				all.Go(func() {
					if _, err := o.Decide(context.Background(), []*store.Lead{l}); err != nil {
						t.Error(err)
					}
				})
			}
			if round%4 == 3 {
				all.Go(func() { leap.Add(int64(2 * time.Hour)) })
			}
			all.Wait()
			// What came last, after all of them.
			o.decide(t, o.scored(lead, decision.Nurture, judged(never), by(store.ByReview)))

			end, hs := o.approval(t, a), o.handoffs(t, lead)
			ended[end.GetState()]++
			used := end.GetState() == handoffv1.Approval_STATE_CONSUMED
			if used != (len(hs) == 1) || used && (hs[0].GetApproval() != a.GetName() || end.GetHandoff() != hs[0].GetName()) {
				t.Fatalf("round %d: the approval is %s, handoffs %v", round, end.GetState(), hs)
			}
			if end.GetState() == handoffv1.Approval_STATE_APPROVED {
				t.Fatalf("round %d: approved, and nothing came of it", round)
			}
			if won.Load() > 2 || lost.Load() == 0 {
				t.Fatalf("round %d: %d were heard, %d were told that another was first", round, won.Load(), lost.Load())
			}
		}
		if ended[handoffv1.Approval_STATE_CONSUMED] == 0 {
			t.Errorf("none was used: %v", ended)
		}
	})
}

func TestExceptionReport(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		because := func(codes ...string) func(*store.Lead) {
			return func(l *store.Lead) {
				l.Assessments[0].Decision.Reasons = nil
				for _, code := range codes {
					l.Assessments[0].Decision.Reasons = append(l.Assessments[0].Decision.Reasons, decision.Reason{Code: code})
				}
			}
		}
		n := 0
		handed := func(codes ...string) *handoffv1.Handoff {
			n++
			lead := fmt.Sprintf("01900000-0000-7000-8000-%012d", n)
			o.decide(t, o.scored(lead, decision.Qualified, because(codes...)))
			return o.handoffs(t, lead)[0]
		}
		do := func(h *handoffv1.Handoff, acts ...store.Act) {
			t.Helper()
			for _, a := range acts {
				a.Handoff, a.Actor = store.HandoffID(h.GetName()), "jane"
				if _, err := o.Act(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
		}
		accept := store.Act{Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted}
		reject := store.Act{Cause: lifecycle.ByReject, To: lifecycle.Recycled, Reason: "no_budget"}
		deal := store.Act{Cause: lifecycle.ByOutcome, To: lifecycle.Opportunity, Outcome: &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_OPPORTUNITY}}
		won := store.Act{Cause: lifecycle.ByOutcome, To: lifecycle.Customer, Outcome: &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_WON, Amount: "12500.50", CurrencyCode: "EUR"}}
		lost := store.Act{Cause: lifecycle.ByOutcome, To: lifecycle.Lost, Reason: "price", Outcome: &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_LOST, Reason: "price"}}
		recycle := store.Act{Cause: lifecycle.ByRecycle, To: lifecycle.Recycled, Reason: "later"}

		do(handed("gates"), accept, deal, won)
		do(handed("gates"), accept, lost, recycle)
		before := o.clock
		do(handed("gates"), reject)
		handed("gates")
		do(handed("approval", "fast_track.demo"), accept, won)
		do(handed("fast_track.demo"), accept, deal, lost)
		do(handed("gates", "fast_track.demo"), accept, won) // the gates came first
		line := func(c store.Cohort) []string {
			t.Helper()
			counted, err := o.ExceptionReport(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, w := range counted.Ways() {
				lines = append(lines, fmt.Sprintf("%s: %d, accepted %d, rejected %d, recycled %d, opportunities %d, won %d, lost %d of %d, %v",
					w.Code, w.Handoffs, w.Accepted, w.Rejected, w.Recycled, w.Opportunities, w.Won, w.Lost, w.Closed, w.Amounts))
			}
			return lines
		}
		if diff := cmp.Diff([]string{
			"gates: 5, accepted 3, rejected 1, recycled 1, opportunities 1, won 2, lost 0 of 4, map[EUR:2500100]",
			"approval: 1, accepted 1, rejected 0, recycled 0, opportunities 0, won 1, lost 0 of 1, map[EUR:1250050]",
			"fast_track.demo: 1, accepted 1, rejected 0, recycled 0, opportunities 1, won 0, lost 1 of 1, map[]",
		}, line(store.Cohort{})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{
			"gates: 2, accepted 2, rejected 0, recycled 1, opportunities 1, won 1, lost 0 of 2, map[EUR:1250050]",
		}, line(store.Cohort{To: before})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"gates: 0, accepted 0, rejected 0, recycled 0, opportunities 0, won 0, lost 0 of 0, map[]"},
			line(store.Cohort{From: before, Track: "trial"})); diff != "" {
			t.Error(diff)
		}
	})
}

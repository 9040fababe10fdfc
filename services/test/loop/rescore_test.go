package loop_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// with is the standard with its words replaced, pair by pair.
func with(replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(aStandard)
}

// version stores a version of the standard that both sides sign off.
func (h *house) version(text string) string {
	h.t.Helper()
	file, err := handoff.ReadStandard("standard.yaml", []byte(text))
	h.ok(err)
	v, err := h.standards.CreateStandardVersion(h.as(typev1.Role_ROLE_MARKETING), &handoffv1.CreateStandardVersionRequest{Parent: "standards/" + file.Spec.GetId(), Spec: file.Spec})
	h.ok(err)
	for actor, role := range map[string]typev1.Role{"mia": typev1.Role_ROLE_MARKETING, "sam": typev1.Role_ROLE_SALES} {
		_, err := h.standards.SignOffStandardVersion(caller.With(h.t.Context(), caller.Caller{Actor: actor, Role: role}),
			&handoffv1.SignOffStandardVersionRequest{Name: v.GetName()})
		h.ok(err)
	}
	return v.GetName()
}

// publish makes a version decide and returns the re-score that it began.
func (h *house) publish(version string) *handoffv1.Operation {
	h.t.Helper()
	_, err := h.standards.PublishStandardVersion(h.as(typev1.Role_ROLE_ADMIN), &handoffv1.PublishStandardVersionRequest{Name: version})
	h.ok(err)
	list, err := h.operations.ListOperations(h.as(typev1.Role_ROLE_MARKETING), &handoffv1.ListOperationsRequest{PageSize: 1})
	h.ok(err)
	if len(list.GetOperations()) != 1 || list.GetOperations()[0].GetStandardVersion() != version {
		h.t.Fatalf("operations after publishing %s: %v", version, list)
	}
	return list.GetOperations()[0]
}

// ended waits for the end of an operation.
func (h *house) ended(o *handoffv1.Operation) *handoffv1.Operation {
	h.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		got, err := h.operations.GetOperation(h.as(typev1.Role_ROLE_SALES), &handoffv1.GetOperationRequest{Name: o.GetName()})
		h.ok(err)
		if got.GetDone() {
			return got
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the operation does not end: %v", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// crowd captures n people who did the activities, and waits for their decisions.
func (h *house) crowd(n int, prefix string, types ...string) []string {
	h.t.Helper()
	ctx := caller.With(h.t.Context(), caller.Caller{Actor: "web-form", Role: typev1.Role_ROLE_MARKETING})
	leads := make([]string, 0, n)
	for from := 0; from < n; from += 100 {
		request := &ingestv1.BatchCaptureLeadsRequest{}
		for i := from; i < min(from+100, n); i++ {
			one := &ingestv1.CaptureLeadRequest{
				Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: fmt.Sprint(prefix, i)}}},
			}
			for n, kind := range types {
				one.Activities = append(one.Activities, &ingestv1.Activity{Type: kind, Source: "web", Id: fmt.Sprint(prefix, i, kind, n)})
			}
			request.Requests = append(request.Requests, one)
		}
		r, err := h.ingest.BatchCaptureLeads(ctx, request)
		h.ok(err)
		for _, result := range r.GetResults() {
			if result.GetResponse().GetLead() == "" {
				h.t.Fatalf("not captured: %v", result)
			}
			leads = append(leads, result.GetResponse().GetLead())
		}
	}
	for _, lead := range leads {
		h.decided(lead)
	}
	return leads
}

// decided waits until all facts of a lead are decided.
func (h *house) decided(lead string) *handoffv1.Qualification {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		known, err := h.ingest.GetLead(h.as(typev1.Role_ROLE_SALES), &ingestv1.GetLeadRequest{Name: lead})
		h.ok(err)
		q, err := h.handoff.GetQualification(h.as(typev1.Role_ROLE_SALES), &handoffv1.GetQualificationRequest{Name: lead + "/qualification"})
		if err == nil && q.GetFactsVersion() == known.GetFactsVersion() {
			return q
		}
		if status.Code(err) != codes.NotFound {
			h.ok(err)
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is not decided: %v %v", lead, q, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestPublishingDecidesAllLeadsAgain(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		const n = 1000
		viewers := h.crowd(n, "viewer", "page.viewed", "page.viewed")
		buyer := h.capture(t.Context(), "ana@example.com", "demo.requested").GetLead()

		second := h.version(with("points: 5}", "points: 30}"))
		o := h.ended(h.publish(second))
		p := o.GetProgress()
		if o.GetState() != handoffv1.Operation_STATE_SUCCEEDED || p.GetTotal() != n+1 || p.GetDone() != n+1 || p.GetFailed() != 0 || p.GetNewlyQualified() != n {
			t.Fatalf("operation %v", o)
		}
		for _, lead := range append([]string{buyer}, viewers[:50]...) {
			q := h.qualification(lead)
			if q.GetStandardVersion() != second || q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED {
				t.Fatalf("%s: %v", lead, q)
			}
		}
		// What qualifies by history alone is held, not handed off.
		q := h.qualification(viewers[0])
		if q.GetEngagementScore() != 60 || q.GetStage() != leadStage || q.GetHeldUntilTime() == nil || q.GetHandoff() != "" {
			t.Fatalf("a lead that newly qualifies: %v", q)
		}
		if n := len(h.handoffs(viewers[0])) + len(h.handoffs(buyer)); n != 1 {
			t.Errorf("%d handoffs, want that of the buyer", n)
		}
	})
}

// heldLeads are the leads that are held in the track, those released first.
func (h *house) heldLeads() []*handoffv1.HeldLead {
	h.t.Helper()
	r, err := h.held.ListHeldLeads(h.as(typev1.Role_ROLE_SALES), &handoffv1.ListHeldLeadsRequest{Track: "sales", PageSize: 1000})
	h.ok(err)
	return r.GetHeldLeads()
}

// handedOff waits until a lead is handed off, and returns where it stands.
func (h *house) handedOff(lead string) *handoffv1.Qualification {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		q := h.qualification(lead)
		if q.GetHandoff() != "" {
			return q
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is not handed off: %v", lead, q)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestHeldLeads(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		manager := h.as(typev1.Role_ROLE_MANAGER)
		leads := h.crowd(6, "viewer", "page.viewed", "page.viewed")
		generous := h.version(with("points: 5}", "points: 30}"))
		begin := time.Now()
		h.ended(h.publish(generous))

		// They are spread: the default rate is 60 an hour.
		held := h.heldLeads()
		if len(held) != len(leads) {
			t.Fatalf("held: %v", held)
		}
		for i, lead := range held {
			after := lead.GetReleaseTime().AsTime().Sub(begin)
			if least := time.Duration(i+1) * time.Minute; after < least || after > least+30*time.Second {
				t.Errorf("lead %d is released after %v, want about %v", i, after, least)
			}
			if lead.GetStandardVersion() != generous {
				t.Errorf("held by %s", lead.GetStandardVersion())
			}
		}
		first, second, third, visitor := held[0].GetLead(), held[1].GetLead(), held[2].GetLead(), held[5].GetLead()

		// A manager releases one at once: it is decided again, and handed off.
		r, err := h.held.ReleaseHeldLeads(manager, &handoffv1.ReleaseHeldLeadsRequest{Leads: []string{first}})
		h.ok(err)
		if r.GetReleased() != 1 {
			t.Errorf("%d released", r.GetReleased())
		}
		if q := h.handedOff(first); q.GetStage() != mql || q.GetHeldUntilTime() != nil {
			t.Errorf("released: %v", q)
		}
		// What it does itself releases it too.
		_, err = h.ingest.BatchRecordActivities(caller.With(t.Context(), caller.Caller{Actor: "web-form", Role: typev1.Role_ROLE_INGEST}),
			&ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{{
				Lead: visitor, Activity: &ingestv1.Activity{Id: "comes-back", Type: "page.viewed", Source: "web"},
			}}})
		h.ok(err)
		if q := h.handedOff(visitor); q.GetStage() != mql || q.GetHeldUntilTime() != nil {
			t.Errorf("did something: %v", q)
		}
		if held := h.heldLeads(); len(held) != 4 {
			t.Errorf("still held: %v", held)
		}
		// Another rate spreads the others anew, from now on.
		rate := &handoffv1.ReleaseRate{Name: "tracks/sales/releaseRate", PerHour: 36000}
		_, err = h.held.UpdateReleaseRate(manager, &handoffv1.UpdateReleaseRateRequest{ReleaseRate: rate})
		h.ok(err)
		h.handedOff(second)
		h.handedOff(third)
		for _, lead := range leads {
			h.handedOff(lead)
			if hs := h.handoffs(lead); len(hs) != 1 {
				t.Errorf("%s: %v", lead, hs)
			}
		}
	})
}

// Who does not qualify any more when its release comes, or by a later version, is not
// handed off.
func TestHeldLeadsAreDecidedAgain(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		lead := h.crowd(1, "viewer", "page.viewed", "page.viewed")[0]
		strict := h.qualification(lead).GetStandardVersion()
		generous := h.version(with("points: 5}", "points: 30}"))
		h.ended(h.publish(generous))
		if q := h.qualification(lead); q.GetHeldUntilTime() == nil {
			t.Fatalf("not held: %v", q)
		}
		o := h.ended(h.publish(strict))
		if o.GetProgress().GetDropped() != 1 {
			t.Errorf("operation %v", o)
		}
		q := h.qualification(lead)
		if q.GetVerdict() != typev1.Verdict_VERDICT_NURTURE || q.GetHeldUntilTime() != nil || q.GetStage() != leadStage || q.GetStandardVersion() != strict {
			t.Errorf("after the strict version again: %v", q)
		}
		if held := h.heldLeads(); len(held) != 0 || len(h.handoffs(lead)) != 0 {
			t.Errorf("held %v, handoffs %v", held, h.handoffs(lead))
		}
	})
}

// Publishing an old version again gives every score as it was.
func TestPublishingAnOldVersionAgain(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		leads := h.crowd(40, "viewer", "page.viewed", "page.viewed", "demo.requested")
		before := map[string]*handoffv1.Qualification{}
		for _, lead := range leads {
			h.settled(lead, 4)
			before[lead] = h.qualification(lead)
		}
		first := before[leads[0]].GetStandardVersion()
		h.ended(h.publish(h.version(with("points: 5}", "points: 7}"))))
		h.ended(h.publish(first))
		for _, lead := range leads {
			q := h.qualification(lead)
			q.Engagement.AsOfTime = before[lead].GetEngagement().GetAsOfTime()
			if !proto.Equal(q.GetEngagement(), before[lead].GetEngagement()) || !proto.Equal(q.GetFit(), before[lead].GetFit()) || q.GetStandardVersion() != first {
				t.Errorf("%s: %v, before %v", lead, q, before[lead])
			}
			if q.GetHandoff() != before[lead].GetHandoff() || q.GetCycle() != 1 {
				t.Errorf("%s: its cycle was touched: %v", lead, q)
			}
			if !proto.Equal(q.GetStepTimings(), before[lead].GetStepTimings()) {
				t.Errorf("%s: the timings of its capture are lost: %v", lead, q.GetStepTimings())
			}
		}
	})
}

// A publish during a re-score supersedes it, and live capture goes on all the while:
// in the end everybody is decided by the last version, and nothing is lost.
func TestPublishingAgainAndAgainWhileLeadsAct(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		leads := h.crowd(600, "viewer", "page.viewed")
		versions := []string{h.version(with("points: 5}", "points: 6}")), h.version(with("points: 5}", "points: 7}")), h.version(with("points: 5}", "points: 8}"))}
		acted := make(chan error, 1)
		const each = 200
		go func() {
			ctx := caller.With(context.WithoutCancel(t.Context()), caller.Caller{Actor: "web-form", Role: typev1.Role_ROLE_INGEST})
			for i := range each {
				_, err := h.ingest.BatchRecordActivities(ctx, &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{
					{Lead: leads[i], Activity: &ingestv1.Activity{Id: fmt.Sprint("again", i), Type: "page.viewed", Source: "web"}},
				}})
				if err != nil {
					acted <- err
					return
				}
			}
			acted <- nil
		}()
		var operations []*handoffv1.Operation
		for _, v := range versions {
			operations = append(operations, h.publish(v))
		}
		h.ok(<-acted)
		for i, o := range operations {
			o = h.ended(o)
			last := i == len(operations)-1
			if state := o.GetState(); last && state != handoffv1.Operation_STATE_SUCCEEDED ||
				!last && state != handoffv1.Operation_STATE_SUPERSEDED && state != handoffv1.Operation_STATE_SUCCEEDED {
				t.Errorf("operation %d: %v", i, o)
			}
			if p := o.GetProgress(); last && (p.GetDone() != p.GetTotal() || p.GetFailed() != 0) {
				t.Errorf("progress %v", p)
			}
		}
		for i, lead := range leads {
			q := h.decided(lead)
			want := 8.0
			if i < each {
				want = 16
			}
			if q.GetStandardVersion() != versions[2] || q.GetEngagementScore() != want {
				t.Errorf("%s: %v by %s, want %v", lead, q.GetEngagementScore(), q.GetStandardVersion(), want)
			}
		}
	})
}

func TestCancellingARescore(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		h.crowd(500, "viewer", "page.viewed")
		admin := h.as(typev1.Role_ROLE_ADMIN)
		o, err := h.operations.RescoreLeads(admin, &handoffv1.RescoreLeadsRequest{})
		h.ok(err)
		cancelled, err := h.operations.CancelOperation(admin, &handoffv1.CancelOperationRequest{Name: o.GetName()})
		h.ok(err)
		if cancelled.GetState() != handoffv1.Operation_STATE_CANCELLED || !cancelled.GetDone() || cancelled.GetEndTime() == nil {
			t.Errorf("cancelled: %v", cancelled)
		}
		_, err = h.operations.CancelOperation(admin, &handoffv1.CancelOperationRequest{Name: o.GetName()})
		if apierr.Reason(err) != "WRONG_STATE" {
			t.Errorf("cancelled twice: %v", err)
		}
		_, err = h.operations.GetOperation(admin, &handoffv1.GetOperationRequest{Name: "operations/00000000-0000-7000-8000-000000000000"})
		if status.Code(err) != codes.NotFound {
			t.Errorf("an operation that is not there: %v", err)
		}
		// The next one goes over everybody.
		o, err = h.operations.RescoreLeads(admin, &handoffv1.RescoreLeadsRequest{})
		h.ok(err)
		if p := h.ended(o).GetProgress(); p.GetDone() != 500 {
			t.Errorf("progress %v", p)
		}
	})
}

// What a preview says is what publishing does, and a preview changes nothing.
func TestAPreviewIsWhatPublishingDoes(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		var leads []string
		leads = append(leads, h.crowd(30, "a", "page.viewed", "page.viewed")...)
		leads = append(leads, h.crowd(30, "b", "page.viewed", "demo.requested")...)
		leads = append(leads, h.crowd(30, "c", "page.viewed")...)
		for i, lead := range leads {
			if i >= 30 && i < 60 {
				h.settled(lead, 3) // the stage move came back
			}
		}
		random := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
		for range 4 {
			viewed, demo := 1+random.IntN(60), 1+random.IntN(80)
			text := with("points: 5}", fmt.Sprintf("points: %d}", viewed), "points: 60}", fmt.Sprintf("points: %d}", demo))
			t.Logf("%d points for a view, %d for a demo", viewed, demo)
			version := h.version(text)
			before := map[string]*handoffv1.Qualification{}
			for _, lead := range leads {
				before[lead] = h.qualification(lead)
			}
			o, err := h.operations.PreviewStandardVersion(h.as(typev1.Role_ROLE_MARKETING), &handoffv1.PreviewStandardVersionRequest{Name: version, SampleSize: 200})
			h.ok(err)
			preview := h.ended(o)
			if preview.GetState() != handoffv1.Operation_STATE_SUCCEEDED || preview.GetProgress().GetDone() != int32(len(leads)) {
				t.Fatalf("preview %v", preview)
			}
			for _, lead := range leads {
				if q := h.qualification(lead); !proto.Equal(q, before[lead]) {
					t.Fatalf("the preview changed %s: %v, before %v", lead, q, before[lead])
				}
			}
			if before[leads[0]].GetStandardVersion() == version {
				continue // drawn twice
			}
			published := h.ended(h.publish(version))
			if !proto.Equal(preview.GetProgress(), published.GetProgress()) {
				t.Errorf("progress %v previewed, %v published", preview.GetProgress(), published.GetProgress())
			}
			counted := map[[2]typev1.Verdict]int32{}
			sampled := map[string]*handoffv1.PreviewedLead{}
			for _, l := range preview.GetPreview().GetSample() {
				sampled[l.GetLead()] = l
			}
			for _, lead := range leads {
				q := h.qualification(lead)
				counted[[2]typev1.Verdict{before[lead].GetVerdict(), q.GetVerdict()}]++
				l := sampled[lead]
				if (l != nil) != (before[lead].GetVerdict() != q.GetVerdict()) {
					t.Errorf("%s: %s → %s, in the sample: %v", lead, before[lead].GetVerdict(), q.GetVerdict(), l)
				}
				if l != nil && (l.GetAfter().GetEngagementScore() != q.GetEngagementScore() || l.GetBefore().GetEngagementScore() != before[lead].GetEngagementScore() ||
					l.GetAfter().GetStandardVersion() != version || !reasonsEqual(l.GetAfter().GetReasons(), q.GetReasons())) {
					t.Errorf("%s: previewed %v, came out as %v", lead, l, q)
				}
			}
			for _, v := range preview.GetPreview().GetVerdicts() {
				k := [2]typev1.Verdict{v.GetBefore(), v.GetAfter()}
				if counted[k] != v.GetLeads() {
					t.Errorf("%v: %d previewed, %d came out", k, v.GetLeads(), counted[k])
				}
				delete(counted, k)
			}
			if len(counted) > 0 {
				t.Errorf("not previewed: %v", counted)
			}
		}
	})
}

func reasonsEqual(a, b []*typev1.Reason) bool {
	return slices.EqualFunc(a, b, func(a, b *typev1.Reason) bool { return proto.Equal(a, b) })
}

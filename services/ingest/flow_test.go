package ingest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

func TestFromCaptureToDecision(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.capture(&ingestv1.CaptureLeadRequest{
			Lead: &ingestv1.Lead{
				Identities: []*ingestv1.Identity{email(" Ada@Example.com")}, Attributes: object(`{"job_title":"VP","employees":250}`),
				LeadSource: &ingestv1.LeadSource{Channel: "event", Detail: "Fair"},
			},
			Activities: []*ingestv1.Activity{{Id: "e1", Type: "page.viewed", Source: "web", Properties: object(`{"path":"/pricing"}`), OccurredTime: timestamppb.New(start.Add(-time.Hour))}},
			Source:     "form:demo",
		})
		if r.GetOutcome() != ingestv1.CaptureLeadResponse_OUTCOME_CREATED || r.GetFactsVersion() != 1 || r.GetActivityResults()[0].GetLead() != r.GetLead() {
			t.Fatal(r)
		}
		claimed := h.claim(5)
		if len(claimed) != 1 {
			t.Fatalf("%d leads are pending", len(claimed))
		}
		c := claimed[0]
		if c.GetLead() != r.GetLead() || c.GetFromVersion() != 0 || c.GetToVersion() != 1 || c.GetAttempt() != 1 || len(c.GetFacts()) != 7 || c.GetFactsOmitted() ||
			string(c.GetAttributesJson()) != `{"create_time":"2026-03-01T11:00:00.000000Z","email_domain":"example.com","employees":250,"job_title":"VP",`+
				`"lead_source":"event","lead_source_detail":"Fair"}` ||
			string(c.GetLeadSourceJson()) != `{"channel":"event","detail":"Fair"}` || !c.GetAsOfTime().AsTime().Equal(start) || !c.GetAcceptedTime().AsTime().Equal(start) {
			t.Error(c)
		}
		for _, f := range c.GetFacts() {
			if f.GetLead() != r.GetLead() || f.GetFactsVersion() != 1 || f.GetReceivedTime() == nil || f.GetId() == "" {
				t.Error(f)
			}
			if a := f.GetActivity(); a != nil && (f.GetSource() != "web" || a.GetType() != "page.viewed" || string(a.GetPropertiesJson()) != `{"path":"/pricing"}`) {
				t.Error(f)
			}
			if a := f.GetAttribute(); a != nil && f.GetSource() != "form:demo" && f.GetSource() != "assay:lead" {
				t.Error(f)
			}
		}
		if state := h.decide(c, typev1.Verdict_VERDICT_QUALIFIED); state != ingestv1.CompletionState_COMPLETION_STATE_DONE {
			t.Error(state)
		}
		if state := h.decide(c, typev1.Verdict_VERDICT_QUALIFIED); state != ingestv1.CompletionState_COMPLETION_STATE_FENCED {
			t.Error(state)
		}
		if again := h.claim(5); len(again) != 0 {
			t.Error(again)
		}
	})
}

func TestGetAndLookup(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		name := h.capture(&ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{
			Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: "v1"}, email("Ada@x.example")},
			Attributes: object(`{"tags":["a",1],"trial":true}`), LeadSource: &ingestv1.LeadSource{Channel: "event"},
		}}).GetLead()
		got, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: name})
		h.ok(err)
		want := &ingestv1.Lead{
			Name: name, Etag: got.GetEtag(), CreateTime: timestamppb.New(start), UpdateTime: timestamppb.New(start), FactsVersion: 1, Members: []string{name},
			Identities: []*ingestv1.Identity{email("ada@x.example"), {Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: "v1"}},
			Attributes: object(`{"tags":["a",1],"trial":true,"email_domain":"x.example"}`), LeadSource: &ingestv1.LeadSource{Channel: "event"},
		}
		if !proto.Equal(got, want) || got.GetEtag() == "" {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		found, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email("ADA@x.example ")})
		if err != nil || !proto.Equal(found.GetLead(), want) {
			t.Error(found, err)
		}
	})
}

func TestUpdateLead(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		name := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"a":1,"b":2,"c":3}`, email("ada@x.example"))}).GetLead()
		attributes := func(l *ingestv1.Lead) string {
			var b strings.Builder
			keys := []string{}
			for k := range l.GetAttributes().GetFields() {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				if k != "email_domain" {
					fmt.Fprintf(&b, "%s=%v ", k, l.GetAttributes().GetFields()[k].AsInterface())
				}
			}
			if l.GetAttributes().GetFields()["email_domain"] == nil {
				t.Error("the derived attribute is gone")
			}
			return strings.TrimSpace(b.String())
		}
		etag := ""
		for _, c := range []struct {
			why  string
			lead *ingestv1.Lead
			mask []string
			want string
		}{
			{"without a mask: what is present", lead(`{"a":10,"b":null}`), nil, "a=10 c=3"},
			{"one key", lead(`{"a":11,"c":30}`), []string{"attributes.c"}, "a=10 c=30"},
			{"one key, absent: removed", lead(``), []string{"attributes.a"}, "c=30"},
			{"all: what is not there is removed", lead(`{"d":4}`), []string{"attributes"}, "d=4"},
			{"all and one of them", lead(`{"d":5,"e":6}`), []string{"attributes.d", "attributes"}, "d=5 e=6"},
			{"lead source", &ingestv1.Lead{LeadSource: &ingestv1.LeadSource{Channel: "ads"}, Attributes: object(`{"d":0}`)}, []string{"lead_source"}, "d=5 e=6"},
			{"as REST masks it", &ingestv1.Lead{LeadSource: &ingestv1.LeadSource{Channel: "ads"}}, []string{"lead_source.channel"}, "d=5 e=6"},
			{"the same lead source", &ingestv1.Lead{LeadSource: &ingestv1.LeadSource{Channel: "ads"}}, []string{"lead_source"}, "d=5 e=6"},
			{"everything", &ingestv1.Lead{LeadSource: &ingestv1.LeadSource{Channel: "ads"}, Attributes: object(`{"f":1}`)}, []string{"*"}, "f=1"},
		} {
			h.pass(time.Minute)
			c.lead.Name, c.lead.Etag = name, etag
			got, err := h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: c.lead, UpdateMask: &fieldmaskpb.FieldMask{Paths: c.mask}})
			if err != nil || attributes(got) != c.want {
				t.Errorf("%s: %v, %v; want %s", c.why, got, err, c.want)
			}
			etag = got.GetEtag()
		}
		_, err := h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: &ingestv1.Lead{Name: name, LeadSource: &ingestv1.LeadSource{Channel: "event"}}})
		if status.Code(err) != codes.FailedPrecondition || apierr.Reason(err) != "WRONG_STATE" {
			t.Errorf("another lead source: %v", err)
		}
		if c := h.claim(1); len(c) != 1 || c[0].GetToVersion() != 8 { // the lead source is one, too
			t.Errorf("each change is a fact: %v", c)
		}
	})
}

func TestRepeatedCalls(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		req := &ingestv1.CaptureLeadRequest{
			Lead: lead(`{"a":1}`, email("ada@x.example")), Activities: []*ingestv1.Activity{{Type: "page.viewed"}, {Type: "Bad"}},
			RequestId: "0190AAAA-0000-4000-8000-000000000001",
		}
		first := h.capture(req)
		h.pass(time.Hour)
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"a":2}`, email("ada@x.example"))})
		req.RequestId = strings.ToLower(req.RequestId)
		if again := h.capture(req); !proto.Equal(first, again) {
			t.Errorf("first %v\nagain %v", first, again)
		}
		if id := first.GetActivityResults()[0].GetId(); id != "0190aaaa-0000-4000-8000-000000000001.0" {
			t.Error(id)
		}
		records := &ingestv1.BatchRecordActivitiesRequest{RequestId: "0190aaaa-0000-4000-8000-000000000002", Activities: []*ingestv1.ActivityRecord{
			{Lead: first.GetLead(), Activity: &ingestv1.Activity{Type: "page.viewed"}},
			{Identity: email("ada@x.example"), Activity: &ingestv1.Activity{Type: "page.viewed"}},
			{Lead: nobody, Activity: &ingestv1.Activity{Type: "page.viewed"}},
		}}
		one, err := h.BatchRecordActivities(h.marketing(), records)
		h.ok(err)
		two, err := h.BatchRecordActivities(h.marketing(), records)
		h.ok(err)
		if !proto.Equal(one, two) || one.GetStored() != 2 || one.GetRejected() != 1 || one.GetResults()[2].GetErrorReason() != "NOT_FOUND" {
			t.Errorf("first %v\nagain %v", one, two)
		}
	})
}

func TestResultsOfActivities(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		act := func(id, path string, at *timestamppb.Timestamp) *ingestv1.Activity {
			return &ingestv1.Activity{Id: id, Type: "page.viewed", Properties: object(`{"path":"` + path + `"}`), OccurredTime: at}
		}
		req := &ingestv1.CaptureLeadRequest{Lead: lead(``, email("ada@x.example")), Activities: []*ingestv1.Activity{
			act("e1", "/a", nil), act("e1", "/a", nil), act("e1", "/b", nil), act("", "/c", timestamppb.New(start.AddDate(-3, 0, 0))), act("e2", "/d", timestamppb.New(start.AddDate(1, 0, 0))),
		}}
		r := h.capture(req)
		var states []string
		for _, one := range r.GetActivityResults() {
			states = append(states, fmt.Sprint(strings.TrimPrefix(one.GetState().String(), "STATE_"), one.GetTimeClamped(), one.GetErrorReason()))
		}
		if want := []string{"STOREDfalse", "DUPLICATEfalse", "CONFLICTfalseID_CONFLICT", "STOREDtrue", "STOREDtrue"}; !slices.Equal(states, want) {
			t.Errorf("%q, want %q", states, want)
		}
		page, err := h.ListActivities(h.marketing(), &ingestv1.ListActivitiesRequest{Parent: r.GetLead()})
		h.ok(err)
		if l := page.GetActivities(); len(l) != 3 || !l[0].GetTimeClamped() || !l[0].GetOccurredTime().AsTime().Equal(start.Add(5*time.Minute)) || !l[2].GetOccurredTime().AsTime().Equal(start.AddDate(0, 0, -400)) {
			t.Error(l)
		}
		req.Lead.Identities[0] = email("old@x.example")
		req.Historical, req.Activities = true, []*ingestv1.Activity{act("", "/c", timestamppb.New(start.AddDate(-3, 0, 0)))}
		if one := h.capture(req).GetActivityResults()[0]; one.GetTimeClamped() {
			t.Error("a historical activity of three years ago was clamped")
		}
	})
}

func TestServicesUseReservedNames(t *testing.T) {
	h := onSQLite(t)
	name := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email("ada@x.example"))}).GetLead()
	r, err := h.BatchRecordActivities(h.service(), &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{
		{Lead: name, Activity: &ingestv1.Activity{Id: "m1", Type: "lifecycle.recycled", Source: "assay:handoff"}},
	}})
	if err != nil || r.GetStored() != 1 {
		t.Error(r, err)
	}
}

func TestListLeads(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var names []string
		for i := range 7 {
			names = append(names, h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email(fmt.Sprintf("l%d@x.example", i)))}).GetLead())
			h.pass(time.Minute)
		}
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"a":1}`, email("l2@x.example"))})
		all := func(req *ingestv1.ListLeadsRequest) (got []int) {
			req.PageSize = 3
			for {
				page, err := h.ListLeads(h.marketing(), req)
				h.ok(err)
				for _, l := range page.GetLeads() {
					got = append(got, slices.Index(names, l.GetName()))
					if len(l.GetIdentities()) != 1 || len(l.GetMembers()) != 1 {
						t.Error(l)
					}
				}
				if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
					return got
				}
			}
		}
		minute := func(n int) string { return start.Add(time.Duration(n) * time.Minute).Format(time.RFC3339) }
		for _, c := range []struct {
			filter, order string
			want          []int
		}{
			{"", "", []int{6, 5, 4, 3, 2, 1, 0}},
			{"", "create_time", []int{0, 1, 2, 3, 4, 5, 6}},
			{"", "update_time desc", []int{2, 6, 5, 4, 3, 1, 0}},
			{"", " update_time ", []int{0, 1, 3, 4, 5, 6, 2}},
			{`create_time >= "` + minute(2) + `" AND create_time < "` + minute(4) + `"`, "", []int{3, 2}},
			{`create_time = "` + minute(2) + `"`, "", []int{2}},
			{`update_time > "` + minute(6) + `"`, "", []int{2}},
		} {
			if got := all(&ingestv1.ListLeadsRequest{Filter: c.filter, OrderBy: c.order}); !slices.Equal(got, c.want) {
				t.Errorf("%q by %q: %v, want %v", c.filter, c.order, got, c.want)
			}
		}
		page, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{PageSize: 5000})
		if err != nil || len(page.GetLeads()) != 7 {
			t.Error(page, err)
		}
	})
}

func TestListActivities(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var want []string
		req := &ingestv1.CaptureLeadRequest{Lead: lead(``, email("ada@x.example"))}
		for i := range 10 { // pairs at one instant
			at := timestamppb.New(start.Add(-time.Duration(i/2) * time.Hour))
			req.Activities = append(req.Activities, &ingestv1.Activity{Id: fmt.Sprint("e", 9-i), Type: "page.viewed", OccurredTime: at})
			want = append(want, fmt.Sprint("e", 9-i))
		}
		name := h.capture(req).GetLead()
		var got []string
		list := &ingestv1.ListActivitiesRequest{Parent: name, PageSize: 3}
		for {
			page, err := h.ListActivities(h.marketing(), list)
			h.ok(err)
			for _, a := range page.GetActivities() {
				got = append(got, a.GetId())
			}
			if list.PageToken = page.GetNextPageToken(); list.PageToken == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestWaitForDecision(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		worked := make(chan error, 1)
		go func() {
			r, err := h.pending.ClaimPending(h.service(), &ingestv1.ClaimPendingRequest{WaitDuration: durationpb.New(10 * time.Second)})
			if err == nil {
				c := r.GetLeads()[0]
				_, err = h.pending.Complete(h.service(), &ingestv1.CompleteRequest{Completions: []*ingestv1.Completion{{
					Lead: c.GetLead(), Fence: c.GetFence(), Version: c.GetToVersion(), Outcome: ingestv1.Completion_OUTCOME_DECIDED,
					Decision: &typev1.DecisionDigest{Verdict: typev1.Verdict_VERDICT_QUALIFIED},
				}}})
			}
			worked <- err
		}()
		req := &ingestv1.CaptureLeadRequest{
			Lead: lead(``, email("ada@x.example")), WaitForDecision: true, WaitTimeout: durationpb.New(20 * time.Second),
			RequestId: "0190aaaa-0000-4000-8000-000000000001",
		}
		first := h.capture(req)
		h.ok(<-worked)
		if d := first.GetDecision(); d.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || d.GetFactsVersion() != 1 || first.GetDecisionPending() {
			t.Error(first)
		}
		req.WaitTimeout = durationpb.New(time.Second) // is no part of the body
		if again := h.capture(req); !proto.Equal(first, again) {
			t.Errorf("the repetition: %v", again)
		}
		// Nothing new: the decision that is there answers.
		req.RequestId = ""
		if same := h.capture(req); same.GetDecision().GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || same.GetOutcome() != ingestv1.CaptureLeadResponse_OUTCOME_UNCHANGED {
			t.Errorf("nothing new: %v", same)
		}
		req.Lead.Attributes, req.WaitTimeout = object(`{"a":1}`), durationpb.New(30*time.Millisecond)
		if late := h.capture(req); late.GetDecision() != nil || !late.GetDecisionPending() || late.GetFactsVersion() != 2 {
			t.Errorf("nobody decides: %v", late)
		}
	})
}

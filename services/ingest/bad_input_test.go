package ingest_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

const nobody = "leads/01900000-0000-7000-8000-000000000000"

// Whole calls that are refused: with which status, for which reason, and which field
// the error names.
func TestRefusedCalls(t *testing.T) {
	h := onSQLite(t)
	known := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"title":"CTO"}`, email("known@x.example"))})
	capture := func(req *ingestv1.CaptureLeadRequest) error {
		_, err := h.CaptureLead(h.marketing(), req)
		return err
	}
	captureLead := func(l *ingestv1.Lead) error { return capture(&ingestv1.CaptureLeadRequest{Lead: l}) }
	update := func(l *ingestv1.Lead, mask ...string) error {
		l.Name = known.GetLead()
		_, err := h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: l, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}})
		return err
	}
	list := func(req *ingestv1.ListLeadsRequest) error {
		_, err := h.ListLeads(h.marketing(), req)
		return err
	}
	timeline := func(req *ingestv1.ListActivitiesRequest) error {
		_, err := h.ListActivities(h.marketing(), req)
		return err
	}
	record := func(req *ingestv1.BatchRecordActivitiesRequest) error {
		_, err := h.BatchRecordActivities(h.marketing(), req)
		return err
	}
	get := func(name string) error {
		_, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: name})
		return err
	}
	complete := func(c *ingestv1.Completion) error {
		_, err := h.pending.Complete(h.service(), &ingestv1.CompleteRequest{Completions: []*ingestv1.Completion{c}})
		return err
	}
	tokenOf := func(req *ingestv1.ListLeadsRequest) string {
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email("second@x.example"))})
		req.PageSize = 1
		page, err := h.ListLeads(h.marketing(), req)
		h.ok(err)
		return page.GetNextPageToken()
	}(&ingestv1.ListLeadsRequest{})
	reused := "0190aaaa-0000-4000-8000-000000000001"
	h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email("known@x.example")), RequestId: reused})
	ada := email("ada@x.example")

	for name, c := range map[string]struct {
		err           error
		code          codes.Code
		reason, field string
	}{
		"no lead":                          {captureLead(nil), codes.InvalidArgument, "INVALID_FIELD", "lead"},
		"no identity":                      {captureLead(lead(`{"a":1}`)), codes.InvalidArgument, "INVALID_FIELD", "lead.identities"},
		"an identity without a kind":       {captureLead(lead(``, &ingestv1.Identity{Value: "x"})), codes.InvalidArgument, "INVALID_FIELD", "lead.identities[0].kind"},
		"an identity without a value":      {captureLead(lead(``, ada, email(""))), codes.InvalidArgument, "INVALID_FIELD", "lead.identities[1].value"},
		"no address":                       {captureLead(lead(``, email("ada"))), codes.InvalidArgument, "INVALID_FIELD", "lead.identities[0].value"},
		"NUL in an identity":               {captureLead(lead(``, email("a\x00@x.example"))), codes.InvalidArgument, "INVALID_FIELD", "lead.identities[0].value"},
		"a long identity":                  {captureLead(lead(``, email(strings.Repeat("a", 400)+"@x.example"))), codes.InvalidArgument, "INVALID_FIELD", "lead.identities[0].value"},
		"51 identities":                    {captureLead(lead(``, make51(ada)...)), codes.InvalidArgument, "INVALID_FIELD", "lead.identities"},
		"NUL in an attribute":              {captureLead(lead(`{"title":"a\u0000"}`, ada)), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.title"},
		"an attribute of 10,001":           {captureLead(lead(`{"title":"`+strings.Repeat("ä", 10_001)+`"}`, ada)), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.title"},
		"an attribute in camelCase":        {captureLead(lead(`{"jobTitle":"a"}`, ada)), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes"},
		"an object as attribute":           {captureLead(lead(`{"company":{"name":"x"}}`, ada)), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.company"},
		"201 attributes":                   {captureLead(lead(manyAttributes(201), ada)), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes"},
		"201 attributes with the domain":   {captureLead(lead(manyAttributes(200), ada)), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes"},
		"a long lead source":               {captureLead(&ingestv1.Lead{Identities: []*ingestv1.Identity{ada}, LeadSource: &ingestv1.LeadSource{Detail: strings.Repeat("x", 501)}}), codes.InvalidArgument, "INVALID_FIELD", "lead.leadSource.detail"},
		"NUL in a lead source":             {captureLead(&ingestv1.Lead{Identities: []*ingestv1.Identity{ada}, LeadSource: &ingestv1.LeadSource{Channel: "\x00"}}), codes.InvalidArgument, "INVALID_FIELD", "lead.leadSource.channel"},
		"a default time in the year 10000": {capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, ada), DefaultTime: &timestamppb.Timestamp{Seconds: 253402300800}}), codes.InvalidArgument, "INVALID_FIELD", "defaultTime"},
		"a request id that is no UUID":     {capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, ada), RequestId: "42"}), codes.InvalidArgument, "INVALID_FIELD", "requestId"},
		"a request id with another body":   {capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, ada), RequestId: strings.ToUpper(reused)}), codes.InvalidArgument, "REQUEST_ID_REUSED", "requestId"},
		"a request id of another method": {record(&ingestv1.BatchRecordActivitiesRequest{RequestId: reused, Activities: []*ingestv1.ActivityRecord{
			{Identity: ada, Activity: &ingestv1.Activity{Type: "page.viewed"}},
		}}), codes.InvalidArgument, "REQUEST_ID_REUSED", "requestId"},
		"a negative wait":            {capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, ada), WaitTimeout: durationpb.New(-1)}), codes.InvalidArgument, "INVALID_FIELD", "waitTimeout"},
		"our own source":             {capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, ada), Source: "assay:handoff"}), codes.InvalidArgument, "INVALID_FIELD", "source"},
		"2,501 activities of a lead": {capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, ada), Activities: make([]*ingestv1.Activity, 2501)}), codes.InvalidArgument, "TOO_LARGE", "activities"},

		"2,501 activities":  {record(&ingestv1.BatchRecordActivitiesRequest{Activities: records(2501)}), codes.InvalidArgument, "TOO_LARGE", "activities"},
		"no activities":     {record(&ingestv1.BatchRecordActivitiesRequest{}), codes.InvalidArgument, "INVALID_FIELD", "activities"},
		"no captures":       {batch(h), codes.InvalidArgument, "INVALID_FIELD", "requests"},
		"1,001 captures":    {batch(h, make([]*ingestv1.CaptureLeadRequest, 1001)...), codes.InvalidArgument, "TOO_LARGE", "requests"},
		"more than 1 MiB":   {captureLead(lead(bigAttributes(120), ada)), codes.InvalidArgument, "TOO_LARGE", ""},
		"an unknown lead":   {get(nobody), codes.NotFound, "NOT_FOUND", ""},
		"no name":           {get("leads/1"), codes.InvalidArgument, "INVALID_FIELD", "name"},
		"an unknown person": {second(h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: ada})), codes.NotFound, "NOT_FOUND", ""},
		"no identity to look for": {
			second(h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{})), codes.InvalidArgument, "INVALID_FIELD", "identity",
		},
		"a bad identity to look for": {
			second(h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email("x")})), codes.InvalidArgument, "INVALID_FIELD", "identity.value",
		},

		"an update of nobody": {
			second(h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: &ingestv1.Lead{Name: nobody, Attributes: object(`{"a":1}`)}})), codes.NotFound, "NOT_FOUND", "",
		},
		"an update without a name": {
			second(h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: &ingestv1.Lead{}})), codes.InvalidArgument, "INVALID_FIELD", "lead.name",
		},
		"a stale etag":           {update(&ingestv1.Lead{Etag: "0", Attributes: object(`{"a":1}`)}), codes.Aborted, "ETAG_MISMATCH", ""},
		"an unknown mask":        {update(&ingestv1.Lead{}, "attributes.a", "identities"), codes.InvalidArgument, "INVALID_FIELD", "updateMask.paths[1]"},
		"a bad key in a mask":    {update(&ingestv1.Lead{}, "attributes.A"), codes.InvalidArgument, "INVALID_FIELD", "updateMask.paths[0]"},
		"a bad attribute update": {update(&ingestv1.Lead{Attributes: object(`{"a":{}}`)}), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.a"},

		"a token of another filter":    {list(&ingestv1.ListLeadsRequest{PageToken: tokenOf, Filter: `create_time > "2020-01-01T00:00:00Z"`}), codes.InvalidArgument, "PAGE_TOKEN_MISMATCH", "pageToken"},
		"a token of another order":     {list(&ingestv1.ListLeadsRequest{PageToken: tokenOf, OrderBy: "create_time"}), codes.InvalidArgument, "PAGE_TOKEN_MISMATCH", "pageToken"},
		"a token of another list":      {timeline(&ingestv1.ListActivitiesRequest{Parent: known.GetLead(), PageToken: tokenOf}), codes.InvalidArgument, "PAGE_TOKEN_MISMATCH", "pageToken"},
		"a garbled token":              {list(&ingestv1.ListLeadsRequest{PageToken: "%%"}), codes.InvalidArgument, "PAGE_TOKEN_MISMATCH", "pageToken"},
		"a negative page size":         {list(&ingestv1.ListLeadsRequest{PageSize: -1}), codes.InvalidArgument, "INVALID_FIELD", "pageSize"},
		"an unknown filter":            {list(&ingestv1.ListLeadsRequest{Filter: `email = "x"`}), codes.InvalidArgument, "INVALID_FIELD", "filter"},
		"an unknown order":             {list(&ingestv1.ListLeadsRequest{OrderBy: "name"}), codes.InvalidArgument, "INVALID_FIELD", "orderBy"},
		"the timeline of nobody":       {timeline(&ingestv1.ListActivitiesRequest{Parent: nobody}), codes.NotFound, "NOT_FOUND", ""},
		"the timeline of no lead name": {timeline(&ingestv1.ListActivitiesRequest{Parent: "leads/x"}), codes.InvalidArgument, "INVALID_FIELD", "parent"},

		"a claim of nobody": {
			second(h.pending.ClaimLead(h.service(), &ingestv1.ClaimLeadRequest{Lead: nobody})), codes.NotFound, "NOT_FOUND", "",
		},
		"a claim of 1,001": {
			second(h.pending.ClaimPending(h.service(), &ingestv1.ClaimPendingRequest{MaxLeads: 1001})), codes.InvalidArgument, "INVALID_FIELD", "maxLeads",
		},
		"a lease of a day": {
			second(h.pending.ClaimPending(h.service(), &ingestv1.ClaimPendingRequest{LeaseDuration: durationpb.New(24 * 3600e9)})), codes.InvalidArgument, "INVALID_FIELD", "leaseDuration",
		},
		"a negative claim wait": {
			second(h.pending.ClaimPending(h.service(), &ingestv1.ClaimPendingRequest{WaitDuration: durationpb.New(-1)})), codes.InvalidArgument, "INVALID_FIELD", "waitDuration",
		},
		"the facts of nobody": {
			second(h.pending.ListFacts(h.service(), &ingestv1.ListFactsRequest{Lead: nobody})), codes.NotFound, "NOT_FOUND", "",
		},
		"a retry of nobody": {
			second(h.pending.RetryQuarantined(h.service(), &ingestv1.RetryQuarantinedRequest{Lead: nobody})), codes.NotFound, "NOT_FOUND", "",
		},
		"a completion without outcome": {complete(&ingestv1.Completion{Lead: nobody}), codes.InvalidArgument, "INVALID_FIELD", "completions[0].outcome"},
		"a completion of no name":      {complete(&ingestv1.Completion{Lead: "x", Outcome: ingestv1.Completion_OUTCOME_DECIDED}), codes.InvalidArgument, "INVALID_FIELD", "completions[0].lead"},
		"an error with NUL":            {complete(&ingestv1.Completion{Lead: nobody, Outcome: ingestv1.Completion_OUTCOME_FAILED, Error: "\x00"}), codes.InvalidArgument, "INVALID_FIELD", "completions[0].error"},
		"a claim by marketing": {
			second(h.pending.ClaimPending(h.marketing(), &ingestv1.ClaimPendingRequest{})), codes.PermissionDenied, "PERMISSION_DENIED", "",
		},
		"a read with a write key": {
			second(h.GetLead(h.as(typev1.Role_ROLE_INGEST), &ingestv1.GetLeadRequest{Name: known.GetLead()})), codes.PermissionDenied, "PERMISSION_DENIED", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if status.Code(c.err) != c.code || apierr.Reason(c.err) != c.reason {
				t.Fatalf("%v (%s), want %v %s", c.err, apierr.Reason(c.err), c.code, c.reason)
			}
			field := ""
			if v := apierr.Violations(c.err); len(v) > 0 {
				field = v[0].Field
				if v[0].Expected == "" {
					t.Error("it does not say what was expected")
				}
			}
			if field != c.field {
				t.Errorf("it names %q, want %q", field, c.field)
			}
			if strings.Contains(c.err.Error(), "x.example") {
				t.Errorf("an address is in the error: %v", c.err)
			}
		})
	}
	leads, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{})
	h.ok(err)
	if len(leads.GetLeads()) != 2 {
		t.Errorf("%d leads, want the two that were good", len(leads.GetLeads()))
	}
}

func second[T any](_ T, err error) error { return err }

func make51(id *ingestv1.Identity) (list []*ingestv1.Identity) {
	for range 51 {
		list = append(list, id)
	}
	return list
}

func manyAttributes(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"a%d":1`, i))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func bigAttributes(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"a%d":%q`, i, strings.Repeat("x", 9999)))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func records(n int) (list []*ingestv1.ActivityRecord) {
	for i := range n {
		list = append(list, &ingestv1.ActivityRecord{Identity: email("a@x.example"), Activity: &ingestv1.Activity{Id: fmt.Sprint(i), Type: "page.viewed"}})
	}
	return list
}

func batch(h *house, requests ...*ingestv1.CaptureLeadRequest) error {
	_, err := h.BatchCaptureLeads(h.marketing(), &ingestv1.BatchCaptureLeadsRequest{Requests: requests})
	return err
}

// badActivities are refused alone, whatever call brings them.
var badActivities = map[string]struct {
	activity *ingestv1.Activity
	field    string
}{
	"no type":           {&ingestv1.Activity{}, "type"},
	"a bad type":        {&ingestv1.Activity{Type: "Page Viewed"}, "type"},
	"a reserved type":   {&ingestv1.Activity{Type: "lifecycle.recycled"}, "type"},
	"a reserved source": {&ingestv1.Activity{Type: "a", Source: "assay:handoff"}, "source"},
	"a long id":         {&ingestv1.Activity{Type: "a", Id: strings.Repeat("x", 201)}, "id"},
	"NUL in the id":     {&ingestv1.Activity{Type: "a", Id: "\x00"}, "id"},
	"NUL in a property": {&ingestv1.Activity{Type: "a", Properties: object(`{"title":"\u0000"}`)}, "properties.title"},
	"bad UTF-8":         {&ingestv1.Activity{Type: "a", PropertiesJson: []byte("{\"title\":\"\xff\"}")}, "properties.title"},
	"no JSON":           {&ingestv1.Activity{Type: "a", PropertiesJson: []byte(`{"a":`)}, "properties.a"},
	"10,001 characters": {&ingestv1.Activity{Type: "a", Properties: object(`{"title":"` + strings.Repeat("ä", 10_001) + `"}`)}, "properties.title"},
	"33 KiB":            {&ingestv1.Activity{Type: "a", PropertiesJson: make([]byte, 33<<10)}, "propertiesJson"},
	"the year 10000":    {&ingestv1.Activity{Type: "a", OccurredTime: &timestamppb.Timestamp{Seconds: 253402300800}}, "occurredTime"},
}

func TestABadActivityOfACaptureIsRefusedAlone(t *testing.T) {
	h := onSQLite(t)
	for name, c := range badActivities {
		t.Run(name, func(t *testing.T) {
			r := h.capture(&ingestv1.CaptureLeadRequest{
				Lead:       lead(``, email(strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")+"@x.example")),
				Activities: []*ingestv1.Activity{{Type: "page.viewed"}, c.activity, {Type: "page.viewed"}},
			})
			results := r.GetActivityResults()
			if r.GetOutcome() != ingestv1.CaptureLeadResponse_OUTCOME_CREATED || len(results) != 3 {
				t.Fatal(r)
			}
			bad := results[1]
			if bad.GetState() != ingestv1.ActivityResult_STATE_REJECTED || bad.GetIndex() != 1 || bad.GetErrorReason() != "INVALID_FIELD" ||
				bad.GetErrorField() != "activities[1]."+c.field || !strings.HasPrefix(bad.GetErrorMessage(), "expected ") {
				t.Errorf("%v, want %s", bad, c.field)
			}
			for _, good := range []int{0, 2} {
				if results[good].GetState() != ingestv1.ActivityResult_STATE_STORED {
					t.Error(results[good])
				}
			}
		})
	}
}

func TestABadActivityOfABatchIsRefusedAlone(t *testing.T) {
	h := onSQLite(t)
	req := &ingestv1.BatchRecordActivitiesRequest{}
	var want []string
	add := func(field string, r *ingestv1.ActivityRecord) {
		req.Activities, want = append(req.Activities, r), append(want, field)
	}
	for _, c := range badActivities {
		add(".activity."+c.field, &ingestv1.ActivityRecord{Identity: email("a@x.example"), Activity: c.activity})
	}
	good := &ingestv1.Activity{Type: "page.viewed"}
	add(".activity", &ingestv1.ActivityRecord{Identity: email("a@x.example")})
	add(".activity", nil)
	add("", &ingestv1.ActivityRecord{Activity: good})
	add("", &ingestv1.ActivityRecord{Lead: nobody, Identity: email("a@x.example"), Activity: good})
	add(".lead", &ingestv1.ActivityRecord{Lead: "leads/x", Activity: good})
	add(".lead", &ingestv1.ActivityRecord{Lead: nobody, Activity: good})
	add(".identity.value", &ingestv1.ActivityRecord{Identity: email("x"), Activity: good})
	bad := int32(len(want))
	add("good", &ingestv1.ActivityRecord{Identity: email("b@x.example"), Activity: good})
	r, err := h.BatchRecordActivities(h.marketing(), req)
	h.ok(err)
	if r.GetStored() != 1 || r.GetRejected() != bad || len(r.GetResults()) != len(want) {
		t.Errorf("%d stored, %d refused", r.GetStored(), r.GetRejected())
	}
	for i, one := range r.GetResults() {
		field := fmt.Sprintf("activities[%d]%s", i, want[i])
		switch {
		case want[i] == "good":
			if one.GetState() != ingestv1.ActivityResult_STATE_STORED {
				t.Error(one)
			}
		case one.GetState() != ingestv1.ActivityResult_STATE_REJECTED || one.GetIndex() != int32(i) || one.GetErrorField() != field:
			t.Errorf("%v, want %s", one, field)
		}
	}
	leads, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{})
	h.ok(err)
	if len(leads.GetLeads()) != 1 {
		t.Errorf("%d leads: a refused activity made one", len(leads.GetLeads()))
	}
}

func TestABadCaptureOfABatchIsRefusedAlone(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ada := email("ada@x.example")
		cases := []struct {
			field string
			req   *ingestv1.CaptureLeadRequest
		}{
			{"good", &ingestv1.CaptureLeadRequest{Lead: lead(manyAttributes(199), ada)}},
			{".lead.identities", &ingestv1.CaptureLeadRequest{}},
			{".lead.identities", nil},
			{".lead.attributes.a", &ingestv1.CaptureLeadRequest{Lead: lead(`{"a":{}}`, ada)}},
			{".requestId", &ingestv1.CaptureLeadRequest{Lead: lead(``, ada), RequestId: "0190aaaa-0000-4000-8000-000000000001"}},
			{".waitForDecision", &ingestv1.CaptureLeadRequest{Lead: lead(``, ada), WaitForDecision: true}},
			{".waitTimeout", &ingestv1.CaptureLeadRequest{Lead: lead(``, ada), WaitTimeout: durationpb.New(1)}},
			{".activities", &ingestv1.CaptureLeadRequest{Lead: lead(``, ada), Activities: make([]*ingestv1.Activity, 2501)}},
			{".lead.attributes", &ingestv1.CaptureLeadRequest{Lead: lead(`{"one":1,"more":1}`, ada)}},
			{"good", &ingestv1.CaptureLeadRequest{Lead: lead(``, email("b@x.example")), Historical: true}},
		}
		req := &ingestv1.BatchCaptureLeadsRequest{}
		for _, c := range cases {
			req.Requests = append(req.Requests, c.req)
		}
		r, err := h.BatchCaptureLeads(h.marketing(), req)
		h.ok(err)
		for i, one := range r.GetResults() {
			if cases[i].field == "good" {
				if one.GetResponse().GetOutcome() != ingestv1.CaptureLeadResponse_OUTCOME_CREATED || one.GetErrorReason() != "" {
					t.Error(one)
				}
			} else if want := fmt.Sprintf("requests[%d]%s", i, cases[i].field); one.GetErrorField() != want || one.GetErrorReason() != "INVALID_FIELD" || one.GetResponse() != nil || one.GetIndex() != int32(i) {
				t.Errorf("%v, want %s", one, want)
			}
		}
		// One item alone is reported the same way.
		one, err := h.BatchCaptureLeads(h.marketing(), &ingestv1.BatchCaptureLeadsRequest{Requests: []*ingestv1.CaptureLeadRequest{cases[8].req}})
		h.ok(err)
		if got := one.GetResults()[0].GetErrorField(); got != "requests[0].lead.attributes" {
			t.Error(got)
		}
	})
}

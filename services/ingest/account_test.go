package ingest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

const noAccount = "accounts/01900000-0000-7000-8000-000000000000"

func external(id string) *ingestv1.AccountIdentity {
	return &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_EXTERNAL_ID, Value: id}
}

func domain(name string) *ingestv1.AccountIdentity {
	return &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_DOMAIN, Value: name}
}

func company(attributes string, ids ...*ingestv1.AccountIdentity) *ingestv1.Account {
	a := &ingestv1.Account{Identities: ids}
	if attributes != "" {
		a.Attributes = object(attributes)
	}
	return a
}

func (h *house) captureAccount(req *ingestv1.CaptureAccountRequest) *ingestv1.CaptureAccountResponse {
	h.t.Helper()
	r, err := h.accounts.CaptureAccount(h.marketing(), req)
	h.ok(err)
	return r
}

// told are the facts of a claim that came through the account, as `key=value`.
func told(c *ingestv1.ClaimedLead) (list []string) {
	for _, f := range c.GetFacts() {
		if f.GetSource() == "assay:account" {
			list = append(list, fmt.Sprintf("%s=%s", f.GetAttribute().GetKey(), f.GetAttribute().GetValueJson()))
		}
	}
	return list
}

func TestAnAccountAndItsLeads(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		// The lead names its account before anybody said anything of it.
		r := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email("ada@acme.example")), Account: domain("ACME.example")})
		found, err := h.accounts.LookupAccount(h.marketing(), &ingestv1.LookupAccountRequest{Identity: domain("acme.example")})
		h.ok(err)
		name := found.GetAccount().GetName()
		if l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: r.GetLead()}); err != nil || l.GetAccount() != name || fmt.Sprint(l.GetAttributes().AsMap()) != "map[email_domain:acme.example]" {
			t.Fatal(l, err)
		}
		claimed := h.claim(9)
		if len(claimed) != 1 || len(told(claimed[0])) != 6 { // nothing is open, nothing was won …
			t.Fatal(claimed)
		}
		h.decide(claimed[0], typev1.Verdict_VERDICT_NURTURE)

		h.pass(time.Hour)
		opened := h.now().Add(-10 * time.Minute)
		got := h.captureAccount(&ingestv1.CaptureAccountRequest{
			Account: &ingestv1.Account{
				Identities: []*ingestv1.AccountIdentity{external("001-A"), domain("acme.example")},
				Attributes: object(`{"industry":"Software","intent_score":82}`),
				Facts: []*ingestv1.AccountFact{
					{Kind: "opportunities", Key: "x", State: "open", OccurredTime: timestamppb.New(opened), Properties: object(`{"amount":12000}`)},
				},
			},
			Source: "crm",
		})
		if got.GetAccount() != name || got.GetOutcome() != ingestv1.CaptureAccountResponse_OUTCOME_UPDATED || got.GetFactsVersion() != 1 || got.GetTimeClamped() {
			t.Error(got)
		}
		a, err := h.accounts.GetAccount(h.marketing(), &ingestv1.GetAccountRequest{Name: name})
		h.ok(err)
		if a.GetAttributes().GetFields()["industry"].GetStringValue() != "Software" || a.GetCounts()["opportunities_open"] != 1 || a.GetCounts()["customers_open"] != 0 ||
			len(a.GetFacts()) != 1 || a.GetFacts()[0].GetState() != "open" || !a.GetFacts()[0].GetOccurredTime().AsTime().Equal(opened) ||
			a.GetFacts()[0].GetProperties().GetFields()["amount"].GetNumberValue() != 12000 || len(a.GetIdentities()) != 2 || a.GetIdentities()[0].GetValue() != "001-A" {
			t.Error(protojson.Format(a))
		}
		claimed = h.claim(9)
		if len(claimed) != 1 || strings.Join(told(claimed[0]), " ") != `account.opportunities_open=1 account.industry="Software" account.intent_score=82` &&
			strings.Join(told(claimed[0]), " ") != `account.opportunities_open=1 account.intent_score=82 account.industry="Software"` {
			t.Error(claimed)
		}
		if !strings.Contains(string(claimed[0].GetAttributesJson()), `"account.industry":"Software"`) {
			t.Errorf("%s", claimed[0].GetAttributesJson())
		}
		h.decide(claimed[0], typev1.Verdict_VERDICT_NURTURE)

		page, err := h.accounts.ListAccountLeads(h.marketing(), &ingestv1.ListAccountLeadsRequest{Parent: name})
		if err != nil || len(page.GetLeads()) != 1 || page.GetLeads()[0].GetName() != r.GetLead() || page.GetNextPageToken() != "" {
			t.Error(page, err)
		}

		// It leaves: from then on nothing of the account counts.
		h.pass(time.Hour)
		l, err := h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{
			Lead: &ingestv1.Lead{Name: r.GetLead()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"account"}},
		})
		if err != nil || l.GetAccount() != "" {
			t.Error(l, err)
		}
		claimed = h.claim(9)
		if len(claimed) != 1 || len(told(claimed[0])) != 8 || strings.Contains(string(claimed[0].GetAttributesJson()), "account") {
			t.Error(claimed)
		}
		page, err = h.accounts.ListAccountLeads(h.marketing(), &ingestv1.ListAccountLeadsRequest{Parent: name})
		if err != nil || len(page.GetLeads()) != 0 {
			t.Error(page, err)
		}
		// And comes back by name.
		l, err = h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: &ingestv1.Lead{Name: r.GetLead(), Account: name}})
		if err != nil || l.GetAccount() != name {
			t.Error(l, err)
		}
	})
}

func TestPagesOfAccounts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 3 {
			h.captureAccount(&ingestv1.CaptureAccountRequest{Account: company(``, external(fmt.Sprint(i)))})
			h.pass(time.Second)
			h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email(fmt.Sprintf("p%d@x.example", i))), Account: external("0")})
		}
		var names []string
		for token := ""; ; {
			page, err := h.accounts.ListAccounts(h.marketing(), &ingestv1.ListAccountsRequest{PageSize: 2, PageToken: token})
			h.ok(err)
			for _, a := range page.GetAccounts() {
				names = append(names, a.GetIdentities()[0].GetValue())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if got := strings.Join(names, " "); got != "2 1 0" {
			t.Error(got)
		}
		found, err := h.accounts.LookupAccount(h.marketing(), &ingestv1.LookupAccountRequest{Identity: external("0")})
		h.ok(err)
		n := 0
		for token := ""; ; {
			page, err := h.accounts.ListAccountLeads(h.marketing(), &ingestv1.ListAccountLeadsRequest{Parent: found.GetAccount().GetName(), PageSize: 2, PageToken: token})
			h.ok(err)
			n += len(page.GetLeads())
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if n != 3 {
			t.Errorf("%d leads", n)
		}
	})
}

func TestAnAccountCapturedAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		req := &ingestv1.CaptureAccountRequest{
			Account: company(`{"industry":"Software"}`, external("1")), RequestId: "0190aaaa-0000-4000-8000-000000000001",
		}
		first := h.captureAccount(req)
		if again := h.captureAccount(req); !proto.Equal(first, again) {
			t.Errorf("%v, then %v", first, again)
		}
		req.Account = company(`{"industry":"Retail"}`, external("1"))
		if _, err := h.accounts.CaptureAccount(h.marketing(), req); apierr.Reason(err) != "REQUEST_ID_REUSED" {
			t.Error(err)
		}
		// With a time of its own, what was said is known.
		dated := &ingestv1.CaptureAccountRequest{Account: company(`{"size":"M"}`, external("1")), DefaultTime: timestamppb.New(h.now())}
		h.captureAccount(dated)
		h.pass(time.Hour)
		if again := h.captureAccount(dated); again.GetOutcome() != ingestv1.CaptureAccountResponse_OUTCOME_UNCHANGED {
			t.Error(again)
		}
	})
}

func TestRefusedAccounts(t *testing.T) {
	h := onSQLite(t)
	capture := func(a *ingestv1.Account) error {
		_, err := h.accounts.CaptureAccount(h.marketing(), &ingestv1.CaptureAccountRequest{Account: a})
		return err
	}
	captureLead := func(req *ingestv1.CaptureLeadRequest) error {
		_, err := h.CaptureLead(h.marketing(), req)
		return err
	}
	batch, err := h.BatchCaptureLeads(h.marketing(), &ingestv1.BatchCaptureLeadsRequest{Requests: []*ingestv1.CaptureLeadRequest{
		{Lead: lead(``, email("b@x.example"))},
		{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{email("c@x.example")}, Account: noAccount}},
	}})
	h.ok(err)
	if r := batch.GetResults()[1]; r.GetErrorField() != "requests[1].lead.account" || r.GetErrorReason() != "INVALID_FIELD" {
		t.Error(r)
	}
	who := email("ada@x.example")
	_, updated := h.UpdateLead(h.marketing(), &ingestv1.UpdateLeadRequest{Lead: &ingestv1.Lead{Name: batch.GetResults()[0].GetResponse().GetLead(), Account: noAccount}})
	_, got := h.accounts.GetAccount(h.marketing(), &ingestv1.GetAccountRequest{Name: "accounts/ada@x.example"})
	_, nobodys := h.accounts.GetAccount(h.marketing(), &ingestv1.GetAccountRequest{Name: noAccount})
	_, lookup := h.accounts.LookupAccount(h.marketing(), &ingestv1.LookupAccountRequest{Identity: external("9")})
	_, leads := h.accounts.ListAccountLeads(h.marketing(), &ingestv1.ListAccountLeadsRequest{Parent: noAccount})
	_, size := h.accounts.ListAccounts(h.marketing(), &ingestv1.ListAccountsRequest{PageSize: -1})
	_, token := h.accounts.ListAccounts(h.marketing(), &ingestv1.ListAccountsRequest{PageToken: "x"})
	_, denied := h.accounts.CaptureAccount(h.as(typev1.Role_ROLE_INGEST), &ingestv1.CaptureAccountRequest{Account: company(``, external("1"))})
	_, source := h.accounts.CaptureAccount(h.marketing(), &ingestv1.CaptureAccountRequest{Account: company(``, external("1")), Source: "assay:handoff"})

	for name, c := range map[string]struct {
		err           error
		code          codes.Code
		reason, field string
	}{
		"no account":                {capture(nil), codes.InvalidArgument, "INVALID_FIELD", "account"},
		"no identity":               {capture(company(`{"a":1}`)), codes.InvalidArgument, "INVALID_FIELD", "account.identities"},
		"a bad domain":              {capture(company(``, external("1"), domain("https://x.example"))), codes.InvalidArgument, "INVALID_FIELD", "account.identities[1].value"},
		"an address for a domain":   {capture(company(``, domain("ada@x.example"))), codes.InvalidArgument, "INVALID_FIELD", "account.identities[0].value"},
		"a bad name":                {capture(&ingestv1.Account{Name: "accounts/ada@x.example"}), codes.InvalidArgument, "INVALID_FIELD", "account.name"},
		"nobody's name":             {capture(&ingestv1.Account{Name: noAccount}), codes.NotFound, "NOT_FOUND", ""},
		"camelCase":                 {capture(company(`{"intentScore":1}`, external("1"))), codes.InvalidArgument, "INVALID_FIELD", "account.attributes"},
		"an object":                 {capture(company(`{"hq":{}}`, external("1"))), codes.InvalidArgument, "INVALID_FIELD", "account.attributes.hq"},
		"a fact without a key":      {capture(&ingestv1.Account{Identities: []*ingestv1.AccountIdentity{external("1")}, Facts: []*ingestv1.AccountFact{{Kind: "seats"}}}), codes.InvalidArgument, "INVALID_FIELD", "account.facts[0].key"},
		"a state of two words":      {capture(&ingestv1.Account{Identities: []*ingestv1.AccountIdentity{external("1")}, Facts: []*ingestv1.AccountFact{{Kind: "seats", Key: "x", State: "Closed Won"}}}), codes.InvalidArgument, "INVALID_FIELD", "account.facts[0].state"},
		"a reserved source":         {source, codes.InvalidArgument, "INVALID_FIELD", "source"},
		"a key that only captures":  {denied, codes.PermissionDenied, "PERMISSION_DENIED", ""},
		"a name with an address":    {got, codes.InvalidArgument, "INVALID_FIELD", "name"},
		"nobody's account":          {nobodys, codes.NotFound, "NOT_FOUND", ""},
		"an unknown identity":       {lookup, codes.NotFound, "NOT_FOUND", ""},
		"leads of nobody's account": {leads, codes.NotFound, "NOT_FOUND", ""},
		"a negative page":           {size, codes.InvalidArgument, "INVALID_FIELD", "pageSize"},
		"a bad token":               {token, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH", "pageToken"},

		"a lead of nobody's account":   {captureLead(&ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{who}, Account: noAccount}}), codes.InvalidArgument, "INVALID_FIELD", "lead.account"},
		"a lead of a bad name":         {captureLead(&ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{who}, Account: "acme"}}), codes.InvalidArgument, "INVALID_FIELD", "lead.account"},
		"a lead of two accounts":       {captureLead(&ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{who}, Account: noAccount}, Account: external("1")}), codes.InvalidArgument, "INVALID_FIELD", "account"},
		"a lead of an account of none": {captureLead(&ingestv1.CaptureLeadRequest{Lead: lead(``, who), Account: &ingestv1.AccountIdentity{Value: "x"}}), codes.InvalidArgument, "INVALID_FIELD", "account.kind"},
		"a lead of a bad domain":       {captureLead(&ingestv1.CaptureLeadRequest{Lead: lead(``, who), Account: domain("x")}), codes.InvalidArgument, "INVALID_FIELD", "account.value"},
		"an update to nobody's":        {updated, codes.InvalidArgument, "INVALID_FIELD", "lead.account"},
		"the attribute account":        {captureLead(&ingestv1.CaptureLeadRequest{Lead: lead(`{"account":"Acme"}`, who)}), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.account"},
		"the attribute create_time":    {captureLead(&ingestv1.CaptureLeadRequest{Lead: lead(`{"create_time":"2026"}`, who)}), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.create_time"},
		"a lead source of numbers":     {captureLead(&ingestv1.CaptureLeadRequest{Lead: lead(`{"lead_source":7}`, who)}), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.lead_source"},
		"a long lead source":           {captureLead(&ingestv1.CaptureLeadRequest{Lead: lead(`{"lead_source_campaign":"`+strings.Repeat("x", 201)+`"}`, who)}), codes.InvalidArgument, "INVALID_FIELD", "lead.attributes.lead_source_campaign"},
	} {
		t.Run(name, func(t *testing.T) {
			field := ""
			if list := apierr.Violations(c.err); len(list) > 0 {
				field = list[0].Field
			}
			if status.Code(c.err) != c.code || apierr.Reason(c.err) != c.reason || field != c.field {
				t.Errorf("got %v, field %q; want %v, %s, %q", c.err, field, c.code, c.reason, c.field)
			}
		})
	}
}

// Files and forms often have the lead source among the attributes: it is the same.
func TestTheLeadSourceAmongTheAttributes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"lead_source":"Google","lead_source_campaign":"spring","title":"CTO"}`, email("ada@x.example"))})
		h.pass(time.Hour)
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"lead_source":"Event","lead_source_detail":null}`, email("ada@x.example"))})
		l, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: r.GetLead()})
		h.ok(err)
		if l.GetLeadSource().GetChannel() != "Google" || l.GetLeadSource().GetCampaign() != "spring" || fmt.Sprint(l.GetAttributes().AsMap()) != "map[email_domain:x.example title:CTO]" {
			t.Error(l)
		}
		c := h.claim(1)[0]
		if got := string(c.GetAttributesJson()); !strings.Contains(got, `"lead_source":"Google"`) || !strings.Contains(got, `"create_time":"2026-03-01T12:00:00.000000Z"`) {
			t.Error(got)
		}
		// One that is known to be earlier is the first.
		h.capture(&ingestv1.CaptureLeadRequest{
			Lead: lead(``, email("ada@x.example")), DefaultTime: timestamppb.New(start.Add(-time.Hour)),
			Source: "crm",
		})
		h.capture(&ingestv1.CaptureLeadRequest{
			Lead:        &ingestv1.Lead{Identities: []*ingestv1.Identity{email("ada@x.example")}, LeadSource: &ingestv1.LeadSource{Channel: "fair"}},
			DefaultTime: timestamppb.New(start.Add(-2 * time.Hour)), Source: "crm",
		})
		l, err = h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: r.GetLead()})
		if err != nil || l.GetLeadSource().GetChannel() != "fair" || l.GetLeadSource().GetCampaign() != "" {
			t.Error(l, err)
		}
	})
}

package webhook_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/webhook"
)

// mapped maps a body as a source `forms` would.
func mapped(t *testing.T, m *ingestv1.WebhookMapping, body, messageID string) webhook.Result {
	t.Helper()
	mapping, wrong := webhook.NewMapping(&ingestv1.WebhookConfig{Mapping: m})
	if wrong != nil {
		t.Fatal(wrong)
	}
	document, err := webhook.Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return mapping.Map(document, "forms", messageID)
}

func TestMapping(t *testing.T) {
	for name, c := range map[string]struct {
		mapping    *ingestv1.WebhookMapping
		body, want string
	}{
		"all of it": {
			&ingestv1.WebhookMapping{
				Id: "body.id", Type: `"form.submitted"`, OccurredTime: "body.at", Email: "body.mail", UserId: "body.user",
				AnonymousId: "body.visitor", CrmId: "body.crm", Campaign: "body.campaign", AccountDomain: "registrableDomain(body.site)",
				Attributes:     map[string]string{"job_title": "body.fields.title", "employees": "body.size", "website": "body.none"},
				AttributesFrom: []string{"body.fields"},
				Properties:     map[string]string{"form": "body.form", "deep": "body.fields"},
				PropertiesFrom: []string{`{"form": "not this one", "page": "/demo"}`},
				Consent:        map[string]string{"analytics": "body.agreed", "ads": "body.none"},
			},
			`{"id": 17, "at": 1767614400, "mail": " ada@acme.example ", "user": 12345678901234567890, "visitor": "v1", "crm": 42, "campaign": "spring",
			  "site": "https://www.acme.co.uk/x", "size": 250, "form": "demo", "agreed": true,
			  "fields": {"title": "CTO", "First Name": "Ada", "leadSource": "web", "empty": " ", "tools": ["a", "b"], "1st": 1}}`,
			`{"lead": {"identities": [
				{"kind": "KIND_USER_ID", "value": "12345678901234567890"}, {"kind": "KIND_EMAIL", "value": "ada@acme.example"},
				{"kind": "KIND_CRM_ID", "value": "42"}, {"kind": "KIND_ANONYMOUS_ID", "value": "v1"}],
			  "attributes": {"job_title": "CTO", "employees": 250, "title": "CTO", "first_name": "Ada", "lead_source": "web", "tools": ["a", "b"]}},
			  "activities": [{"id": "17", "type": "form.submitted", "occurredTime": "2026-01-05T12:00:00Z", "source": "forms", "campaign": "spring",
			    "properties": {"form": "demo", "page": "/demo", "deep": {"title": "CTO", "First Name": "Ada", "leadSource": "web", "empty": " ", "tools": ["a", "b"], "1st": 1}}}],
			  "defaultTime": "2026-01-05T12:00:00Z", "source": "forms", "consent": {"analytics": true},
			  "account": {"kind": "KIND_DOMAIN", "value": "acme.co.uk"}}`,
		},
		"the lead only": {
			&ingestv1.WebhookMapping{Email: "body.mail", Type: `has(body.event) ? body.event : ""`, Attributes: map[string]string{"job_title": "body.title"}},
			`mail=ada%40acme.example&title=CTO&x=1&x=2`,
			`{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "ada@acme.example"}], "attributes": {"job_title": "CTO"}}, "source": "forms"}`,
		},
		"an id too long, and a time in words": {
			&ingestv1.WebhookMapping{Email: "body.mail", Id: "body.id", Type: `"a.b"`, OccurredTime: "body.at"},
			`{"mail": "a@b.example", "at": "2026-01-05 13:00:00+01:00", "id": "` + strings.Repeat("x", 201) + `"}`,
			`{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "a@b.example"}]}, "source": "forms", "defaultTime": "2026-01-05T12:00:00Z",
			  "activities": [{"id": "34c0d4c1d3b5d5f0", "type": "a.b", "source": "forms", "occurredTime": "2026-01-05T12:00:00Z"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := mapped(t, c.mapping, c.body, "")
			if len(result.Items) != 1 || len(result.Items[0].Problems) > 0 {
				t.Fatalf("%+v", result)
			}
			want := &ingestv1.CaptureLeadRequest{}
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			got := result.Items[0].Capture
			if strings.Contains(name, "too long") {
				if id := got.GetActivities()[0].GetId(); len(id) != 64 {
					t.Errorf("id %q", id)
				}
				got.Activities[0].Id = want.GetActivities()[0].GetId()
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is wrong with an item is told by the field of the mapping, and never by its values.
func TestProblems(t *testing.T) {
	base := func(change func(*ingestv1.WebhookMapping)) *ingestv1.WebhookMapping {
		m := &ingestv1.WebhookMapping{Email: "item.mail", Id: "item.id", Type: `firstOf(item.type, "a.b")`, OccurredTime: "item.at"}
		if change != nil {
			change(m)
		}
		return m
	}
	const ada = `"mail": "canary@acme.example"`
	for name, c := range map[string]struct {
		mapping        *ingestv1.WebhookMapping
		body           string
		field, message string
		kept           bool
	}{
		"nobody":              {base(nil), `{"mail": " "}`, "email", "a person", false},
		"an email in a list":  {base(nil), `{"mail": ["canary@acme.example"]}`, "email", "a text", false},
		"no time":             {base(nil), `{` + ada + `, "at": "canary"}`, "occurredTime", "RFC 3339", false},
		"a time too far":      {base(nil), `{` + ada + `, "at": 1e300}`, "occurredTime", "RFC 3339", false},
		"an object as id":     {base(nil), `{` + ada + `, "id": {}}`, "id", "a text", false},
		"a number as type":    {base(nil), `{` + ada + `, "type": 7}`, "type", "form.submitted", false},
		"an unknown event":    {base(func(m *ingestv1.WebhookMapping) { m.Type = `{"a": "b.c"}[item.mail]` }), `{` + ada + `}`, "type", "values that the expression", false},
		"when of two kinds":   {base(func(m *ingestv1.WebhookMapping) { m.When = `item.mail > 1` }), `{` + ada + `}`, "when", "values that", false},
		"items that are none": {base(func(m *ingestv1.WebhookMapping) { m.Items = `body.mail` }), `{` + ada + `}`, "items", "a list", false},
		"an attribute that is an object": {
			base(func(m *ingestv1.WebhookMapping) { m.Attributes = map[string]string{"job": "item.job"} }),
			`{` + ada + `, "job": {"canary": 1}}`, "attributes.job", "a list of these", true,
		},
		"attributes that are none": {
			base(func(m *ingestv1.WebhookMapping) { m.AttributesFrom = []string{"item.mail"} }),
			`{` + ada + `}`, "attributesFrom[0]", "an object", true,
		},
		"a property that is cut off": {
			base(func(m *ingestv1.WebhookMapping) { m.Properties = map[string]string{"first": "item.list[0]"} }),
			`{` + ada + `, "list": []}`, "properties.first", "leads nowhere", true,
		},
		"consent in words": {
			base(func(m *ingestv1.WebhookMapping) { m.Consent = map[string]string{"ads": "item.mail"} }),
			`{` + ada + `}`, "consent.ads", "true or false", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := mapped(t, c.mapping, c.body, "")
			if len(result.Items) != 1 || len(result.Items[0].Problems) != 1 {
				t.Fatalf("%+v", result)
			}
			item := result.Items[0]
			p := item.Problems[0]
			if p.Field != "webhook.mapping."+c.field || !strings.Contains(p.Message, c.message) || p.Reason != "INVALID_FIELD" {
				t.Errorf("%+v, want %s: %s", p, c.field, c.message)
			}
			if (item.Capture != nil) != c.kept || len(item.JSON()) == 0 {
				t.Errorf("capture %v, of %s", item.Capture, item.JSON())
			}
			if strings.Contains(p.Message, "canary") {
				t.Errorf("it tells the value: %s", p.Message)
			}
		})
	}
}

func TestItems(t *testing.T) {
	m := &ingestv1.WebhookMapping{Items: "body.rows", When: "item.ok", Email: "item.mail", Type: `"a.b"`, Properties: map[string]string{"list": "body.list"}}
	result := mapped(t, m, `{"list": "L", "rows": [{"ok": true, "mail": "a@x.example"}, {"ok": false, "mail": "b@x.example"}, {"mail": "c@x.example"}, {"ok": true}]}`, "msg_1")
	if result.Skipped != 2 || len(result.Items) != 2 {
		t.Fatalf("%+v", result)
	}
	first, last := result.Items[0], result.Items[1]
	if a := first.Capture.GetActivities()[0]; first.Index != 0 || a.GetId() != "msg_1/0" || a.GetProperties().GetFields()["list"].GetStringValue() != "L" {
		t.Errorf("the first: %+v", first)
	}
	if last.Index != 3 || last.Capture != nil || last.Problems[0].Field != "webhook.mapping.email" {
		t.Errorf("the last: %+v", last)
	}
	many := mapped(t, &ingestv1.WebhookMapping{Items: "body", Email: `"a@x.example"`}, "["+strings.Repeat("1,", webhook.MaxItems)+"1]", "")
	if n := len(many.Items); n != webhook.MaxItems+1 || many.Items[n-1].Capture != nil || many.Items[n-1].Problems[0].Reason != "TOO_LARGE" {
		t.Errorf("%d items, the last %+v", n, many.Items[n-1])
	}
}

// The same item has the same id, however it is written and whatever stands around it.
func TestIDsWithoutAnID(t *testing.T) {
	m := &ingestv1.WebhookMapping{Items: "body", Email: "item.mail", Type: `"a.b"`}
	id := func(body, messageID string, i int) string {
		return mapped(t, m, body, messageID).Items[i].Capture.GetActivities()[0].GetId()
	}
	a := id(`[{"mail": "a@x.example", "n": 1}]`, "", 0)
	if again := id(`[{"mail": "b@x.example"}, {"n": 1.0, "mail": "a@x.example"}]`, "", 1); again != a {
		t.Error("the same item again is another activity")
	}
	if other := id(`[{"mail": "a@x.example", "n": 2}]`, "", 0); other == a {
		t.Error("another item is the same activity")
	}
	if x, y := id(`[{"mail": "a@x.example"}]`, "msg_1", 0), id(`[{"mail": "a@x.example"}]`, "msg_2", 0); x == y {
		t.Error("two messages with the same words are one activity")
	}
}

func TestRead(t *testing.T) {
	for body, want := range map[string]string{
		`{"a": 1}`:           `{"a":1}`,
		` [1, 2]`:            `[1,2]`,
		`a=1&b=x+y&a=%C3%BC`: `{"a":["1","ü"],"b":"x y"}`,
		`payload=%7B%7D`:     `{"payload":"{}"}`,
		`"a=1"`:              ``,
		``:                   ``,
		`hello`:              ``,
		`a=%zz`:              ``,
		`a=%ff`:              `{"a":"` + "\ufffd" + `"}`,
		`{"a": 1, "a": 2}`:   ``,
	} {
		document, err := webhook.Read([]byte(body))
		switch {
		case want == "" && err == nil && body != `"a=1"`:
			t.Errorf("%q is read as %s", body, document.JSON())
		case want != "" && err != nil:
			t.Errorf("%q: %v", body, err)
		case want != "" && string(document.JSON()) != want:
			t.Errorf("%q is read as %s, want %s", body, document.JSON(), want)
		}
	}
}

// FuzzMap holds that no body breaks a mapping, that what is refused says why, and that the
// same body always becomes the same.
func FuzzMap(f *testing.F) {
	var mappings []*webhook.Mapping
	for _, name := range webhook.Presets() {
		f.Add([]byte(webhook.Sample(&ingestv1.WebhookConfig{Preset: name})))
		mapping, wrong := webhook.NewMapping(&ingestv1.WebhookConfig{Preset: name})
		if wrong != nil {
			f.Fatal(wrong)
		}
		mappings = append(mappings, mapping)
	}
	f.Add([]byte(`a=1&b=2`))
	f.Add([]byte(`[{"event": "open", "timestamp": -1e18, "email": 5}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		document, err := webhook.Read(body)
		if err != nil {
			return
		}
		for _, mapping := range mappings {
			result := mapping.Map(document, "forms", "")
			for _, item := range result.Items {
				if item.Capture == nil && len(item.Problems) == 0 {
					t.Errorf("%s: refused without a reason", body)
				}
			}
			if diff := cmp.Diff(result, mapping.Map(document, "forms", ""), protocmp.Transform(), cmpopts.IgnoreUnexported(webhook.Item{})); diff != "" {
				t.Errorf("%s: %s", body, diff)
			}
		}
	})
}

package ingest_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// hooked makes a source for webhooks.
func (h *house) hooked(id string, config *ingestv1.WebhookConfig) (*ingestv1.Source, error) {
	return ingestv1.NewSourceServiceClient(h.conn).CreateSource(h.as(typev1.Role_ROLE_ADMIN), &ingestv1.CreateSourceRequest{
		SourceId: id, Source: &ingestv1.Source{Kind: ingestv1.Source_KIND_WEBHOOK, Webhook: config},
	})
}

func (h *house) preview(req *ingestv1.PreviewSourceRequest) (*ingestv1.PreviewSourceResponse, error) {
	return ingestv1.NewSourceServiceClient(h.conn).PreviewSource(h.marketing(), req)
}

// A dry run shows what a body would become and what would be refused, and stores nothing.
func TestPreviewSource(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, err := h.hooked("forms", &ingestv1.WebhookConfig{
			Scheme: ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS, Sample: `{"mail": "ada@acme.example", "form": "demo"}`,
			Mapping: &ingestv1.WebhookMapping{
				Items: "has(body.rows) ? body.rows : [body]", When: "!has(item.skip)", Email: "item.mail", Type: `firstOf(item.type, "form.submitted")`,
				Properties: map[string]string{"form": "item.form"}, Attributes: map[string]string{"job_title": "item.title"},
			},
		})
		h.ok(err)
		got, err := h.preview(&ingestv1.PreviewSourceRequest{Name: "sources/forms"})
		h.ok(err)
		if c := got.GetCaptures(); len(c) != 1 || c[0].GetSource() != "forms" || c[0].GetActivities()[0].GetProperties().GetFields()["form"].GetStringValue() != "demo" {
			t.Errorf("of the sample: %v", got)
		}
		got, err = h.preview(&ingestv1.PreviewSourceRequest{Name: "sources/forms", Body: `{"rows": [
			{"mail": "a@acme.example"}, {"skip": 1}, {"mail": "no address"}, {}, {"mail": "b@acme.example", "type": "Not A Type"},
			{"mail": "c@acme.example", "title": {"of": "her"}}]}`})
		h.ok(err)
		want := []struct {
			index int32
			field string
		}{{2, "lead.identities[0].value"}, {3, "webhook.mapping.email"}, {4, "activities[0].type"}, {5, "webhook.mapping.attributes.job_title"}}
		if len(got.GetCaptures()) != 3 || got.GetSkipped() != 1 || len(got.GetRejections()) != len(want) {
			t.Fatalf("%v", got)
		}
		for i, r := range got.GetRejections() {
			if r.GetIndex() != want[i].index || r.GetField() != want[i].field || r.GetReason() == "" || !strings.HasPrefix(r.GetMessage(), "expected ") {
				t.Errorf("%v, want %v", r, want[i])
			}
		}
		got, err = h.preview(&ingestv1.PreviewSourceRequest{Name: "sources/forms", Mapping: &ingestv1.WebhookMapping{UserId: "body.mail"}})
		h.ok(err)
		if c := got.GetCaptures(); len(c) != 1 || c[0].GetLead().GetIdentities()[0].GetKind() != ingestv1.Identity_KIND_USER_ID {
			t.Errorf("by another mapping: %v", got)
		}
		leads, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{})
		h.ok(err)
		if len(leads.GetLeads()) > 0 {
			t.Errorf("stored: %v", leads)
		}
		for name, c := range map[string]struct {
			req   *ingestv1.PreviewSourceRequest
			field string
		}{
			"no document":      {&ingestv1.PreviewSourceRequest{Body: `{"a": `}, "body"},
			"a key twice":      {&ingestv1.PreviewSourceRequest{Body: `{"a": 1, "a": 2}`}, "body"},
			"a broken mapping": {&ingestv1.PreviewSourceRequest{Mapping: &ingestv1.WebhookMapping{Email: "("}}, "mapping.email"},
		} {
			c.req.Name = "sources/forms"
			_, err := h.preview(c.req)
			if v := apierr.Violations(err); len(v) == 0 || v[0].Field != c.field {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := h.preview(&ingestv1.PreviewSourceRequest{Name: "sources/nobody"}); status.Code(err) != codes.NotFound {
			t.Errorf("no source: %v", err)
		}
	})
}

// A preset has a sample, which every source of it can be tried with.
func TestPreviewOfPresets(t *testing.T) {
	h := onSQLite(t)
	for preset, captures := range map[string]int{"sendgrid": 3, "typeform": 1, "zoom": 1, "cloudevents": 1} {
		_, err := h.hooked(preset, &ingestv1.WebhookConfig{Preset: preset})
		h.ok(err)
		got, err := h.preview(&ingestv1.PreviewSourceRequest{Name: "sources/" + preset})
		if err != nil || len(got.GetCaptures()) != captures || len(got.GetRejections()) > 0 {
			t.Errorf("%s: %v, %v", preset, got, err)
		}
	}
}

// A webhook that could not be read is refused when it is saved, by the path of its field.
func TestWebhooksAreCheckedWhenSaved(t *testing.T) {
	h := onSQLite(t)
	for field, config := range map[string]*ingestv1.WebhookConfig{
		"source.webhook.preset":                    {Preset: "fax"},
		"source.webhook.scheme":                    {Mapping: &ingestv1.WebhookMapping{Email: "body.a"}},
		"source.webhook.hmac.signed":               {Scheme: ingestv1.WebhookConfig_SCHEME_HMAC, Hmac: &ingestv1.HmacScheme{Header: "a", Signed: "x"}, Mapping: &ingestv1.WebhookMapping{Email: "body.a"}},
		"source.webhook.secret":                    {Preset: "sendgrid", Secret: "no key"},
		"source.webhook.mapping.email":             {Preset: "typeform", Mapping: &ingestv1.WebhookMapping{Email: "body..a"}},
		"source.webhook.mapping.attributes.a_b":    {Preset: "typeform", Mapping: &ingestv1.WebhookMapping{Attributes: map[string]string{"a_b": "lead.a"}}},
		"source.webhook.mapping.propertiesFrom[0]": {Preset: "zoom", Mapping: &ingestv1.WebhookMapping{PropertiesFrom: []string{"body.("}}},
	} {
		_, err := h.hooked("x", config)
		if v := apierr.Violations(err); len(v) != 1 || v[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

func (h *house) sources() ingestv1.SourceServiceClient {
	return ingestv1.NewSourceServiceClient(h.conn)
}

func (h *house) source(id string, s *ingestv1.Source) *ingestv1.Source {
	h.t.Helper()
	made, err := h.sources().CreateSource(h.as(typev1.Role_ROLE_ADMIN), &ingestv1.CreateSourceRequest{Source: s, SourceId: id})
	h.ok(err)
	return made
}

// with returns a context in which a write key of a source calls.
func (h *house) with(source string, browser bool) context.Context {
	return caller.With(h.t.Context(), caller.Caller{Actor: "site", Role: typev1.Role_ROLE_INGEST, Source: source, Browser: browser})
}

func browserSource() *ingestv1.Source { return &ingestv1.Source{Kind: ingestv1.Source_KIND_BROWSER} }
func serverSource() *ingestv1.Source  { return &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER} }

func TestSources(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		admin := h.as(typev1.Role_ROLE_ADMIN)
		made := h.source("web", &ingestv1.Source{
			Kind: ingestv1.Source_KIND_BROWSER, DisplayName: "Website", AllowedOrigins: []string{"HTTPS://WWW.Example.com:443"},
			Limits: &ingestv1.SourceLimits{EventsPerSecond: 7}, ProtectedAttributes: []string{"budget"},
			EventRules: []*ingestv1.EventRule{{Event: "Checkout *", Type: "trial.started"}},
		})
		if made.GetName() != "sources/web" || made.GetEtag() != "1" || !slices.Equal(made.GetAllowedOrigins(), []string{"https://www.example.com"}) {
			t.Errorf("made %v", made)
		}
		got, err := h.sources().GetSource(admin, &ingestv1.GetSourceRequest{Name: "sources/web"})
		if err != nil || !proto.Equal(got, made) {
			t.Errorf("%v, %v; want %v", got, err, made)
		}
		_, err = h.sources().CreateSource(admin, &ingestv1.CreateSourceRequest{Source: serverSource(), SourceId: "web"})
		if status.Code(err) != codes.AlreadyExists {
			t.Errorf("again: %v", err)
		}
		h.pass(time.Minute)
		off, err := h.sources().UpdateSource(admin, &ingestv1.UpdateSourceRequest{
			Source: &ingestv1.Source{Name: "sources/web", Etag: "1", Disabled: true}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled", "allowedOrigins", "kind"}},
		})
		if err != nil || !off.GetDisabled() || off.GetAllowedOrigins() != nil || off.GetDisplayName() != "Website" || off.GetEtag() != "2" || !off.GetUpdateTime().AsTime().After(made.GetUpdateTime().AsTime()) {
			t.Errorf("update: %v, %v", off, err)
		}
		_, err = h.sources().UpdateSource(admin, &ingestv1.UpdateSourceRequest{Source: &ingestv1.Source{Name: "sources/web", Etag: "1", DisplayName: "x"}})
		if apierr.Reason(err) != "ETAG_MISMATCH" {
			t.Errorf("an old etag: %v", err)
		}
		for _, id := range []string{"a", "c", "b"} {
			h.source(id, serverSource())
		}
		var names []string
		for token := ""; ; {
			page, err := h.sources().ListSources(admin, &ingestv1.ListSourcesRequest{PageSize: 3, PageToken: token})
			h.ok(err)
			for _, s := range page.GetSources() {
				names = append(names, s.GetName())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if strings.Join(names, " ") != "sources/a sources/b sources/c sources/web" {
			t.Errorf("list: %v", names)
		}
	})
}

func TestTheSecretOfASourceIsForTheEdgeAlone(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		webhook := func(secret string) *ingestv1.Source {
			return &ingestv1.Source{Name: "sources/forms", Kind: ingestv1.Source_KIND_WEBHOOK, Webhook: &ingestv1.WebhookConfig{Preset: "typeform", Secret: secret}}
		}
		resolve := func() string {
			r, err := h.sources().ResolveSource(h.service(), &ingestv1.ResolveSourceRequest{Name: "sources/forms"})
			h.ok(err)
			return r.GetWebhookSecret()
		}
		made := h.source("forms", webhook(""))
		if made.GetWebhook().GetSecretSet() || resolve() != "" {
			t.Errorf("without a secret: %v", made)
		}
		admin := h.as(typev1.Role_ROLE_ADMIN)
		changed, err := h.sources().UpdateSource(admin, &ingestv1.UpdateSourceRequest{Source: webhook("hush hush")})
		if err != nil || changed.GetWebhook().GetSecret() != "" || !changed.GetWebhook().GetSecretSet() || resolve() != "hush hush" {
			t.Errorf("%v, %v, %q", changed, err, resolve())
		}
		other := webhook("")
		other.Webhook.Preset = "zoom"
		if changed, err = h.sources().UpdateSource(admin, &ingestv1.UpdateSourceRequest{Source: other}); err != nil || resolve() != "hush hush" {
			t.Errorf("another preset: %v, %v; the secret stays", changed, err)
		}
		got, err := h.sources().GetSource(admin, &ingestv1.GetSourceRequest{Name: "sources/forms"})
		if err != nil || strings.Contains(got.String(), "hush") {
			t.Errorf("%v, %v", got, err)
		}
		var plain int
		h.ok(h.db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM sources WHERE content LIKE $1 OR secret LIKE $1`, []byte("%hush%")).Scan(&plain))
		if plain != 0 {
			t.Error("the secret can be read in the database")
		}
	})
}

func TestNoSuchSource(t *testing.T) {
	h := onSQLite(t)
	admin := h.as(typev1.Role_ROLE_ADMIN)
	h.source("shop", serverSource())
	hook := func(w *ingestv1.WebhookConfig) *ingestv1.Source {
		return &ingestv1.Source{Kind: ingestv1.Source_KIND_WEBHOOK, Webhook: w}
	}
	rules := func(r *ingestv1.EventRule) *ingestv1.Source {
		return &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER, EventRules: []*ingestv1.EventRule{r}}
	}
	for name, c := range map[string]struct {
		id     string
		source *ingestv1.Source
		field  string
	}{
		"no kind":                {"x", &ingestv1.Source{}, "source.kind"},
		"a bad id":               {"Web Site", serverSource(), "sourceId"},
		"the source of none":     {"api", serverSource(), "sourceId"},
		"a path that is taken":   {"crm", serverSource(), "sourceId"},
		"origins of a server":    {"x", &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER, AllowedOrigins: []string{"https://a.example"}}, "source.allowedOrigins"},
		"an origin with a path":  {"x", &ingestv1.Source{Kind: ingestv1.Source_KIND_BROWSER, AllowedOrigins: []string{"https://a.example", "https://a.example/x"}}, "source.allowedOrigins[1]"},
		"a bad attribute":        {"x", &ingestv1.Source{Kind: ingestv1.Source_KIND_BROWSER, ProtectedAttributes: []string{"jobTitle"}}, "source.protectedAttributes[0]"},
		"a rule with a bad type": {"x", rules(&ingestv1.EventRule{Event: "A", Type: "Trial Started"}), "source.eventRules[0].type"},
		"a rule of lifecycle":    {"x", rules(&ingestv1.EventRule{Event: "A", Type: "lifecycle.won"}), "source.eventRules[0].type"},
		"a rule that does both":  {"x", rules(&ingestv1.EventRule{Event: "A", Type: "a.b", Drop: true}), "source.eventRules[0].drop"},
		"a rule of nothing":      {"x", rules(&ingestv1.EventRule{Event: "A"}), "source.eventRules[0].type"},
		"a star in the middle":   {"x", rules(&ingestv1.EventRule{Event: "A * B", Drop: true}), "source.eventRules[0].event"},
		"a webhook of a server":  {"x", &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER, Webhook: &ingestv1.WebhookConfig{Preset: "zoom"}}, "source.webhook"},
		"a webhook without one":  {"x", hook(nil), "source.webhook"},
		"no such preset":         {"x", hook(&ingestv1.WebhookConfig{Preset: "nobody"}), "source.webhook.preset"},
		"no scheme":              {"x", hook(&ingestv1.WebhookConfig{}), "source.webhook.scheme"},
		"no mapping":             {"x", hook(&ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS}), "source.webhook.mapping"},
		"no header": {"x", hook(&ingestv1.WebhookConfig{
			Scheme: ingestv1.WebhookConfig_SCHEME_HMAC, Mapping: &ingestv1.WebhookMapping{},
		}), "source.webhook.hmac.header"},
		"a time that is not sent": {"x", hook(&ingestv1.WebhookConfig{
			Scheme: ingestv1.WebhookConfig_SCHEME_HMAC, Mapping: &ingestv1.WebhookMapping{}, Hmac: &ingestv1.HmacScheme{Header: "X-Sig", Signed: "{timestamp}.{body}"},
		}), "source.webhook.hmac.timestampHeader"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.sources().CreateSource(admin, &ingestv1.CreateSourceRequest{Source: c.source, SourceId: c.id})
			if v := apierr.Violations(err); len(v) == 0 || v[0].Field != c.field {
				t.Errorf("%v, want %s", err, c.field)
			}
		})
	}
	for name, req := range map[string]*ingestv1.UpdateSourceRequest{
		"no name":         {Source: &ingestv1.Source{}},
		"another kind":    {Source: &ingestv1.Source{Name: "sources/shop", Kind: ingestv1.Source_KIND_BROWSER}},
		"what is not his": {Source: &ingestv1.Source{Name: "sources/shop"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"create_time"}}},
	} {
		if _, err := h.sources().UpdateSource(admin, req); apierr.Reason(err) != "INVALID_FIELD" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.sources().UpdateSource(admin, &ingestv1.UpdateSourceRequest{Source: &ingestv1.Source{Name: "sources/none", DisplayName: "x"}})
	if apierr.Reason(err) != "NOT_FOUND" {
		t.Errorf("%v", err)
	}
	if _, err := h.sources().GetSource(admin, &ingestv1.GetSourceRequest{Name: "sources/none"}); apierr.Reason(err) != "NOT_FOUND" {
		t.Errorf("%v", err)
	}
	if _, err := h.sources().ResolveSource(admin, &ingestv1.ResolveSourceRequest{Name: "sources/shop"}); apierr.Reason(err) != "PERMISSION_DENIED" {
		t.Errorf("%v", err)
	}
}

// captureOf is a form that somebody fills in.
func captureOf(email string, attributes map[string]any, activities ...*ingestv1.Activity) *ingestv1.CaptureLeadRequest {
	said, err := structpb.NewStruct(attributes)
	if err != nil {
		panic(err)
	}
	return &ingestv1.CaptureLeadRequest{
		Lead:       &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: email}}, Attributes: said},
		Activities: activities,
	}
}

// lead returns who has an address.
func (h *house) lead(email string) *ingestv1.Lead {
	h.t.Helper()
	r, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: &ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: email}})
	h.ok(err)
	return r.GetLead()
}

func TestAWriteKeySpeaksForItsSource(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.source("shop", serverSource())
		h.source("web", browserSource())
		page := func(id string) *ingestv1.Activity {
			return &ingestv1.Activity{Id: id, Type: "page.viewed", Source: "crm"}
		}
		for _, c := range []struct {
			id      string
			browser bool
		}{{"shop", false}, {"web", true}} {
			email := c.id + "@example.com"
			req := captureOf(email, map[string]any{"city": "Bonn"}, page("1"))
			req.Source = "crm"
			_, err := h.CaptureLead(h.with(c.id, c.browser), req)
			h.ok(err)
			_, err = h.BatchCaptureLeads(h.with(c.id, c.browser), &ingestv1.BatchCaptureLeadsRequest{Requests: []*ingestv1.CaptureLeadRequest{captureOf(email, nil, page("2"))}})
			h.ok(err)
			_, err = h.BatchRecordActivities(h.with(c.id, c.browser), &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{
				{Identity: &ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: email}, Activity: page("3")},
			}})
			h.ok(err)
			list, err := h.ListActivities(h.marketing(), &ingestv1.ListActivitiesRequest{Parent: h.lead(email).GetName()})
			h.ok(err)
			for _, a := range list.GetActivities() {
				if a.GetSource() != c.id {
					t.Errorf("activity %s is of %s", a.GetId(), a.GetSource())
				}
			}
			if len(list.GetActivities()) != 3 {
				t.Errorf("%d activities", len(list.GetActivities()))
			}
			var source string
			h.ok(h.db.Read().QueryRowContext(t.Context(), `SELECT source FROM attributes WHERE key = 'city' AND lead_id = $1`,
				strings.TrimPrefix(h.lead(email).GetName(), "leads/")).Scan(&source))
			if source != c.id {
				t.Errorf("the city was said by %s", source)
			}
		}
		// Who has no source names one.
		h.capture(captureOf("else@example.com", nil, page("1")))
	})
}

func TestWhatABrowserMayNotSay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.source("web", &ingestv1.Source{Kind: ingestv1.Source_KIND_BROWSER, ProtectedAttributes: []string{"budget"}})
		h.source("shop", &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER, ProtectedAttributes: []string{"budget"}})
		said := map[string]any{"job_title": "CTO", "unsubscribed": true, "customer": true, "lead_status": "dead", "budget": 7}
		_, err := h.CaptureLead(h.with("web", true), captureOf("web@example.com", said, &ingestv1.Activity{Id: "e1", Type: "form.submitted"}))
		h.ok(err)
		_, err = h.CaptureLead(h.with("shop", false), captureOf("shop@example.com", said))
		h.ok(err)
		has := func(email string) string {
			fields := h.lead(email).GetAttributes().GetFields()
			keys := make([]string, 0, len(fields))
			for key := range fields {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			return strings.Join(keys, " ")
		}
		if got := has("web@example.com"); got != "email_domain job_title" {
			t.Errorf("a browser said %s", got)
		}
		if got := has("shop@example.com"); got != "customer email_domain job_title lead_status unsubscribed" {
			t.Errorf("a server said %s", got)
		}
		list, err := h.rejected.ListRejectedEvents(h.marketing(), &ingestv1.ListRejectedEventsRequest{Filter: `source = "web"`})
		h.ok(err)
		if len(list.GetRejectedEvents()) != 1 {
			t.Fatalf("reported: %v", list)
		}
		one, err := h.rejected.GetRejectedEvent(h.marketing(), &ingestv1.GetRejectedEventRequest{Name: list.GetRejectedEvents()[0].GetName()})
		h.ok(err)
		if one.GetReason() != "NOT_TRUSTED" || one.GetEventId() != "e1" || !strings.Contains(one.GetMessage(), "budget, customer, lead_status, unsubscribed") ||
			!strings.Contains(one.GetPayload(), "unsubscribed") || strings.Contains(one.GetPayload(), "CTO") {
			t.Errorf("reported: %v", one)
		}

		late := captureOf("web@example.com", nil)
		late.Historical = true
		if _, err := h.CaptureLead(h.with("web", true), late); apierr.Violations(err) == nil || apierr.Violations(err)[0].Field != "historical" {
			t.Errorf("history from a browser: %v", err)
		}
		r, err := h.BatchRecordActivities(h.with("web", true), &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{
			{Lead: h.lead("shop@example.com").GetName(), Activity: &ingestv1.Activity{Type: "page.viewed"}},
		}})
		h.ok(err)
		if got := r.GetResults()[0]; got.GetErrorField() != "activities[0].lead" || got.GetLead() != "" {
			t.Errorf("a lead by its name: %v", got)
		}
	})
}

// What a browser's key is answered says nothing of who is known.
func TestABrowserLearnsTheNextStepOnly(t *testing.T) {
	h := onSQLite(t)
	h.source("web", browserSource())
	h.capture(captureOf("known@example.com", map[string]any{"job_title": "CTO"}))
	ask := func(email string) string {
		r, err := h.CaptureLead(h.with("web", true), captureOf(email, nil, &ingestv1.Activity{Id: email, Type: "page.viewed"}))
		h.ok(err)
		_ = r.GetActivityResults()[0].GetId()
		r.ActivityResults[0].Id = ""
		return fmt.Sprint(r)
	}
	if known, unknown := ask("known@example.com"), ask("unknown@example.com"); known != unknown || strings.Contains(known, "leads/") {
		t.Errorf("a known lead is answered with %q, an unknown one with %q", known, unknown)
	}
	waiting := captureOf("waits@example.com", nil)
	waiting.WaitForDecision = true
	answered := make(chan *ingestv1.CaptureLeadResponse, 1)
	go func() {
		r, _ := h.CaptureLead(h.with("web", true), waiting)
		answered <- r
	}()
	for decided := 0; decided < 3; {
		for _, c := range h.claim(10) {
			_, err := h.pending.Complete(h.service(), &ingestv1.CompleteRequest{Completions: []*ingestv1.Completion{{
				Lead: c.GetLead(), Fence: c.GetFence(), Version: c.GetToVersion(), Outcome: ingestv1.Completion_OUTCOME_DECIDED,
				Decision: &typev1.DecisionDigest{
					Verdict: typev1.Verdict_VERDICT_NEEDS_DATA, Stage: typev1.LifecycleStage_LIFECYCLE_STAGE_LEAD,
					NextStep: typev1.NextStep_NEXT_STEP_ASK, Questions: []string{"company_size"},
				},
			}}})
			h.ok(err)
			decided++
		}
	}
	want := &ingestv1.CaptureLeadResponse{Decision: &typev1.DecisionDigest{NextStep: typev1.NextStep_NEXT_STEP_ASK, Questions: []string{"company_size"}}}
	if got := <-answered; !proto.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestADisabledSourceTakesNothing(t *testing.T) {
	h := onSQLite(t)
	h.source("shop", serverSource())
	capture := func() error {
		_, err := h.CaptureLead(h.with("shop", false), captureOf("a@example.com", nil))
		return err
	}
	h.ok(capture())
	_, err := h.sources().UpdateSource(h.as(typev1.Role_ROLE_ADMIN), &ingestv1.UpdateSourceRequest{Source: &ingestv1.Source{Name: "sources/shop", Disabled: true}})
	h.ok(err)
	if err := capture(); apierr.Reason(err) != "SOURCE_DISABLED" {
		t.Errorf("%v", err)
	}
	if _, err := h.CaptureLead(h.with("none", false), captureOf("a@example.com", nil)); apierr.Reason(err) != "PERMISSION_DENIED" {
		t.Errorf("a source that is none: %v", err)
	}
}

// Package source knows where facts come from: what may be said of a source, and what a
// source may say.
//
// The key of a browser stands in web pages, so anybody may send with it. What it says of a
// person is taken, as from any form; what would take a lead out of sales' hands, or say how
// things stand with sales, is not: see [Protected].
package source

import (
	"slices"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/origin"
)

const prefix = "sources/"

// Name returns the resource name of a source.
func Name(id string) string { return prefix + id }

// ID returns the id in a resource name, whose form the API has checked.
func ID(name string) string { return strings.TrimPrefix(name, prefix) }

// reserved are ids that mean something else: `api` is the source of what names none, and
// `/hooks/crm/…` is where CRMs report.
var reserved = []string{activity.DefaultSource, "assay", "crm"}

// CheckID says what is wrong with the id of a new source.
func CheckID(field, id string) *violation.Violation {
	if slices.Contains(reserved, id) {
		return violation.New(field, "an id other than "+strings.Join(reserved, ", "))
	}
	return nil
}

// presets are the tools whose webhooks are known.
var presets = []string{"sendgrid", "typeform", "zoom"}

// Check says what is wrong with a source, and brings its origins into the form in which
// they are compared. Fields are relative to the source.
func Check(s *ingestv1.Source) *violation.Violation {
	if s.GetKind() != ingestv1.Source_KIND_BROWSER && len(s.GetAllowedOrigins()) > 0 {
		return violation.New("allowedOrigins", "none: only pages have an origin, and only a source of the kind BROWSER sends from pages")
	}
	for i, text := range s.GetAllowedOrigins() {
		p, ok := origin.Parse(text)
		if !ok {
			return violation.New("", origin.Expected).At("allowedOrigins", i)
		}
		s.AllowedOrigins[i] = p.String()
	}
	for i, rule := range s.GetEventRules() {
		if v := checkRule(rule); v != nil {
			return v.At("eventRules", i)
		}
	}
	for i, key := range s.GetProtectedAttributes() {
		if v := lead.CheckKey(key); v != nil {
			return v.At("protectedAttributes", i)
		}
	}
	if webhook := s.GetKind() == ingestv1.Source_KIND_WEBHOOK; webhook != (s.GetWebhook() != nil) {
		if webhook {
			return violation.New("webhook", "how it is verified and read: a preset, or a scheme and a mapping")
		}
		return violation.New("webhook", "nothing: only a source of the kind WEBHOOK has one")
	}
	return checkWebhook(s.GetWebhook()).Under("webhook")
}

func checkRule(r *ingestv1.EventRule) *violation.Violation {
	if i := strings.IndexByte(r.GetEvent(), '*'); i >= 0 && i < len(r.GetEvent())-1 {
		return violation.New("event", "a name, or its beginning and one * at the end")
	}
	switch {
	case r.GetDrop() && (r.GetType() != "" || len(r.GetProperties()) > 0):
		return violation.New("drop", "nothing beside type and properties: what is left out has none")
	case !r.GetDrop() && r.GetType() == "" && len(r.GetProperties()) == 0:
		return violation.New("type", "a type, properties or drop: else the rule does nothing")
	case r.GetType() == "":
		return nil
	}
	return activity.CheckType("type", r.GetType())
}

func checkWebhook(w *ingestv1.WebhookConfig) *violation.Violation {
	switch {
	case w == nil:
		return nil
	case w.GetPreset() != "" && !slices.Contains(presets, w.GetPreset()):
		return violation.New("preset", "one of "+strings.Join(presets, ", ")+", or nothing")
	case w.GetPreset() == "" && w.GetScheme() == ingestv1.WebhookConfig_SCHEME_UNSPECIFIED:
		return violation.New("scheme", "a scheme, or a preset that has one")
	case w.GetPreset() == "" && w.GetMapping() == nil:
		return violation.New("mapping", "a mapping, or a preset that has one")
	case w.GetScheme() == ingestv1.WebhookConfig_SCHEME_HMAC && w.GetHmac().GetHeader() == "":
		return violation.New("hmac.header", "the header with the signature")
	case w.GetScheme() != ingestv1.WebhookConfig_SCHEME_HMAC && w.GetHmac() != nil:
		return violation.New("hmac", "nothing, unless the scheme is SCHEME_HMAC")
	}
	if signed := w.GetHmac().GetSigned(); signed != "" && !strings.Contains(signed, "{body}") {
		return violation.New("hmac.signed", "a text with {body} in it, e.g. v0:{timestamp}:{body}")
	}
	if w.GetHmac().GetTimestampHeader() == "" && strings.Contains(w.GetHmac().GetSigned(), "{timestamp}") {
		return violation.New("hmac.timestampHeader", "the header with the time that is signed")
	}
	return nil
}

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
	"github.com/assay-hq/assay/services/internal/webhook"
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
	switch webhook := s.GetWebhook(); s.GetKind() {
	case ingestv1.Source_KIND_WEBHOOK:
		if webhook == nil {
			return violation.New("webhook", "how it is verified and read: a preset, or a scheme and a mapping")
		}
	case ingestv1.Source_KIND_SERVER:
		if webhook != nil && webhook.GetPreset() != "cloudevents" {
			return violation.New("webhook", "nothing, or the preset cloudevents with a mapping: only a source of the kind WEBHOOK has another")
		}
	default:
		if webhook != nil {
			return violation.New("webhook", "nothing: only a source of the kind WEBHOOK has one")
		}
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
	if w == nil {
		return nil
	}
	if wrong := webhook.Check(w); len(wrong) > 0 {
		return violation.New(wrong[0].Field, wrong[0].Expected)
	}
	return nil
}

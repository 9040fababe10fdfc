package intake

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// The paths at which browser clients read their settings before they send.
var settingsPattern = regexp.MustCompile(`^(?:/cdn)?/v1/projects/([^/]{1,512})/settings$`)

// settingsPath returns the pattern of a path of settings, nothing for other paths.
func settingsPath(path string) string {
	switch {
	case path == "/sourceConfig", path == "/sourceConfig/":
		return "/sourceConfig"
	case settingsPattern.MatchString(path):
		return "/v1/projects/{key}/settings"
	}
	return ""
}

// settings answers what a browser client asks before it sends.
func (d *Door) settings(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET,OPTIONS")
		d.inlet.Refuse(w, r, apierr.MethodNotAllowed(http.MethodGet))
		return
	}
	var answer any
	if match := settingsPattern.FindStringSubmatch(r.URL.Path); match != nil {
		answer = segmentSettings(match[1], r)
	} else {
		key, _ := headerKeys(r.Header)
		if !usable(key) {
			key = r.URL.Query().Get("writeKey")
		}
		from, err := d.admit(r, key)
		if err == nil && from == nil {
			err = noKey()
		}
		if err != nil {
			d.fail(w, r, err)
			return
		}
		answer = rudderConfig(from.source.ID, key)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// segmentSettings are those of analytics.js. The key in them replaces the page's: it must be
// the one that was asked for. They are no secret and say nothing of a source.
func segmentSettings(key string, r *http.Request) any {
	return map[string]any{
		"integrations": map[string]any{
			"Segment.io": map[string]any{
				"apiKey": key, "apiHost": r.Host + "/v1", "protocol": protocol(r),
				"addBundledMetadata": true, "unbundledIntegrations": []string{}, "versionSettings": map[string]any{"version": "4.4.7", "componentTypes": []string{"browser"}},
			},
		},
		"plan":                      map[string]any{"track": map[string]any{"__default": map[string]any{"enabled": true, "integrations": map[string]any{}}}, "identify": map[string]any{"__default": map[string]any{"enabled": true}}, "group": map[string]any{"__default": map[string]any{"enabled": true}}},
		"edgeFunction":              map[string]any{},
		"middlewareSettings":        map[string]any{"routingRules": []any{}},
		"enabledMiddleware":         map[string]any{},
		"metrics":                   map[string]any{"sampleRate": 0},
		"legacyVideoPluginsEnabled": false,
		"remotePlugins":             []any{},
	}
}

// protocol returns how the client reached us, as far as that is known here.
func protocol(r *http.Request) string {
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		return "https"
	}
	return "http"
}

// rudderConfig is that of RudderStack's client.
func rudderConfig(source, key string) any {
	off := map[string]any{"enabled": false}
	return map[string]any{
		"source": map[string]any{
			"id": source, "name": source, "writeKey": key, "enabled": true, "workspaceId": "assay",
			"config":       map[string]any{"statsCollection": map[string]any{"errors": off, "metrics": off}},
			"destinations": []any{}, "dataplanes": map[string]any{},
		},
		"updatedAt": "2026-01-01T00:00:00.000Z",
	}
}

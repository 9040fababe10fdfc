package e2e

import (
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// Which role may do what, by examples; the whole table is held by the test of the
// protos.
func TestEachRoleMayDoItsPart(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		lead, handoff := in.handedOff(t, person("dora@example.com", did("trial.started")))
		const (
			capture = iota
			read
			update
			batch
			work
			standards
			publish
			keys
			calls
		)
		call := [calls]struct {
			name, method, path string
			body               any
		}{
			capture:   {"capture", "POST", "/v1/leads:capture", person("dora@example.com")},
			read:      {"read", "GET", "/v1/" + lead, nil},
			update:    {"update", "PATCH", "/v1/" + lead, map[string]any{"attributes": map[string]any{"city": "Bonn"}}},
			batch:     {"batch", "POST", "/v1/leads:batchCapture", map[string]any{"requests": []any{person("dora@example.com")}}},
			work:      {"work a handoff", "POST", "/v1/" + handoff + ":reject", map[string]any{}}, // no reason: refused after the check of the role
			standards: {"read standards", "GET", "/v1/standards", nil},
			publish:   {"publish", "POST", "/v1/standards/default/versions/000000000000:publish", map[string]any{}},
			keys:      {"list keys", "GET", "/v1/apiKeys", nil},
		}
		for role, may := range map[typev1.Role][]int{
			typev1.Role_ROLE_INGEST:    {capture, batch},
			typev1.Role_ROLE_SALES:     {capture, read, work, standards},
			typev1.Role_ROLE_MARKETING: {capture, read, update, batch, standards, publish},
			typev1.Role_ROLE_MANAGER:   {capture, read, update, work, standards, publish},
			typev1.Role_ROLE_ADMIN:     {capture, read, update, batch, work, standards, publish, keys},
			typev1.Role_ROLE_AUDITOR:   {read, standards, keys},
		} {
			key := in.key(t, role)
			allowed := map[int]bool{}
			for _, c := range may {
				allowed[c] = true
			}
			for i, c := range call {
				a := in.call(t, key, c.method, c.path, c.body)
				if denied := a.status == 403; denied == allowed[i] || a.status == 401 || a.status >= 500 {
					t.Errorf("%v may %s: want %v, got %d %s", role, c.name, allowed[i], a.status, a.text)
				}
			}
		}
		if a := in.call(t, adminKey, "POST", "/v1/apiKeys", map[string]any{"actor": "x", "role": "ROLE_SERVICE"}); a.status != 400 {
			t.Errorf("a key with the role of a service: %d %s", a.status, a.text)
		}
	})
}

func TestARevokedKeyIsRefused(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		made := in.must(t, "POST", "/v1/apiKeys", map[string]any{"actor": "web-form", "role": "ROLE_INGEST"})
		key := made.str("secret")
		if a := in.call(t, key, "POST", "/v1/leads:capture", person("e@example.com")); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		in.must(t, "POST", "/v1/"+made.str("name")+":revoke", map[string]any{})
		// Within five seconds, by the cache of the door.
		eventually(t, "the revoked key is refused", func() bool {
			return in.call(t, key, "POST", "/v1/leads:capture", person("e@example.com")).status == 401
		})
	})
}

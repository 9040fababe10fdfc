package e2e

import "testing"

// person is a capture of somebody who fits.
func person(email string, activities ...map[string]any) map[string]any {
	return map[string]any{
		"lead": map[string]any{
			"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": email}},
			"attributes": map[string]any{"job_title": "VP Engineering", "industry": "software", "employees": 250, "country": "DE"},
		},
		"activities": activities,
	}
}

func did(typ string, properties ...any) map[string]any {
	a := map[string]any{"type": typ}
	if len(properties) > 0 {
		p := map[string]any{}
		for i := 0; i < len(properties); i += 2 {
			p[properties[i].(string)] = properties[i+1]
		}
		a["properties"] = p
	}
	return a
}

func with(m map[string]any, pairs ...any) map[string]any {
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// somebody is a capture of a person of whom next to nothing is known.
func somebody(email string) map[string]any {
	return map[string]any{
		"lead":       map[string]any{"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": email}}, "attributes": map[string]any{"job_title": "Engineer"}},
		"activities": []any{did("event.attended", "name", "fair")},
	}
}

// capture captures somebody and returns the answer when they are decided.
func (in *installation) capture(t *testing.T, capture map[string]any) answer {
	t.Helper()
	return in.must(t, "POST", "/v1/leads:capture", with(capture, "waitForDecision", true, "waitTimeout", "20s"))
}

// handedOff captures somebody who qualifies, and returns lead and handoff.
func (in *installation) handedOff(t *testing.T, capture map[string]any) (lead, handoff string) {
	t.Helper()
	lead = in.capture(t, capture).str("lead")
	handoff = in.must(t, "GET", "/v1/"+lead+"/qualification", nil).str("handoff")
	if handoff == "" {
		t.Fatalf("%s was not handed off", lead)
	}
	return lead, handoff
}

// qualified captures somebody who asks for a demo, and returns lead and handoff.
func (in *installation) qualified(t *testing.T, email string) (lead, handoff string) {
	t.Helper()
	return in.handedOff(t, person(email, did("page.viewed", "path", "/pricing"), did("demo.requested")))
}

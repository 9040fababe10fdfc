package gateway_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/test/openapi"
)

// A client that is generated from the document fills each parameter with an id.
func TestTheDocumentNamesEveryPathAndParameter(t *testing.T) {
	doc, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t)
	uuid := strings.TrimPrefix(offer, "handoffs/")
	ids := map[string]string{
		"account":  strings.TrimPrefix(lead, "leads/"),
		"lead":     strings.TrimPrefix(lead, "leads/"),
		"handoff":  strings.TrimPrefix(offer, "handoffs/"),
		"standard": "default", "dictionary": "competitors", "version": "0123456789abcdef", "apiKey": "17", "operation": strings.TrimPrefix(offer, "handoffs/"), "track": "sales",
		"user": "jane", "team": "dach", "approval": strings.TrimPrefix(offer, "handoffs/"),
		"destination": "crm", "delivery": uuid,
		"source": "web", "rejectedEvent": uuid, "mergeProposal": uuid, "correction": uuid, "import": uuid,
		"suppression": uuid, "erasure": uuid,
	}
	parameter := regexp.MustCompile(`\{([^}]+)\}`)
	for template, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			t.Run(method+" "+template, func(t *testing.T) {
				path := parameter.ReplaceAllStringFunc(template, func(p string) string {
					name := strings.Trim(p, "{}")
					described := operation.Parameters.GetByInAndName("path", name)
					if ids[name] == "" || described == nil || !strings.Contains(described.Description, "The id alone") {
						t.Errorf("parameter %s: %+v", p, described)
					}
					return ids[name]
				})
				// Found, and then refused for want of a key.
				if a := f.call(t, method, path, "", "Authorization", ""); a.status != http.StatusUnauthorized {
					t.Errorf("%s is answered with %d", path, a.status)
				}
			})
		}
	}
}

func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	f := newFront(t)
	for name, c := range map[string]struct {
		method, path, body, key string
		fail                    error
		status                  int
	}{
		"resource":      {"GET", "/v1/" + lead, "", "admin-key", nil, 200},
		"list":          {"GET", "/v1/leads?pageSize=1", "", "admin-key", nil, 200},
		"capture":       {"POST", "/v1/leads:capture", "{" + person + "}", "admin-key", nil, 200},
		"malformed":     {"POST", "/v1/leads:capture", `{"lead": 1}`, "admin-key", nil, 400},
		"no key":        {"GET", "/v1/" + lead, "", "", nil, 401},
		"denied":        {"PATCH", "/v1/" + lead, "{}", "sales-key", nil, 403},
		"not found":     {"GET", "/v1/" + lead, "", "admin-key", apierr.NotFound(lead), 404},
		"no such path":  {"GET", "/v1/prospects", "", "admin-key", nil, 404},
		"wrong method":  {"PUT", "/v1/leads", "", "admin-key", nil, 405},
		"wrong state":   {"GET", "/v1/" + lead, "", "admin-key", apierr.WrongState(lead, "A", "B"), 409},
		"too large":     {"POST", "/v1/leads:capture", strings.Repeat(" ", 1<<20+1), "admin-key", nil, 413},
		"an error ours": {"GET", "/v1/" + lead, "", "admin-key", fmt.Errorf("broken"), 500},
		"away":          {"GET", "/v1/" + lead, "", "admin-key", apierr.Unavailable("the store"), 503},
	} {
		t.Run(name, func(t *testing.T) {
			f.mu.Lock()
			f.fail = c.fail
			f.mu.Unlock()
			a := f.call(t, c.method, c.path, c.body, "Authorization", "Bearer "+c.key)
			if a.status != c.status {
				t.Errorf("%d, want %d: %s", a.status, c.status, a.text)
			}
			if err := openapi.Check(openapi.Answer{Method: c.method, Path: c.path, Status: a.status, Header: a.header, Body: []byte(a.text)}); err != nil {
				t.Error(err)
			}
		})
	}
}

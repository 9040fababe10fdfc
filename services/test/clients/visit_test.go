package clients

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/process"
)

// visit is what a client says of one person, and what the lead store then holds. The
// scripts in node/ and browser/ say the same.
type visit struct {
	client string
	// browser says that the key is public.
	browser bool
	// alias and group say that the client has these calls.
	alias, group bool
}

func (v visit) userID() string      { return "u-" + v.client }
func (v visit) anonymousID() string { return "a-" + v.client }
func (v visit) previousID() string  { return "p-" + v.client }
func (v visit) groupID() string     { return "g-" + v.client }
func (v visit) email() string       { return v.client + "@initech.example" }

// held waits until the store holds all of the visit.
func (v visit) held(t *testing.T, assay *process.Assay, source string) {
	t.Helper()
	var missing []string
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if missing = v.missing(t.Context(), assay); missing == nil {
			v.check(t, assay, source)
			return
		}
	}
	t.Fatalf("after 90 s the store lacks: %q", missing)
}

type lead struct {
	Name       string
	Account    string
	Identities []struct{ Kind, Value string }
	Attributes map[string]any
}

type timeline struct {
	Activities []struct {
		Type, Source string
		Properties   map[string]any
	}
}

// lookup returns the lead with an identity; nil: there is none.
func lookup(ctx context.Context, assay *process.Assay, kind, value string) *lead {
	var answer struct{ Lead lead }
	body := map[string]any{"identity": map[string]any{"kind": kind, "value": value}}
	if err := assay.Call(ctx, "POST", "/v1/leads:lookup", body, &answer); err != nil {
		return nil
	}
	return &answer.Lead
}

// missing says what the store does not hold yet.
func (v visit) missing(ctx context.Context, assay *process.Assay) (missing []string) {
	known := lookup(ctx, assay, "KIND_USER_ID", v.userID())
	if known == nil {
		return []string{"the lead with the user id"}
	}
	for kind, value := range v.identities() {
		if other := lookup(ctx, assay, kind, value); other == nil || other.Name != known.Name {
			missing = append(missing, "the "+kind+" of the lead")
		}
	}
	if known.Attributes["first_name"] != "Ada" || known.Attributes["plan"] != "trial" {
		missing = append(missing, fmt.Sprintf("attributes, of %v", known.Attributes))
	}
	var did timeline
	if err := assay.Call(ctx, "GET", "/v1/"+known.Name+"/activities", nil, &did); err != nil {
		return append(missing, err.Error())
	}
	seen := map[string]bool{}
	for _, a := range did.Activities {
		seen[a.Type] = true
	}
	for _, kind := range []string{"page.viewed", "trial.started"} {
		if !seen[kind] {
			missing = append(missing, "the activity "+kind)
		}
	}
	if v.group {
		if company := v.company(ctx, assay); company == nil || company.Name != known.Account {
			missing = append(missing, "the group as the lead's account")
		}
	}
	return missing
}

type account struct {
	Name       string
	Attributes map[string]any
}

// company returns the account of the group; nil: there is none.
func (v visit) company(ctx context.Context, assay *process.Assay) *account {
	var answer struct{ Account account }
	body := map[string]any{"identity": map[string]any{"kind": "KIND_EXTERNAL_ID", "value": v.groupID()}}
	if err := assay.Call(ctx, "POST", "/v1/accounts:lookup", body, &answer); err != nil {
		return nil
	}
	return &answer.Account
}

func (v visit) identities() map[string]string {
	ids := map[string]string{"KIND_EMAIL": v.email(), "KIND_ANONYMOUS_ID": v.anonymousID()}
	if v.alias && !v.browser {
		ids["KIND_USER_ID"] = v.previousID()
	}
	return ids
}

// check holds what is there to the visit: all of it once, nothing refused.
func (v visit) check(t *testing.T, assay *process.Assay, source string) {
	t.Helper()
	ctx := t.Context()
	known := lookup(ctx, assay, "KIND_USER_ID", v.userID())
	var did timeline
	if err := assay.Call(ctx, "GET", "/v1/"+known.Name+"/activities", nil, &did); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, a := range did.Activities {
		if strings.HasPrefix(a.Source, "assay:") { // what was decided
			continue
		}
		count[a.Type]++
		if a.Source != source {
			t.Errorf("%s is of the source %q, want %q", a.Type, a.Source, source)
		}
		switch a.Type {
		case "page.viewed":
			if a.Properties["path"] != "/pricing" {
				t.Errorf("the page is %v", a.Properties)
			}
		case "trial.started":
			if a.Properties["plan"] != "team" || a.Properties["seats"] != float64(7) {
				t.Errorf("the trial is %v", a.Properties)
			}
		}
	}
	for kind, n := range count {
		if n != 1 {
			t.Errorf("%d times %s, want once", n, kind)
		}
	}
	if v.group {
		// Nothing of it disqualifies, so that a public key may say it too.
		if company := v.company(ctx, assay); company == nil || company.Attributes["name"] != "Initech" || company.Attributes["employees"] != float64(250) {
			t.Errorf("the account is %v", company)
		}
	}
	var refused struct {
		RejectedEvents []map[string]any
	}
	if err := assay.Call(ctx, "GET", "/v1/rejectedEvents", nil, &refused); err != nil {
		t.Fatal(err)
	}
	for _, r := range refused.RejectedEvents {
		if r["source"] == source {
			t.Errorf("refused: %v", r)
		}
	}
}

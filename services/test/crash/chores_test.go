package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/process"
)

// chores are what takes a while and is killed in the middle of it: files that are imported,
// and people who ask to be forgotten.
type chores struct {
	imports  []string
	erasures []string
	forgot   []string // the addresses
}

// rows is how many rows each file has: several transactions.
const rows = 1500

// upload begins to import a file of what people did.
func (c *chores) upload(t *testing.T, assay *process.Assay) {
	t.Helper()
	var file strings.Builder
	file.WriteString("email,activity.id,activity.type,activity.time\n")
	n := len(c.imports)
	for i := range rows {
		fmt.Fprintf(&file, "file-%d-%d@crash.example,row-%d-%d,event.attended,2026-01-02T10:%02d:00Z\n", n, i/3, n, i, i%60)
	}
	var made struct{ Name string }
	err := assay.Send(t.Context(), http.MethodPost, "/v1/imports:upload?displayName=load.csv&kind=KIND_ACTIVITIES", []byte(file.String()), &made)
	if err == nil {
		err = assay.Call(t.Context(), http.MethodPost, "/v1/"+made.Name+":run", map[string]any{}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.imports = append(c.imports, made.Name)
}

// forget captures somebody and begins to forget them.
func (c *chores) forget(t *testing.T, assay *process.Assay) {
	t.Helper()
	email := fmt.Sprintf("gone-%d@crash.example", len(c.forgot))
	who := map[string]any{"kind": "KIND_EMAIL", "value": email}
	var captured struct{ Lead string }
	err := assay.Call(t.Context(), http.MethodPost, "/v1/leads:capture", map[string]any{
		"lead": map[string]any{"identities": []any{who}}, "activities": []any{map[string]any{"type": "demo.requested"}},
	}, &captured)
	var made struct{ Name string }
	if err == nil {
		err = assay.Call(t.Context(), http.MethodPost, "/v1/erasures", map[string]any{"identity": who, "mode": "MODE_DELETE", "reason": "asked"}, &made)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.erasures, c.forgot = append(c.erasures, made.Name), append(c.forgot, email)
}

// begin begins something that the next kill is to hit.
func (c *chores) begin(t *testing.T, assay *process.Assay, kill int, random *rand.Rand) {
	t.Helper()
	if kill%2 == 0 {
		c.upload(t, assay)
	} else {
		c.forget(t, assay)
	}
	time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
}

// check waits until all was taken up again and has ended.
func (c *chores) check(t *testing.T, assay *process.Assay) {
	t.Helper()
	for _, name := range c.imports {
		var i struct {
			State, Error string
			Counts       struct{ Rows, Created, Updated, Unchanged, Rejected int }
		}
		await(t, assay, name, &i, func() bool { return i.State != "STATE_RUNNING" })
		if i.State != "STATE_DONE" || i.Counts.Created != rows/3 || i.Counts.Updated != rows-rows/3 {
			t.Errorf("%s: %+v", name, i)
		}
	}
	for _, name := range c.erasures {
		var e struct {
			State string
			Steps []struct{ Service, Step string }
		}
		// The files are written anew after a while for which this does not wait.
		await(t, assay, name, &e, func() bool { return len(e.Steps) >= 4 })
	}
	for _, email := range c.forgot {
		err := assay.Call(t.Context(), http.MethodPost, "/v1/leads:lookup", map[string]any{"identity": map[string]any{"kind": "KIND_EMAIL", "value": email}}, nil)
		if refusal, ok := err.(*process.Refusal); !ok || refusal.Status != http.StatusNotFound { //nolint:errorlint // Call returns it as it is
			t.Errorf("%s was forgotten, and: %v", email, err)
		}
	}
}

// await reads a resource until it is as wanted.
func await(t *testing.T, assay *process.Assay, name string, into any, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		if err := assay.Call(context.Background(), http.MethodGet, "/v1/"+name, nil, into); err != nil {
			t.Fatal(err)
		}
		if holds() {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: after a minute %+v", name, into)
			return
		}
		time.Sleep(20 * time.Millisecond) // polls another process: there is no signal to wait for
	}
}

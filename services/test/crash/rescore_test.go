package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/test/process"
)

// A publish decides everybody again, whatever is killed meanwhile.
func TestARescoreGoesOnAfterAKill(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		rescored(t, process.New(t, []string{"--data-dir=" + dbtest.Folder(t)}), 4)
	})
	t.Run("postgres", func(t *testing.T) {
		database, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Durable: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		assay := process.New(t, []string{"--data-dir=" + dbtest.Folder(t), "--db=" + database})
		process.Migrate(t, database)
		rescored(t, assay, 2) // after each, its leases have to run out
	})
}

const (
	// visitors each viewed as many pages as their number says, at most views.
	visitors, views = 2500, 5
	// pageNow and pageThen are the points of a view before and after the publish.
	pageNow, pageThen = 1, 11
	// least qualifies.
	least = 50
)

func pages(t *testing.T, points int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "default.yaml")
	text := fmt.Sprintf(`id: default
engagement:
  groups:
    - id: what
      rules: [{id: viewed, activities: [page.viewed], points: %d}]
qualification:
  gates: {engagementScore: {atLeast: %d}}
`, points, least)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// operation is an operation as REST tells of it.
type operation struct {
	Name, State string
	Done        bool
	Progress    struct{ Total, Done, Failed, NewlyQualified int }
}

func rescored(t *testing.T, assay *process.Assay, most int) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 3))
	ctx := context.Background()
	call := func(method, path string, in, out any) {
		t.Helper()
		if err := assay.Call(ctx, method, path, in, out); err != nil {
			t.Fatal(err)
		}
	}

	assay.Start(t)
	assay.Publish(t, pages(t, pageNow))
	assay.Run(t, "held", "rate", "sales", "1") // nobody is released before the end
	leads := visit(t, assay)
	assay.Publish(t, pages(t, pageThen))
	var list struct{ Operations []operation }
	call(http.MethodGet, "/v1/operations?pageSize=1", nil, &list)
	o := list.Operations[0]

	// Killed at once, and then whenever it got on a little.
	kills, resumed := 0, false
	for ; kills < most && !o.Done; kills++ {
		from, patience := o.Progress.Done, 40*time.Second
		if kills == 0 {
			patience = time.Duration(random.IntN(300)) * time.Millisecond
		}
		for until := time.Now().Add(patience); o.Progress.Done == from && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			call(http.MethodGet, "/v1/"+o.Name, nil, &o)
		}
		resumed = resumed || o.Progress.Done > 0 && !o.Done
		t.Logf("killed after %d leads", o.Progress.Done)
		assay.Kill()
		assay.Start(t)
	}
	t.Logf("%d kills, %d of %d leads by then", kills, o.Progress.Done, o.Progress.Total)
	if !resumed {
		t.Error("it was never killed in the middle: this proves nothing")
	}
	for deadline := time.Now().Add(4 * time.Minute); !o.Done; call(http.MethodGet, "/v1/"+o.Name, nil, &o) {
		if time.Now().After(deadline) {
			t.Fatalf("the re-score does not end: %+v", o)
		}
		time.Sleep(20 * time.Millisecond) // polls another process: there is no signal to wait for
	}
	if o.State != "STATE_SUCCEEDED" || o.Progress.Total != visitors || o.Progress.Done != visitors || o.Progress.Failed != 0 {
		t.Errorf("operation %+v", o)
	}
	var standard struct{ ActiveVersion string }
	call(http.MethodGet, "/v1/standards/default", nil, &standard)
	qualify := 0
	for i, lead := range leads {
		var q struct {
			StandardVersion, Verdict, HeldUntilTime, Handoff, Stage string
			EngagementScore                                         float64
		}
		call(http.MethodGet, "/v1/"+lead+"/qualification", nil, &q)
		score := float64((i%views + 1) * pageThen)
		if q.StandardVersion != standard.ActiveVersion || q.EngagementScore != score {
			t.Fatalf("%s: %+v, want %v points by %s", lead, q, score, standard.ActiveVersion)
		}
		held := score >= least
		if held {
			qualify++
		}
		if held != (q.HeldUntilTime != "") || held != (q.Verdict == "VERDICT_QUALIFIED") || q.Handoff != "" {
			t.Fatalf("%s: %+v, held: want %v", lead, q, held)
		}
	}
	var held struct{ HeldLeads []struct{ Lead string } }
	call(http.MethodGet, "/v1/heldLeads?pageSize=1000", nil, &held)
	if len(held.HeldLeads) != qualify {
		t.Errorf("%d leads are held, want %d", len(held.HeldLeads), qualify)
	}
}

// visit captures the visitors, waits for their decisions, and returns their names.
func visit(t *testing.T, assay *process.Assay) (leads []string) {
	t.Helper()
	ctx := context.Background()
	for from := 0; from < visitors; from += 200 {
		var requests []any
		for i := from; i < min(from+200, visitors); i++ {
			var activities []any
			for n := range i%views + 1 {
				activities = append(activities, map[string]any{"id": fmt.Sprintf("v%d-%d", i, n), "type": "page.viewed", "source": "load"})
			}
			requests = append(requests, map[string]any{
				"lead":       map[string]any{"identities": []any{map[string]any{"kind": "KIND_USER_ID", "value": fmt.Sprint("visitor", i)}}},
				"activities": activities,
			})
		}
		var answer struct {
			Results []struct{ Response struct{ Lead string } }
		}
		if err := assay.Call(ctx, http.MethodPost, "/v1/leads:batchCapture", map[string]any{"requests": requests}, &answer); err != nil {
			t.Fatal(err)
		}
		for _, r := range answer.Results {
			leads = append(leads, r.Response.Lead)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		decided := 0
		for token := ""; ; {
			var page struct {
				Qualifications []struct{}
				NextPageToken  string
			}
			if err := assay.Call(ctx, http.MethodGet, "/v1/qualifications?pageSize=1000&pageToken="+token, nil, &page); err != nil {
				t.Fatal(err)
			}
			decided += len(page.Qualifications)
			if token = page.NextPageToken; token == "" {
				break
			}
		}
		if decided == len(leads) {
			return leads
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d leads are decided", decided, len(leads))
		}
	}
}

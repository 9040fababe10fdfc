package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/test/process"
)

// Against a receiver that honours the key: nothing is lost and nothing doubled, whenever
// the process that delivers is killed.
func TestDeliveriesSurviveKills(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		delivered(t, process.New(t, deliveryArgs(t)), *kills)
	})
	t.Run("postgres", func(t *testing.T) {
		database, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Durable: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		assay := process.New(t, append(deliveryArgs(t), "--db="+database), "ASSAY_SECRETS_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
		process.Migrate(t, database)
		delivered(t, assay, *kills/10) // after each, its leases have to run out
	})
}

func deliveryArgs(t *testing.T) []string {
	return []string{"--data-dir=" + dbtest.Folder(t), "--allow-networks=127.0.0.0/8"}
}

// crm is a receiver that honours the key: the same message again changes nothing.
type crm struct {
	sync.Mutex
	secret string
	// bodies by key, handoffs by name with the keys they came under.
	bodies map[string]string
	keys   map[string][]string
	again  int
	wrong  []string
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // killed in the middle of it
	}
	c.Lock()
	c.take(r.Header, body)
	c.Unlock()
	// Between having it and saying so: the moment at which a kill hurts.
	time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
	w.WriteHeader(http.StatusNoContent)
}

func (c *crm) take(header http.Header, body []byte) {
	key := header.Get("Webhook-Id")
	if verifier, err := standardwebhooks.NewWebhook(c.secret); err != nil || verifier.Verify(body, header) != nil {
		c.wrong = append(c.wrong, key+" has a wrong signature")
	}
	if before, known := c.bodies[key]; known {
		c.again++
		if before != string(body) {
			c.wrong = append(c.wrong, key+" came with other bytes")
		}
		return
	}
	c.bodies[key] = string(body)
	var message struct {
		Type string
		Data struct{ Lead, Handoff string }
	}
	if err := json.Unmarshal(body, &message); err != nil || message.Type != "handoff.created" {
		c.wrong = append(c.wrong, fmt.Sprintf("%s is no handoff: %v", key, err))
	}
	c.keys[message.Data.Lead] = append(c.keys[message.Data.Lead], key)
}

func delivered(t *testing.T, assay *process.Assay, kills int) {
	receiver := &crm{bodies: map[string]string{}, keys: map[string][]string{}}
	server := httptest.NewServer(receiver)
	defer server.Close()
	assay.Start(t)
	var destination struct{ Secret string }
	if err := assay.Call(t.Context(), http.MethodPost, "/v1/destinations?destinationId=crm", map[string]any{
		"kind": "KIND_WEBHOOK", "url": server.URL, "eventTypes": []string{"handoff.created"}, "detail": "DETAIL_FULL", "maxConcurrency": 4,
	}, &destination); err != nil {
		t.Fatal(err)
	}
	receiver.Lock()
	receiver.secret = destination.Secret
	receiver.Unlock()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	captured := make([]map[string]bool, 3)
	for sender := range captured {
		captured[sender] = map[string]bool{}
		load.Go(func() { handRaisers(ctx, assay, sender, captured[sender]) })
	}
	for range kills {
		time.Sleep(200*time.Millisecond + rand.N(500*time.Millisecond))
		assay.Kill()
		assay.Start(t)
	}
	cancel()
	load.Wait()

	leads := 0
	for _, of := range captured {
		leads += len(of)
	}
	missing := func() (n int) {
		receiver.Lock()
		defer receiver.Unlock()
		for _, of := range captured {
			for lead := range of {
				if len(receiver.keys[lead]) == 0 {
					n++
				}
			}
		}
		return n
	}
	for deadline := time.Now().Add(60 * time.Second); missing() > 0 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond) // another process works: there is no signal to wait for
	}
	receiver.Lock()
	defer receiver.Unlock()
	lost, doubled := 0, 0
	for _, of := range captured {
		for lead := range of {
			switch n := len(receiver.keys[lead]); {
			case n == 0:
				lost++
			case n > 1:
				doubled++
			}
		}
	}
	if lost > 0 || doubled > 0 || len(receiver.wrong) > 0 {
		t.Errorf("of %d: %d lost, %d doubled, wrong: %v", leads, lost, doubled, receiver.wrong)
	}
	t.Logf("%d kills: %d handoffs, %d of them sent again under the same key", kills, leads, receiver.again)
}

// handRaisers captures people who ask for a demo, until the context ends; each that was
// acknowledged is noted.
func handRaisers(ctx context.Context, assay *process.Assay, sender int, captured map[string]bool) {
	for n := 0; ctx.Err() == nil; n++ {
		var answer struct{ Lead string }
		err := assay.Call(ctx, http.MethodPost, "/v1/leads:capture", map[string]any{
			"lead":       map[string]any{"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": fmt.Sprintf("%d-%d@crash.example", sender, n)}}},
			"activities": []any{map[string]any{"id": fmt.Sprintf("demo-%d-%d", sender, n), "type": "demo.requested", "source": "load"}},
		}, &answer)
		if err == nil {
			captured[answer.Lead] = true
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

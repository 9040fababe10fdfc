package upload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

// server answers batches: each capture is created, but for those of the source `bad`.
func server(t *testing.T, refuse func(call int32) int) *api.Client {
	t.Helper()
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := refuse(calls.Add(1)); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"detail": "not now"}`)
			return
		}
		var in struct {
			Requests []struct{ Source string }
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		var results []string
		for i, c := range in.Requests {
			result := fmt.Sprintf(`{"index": %d, "response": {"lead": "leads/%s", "outcome": "OUTCOME_CREATED", "factsVersion": 1}}`, i, c.Source)
			if strings.HasPrefix(c.Source, "bad") {
				result = fmt.Sprintf(`{"index": %d, "errorReason": "INVALID_FIELD", "errorField": "f", "errorMessage": "expected x"}`, i)
			}
			results = append(results, result)
		}
		_, _ = io.WriteString(w, `{"results": [`+strings.Join(results, ",")+`]}`)
	}))
	t.Cleanup(s.Close)
	client, err := api.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// uploader sends n captures of which every seventh is bad and every eleventh is
// rejected before it is sent; it notes the rejects.
func uploader(client *api.Client, n int, rejected *[]int) *Uploader[int] {
	next := 0
	return &Uploader[int]{
		Client:   client,
		Patience: 10 * time.Second,
		Next: func() (Item[int], error) {
			if next == n {
				return Item[int]{}, io.EOF
			}
			next++
			item := Item[int]{Tag: next, Request: &ingestv1.CaptureLeadRequest{Source: fmt.Sprintf("s%d", next)}}
			switch {
			case next%7 == 0:
				item.Request.Source = "bad"
			case next%11 == 0:
				item.Request, item.Reason = nil, "no"
			}
			return item, nil
		},
		Reject: func(tag int, _ string) error { *rejected = append(*rejected, tag); return nil },
	}
}

func TestEverythingIsCountedOnceAndRejectsKeepTheirOrder(t *testing.T) {
	var rejected []int
	u := uploader(server(t, func(int32) int { return 0 }), 5000, &rejected)
	sum, versions, err := u.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for i := 1; i <= 5000; i++ {
		if i%7 == 0 || i%11 == 0 {
			if rejected[want] != i {
				t.Fatalf("reject %d is %d, want %d", want, rejected[want], i)
			}
			want++
		}
	}
	if sum != (Summary{Created: 5000 - want, Rejected: want}) || len(versions) != 5000-want {
		t.Errorf("%+v with %d leads, want %d rejected", sum, len(versions), want)
	}
}

func TestABatchIsRepeatedWhileTheServerIsAway(t *testing.T) {
	var rejected []int
	u := uploader(server(t, func(call int32) int {
		return map[int32]int{1: 503, 2: 429, 4: 504}[call]
	}), 1000, &rejected)
	sum, _, err := u.Run(t.Context())
	if err != nil || sum.Leads()+sum.Rejected != 1000 {
		t.Errorf("%+v %v", sum, err)
	}
}

func TestARefusalEndsTheUpload(t *testing.T) {
	var rejected []int
	u := uploader(server(t, func(int32) int { return 403 }), 1000, &rejected)
	sum, _, err := u.Run(t.Context())
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Status != 403 || sum.Leads() != 0 {
		t.Errorf("%+v %v", sum, err)
	}
	stop := errors.New("the file broke off")
	u = uploader(server(t, func(int32) int { return 0 }), 1000, &rejected)
	u.Next = func() (Item[int], error) { return Item[int]{}, stop }
	if _, _, err := u.Run(t.Context()); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestPatienceEnds(t *testing.T) {
	var rejected []int
	u := uploader(server(t, func(int32) int { return 503 }), 10, &rejected)
	u.Patience = 150 * time.Millisecond
	if _, _, err := u.Run(t.Context()); !api.Temporary(err) {
		t.Errorf("error %v", err)
	}
}

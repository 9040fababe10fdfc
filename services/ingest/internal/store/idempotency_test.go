package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// call is a capture with a request id whose reply tells the version.
func call(id, digest string, s *store.Subject) *store.Capture {
	return &store.Capture{
		RequestID: id, Digest: []byte(digest), Received: start, Subjects: []*store.Subject{s},
		Reply: func() ([]byte, error) { return fmt.Appendf(nil, "%s at %d", s.Result.Lead, s.Result.Version), nil },
	}
}

func TestARepeatedCallHasTheReplyOfTheFirst(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		said := func(title string) *store.Subject {
			s := subject(email("a@x.example"))
			s.Attributes = attributes("title", title)
			return s
		}
		first := call("r1", "body", said(`"Dev"`))
		f.ok(f.Capture(t.Context(), first))
		f.says("a@x.example", "title", `"CTO"`)
		again := call("r1", "body", said(`"Dev"`))
		f.ok(f.Capture(t.Context(), again))
		if want := first.Subjects[0].Result.Lead + " at 1"; first.Replayed != nil || string(again.Replayed) != want {
			t.Errorf("%q, want %q", again.Replayed, want)
		}
		if n := f.lead(first.Subjects[0].Result.Lead).Version; n != 2 {
			t.Errorf("the repetition was stored: version %d", n)
		}
		other := call("r1", "another body", said(`"Dev"`))
		if err := f.Capture(t.Context(), other); !errors.Is(err, store.ErrRequestIDReused) {
			t.Error(err)
		}
	})
}

func TestARefusedCallMayBeTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.says("a@x.example", "title", `"Dev"`).Lead
		try := func(etag string) error {
			return f.Capture(t.Context(), call("r1", "body", &store.Subject{Lead: id, ETag: etag, Attributes: attributes("title", `"CTO"`), Effective: start.Add(time.Hour), Source: "api"}))
		}
		if err := try("stale"); !errors.Is(err, store.ErrETagMismatch) {
			t.Fatal(err)
		}
		f.ok(try(f.lead(id).ETag))
	})
}

func TestRepliesAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for i := range 3 {
			c := call(fmt.Sprint("r", i), "body", subject(email("a@x.example")))
			c.Received = start.Add(time.Duration(i) * time.Hour)
			f.ok(f.Capture(t.Context(), c))
		}
		f.ok(f.Prune(t.Context(), start.Add(90*time.Minute)))
		if n := f.count(`SELECT count(*) FROM requests`); n != 1 {
			t.Errorf("%d replies are left", n)
		}
	})
}

// The same call from many goroutines and processes at once is stored once, and all
// have one reply.
func TestRepeatedCallsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		processes := []*store.Store{f.Store}
		if f.db.Dialect().String() == "postgres" {
			processes = append(processes, f.process())
		}
		for round := range 10 {
			var all sync.WaitGroup
			var mu sync.Mutex
			replies := map[string]int{}
			for i := range 8 {
				all.Go(func() {
					s := subject(email(fmt.Sprintf("r%d@x.example", round)))
					s.Activities = append(s.Activities, act(fmt.Sprint("r", round), 0))
					c := call(fmt.Sprint("r", round), "body", s)
					if err := processes[i%len(processes)].Capture(t.Context(), c); err != nil {
						t.Error(err)
						return
					}
					reply, _ := c.Reply()
					if c.Replayed != nil {
						reply = c.Replayed
					}
					mu.Lock()
					replies[string(reply)]++
					mu.Unlock()
				})
			}
			all.Wait()
			if len(replies) != 1 {
				t.Fatalf("replies: %v", replies)
			}
		}
		if n := f.count(`SELECT count(*) FROM activities`); n != 10 {
			t.Errorf("%d activities", n)
		}
	})
}

package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// await waits for a decision, not for ever.
func (f *fixture) await(person string, version int64, look bool) (pending.Decision, bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	return f.Await(ctx, person, version, look)
}

func TestADecisionReachesWhoWaits(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		r := f.acts("a@x.example", act("e1", 0))
		other := f.process() // hears of it by asking the store
		heard := make(chan pending.Decision, 4)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for i, s := range []*store.Store{f.Store, other} {
			for _, look := range []bool{true, false} {
				go func() {
					d, ok := s.Await(ctx, r.Person, r.Version, look)
					if !ok {
						t.Error("nothing heard", i, look)
					}
					heard <- d
				}()
			}
		}
		f.complete(store.Decided, f.claim(1)...)
		for range 4 {
			if d := <-heard; d.Version != 1 || string(d.Digest) != "decision of 1" {
				t.Errorf("%d: %s", d.Version, d.Digest)
			}
		}
		if d, ok := f.await(r.Person, 1, true); !ok || string(d.Digest) != "decision of 1" {
			t.Error("what is there is not found", d, ok)
		}
	})
}

func TestAnOlderDecisionIsNotEnough(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.acts("a@x.example", act("e1", 0))
		c := f.claim(1)
		r := f.acts("a@x.example", act("e2", 0))
		f.complete(store.Decided, c...)
		if d, ok := f.await(r.Person, 1, true); !ok || string(d.Digest) != "decision of 1" {
			t.Errorf("the decision of what was claimed: %+v, %v", d, ok)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if d, ok := f.Await(ctx, r.Person, r.Version, true); ok {
			t.Errorf("%+v", d)
		}
		f.complete(store.Decided, f.claim(1)...)
		if d, ok := f.await(r.Person, r.Version, false); !ok || d.Version != 2 {
			t.Errorf("%+v, %v", d, ok)
		}
	})
}

func TestADecisionSurvivesNewFacts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		r := f.acts("a@x.example", act("e1", 0))
		f.complete(store.Decided, f.claim(1)...)
		for i := range 3 {
			f.acts("a@x.example", act(fmt.Sprint("x", i), 0))
			f.complete(store.Failed, f.claim(1)...)
		}
		if d, ok := f.await(r.Person, r.Version, true); !ok || string(d.Digest) != "decision of 1" {
			t.Errorf("%+v, %v", d, ok)
		}
	})
}

package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/store"
)

func (f *fixture) reject(after time.Duration, payload string) string {
	f.t.Helper()
	e := store.RejectedEvent{ID: uuid.Must(uuid.NewV7()).String(), Source: "web", Received: start.Add(after), Payload: payload}
	f.ok(f.AddRejected(f.t.Context(), []store.RejectedEvent{e}))
	return e.ID
}

func (f *fixture) rejectedThere(id string) bool {
	_, err := f.Rejected(f.t.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		f.t.Fatal(err)
	}
	return err == nil
}

func TestOldRejectedEventsAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		old, young := f.reject(-time.Microsecond, ""), f.reject(0, "")
		f.ok(f.PruneRejected(t.Context(), start))
		if f.rejectedThere(old) || !f.rejectedThere(young) {
			t.Error("the wrong ones are gone")
		}
	})
}

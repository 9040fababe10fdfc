package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/profilefit/internal/store"
	"github.com/assay-hq/assay/services/profilefit/migrations"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestMigrationsOfBothStoresMatch(t *testing.T) { dbtest.CheckMigrations(t, migrations.FS) }

// each runs a test on an empty store of either kind.
func each(t *testing.T, run func(t *testing.T, s *store.Store)) {
	dbtest.EachMigrated(t, "profilefit", sqldb.Normal, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		run(t, store.New(db))
	})
}

func key(lead int) store.Key { return store.Key{LeadID: fmt.Sprint("lead", lead), Revision: "r1"} }

func checkpoint(version int32) store.Checkpoint {
	return store.Checkpoint{
		FactsVersion: version,
		AsOf:         time.Date(2026, 3, 1, 0, 0, 0, 1000, time.UTC),
		Settled:      time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
		Facts:        []byte{1, 0, 255},
		Result:       fmt.Appendf(nil, "result of %d", version),
	}
}

func save(t *testing.T, s *store.Store, changes ...store.Change) {
	t.Helper()
	if err := s.Save(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s *store.Store, keys ...store.Key) map[store.Key]store.Checkpoint {
	t.Helper()
	found, err := s.Load(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSaveAndLoad(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		if found := load(t, s, key(1), key(2)); len(found) != 0 {
			t.Fatalf("an empty store has %v", found)
		}
		save(t, s, store.Change{Key: key(2), Checkpoint: checkpoint(3)}, store.Change{Key: key(1), Checkpoint: checkpoint(1)})

		want := map[store.Key]store.Checkpoint{key(1): checkpoint(1), key(2): checkpoint(3)}
		for k, c := range want {
			c.Writes = 1
			want[k] = c
		}
		if diff := cmp.Diff(want, load(t, s, key(1), key(2), key(3))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}

		// Only the version and the instant move on.
		c := load(t, s, key(1))[key(1)]
		c.FactsVersion, c.AsOf, c.Facts, c.Result = 2, c.AsOf.Add(time.Hour), nil, nil
		save(t, s, store.Change{Key: key(1), Checkpoint: c, VersionOnly: true})
		moved := checkpoint(1)
		moved.Writes, moved.FactsVersion, moved.AsOf = 2, 2, c.AsOf
		want[key(1)] = moved
		if diff := cmp.Diff(want, load(t, s, key(1), key(2))); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestCheckpointWithoutFacts(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		save(t, s, store.Change{Key: key(1)})
		got := load(t, s, key(1))[key(1)]
		if got.Writes != 1 || !got.AsOf.IsZero() || !got.Settled.IsZero() || len(got.Facts)+len(got.Result) != 0 {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestSaveNoticesWhoeverWasFaster(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		save(t, s, store.Change{Key: key(1), Checkpoint: checkpoint(1)})
		read := load(t, s, key(1))[key(1)]
		faster := read
		faster.FactsVersion = 2
		save(t, s, store.Change{Key: key(1), Checkpoint: faster})
		for name, slow := range map[string]store.Change{
			"as first":      {Key: key(1), Checkpoint: checkpoint(9)},
			"whole":         {Key: key(1), Checkpoint: read},
			"version only":  {Key: key(1), Checkpoint: read, VersionOnly: true},
			"never written": {Key: key(3), Checkpoint: read, VersionOnly: true},
		} {
			err := s.Save(t.Context(), []store.Change{slow, {Key: key(2), Checkpoint: checkpoint(1)}})
			if !errors.Is(err, store.ErrMoved) {
				t.Errorf("%s: error %v, want ErrMoved", name, err)
			}
		}
		if found := load(t, s, key(1), key(2)); len(found) != 1 || found[key(1)].FactsVersion != 2 {
			t.Errorf("all or nothing: %v", found)
		}
	})
}

// Of many that write at once from what they read, one wins each time.
func TestConcurrentSaves(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const workers, increments = 4, 10
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range increments {
					for {
						read, err := s.Load(t.Context(), []store.Key{key(1), key(2)})
						if err != nil {
							t.Error(err)
							return
						}
						var changes []store.Change
						for _, k := range []store.Key{key(2), key(1)} {
							c := read[k]
							c.FactsVersion++
							changes = append(changes, store.Change{Key: k, Checkpoint: c})
						}
						if err = s.Save(t.Context(), changes); err == nil {
							break
						}
						if !errors.Is(err, store.ErrMoved) {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		for k, c := range load(t, s, key(1), key(2)) {
			if c.FactsVersion != workers*increments {
				t.Errorf("%v is at %d, want %d", k, c.FactsVersion, workers*increments)
			}
		}
	})
}

func TestManyCheckpoints(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for _, n := range []int{1, 5, 64, 255, 2000} {
			var keys []store.Key
			var changes []store.Change
			for i := range n {
				keys = append(keys, store.Key{LeadID: fmt.Sprint(i), Revision: fmt.Sprint("r", n)})
				changes = append(changes, store.Change{Key: keys[i], Checkpoint: checkpoint(int32(i))})
			}
			save(t, s, changes...)
			found := load(t, s, keys...)
			if len(found) != n {
				t.Fatalf("%d of %d are found", len(found), n)
			}
			for i, k := range keys {
				c := found[k]
				if c.FactsVersion != int32(i) {
					t.Fatalf("%v is at %d", k, c.FactsVersion)
				}
				c.FactsVersion++
				changes[i] = store.Change{Key: k, Checkpoint: c, VersionOnly: true}
			}
			save(t, s, changes...)
		}
		byRevision, err := s.Lead(t.Context(), "3")
		if err != nil || len(byRevision) != 4 || byRevision["r2000"].FactsVersion != 4 {
			t.Errorf("of lead 3: %v, %v", byRevision, err)
		}
	})
}

func TestModels(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		if _, found, err := s.Model(t.Context(), "r1"); found || err != nil {
			t.Fatalf("found %v, error %v", found, err)
		}
		for range 2 {
			if err := s.PutModel(t.Context(), "r1", []byte("model")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutModel(t.Context(), "r1", []byte("other")); !errors.Is(err, store.ErrOtherModel) {
			t.Errorf("error %v, want ErrOtherModel", err)
		}
		if model, found, err := s.Model(t.Context(), "r1"); string(model) != "model" || !found || err != nil {
			t.Errorf("model %q, found %v, error %v", model, found, err)
		}
		if err := s.PutModel(t.Context(), "empty", nil); err != nil {
			t.Errorf("a model without anything in it: %v", err)
		}
	})
}

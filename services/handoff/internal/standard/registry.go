package standard

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Bootstrapper is the actor who published the default standard of a new
// installation.
const Bootstrapper = "system:bootstrap"

// maxAge is the longest that a process goes without noticing what another
// published.
const maxAge = time.Second

// Registry keeps the standards of an installation and has the active ones compiled.
// It is safe for concurrent use.
type Registry struct {
	// Models says what is wrong with the models of a version before it is stored: those
	// who score with them know. Nil: they are not asked.
	Models func(ctx context.Context, c *Compiled) (Problems, error)

	store
	now     func() time.Time
	changed func(tx *sqldb.Tx, name string) error // see OnChange

	// refresh is held while the snapshot is renewed.
	refresh  sync.Mutex
	snapshot atomic.Pointer[snapshot]
}

// snapshot is the active standards as they were read.
type snapshot struct {
	readAt   time.Time
	compiled []*Compiled
	// dictionaries are the versions that they were compiled with.
	dictionaries string
}

// NewRegistry returns the registry over handoff's database. now gives the times of
// records.
func NewRegistry(db *sqldb.DB, now func() time.Time) *Registry {
	return &Registry{store: store{db}, now: now}
}

// Active returns the standards that decide, by id. It is cheap: a snapshot that is
// renewed when this process publishes, and at most a second old otherwise. The
// result is shared and must not be changed.
func (r *Registry) Active(ctx context.Context) ([]*Compiled, error) {
	if s := r.snapshot.Load(); s.fresh() {
		return s.compiled, nil
	}
	r.refresh.Lock()
	defer r.refresh.Unlock()
	old := r.snapshot.Load()
	if old.fresh() { // another caller renewed it meanwhile
		return old.compiled, nil
	}
	next := &snapshot{readAt: time.Now()}
	var err error
	if next.dictionaries, err = r.activeDictionaries(ctx); err != nil {
		return nil, err
	}
	rows, err := r.active(ctx, r.db.Read())
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var c *Compiled
		if old != nil && old.dictionaries == next.dictionaries {
			c = old.version(row)
		}
		if c == nil {
			if c, err = r.compile(ctx, row.ID, row.ActiveVersion); err != nil {
				return nil, err
			}
		}
		next.compiled = append(next.compiled, c)
	}
	// A publish that ends now has dropped the old snapshot: what was read may be
	// older than it, so it serves this caller and is not kept.
	r.snapshot.CompareAndSwap(old, next)
	return next.compiled, nil
}

// ActiveIn returns the names of the versions that decide, by the id of their
// standard, as the transaction sees them: a decision is stored only if it was made
// by one of these.
func (r *Registry) ActiveIn(tx *sqldb.Tx) (map[string]string, error) {
	rows, err := r.active(tx.Context(), tx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(rows))
	for _, row := range rows {
		names[row.ID] = VersionName(row.ID, row.ActiveVersion)
	}
	return names, nil
}

func (s *snapshot) fresh() bool { return s != nil && time.Since(s.readAt) < maxAge }

// version is the compiled active version of a standard, if the snapshot has it.
func (s *snapshot) version(row Standard) *Compiled {
	if s != nil {
		for _, c := range s.compiled {
			if c.Version == VersionName(row.ID, row.ActiveVersion) {
				return c
			}
		}
	}
	return nil
}

func (r *Registry) compile(ctx context.Context, id, version string) (*Compiled, error) {
	v, err := r.version(ctx, r.db.Read(), id, version)
	if err != nil {
		return nil, err
	}
	read, err := r.dictionaries(ctx, v.Spec)
	if err != nil {
		return nil, err
	}
	return Compile(v.Spec, read)
}

// Bootstrap stores and publishes the standard of a new installation, signed off by
// the Bootstrapper for both sides: nobody else is there yet. Where there is
// a standard, also a retired one, it does nothing.
func (r *Registry) Bootstrap(ctx context.Context, file string, yaml []byte) error {
	standards, err := r.list(ctx, "", 1)
	if err != nil || len(standards) > 0 {
		return err
	}
	spec, c, err := Load(file, yaml)
	if err != nil {
		return err
	}
	// Two processes that start at once store the same content, and the second
	// publication changes nothing.
	return r.change(ctx, func(tx *sqldb.Tx) error {
		v, err := r.insert(tx, c, spec.GetDisplayName(), Bootstrapper, r.now())
		if err != nil {
			return err
		}
		for _, side := range []Side{Marketing, Sales} {
			if err := r.sign(tx, v, side, Bootstrapper, ""); err != nil {
				return err
			}
		}
		return r.activate(tx, v.StandardID, spec.GetDisplayName(), Entry{
			Kind: Published, Version: v.ID, Actor: Bootstrapper, CreateTime: r.now(),
		})
	})
}

// Create stores a version by its creator and returns it. The same content again
// returns the stored one. The error is Problems if it does not compile.
func (r *Registry) Create(ctx context.Context, spec *handoffv1.StandardSpec, creator string) (Version, error) {
	c, err := r.checked(ctx, spec)
	if err != nil {
		return Version{}, err
	}
	var v Version
	err = r.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		v, err = r.insert(tx, c, spec.GetDisplayName(), creator, r.now())
		return err
	})
	return v, err
}

// checked compiles a version and has its models checked.
func (r *Registry) checked(ctx context.Context, spec *handoffv1.StandardSpec) (*Compiled, error) {
	read, err := r.dictionaries(ctx, spec)
	if err != nil {
		return nil, err
	}
	c, err := Compile(spec, read)
	if err != nil || r.Models == nil {
		return c, err
	}
	problems, err := r.Models(ctx, c)
	if err == nil && len(problems) > 0 {
		err = problems
	}
	return c, err
}

// Check compiles a version without storing it and returns what Create would.
func (r *Registry) Check(ctx context.Context, spec *handoffv1.StandardSpec, creator string) (Version, error) {
	c, err := r.checked(ctx, spec)
	if err != nil {
		return Version{}, err
	}
	v, err := r.version(ctx, r.db.Read(), c.ID, c.content.id())
	if errors.Is(err, ErrNotFound) {
		return Version{StandardID: c.ID, ID: c.content.id(), Spec: spec, CreateTime: r.now(), Creator: creator}, nil
	}
	return v, err
}

// Publication says who publishes, and on whose word.
type Publication struct {
	// Actor is who publishes.
	Actor string
	// OverrideReason is why it is done although the change window is shut; empty: not
	// then.
	OverrideReason string
}

// Publish makes a version the one that decides and returns it. Publishing the
// active version changes nothing. The error is a *StateError if a side has not signed
// it off, or if the change window of the active version is shut.
func (r *Registry) Publish(ctx context.Context, id, version string, p Publication) (Version, error) {
	// A binary that is newer than the version may be stricter.
	if _, err := r.compile(ctx, id, version); err != nil {
		return Version{}, err
	}
	var v Version
	err := r.change(ctx, func(tx *sqldb.Tx) (err error) {
		// In a transaction that begins by writing, no other one publishes meanwhile.
		if err = r.lock(tx, id); err != nil {
			return err
		}
		if v, err = r.version(ctx, tx, id, version); err != nil || v.Active {
			return err
		}
		if err = v.signedOff(); err != nil {
			return err
		}
		now := r.now()
		shut, err := r.windowShut(tx, id, now)
		if err != nil {
			return err
		}
		if shut != nil && p.OverrideReason == "" {
			return shut
		}
		e := Entry{Kind: Published, Version: version, Actor: p.Actor, CreateTime: now}
		if shut != nil {
			e.WindowOverridden, e.Comment = true, p.OverrideReason
		}
		if err = r.activate(tx, id, v.Spec.GetDisplayName(), e); err != nil {
			return err
		}
		v, err = r.version(ctx, tx, id, version)
		return err
	})
	return v, err
}

// Retire stops a standard from deciding and returns it. Its versions stay, and one
// of them can be published again.
func (r *Registry) Retire(ctx context.Context, id, actor string) (Standard, error) {
	var s Standard
	err := r.change(ctx, func(tx *sqldb.Tx) (err error) {
		if s, err = r.get(ctx, tx, id); err != nil {
			return err
		}
		if err = r.activate(tx, id, s.DisplayName, Entry{Kind: Retired, Actor: actor, CreateTime: r.now()}); err != nil {
			return err
		}
		s, err = r.get(ctx, tx, id)
		return err
	})
	return s, err
}

// change runs a transaction that may change the active set, and expires the
// snapshot after its commit.
func (r *Registry) change(ctx context.Context, fn func(tx *sqldb.Tx) error) error {
	// Also after an error: a commit whose answer was lost may have happened.
	defer r.expire()
	return r.db.Write(ctx, func(tx *sqldb.Tx) error { return r.watched(tx, fn) })
}

// expire makes the next Active read again. It puts a snapshot of its own in place,
// so that a reading that began before is not kept.
func (r *Registry) expire() {
	old := r.snapshot.Load()
	if old == nil {
		old = &snapshot{}
	}
	r.snapshot.Store(&snapshot{compiled: old.compiled, dictionaries: old.dictionaries})
}

// Get returns a standard, or ErrNotFound.
func (r *Registry) Get(ctx context.Context, id string) (Standard, error) {
	return r.get(ctx, r.db.Read(), id)
}

// List returns at most limit standards, by id, after the given one.
func (r *Registry) List(ctx context.Context, after string, limit int) ([]Standard, error) {
	return r.list(ctx, after, limit)
}

// GetVersion returns a version with its content, or ErrNotFound.
func (r *Registry) GetVersion(ctx context.Context, id, version string) (Version, error) {
	return r.version(ctx, r.db.Read(), id, version)
}

// Place is a place in the list of versions: that of a version; the zero value is
// the beginning.
type Place struct {
	CreateTime time.Time
	ID         string
}

// ListVersions returns at most limit versions of a standard without content, latest
// first, after the place; ErrNotFound if there is no such standard.
func (r *Registry) ListVersions(ctx context.Context, id string, after Place, limit int) ([]Version, error) {
	if _, err := r.Get(ctx, id); err != nil {
		return nil, err
	}
	before := sqldb.Micros(after.CreateTime)
	if after == (Place{}) {
		before = math.MaxInt64
	}
	return r.versions(ctx, id, before, after.ID, limit)
}

// VersionName is `standards/{id}/versions/{version}`.
func VersionName(id, version string) string { return "standards/" + id + "/versions/" + version }

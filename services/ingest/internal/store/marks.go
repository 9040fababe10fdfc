package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// marks are activities that get another mark.
type marks struct {
	sources, ids []string
	marks        []int64
}

func markTable() *marks { return &marks{} }

func (m *marks) add(key activityKey, mark traffic.Mark) {
	m.sources, m.ids, m.marks = append(m.sources, key.source), append(m.ids, key.id), append(m.marks, int64(mark))
}

func (m *marks) write(tx *sqldb.Tx) error {
	if len(m.ids) == 0 {
		return nil
	}
	from, args := keysOf(m.sources, m.ids, m.marks).from(tx.Dialect())
	_, err := tx.Exec(`UPDATE activities SET mark = k.c FROM `+from+` WHERE activities.source = k.a AND activities.id = k.b`, args...)
	return err
}

// TrafficRules are the rules for what arrives, as people write them.
type TrafficRules struct {
	// Version is raised by every change; 0: nobody changed them yet.
	Version int64          `json:"-"`
	Rules   []traffic.Rule `json:"rules"`
	Scanner traffic.Scanner
}

// compiledRules are rules ready to ask, and of which version they are.
type compiledRules struct {
	*traffic.Rules
	version int64
}

var defaultRules = sync.OnceValue(func() *traffic.Rules {
	rules, v := traffic.Compile(traffic.Defaults(), traffic.DefaultScanner)
	if v != nil {
		panic(fmt.Sprint("store: the default rules: ", v.Field, v.Expected))
	}
	return rules
})

// rules are those that hold.
func (s *Store) rules() *traffic.Rules {
	if r := s.traffic.Load(); r != nil {
		return r.Rules
	}
	return defaultRules()
}

// Judge returns what the rules say of an activity that arrives.
func (s *Store) Judge(a *traffic.Activity) traffic.Kind { return s.rules().Of(a) }

// TrafficRules returns the rules: the defaults, until somebody changed them.
func (s *Store) TrafficRules(ctx context.Context) (r TrafficRules, err error) {
	return readTrafficRules(s.db.Read().QueryRowContext(ctx, selectRules))
}

const selectRules = `SELECT version, value FROM traffic_rules WHERE id = 'rules'`

func readTrafficRules(row interface{ Scan(...any) error }) (r TrafficRules, err error) {
	var value []byte
	err = row.Scan(&r.Version, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return TrafficRules{Rules: traffic.Defaults(), Scanner: traffic.DefaultScanner}, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &r)
	}
	return r, err
}

// LoadTrafficRules takes over what another process changed.
func (s *Store) LoadTrafficRules(ctx context.Context) error {
	r, err := s.TrafficRules(ctx)
	if err != nil {
		return err
	}
	if have := s.traffic.Load(); have != nil && have.version >= r.Version {
		return nil
	}
	compiled, v := traffic.Compile(r.Rules, r.Scanner)
	if v != nil {
		return fmt.Errorf("store: stored traffic rules: %s", v.Field)
	}
	s.traffic.Store(&compiledRules{compiled, r.Version})
	return nil
}

// SetTrafficRules replaces the rules if they still are of a version; any version if it is
// negative. Errors: [ErrETagMismatch].
func (s *Store) SetTrafficRules(ctx context.Context, r TrafficRules, version int64) (TrafficRules, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		known, err := readTrafficRules(tx.QueryRow(selectRules))
		if err != nil {
			return err
		}
		if version >= 0 && known.Version != version {
			return ErrETagMismatch
		}
		r.Version = known.Version + 1
		n, err := tx.Affected(`INSERT INTO traffic_rules (id, version, value) VALUES ('rules', $1, $2)
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, value = excluded.value WHERE traffic_rules.version < excluded.version`, r.Version, value)
		if err == nil && n == 0 { // somebody was faster
			err = ErrETagMismatch
		}
		return err
	})
	if err != nil {
		return r, err
	}
	return r, s.LoadTrafficRules(ctx)
}

package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Timeouts of every session of a service: a transaction that hangs holds back
// vacuum for every table of the server. Migrations run without them.
var sessionTimeouts = map[string]string{
	"idle_in_transaction_session_timeout": "5s",
	"statement_timeout":                   "10s",
	"lock_timeout":                        "3s",
}

// How every statement of a service is planned: through an index, beginning with the
// keys that are asked for. Left to itself the planner reads whole tables where it
// has no statistics yet (the first minute of an import) or had none when the
// connection made its plan: seconds for what takes a millisecond.
var planning = map[string]string{
	"enable_seqscan":                  "off", // where there is no index it is still taken
	"enable_hashjoin":                 "off",
	"enable_mergejoin":                "off",
	"join_collapse_limit":             "1",                  // joins as they are written
	"plan_cache_mode":                 "force_generic_plan", // not by how many keys there are this time
	"max_parallel_workers_per_gather": "0",
	"jit":                             "off",
}

func openPostgres(ctx context.Context, c Config) (*DB, error) {
	config, err := postgresConfig(c)
	if err != nil {
		return nil, err
	}
	for _, settings := range []map[string]string{sessionTimeouts, planning} {
		maps.Copy(config.RuntimeParams, settings)
	}
	if c.Sync == Normal {
		config.RuntimeParams["synchronous_commit"] = "off"
	}
	pool := stdlib.OpenDB(*config)
	conns := c.MaxConns
	if conns == 0 {
		conns = 10
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(30 * time.Minute) // follow a failover
	if err := pool.PingContext(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("sqldb: PostgreSQL of %s does not answer: %w", c.Service, err)
	}
	return &DB{config: c, dialect: PostgreSQL, read: pool, write: pool}, nil
}

func postgresConfig(c Config) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(c.URL)
	if err != nil { // pgx leaves the password out of its message
		return nil, fmt.Errorf("sqldb: the database URL of %s: %w", c.Service, err)
	}
	config.RuntimeParams["search_path"] = c.Service
	config.RuntimeParams["application_name"] = "assay-" + c.Service
	return config, nil
}

// maintenance opens a connection without the timeouts of a service, for migrations,
// and makes the schema where it is missing.
func (db *DB) maintenance(ctx context.Context) (*sql.DB, error) {
	config, err := postgresConfig(db.config)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["lock_timeout"] = "5s"
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(1)
	// Service is a plain identifier, see Open.
	if _, err := pool.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+db.config.Service); err != nil {
		pool.Close()
		return nil, fmt.Errorf("sqldb: schema %s: %w", db.config.Service, err)
	}
	return pool, nil
}

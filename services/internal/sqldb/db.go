package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Sync says how much a commit waits for.
type Sync int

const (
	// Full: a commit that returned survives a power cut. The default.
	Full Sync = iota
	// Normal: the last commits may be lost in a power cut, never the consistency of
	// the file. For what can be derived again. PostgreSQL does the same with
	// synchronous_commit off.
	Normal
)

// Config names the database of a service.
type Config struct {
	// URL is `sqlite:DIR`, where the file is DIR/<service>.db, or `postgres://…`,
	// where the schema in that database is <service>.
	URL string
	// Service is the name of the service, e.g. `ingest`.
	Service string
	// Sync is how much a commit waits for. Default [Full].
	Sync Sync
	// MaxConns is the most connections to PostgreSQL, or readers on SQLite.
	// Default 10 on PostgreSQL and 4 on SQLite.
	MaxConns int
}

// DB is the open database of one service. It is safe for concurrent use.
type DB struct {
	config  Config
	dialect Dialect
	read    *sql.DB
	write   *sql.DB // the same pool as read on PostgreSQL
	release func() error
	before  func(tx *Tx) (ended func(committed bool), err error)
}

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// Open opens the database. On SQLite it creates the folder and the file where they
// are missing and takes the file's lock; a file that another process owns is an
// error. On PostgreSQL it checks that the server answers.
func Open(ctx context.Context, c Config) (*DB, error) {
	if !serviceName.MatchString(c.Service) {
		return nil, fmt.Errorf("sqldb: service %q: want lower-case letters, digits and _", c.Service)
	}
	scheme, rest, _ := strings.Cut(c.URL, ":")
	switch scheme {
	case "sqlite":
		if rest == "" {
			return nil, errors.New("sqldb: the database URL names no folder: want sqlite:DIR")
		}
		return openSQLite(ctx, c, rest)
	case "postgres", "postgresql":
		return openPostgres(ctx, c)
	}
	// The URL is not quoted: it may hold a password.
	return nil, fmt.Errorf("sqldb: the database URL of %s begins with neither sqlite: nor postgres://", c.Service)
}

// Dialect returns the kind of store.
func (db *DB) Dialect() Dialect { return db.dialect }

// Service returns the name of the service that owns the database.
func (db *DB) Service() string { return db.config.Service }

// Read returns the pool for reading. On SQLite its connections refuse to write.
func (db *DB) Read() *sql.DB { return db.read }

// BeforeCommit has f called in each write transaction after all it did and before its
// commit; an error rolls back. What it returns, if not nil, is called when the
// transaction has ended. To be set before the first write.
func (db *DB) BeforeCommit(f func(tx *Tx) (ended func(committed bool), err error)) { db.before = f }

// Close waits for running statements and closes every connection.
func (db *DB) Close() error {
	err := db.read.Close()
	if db.write != db.read {
		err = errors.Join(err, db.write.Close())
	}
	if db.release != nil {
		err = errors.Join(err, db.release())
	}
	return err
}

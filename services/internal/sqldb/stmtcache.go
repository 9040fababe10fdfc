package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
)

// On SQLite, preparing a statement costs more than running it. database/sql would
// prepare and drop one at each call, so every SQLite connection keeps its
// statements, for whoever uses it: a pool, a transaction or a migration. (pgx does
// the same by itself.)

// maxStatements bounds the statements that a connection keeps.
const maxStatements = 256

// sqliteConn is what the driver's connections can do and database/sql asks for.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type cachingConnector struct{ driver.Connector }

func (c cachingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := conn.(sqliteConn)
	if !ok {
		conn.Close()
		return nil, errors.New("sqldb: the SQLite driver lost an interface")
	}
	return &cachingConn{sqliteConn: inner, idle: map[string]cachedStmt{}}, nil
}

type cachedStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// cachingConn is used by one goroutine at a time, as database/sql promises.
type cachingConn struct {
	sqliteConn
	idle map[string]cachedStmt // by text; a statement in use is not in it
}

func (c *cachingConn) take(ctx context.Context, query string) (cachedStmt, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	s, err := c.PrepareContext(ctx, positional(query))
	if err != nil {
		return nil, err
	}
	stmt, ok := s.(cachedStmt)
	if !ok {
		s.Close()
		return nil, errors.New("sqldb: the SQLite driver lost an interface")
	}
	return stmt, nil
}

func (c *cachingConn) give(query string, s cachedStmt) error {
	if _, twice := c.idle[query]; twice { // the same text was in use twice
		return s.Close()
	}
	if len(c.idle) >= maxStatements {
		for text, victim := range c.idle { // any
			delete(c.idle, text)
			victim.Close()
			break
		}
	}
	c.idle[query] = s
	return nil
}

func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	r, err := s.ExecContext(ctx, args)
	if err != nil {
		s.Close() // the error is the one to tell; a fresh statement comes next time
		return nil, err
	}
	return r, c.give(query, s)
}

func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &cachedRows{Rows: rows, conn: c, query: query, stmt: s}, nil
}

func (c *cachingConn) Close() error {
	for _, s := range c.idle {
		s.Close()
	}
	c.idle = nil
	return c.sqliteConn.Close()
}

type cachedRows struct {
	driver.Rows
	conn  *cachingConn
	query string
	stmt  cachedStmt
}

func (r *cachedRows) Close() error {
	if r.stmt == nil {
		return nil
	}
	err := r.Rows.Close()
	s := r.stmt
	r.stmt = nil
	if err != nil || r.conn.idle == nil {
		return errors.Join(err, s.Close())
	}
	return r.conn.give(r.query, s)
}

package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// inDatabases returns what makes new databases in a PostgreSQL server.
func inDatabases(ctx context.Context, server string) func() (string, error) {
	made := 0
	return func() (string, error) {
		made++
		name := fmt.Sprintf("bench_%d", made)
		db, err := sql.Open("pgx", server)
		if err != nil {
			return "", err
		}
		defer db.Close()
		if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
			return "", err
		}
		return strings.Replace(server, "@/postgres?", "@/"+name+"?", 1), nil
	}
}

// The rows that ingest writes for activities: theirs, and the upsert of each lead's
// place in the queue.
const (
	activityColumns = 11
	insertActivity  = `INSERT INTO activities (source, id, lead_id, facts_version, type, occurred_at, received_at, clamped, campaign, properties, digest) VALUES `
	pendingColumns  = 15
	upsertPending   = `INSERT INTO pending (lead_id, facts_version, decided_version, updated_at, latest_effective, state, queued_at,
		serving, newer, claimed_version, as_of, attempts, fence, lease_until, last_error) VALUES `
	onPending = ` ON CONFLICT (lead_id) DO UPDATE SET facts_version = pending.facts_version + 1, updated_at = excluded.updated_at,
		latest_effective = excluded.latest_effective, state = excluded.state, queued_at = excluded.queued_at, serving = excluded.serving`
	digest = "0123456789abcdef"
)

// writer writes what visitors do with plain SQL.
type writer struct {
	db       *sqldb.DB
	leads    []string
	visitors *visitors
}

// write stores n activities in one transaction.
func (w *writer) write(ctx context.Context, n int) (int, error) {
	activities, pending := make([]any, 0, n*activityColumns), make([]any, 0, n*pendingColumns)
	who := map[int]int64{}
	for range n {
		a := w.visitors.next()
		at := sqldb.Micros(a.at)
		activities = append(activities, source, a.id, w.leads[a.lead], 2, a.kind, at, at, 0, "", []byte(a.properties), []byte(digest))
		who[a.lead] = at
	}
	for _, lead := range slices.Sorted(maps.Keys(who)) { // in one order, or transactions deadlock
		pending = append(pending, pendingRow(w.leads[lead], who[lead])...)
	}
	return n, w.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := insertRows(tx, upsertPending, onPending, pendingColumns, pending); err != nil {
			return err
		}
		return insertRows(tx, insertActivity, " ON CONFLICT DO NOTHING", activityColumns, activities)
	})
}

func pendingRow(lead string, at int64) []any {
	return []any{lead, 1, 0, at, at, 1, at, fmt.Sprintf("%d 1800 1 700 0", at), "", 0, 0, 0, 0, 0, ""}
}

// insertRows inserts rows in powers of two, so that few texts are prepared.
func insertRows(tx *sqldb.Tx, head, tail string, columns int, values []any) error {
	for rows := 64; len(values) > 0; {
		if len(values) < rows*columns {
			rows /= 2
			continue
		}
		if _, err := tx.Exec(head+sqldb.Values(rows, columns)+tail, values[:rows*columns]...); err != nil {
			return err
		}
		values = values[rows*columns:]
	}
	return nil
}

// raw measures what the store itself does with the rows, indexes and the upsert of
// ingest, with as many connections as help it.
func (b *bench) raw(ctx context.Context, t *target) error {
	url, err := t.url()
	if err != nil {
		return err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: url, Service: "ingest"})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx, ingest.Migrations); err != nil {
		return err
	}
	leads := make([]string, crowd)
	var rows []any
	for i := range leads {
		leads[i] = uuid.Must(uuid.NewV7()).String()
		rows = append(rows, pendingRow(leads[i], 1)...)
	}
	err = db.Write(ctx, func(tx *sqldb.Tx) error { return insertRows(tx, upsertPending, onPending, pendingColumns, rows) })
	if err != nil {
		return err
	}
	connections := 1 // SQLite has one writer
	if db.Dialect() == sqldb.PostgreSQL {
		connections = 8
	}
	commits, err := b.commits(ctx, &writer{db, leads, newVisitors("raw-commit", 0)})
	if err != nil {
		return err
	}
	t.rawCommit = commits.quantile(.5)
	measure := func(phase string, n int) (float64, error) {
		writers := make([]*writer, connections)
		for i := range writers {
			writers[i] = &writer{db, leads, newVisitors(phase, i)}
		}
		return closedLoop(ctx, connections, b.seconds(3), func(ctx context.Context, caller int) (int, error) {
			return writers[caller].write(ctx, n)
		})
	}
	if t.rawSingle, err = measure("raw-single", 1); err != nil {
		return err
	}
	if t.rawBatched, err = measure("raw-batch", batch); err != nil {
		return err
	}
	load := fmt.Sprintf("%d connections", connections)
	if connections == 1 {
		load = "1 connection"
	}
	b.add(figure{store: t.name, what: "1 store alone, one durable commit", load: "1 connection", value: lasting(t.rawCommit)})
	b.add(figure{store: t.name, what: "1 store alone, single", load: load, value: perSecond(t.rawSingle, "act")})
	b.add(figure{store: t.name, what: "1 store alone, batches of 100", load: load, value: perSecond(t.rawBatched, "act")})
	return nil
}

// commits measures single commits with nothing else going on.
func (b *bench) commits(ctx context.Context, w *writer) (latencies, error) {
	var took latencies
	_, err := closedLoop(ctx, 1, b.seconds(1), func(ctx context.Context, _ int) (int, error) {
		begin := time.Now()
		_, err := w.write(ctx, 1)
		took = append(took, time.Since(begin))
		return 1, err
	})
	return took, err
}

// Package sqldb opens the one database of one service and runs its transactions.
//
// Two stores, one Go implementation per service over database/sql:
//
//   - SQLite, the embedded default: one file per service, owned by one process (a
//     lock file beside it says so), WAL, one writer connection that begins
//     IMMEDIATE, and a small pool of read-only connections.
//   - PostgreSQL 15 or later: one schema per service, short timeouts, and retries of
//     what the server asks to retry.
//
// SQL is written once: placeholders are $1, $2 … on both, times are BIGINT
// microseconds ([Micros], [Time]), ids are TEXT. What differs has a function of
// [Dialect].
//
// # Writing
//
// [DB.Write] runs one transaction. Work that arrives one item at a time and wants
// throughput goes through a [Committer], which commits at once when idle and
// batches what arrived meanwhile when it is not.
//
// On SQLite a running statement of a write transaction is never interrupted: a
// context that ends while waiting for the writer ends the wait, and after that the
// transaction runs to its end. Statements are prepared once per connection and
// text, so build texts from a few shapes (see [Values]), never from values.
//
// # Schema
//
// Migrations are embedded per dialect with the same numbers and names
// (dbtest.CheckMigrations holds them to it). SQLite is migrated when a service
// starts, PostgreSQL by `assay migrate`; [DB.CheckSchema] refuses a schema that this
// binary does not know.
package sqldb

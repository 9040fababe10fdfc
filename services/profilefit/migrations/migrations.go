// Package migrations holds the schema of profilefit, step by step, for both stores.
package migrations

import "embed"

// FS has the folders `sqlite` and `postgres`, with the same numbers and names.
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS

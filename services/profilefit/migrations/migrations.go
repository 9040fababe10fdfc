// Package migrations holds the schema of profilefit for both stores.
package migrations

import "embed"

// FS has a folder of goose migrations for each dialect.
//
//go:embed sqlite/*.sql postgres/*.sql
var FS embed.FS

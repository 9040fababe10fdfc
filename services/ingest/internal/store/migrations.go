package store

import (
	"embed"
	"io/fs"
)

//go:embed migrations
var files embed.FS

// Migrations are the schema, in the folders `sqlite` and `postgres`.
var Migrations = must(fs.Sub(files, "migrations"))

func must(f fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the folder is embedded
	}
	return f
}

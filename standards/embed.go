// Package standards carries the standards that Assay ships with, as the YAML
// files a marketer reads and edits.
package standards

import "embed"

// Default is the standard published on the first start of a new installation.
//
//go:embed default.yaml
var Default []byte

// Published are the standards of other companies in the folder `published`, each
// expressed as its company published it.
//
//go:embed published/*.yaml
var Published embed.FS

// Schema is the JSON Schema of a standard's file, with which editors complete and check.
// `make gen` writes it from the definition of the language.
//
//go:embed standard.schema.json
var Schema []byte

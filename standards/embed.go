// Package standards carries the standards that Assay ships with, as the YAML
// files a marketer reads and edits.
package standards

import _ "embed"

// Default is the standard published on the first start of a new installation.
//
//go:embed default.yaml
var Default []byte

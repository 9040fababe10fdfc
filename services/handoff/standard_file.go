package handoff

import (
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

// ReadStandard reads a standard from the YAML that a marketer writes and checks it
// as a whole, without a server. The error has a line for each problem: file, line,
// path and what was expected. The file's name is only used there.
func ReadStandard(file string, yaml []byte) (*handoffv1.StandardSpec, error) {
	spec, _, err := standard.Load(file, yaml)
	return spec, err
}

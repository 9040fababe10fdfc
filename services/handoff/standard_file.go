package handoff

import (
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

// StandardFile is a standard as a marketer wrote it, in YAML, that was checked as a
// whole without a server.
type StandardFile struct {
	// Name of the file.
	Name string
	// Spec is what it says.
	Spec *handoffv1.StandardSpec
	// Version is the name that the content has, `standards/{standard}/versions/{version}`,
	// whether it is stored or not.
	Version string

	file *standard.File
}

// Line is the line in the file of a path such as `fit.groups[0].maxPoints`.
func (f *StandardFile) Line(path string) int { return f.file.Line(path) }

// StandardProblem is one thing that is wrong with a file.
type StandardProblem = standard.Problem

// StandardProblems is the error of a file that was refused.
type StandardProblems = standard.Problems

// EngagementModel is what the scorer of engagement is given of the standard; nil: it has
// no engagement. Lists of dictionaries are empty, as nobody knows here what they hold.
func (f *StandardFile) EngagementModel() *typev1.EngagementModel { return f.file.Compiled.Engagement }

// ReadStandard reads a standard and checks it. The error of a bad one is
// StandardProblems, with a line for each problem: file, line, path and what was
// expected. The file's name is only used there.
func ReadStandard(file string, yaml []byte) (*StandardFile, error) {
	f, err := standard.Open(file, yaml)
	if err != nil {
		return nil, err
	}
	return &StandardFile{Name: file, Spec: f.Spec, Version: f.Compiled.Version, file: f}, nil
}

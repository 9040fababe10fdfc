package standard

import (
	"fmt"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a standard.
type Problem struct {
	// File the standard was read from; empty if it came over the API.
	File string
	// Line in the file, from 1; 0 if it came over the API.
	Line int
	// Path of the field as in JSON, e.g. `fit.groups[0].maxPoints`; empty for the
	// standard as a whole.
	Path string
	// Expected is what was expected there, in words: `a number, not "many"`.
	Expected string
}

// String is the problem in one line: `FILE:LINE: PATH: expected …`.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteString(":" + strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString("expected " + p.Expected)
	return b.String()
}

// Problems is the error of a standard that was refused: everything that is wrong
// with it, in the order of the file.
type Problems []Problem

// Error has a line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// maxProblems bounds the answer to a standard that is wrong everywhere.
const maxProblems = 100

// findings collects problems while a standard is read or compiled.
type findings struct{ problems Problems }

func (f *findings) add(path, expected string, args ...any) {
	f.addLine(0, path, expected, args...)
}

func (f *findings) addLine(line int, path, expected string, args ...any) {
	if len(f.problems) >= maxProblems {
		return
	}
	f.problems = append(f.problems, Problem{Line: line, Path: path, Expected: fmt.Sprintf(expected, args...)})
}

// err is nil if nothing was found.
func (f *findings) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	return f.problems
}

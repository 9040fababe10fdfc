package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
	"github.com/assay-hq/assay/services/handoff"
)

type standardLintCmd struct {
	connection
	File string `arg:"" help:"The standard as YAML."`
}

// finding is one thing that lint has to say about a file.
type finding struct {
	// Severity: `error` for what is refused, `warning`, or `info`.
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Path     string `json:"path"`
	Message  string `json:"message"`
	// Rule of the linter that found it; empty for errors.
	Rule string `json:"rule,omitempty"`
}

// Run checks a standard: here, for the lines of what cannot be read, and then by the
// server that will decide by it.
func (c *standardLintCmd) Run(ctx context.Context, t *terminal) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return usageError{err}
	}
	file, err := handoff.ReadStandard(c.File, text)
	var problems handoff.StandardProblems
	if errors.As(err, &problems) {
		return c.report(t, findings(problems))
	}
	if err != nil {
		return err
	}
	var out handoffv1.StandardFindings
	line, err := c.post(ctx, t, "/v1/standards:lint", file.Spec, &out)
	if err != nil {
		return err
	}
	if err := c.report(t, said(file, &out)); err != nil || c.json() {
		return err
	}
	return c.sentence(t, line, "%s is right: %s", c.File, version(file.Version))
}

// findings are the problems of a file that was not even sent.
func findings(problems handoff.StandardProblems) []finding {
	found := make([]finding, len(problems))
	for i, p := range problems {
		found[i] = finding{Severity: "error", File: p.File, Line: p.Line, Path: p.Path, Message: "expected " + p.Expected}
	}
	return found
}

// violations are the fields that the server refused, with their lines in the file.
func violations(file *handoff.StandardFile, refused *api.Error) []finding {
	found := make([]finding, len(refused.FieldViolations))
	for i, v := range refused.FieldViolations {
		path := strings.TrimPrefix(strings.TrimPrefix(v.Field, "spec"), ".")
		found[i] = finding{Severity: "error", File: file.Name, Line: file.Line(path), Path: path, Message: v.Description}
	}
	return found
}

// said are the findings of the server, with their lines in the file, in its order
// within each severity.
func said(file *handoff.StandardFile, out *handoffv1.StandardFindings) []finding {
	found := make([]finding, len(out.GetFindings()))
	for i, f := range out.GetFindings() {
		found[i] = finding{
			Severity: strings.ToLower(word(f.GetSeverity(), "SEVERITY_")), File: file.Name, Line: file.Line(f.GetPath()),
			Path: f.GetPath(), Message: f.GetMessage(), Rule: f.GetRule(),
		}
	}
	return found
}

// refusedFile is the error of a file that the server refused.
type refusedFile struct {
	found []finding
	cause error
}

// located gives an error of the server the lines of the file.
func located(file *handoff.StandardFile, refused *api.Error) error {
	return &refusedFile{found: violations(file, refused), cause: refused}
}

// Error has a line for each finding: file, line, path and what was expected.
func (e *refusedFile) Error() string {
	all := make([]string, len(e.found))
	for i, f := range e.found {
		all[i] = f.where() + f.what()
	}
	return strings.Join(all, "\n")
}

// Unwrap is what the server answered.
func (e *refusedFile) Unwrap() error { return e.cause }

// where is `FILE:LINE: `.
func (f finding) where() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d: ", f.File, f.Line)
	}
	return f.File + ": "
}

// what is `PATH: expected …`, or what the linter says and by which rule.
func (f finding) what() string {
	switch {
	case f.Rule != "":
		return plain(f.Message) + " (" + f.Rule + ")"
	case f.Path != "":
		return f.Path + ": " + plain(f.Message)
	default:
		return plain(f.Message)
	}
}

// report prints the findings, one a line, and fails if one of them is an error.
func (c *standardLintCmd) report(t *terminal, found []finding) error {
	wrong := 0
	for _, f := range found {
		if f.Severity == "error" {
			wrong++
		}
		if c.json() {
			line, err := json.Marshal(f)
			if err != nil {
				return err
			}
			if err := printLine(t.out, line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(t.out, "%s%s: %s\n", f.where(), f.Severity, f.what())
	}
	if wrong > 0 {
		return fmt.Errorf("%s: %d found", c.File, wrong)
	}
	return nil
}

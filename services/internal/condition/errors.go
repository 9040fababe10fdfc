package condition

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
)

// Error says where a condition is wrong.
type Error struct {
	// Issues are what is wrong, in the order of the text; at least one.
	Issues []Issue
}

// Issue is one thing that is wrong.
type Issue struct {
	// Line and Column, both from 1.
	Line, Column int
	// Text says what is wrong.
	Text string
}

// Error returns all issues, each with its line and column.
func (e *Error) Error() string {
	var b strings.Builder
	for i, issue := range e.Issues {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "line %d, column %d: %s", issue.Line, issue.Column, issue.Text)
	}
	return b.String()
}

func invalid(line, column int, format string, args ...any) error {
	return &Error{Issues: []Issue{{Line: line, Column: column, Text: fmt.Sprintf(format, args...)}}}
}

// maxIssues keeps an error readable: what follows a syntax error is mostly noise.
const maxIssues = 5

func fromIssues(issues *cel.Issues) error {
	if issues.Err() == nil {
		return nil
	}
	e := &Error{}
	for _, found := range issues.Errors() {
		if len(e.Issues) == maxIssues {
			break
		}
		e.Issues = append(e.Issues, Issue{
			Line:   max(found.Location.Line(), 1),
			Column: max(found.Location.Column()+1, 1),
			Text:   found.Message,
		})
	}
	return e
}

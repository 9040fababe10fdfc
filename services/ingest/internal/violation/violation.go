// Package violation says what is wrong with an input: which field, and what was
// expected there. A violation never carries the value itself, which may be
// personal data.
package violation

import (
	"strconv"
	"strings"
)

// Violation is a field that has a value that is not allowed.
type Violation struct {
	// Field is the path of the field as in JSON, e.g. `activities[3].properties.title`.
	Field string
	// Expected says what is allowed there, e.g. `at most 200 characters`.
	Expected string
}

// New returns a violation of a field.
func New(field, expected string) *Violation {
	return &Violation{Field: field, Expected: expected}
}

// Error names the field and what was expected.
func (v *Violation) Error() string {
	if v.Field == "" {
		return "expected " + v.Expected
	}
	return v.Field + ": expected " + v.Expected
}

// Under returns the violation with its field below another one. A nil violation
// stays nil.
func (v *Violation) Under(parent string) *Violation {
	if v == nil || parent == "" {
		return v
	}
	field := parent
	switch {
	case v.Field == "":
	case strings.HasPrefix(v.Field, "["):
		field += v.Field
	default:
		field += "." + v.Field
	}
	return &Violation{Field: field, Expected: v.Expected}
}

// At returns the violation below an element of a list, e.g. `activities[3]`.
func (v *Violation) At(list string, index int) *Violation {
	if v == nil {
		return nil
	}
	return v.Under(list + "[" + strconv.Itoa(index) + "]")
}

// Package condition is the one expression language of a standard: CEL, checked and
// limited in cost when it is compiled and again when it runs.
//
// A condition asks a question about a lead, one of its activities, or its fit, and
// has three answers. Missing is not low: whatever reads something that is not known
// (an attribute without a value, a property the activity does not have, a fit
// without a score) is [Unknown], unless the rest of the condition decides it alone:
// `true || unknown` is true, `false && unknown` is false. Presence itself is always
// known: `has(lead.job_title)` is true or false.
//
// What conditions may read, besides literals:
//
//	lead.job_title                attribute `job_title`: string, number, bool, list
//	account.industry              the same of the account that the lead belongs to
//	activity.type                 string; likewise activity.source, activity.campaign
//	activity.properties.form      property `form` of the activity
//	activity.properties["Page"]   the same for keys that are no identifiers
//	fit.score, fit.class          the fit at that instant
//
// Numbers are one kind: 200, 200.0 and the JSON numbers 200 and 2e2 are equal, and
// `lead.revenue / 3` divides without rounding. To the functions of standard CEL come
// hasWord (see words.go) and lowerAscii; `matches` wants a literal pattern of at most
// [MaxPattern] bytes.
//
// Conditions are compiled once, are immutable, and may be evaluated from many
// goroutines; the [Facts] they read may not.
package condition

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
)

const (
	// MaxLength is the most characters a condition may have.
	MaxLength = 4096
	// MaxPattern is the most bytes a pattern of `matches` may have.
	MaxPattern = 512
)

// Vars says which variables a condition may read.
type Vars uint8

// The variables of an environment; combine them with |.
const (
	// LeadVar offers `lead` and `account`: attributes by key.
	LeadVar Vars = 1 << iota
	// ActivityVar offers `activity`: type, source, campaign, properties.
	ActivityVar
	// FitVar offers `fit`: score, class.
	FitVar
)

// Truth is the answer of a condition.
type Truth uint8

// The three answers. The zero value is Unknown: nothing is known.
const (
	Unknown Truth = iota
	False
	True
)

// String returns `unknown`, `false` or `true`.
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	default:
		return "unknown"
	}
}

// Fault says why a condition that is Unknown could not be answered, other than by
// something missing. Count faults: they are mistakes in a standard or in its data.
type Fault uint8

// Kinds of fault.
const (
	// NoFault: answered, or something was missing.
	NoFault Fault = iota
	// TypeFault: a value was not of the type the condition needs, e.g. a text
	// compared with a number by `>=`.
	TypeFault
	// CostFault: the condition was stopped at its cost limit.
	CostFault
	// PropertiesFault: the properties of the activity are not a JSON object.
	PropertiesFault
)

// String returns the fault as a metric label.
func (f Fault) String() string {
	switch f {
	case TypeFault:
		return "type"
	case CostFault:
		return "cost"
	case PropertiesFault:
		return "properties"
	default:
		return "none"
	}
}

// Condition is a compiled condition.
type Condition struct {
	text    string
	program cel.Program
	reads   []string
}

// Compile checks a condition that may read vars and plans it. The error is an *Error
// that says where the condition is wrong.
func Compile(text string, vars Vars) (*Condition, error) {
	if n := len([]rune(text)); n > MaxLength {
		return nil, invalid(1, 1, "is %d characters long, the most is %d", n, MaxLength)
	}
	if strings.TrimSpace(text) == "" {
		return nil, invalid(1, 1, "is empty: a condition is expected, e.g. `lead.country == \"DE\"`")
	}
	env, err := environment(vars)
	if err != nil {
		return nil, fmt.Errorf("condition environment: %w", err)
	}
	parsed, issues := env.Parse(text)
	if err := fromIssues(issues); err != nil {
		return nil, err
	}
	widenLiterals(parsed.NativeRep().Expr())
	checked, issues := env.Check(parsed)
	if err := fromIssues(issues); err != nil {
		return nil, err
	}
	if t := checked.OutputType(); t != cel.BoolType && t != cel.DynType {
		return nil, invalid(1, 1, "answers with %s, not with true or false", cel.FormatCELType(t))
	}
	found, err := inspect(checked.NativeRep())
	if err != nil {
		return nil, err
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, invalid(1, 1, "cannot be priced: %v", err)
	}
	if estimate.Max > maxEstimate {
		return nil, invalid(1, 1, "could cost %d steps, the most is %d: look at fewer things inside of each other", estimate.Max, maxEstimate)
	}
	program, err := env.Program(checked, plan(found)...)
	if err != nil {
		return nil, invalid(1, 1, "%v", err)
	}
	return &Condition{text: text, program: program, reads: found.reads}, nil
}

// Text returns the condition as it was written.
func (c *Condition) Text() string { return c.text }

// Reads returns the paths the condition reads, sorted, e.g. `activity.properties.form`,
// `fit.score`, `lead.country`. A path that is only tested with has() is among them:
// the answer depends on it as well. The caller must not change the slice.
func (c *Condition) Reads() []string { return c.reads }

// Attributes returns the keys of the attributes the condition reads, sorted: those of
// the lead as `country`, those of its account as `account.industry`.
func (c *Condition) Attributes() []string {
	var keys []string
	for _, path := range c.reads {
		if key, ok := attributeKey(path); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// ReadsFit reports whether the condition reads the fit.
func (c *Condition) ReadsFit() bool {
	return slices.Contains(c.reads, "fit.score") || slices.Contains(c.reads, "fit.class")
}

// Eval answers the condition over the facts. It never fails: what cannot be answered
// is Unknown, and the fault says why if it was not for something missing.
func (c *Condition) Eval(facts *Facts) (Truth, Fault) {
	s := scopes.Get().(*scope)
	s.facts = facts
	out, _, err := c.program.Eval(s)
	fault := s.fault
	s.facts, s.fault = nil, NoFault
	scopes.Put(s)

	if err == nil {
		switch v := out.(type) {
		case types.Bool:
			if v {
				return True, NoFault
			}
			return False, NoFault
		case *types.Unknown:
			return Unknown, fault
		default:
			return Unknown, TypeFault
		}
	}
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && cancelled.Cause == interpreter.CostLimitExceeded {
		return Unknown, CostFault
	}
	return Unknown, TypeFault
}

package condition

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// compiled is what conditions and expressions have in common: a text that was checked
// and planned, and what it reads.
type compiled struct {
	text    string
	program cel.Program
	lists   map[string]*List
	// quick answers a simple condition without CEL; nil: it is none.
	quick quick
	findings
}

// form is what a text is compiled as.
type form struct {
	example string
	answers string      // what it must answer with
	types   []*cel.Type // any if there are none
}

var (
	question = form{
		"a condition is expected, e.g. `lead.country == \"DE\"`", "true or false",
		[]*cel.Type{cel.BoolType, cel.DynType},
	}
	quantity = form{
		"an expression is expected, e.g. `lead.employees`", "a number or a text",
		[]*cel.Type{cel.IntType, cel.UintType, cel.DoubleType, cel.StringType, cel.DynType},
	}
	anything = form{example: "an expression is expected, e.g. `item.email`"}
)

func compile(text string, options Options, form form) (compiled, error) {
	if n := len([]rune(text)); n > MaxLength {
		return compiled{}, invalid(1, 1, "is %d characters long, the most is %d", n, MaxLength)
	}
	if strings.TrimSpace(text) == "" {
		return compiled{}, invalid(1, 1, "is empty: %s", form.example)
	}
	env, err := environment(options.Vars)
	if err != nil {
		return compiled{}, fmt.Errorf("condition environment: %w", err)
	}
	parsed, issues := env.Parse(text)
	if err := fromIssues(issues); err != nil {
		return compiled{}, err
	}
	widenLiterals(parsed.NativeRep().Expr(), options.Vars&documentVar != 0)
	checked, issues := env.Check(parsed)
	if err := fromIssues(issues); err != nil {
		return compiled{}, err
	}
	if t := checked.OutputType(); form.types != nil && !slices.ContainsFunc(form.types, t.IsExactType) {
		return compiled{}, invalid(1, 1, "answers with %s, not with %s", cel.FormatCELType(t), form.answers)
	}
	found, err := inspect(checked.NativeRep(), options.Lists)
	if err != nil {
		return compiled{}, err
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return compiled{}, invalid(1, 1, "cannot be priced: %v", err)
	}
	most := uint64(maxEstimate)
	if options.Vars&documentVar != 0 {
		most = maxSelection
	}
	if estimate.Max > most {
		return compiled{}, invalid(1, 1, "could cost %d steps, the most is %d: look at fewer things inside of each other", estimate.Max, most)
	}
	program, err := env.Program(checked, plan(found)...)
	if err != nil {
		return compiled{}, invalid(1, 1, "%v", err)
	}
	return compiled{
		text: text, program: program, lists: options.Lists, findings: found,
		quick: quickOf(checked.NativeRep().Expr(), found, options.Lists),
	}, nil
}

// Text returns it as it was written.
func (c *compiled) Text() string { return c.text }

// Reads returns the paths that are read, sorted, e.g. `activity.properties.form`,
// `before.country`, `fit.score`, `lead.country`, `lists.partners`, `now`. A path that
// is only tested with has() is among them: the answer depends on it as well. The
// caller must not change the slice.
func (c *compiled) Reads() []string { return c.reads }

// Attributes returns the keys of the attributes that are read, as they are, were
// before or some days ago, sorted, each once: those of the lead as `country`, those of
// its account as `account.industry`.
func (c *compiled) Attributes() []string {
	var keys []string
	for _, path := range c.reads {
		if key, ok := attributeKey(path); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// ReadsFit reports whether the fit is read.
func (c *compiled) ReadsFit() bool {
	return slices.ContainsFunc(c.reads, func(path string) bool { return strings.HasPrefix(path, fitName+".") })
}

// ReadsTime reports whether `now` or daysSince is read: the answer may change by time
// alone. See also Past.
func (c *compiled) ReadsTime() bool { return slices.Contains(c.reads, nowName) }

// Before returns the keys of the attributes that are read as they were before the
// change, sorted, each once.
func (c *compiled) Before() []string {
	var keys []string
	for _, path := range c.reads {
		if key, ok := strings.CutPrefix(path, beforeName+"."); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// Past returns what is read by ago, sorted by attribute and days, each once: the
// answer changes by itself so many days after such an attribute did. The caller must
// not change the slice.
func (c *compiled) Past() []Past { return c.past }

// run returns the answer; nil if it is not known, with the fault if that was not for
// something missing.
func (c *compiled) run(facts *Facts) (ref.Val, Fault) {
	s := scopes.Get().(*scope)
	s.facts, s.lists = facts, c.lists
	out, _, err := c.program.Eval(s)
	fault := s.fault
	*s = scope{}
	scopes.Put(s)

	if err == nil {
		if _, isUnknown := out.(*types.Unknown); isUnknown {
			return nil, fault
		}
		return out, fault
	}
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && cancelled.Cause == interpreter.CostLimitExceeded {
		return nil, CostFault
	}
	return nil, TypeFault
}

// Package lint finds what is right by the letter in a standard and wrong by its meaning:
// traps that real standards have. It knows the standard alone, no leads.
//
//	bands.go     bands and tables: overlaps, gaps, more that gives less
//	never.go     conditions and gates that can never hold, thresholds out of reach
//	twice.go     what is scored twice, implemented twice, or contradicts itself
//	caps.go      caps and the rules under them
//	repeat.go    facts that are scored again, or fade; resets without anything to reset
//	units.go     numbers whose unit is not the one that is said
//	unused.go    what nothing reads
//	routing.go   routing rules without leads, leads without a rule
//	reasons.go   reasons of the lifecycle that name or do nothing
//	permission.go permissions that nobody can grant
//	consent.go   a consent gate that the rules do not know of
//	notes.go     readings, placeholders, and what is left out
//
// What it says rests on what the conditions say (see logic.go) and on what points can
// sum to (see bounds.go); where it does not understand a condition it is silent.
package lint

import (
	"cmp"
	"fmt"
	"slices"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// Severity says how much a finding matters. What is refused is no finding: see
// standard.Compile.
type Severity int

// The severities.
const (
	// Info: worth to know, and may well be meant.
	Info Severity = iota + 1
	// Warning: hardly what was meant.
	Warning
)

// Finding is one thing that a reader of the standard should know.
type Finding struct {
	// Severity of it.
	Severity Severity
	// Rule is which of the linter's rules found it, e.g. `overlapping-bands`.
	Rule string
	// Path of the place, as in JSON: `fit.groups[0].criteria[1].bands[2]`.
	Path string
	// Message says it in the words of the trade.
	Message string
}

// Lint returns what is to be said about a standard that compiles, warnings first, then
// by rule and in the order of the standard.
func Lint(spec *handoffv1.StandardSpec) []Finding {
	l := linter{parts: partsOf(spec)}
	for _, check := range []func(){
		l.bands, l.tables, l.counters,
		l.never, l.gates, l.edges,
		l.twice, l.contradictions,
		l.caps,
		l.facts, l.resets,
		l.units,
		l.unused,
		l.routing,
		l.reasons,
		l.permission,
		l.consent,
		l.notes, l.missing,
	} {
		check()
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return l.found
}

type linter struct {
	*parts
	found []Finding
	// dead are ids of rules and signals that never match.
	dead map[string]bool
}

func (l *linter) warn(rule, path, message string, args ...any) {
	l.found = append(l.found, Finding{Warning, rule, path, fmt.Sprintf(message, args...)})
}

func (l *linter) info(rule, path, message string, args ...any) {
	l.found = append(l.found, Finding{Info, rule, path, fmt.Sprintf(message, args...)})
}

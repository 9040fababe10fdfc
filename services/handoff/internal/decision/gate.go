package decision

import (
	"slices"
	"strconv"
	"strings"
)

// Gate is a condition of qualification. Gates are made by the functions of this
// package and never change.
type Gate interface {
	// answer says whether the gate holds.
	answer(e *Evidence) Truth
	// words is the gate as a salesperson reads it. It names limits, never the lead's
	// values, so that it is the same for every lead.
	words() string
}

// All holds when all of the gates hold.
func All(gates ...Gate) Gate { return all{gates} }

// Any holds when at least one of the gates holds.
func Any(gates ...Gate) Gate { return atLeastOf{count: 1, of: gates} }

// AtLeast holds when at least count of the gates hold; a count below 1 is 1.
func AtLeast(count int, of ...Gate) Gate { return atLeastOf{count: max(count, 1), of: of} }

// Not holds when the gate is known not to hold.
func Not(gate Gate) Gate { return not{gate} }

type all struct{ of []Gate }

func (g all) answer(e *Evidence) Truth {
	return atLeast(len(g.of), len(g.of), func(i int) Truth { return g.of[i].answer(e) })
}

func (g all) words() string { return list(g.of, " and ") }

type atLeastOf struct {
	count int
	of    []Gate
}

func (g atLeastOf) answer(e *Evidence) Truth {
	return atLeast(g.count, len(g.of), func(i int) Truth { return g.of[i].answer(e) })
}

func (g atLeastOf) words() string {
	if g.count == 1 {
		return list(g.of, " or ")
	}
	return "at least " + strconv.Itoa(g.count) + " of: " + list(g.of, "; ")
}

type not struct{ gate Gate }

func (g not) answer(e *Evidence) Truth { return negate(g.gate.answer(e)) }
func (g not) words() string            { return "not " + inner(g.gate) }

// parts are the gates inside a gate.
func parts(g Gate) []Gate {
	switch g := g.(type) {
	case all:
		return g.of
	case atLeastOf:
		return g.of
	case not:
		return []Gate{g.gate}
	default:
		return nil
	}
}

func list(gates []Gate, separator string) string {
	if len(gates) == 1 {
		return gates[0].words()
	}
	parts := make([]string, len(gates))
	for i, g := range gates {
		parts[i] = inner(g)
	}
	return strings.Join(parts, separator)
}

// inner is a gate's words, in brackets where they would run into their neighbours.
func inner(g Gate) string {
	if _, negation := g.(not); !negation && len(parts(g)) > 1 {
		return "(" + g.words() + ")"
	}
	return g.words()
}

// oneOf says whether a label is one of those of a gate.
func oneOf(labels []string, label string) Truth { return truth(slices.Contains(labels, label)) }

func or(labels []string) string { return strings.Join(labels, " or ") }

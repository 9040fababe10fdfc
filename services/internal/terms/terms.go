// Package terms reads the `filter` of a list: terms joined by AND, and nothing more.
//
//	filter = [ term { "AND" term } ]
//	term   = field op value
//	field  = a lower_case name
//	op     = "=" | "<" | "<=" | ">" | ">="
//	value  = "text in quotes, with \" and \\" | word
//
// A word is anything without spaces, quotes and operators, e.g. `OPEN` or
// `2026-03-01T12:00:00Z`. What can be asked is a short list of fields on purpose:
// each has an index behind it.
package terms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// Op is a comparison as it stands in SQL.
type Op string

// The comparisons.
const (
	Equal          Op = "="
	Less           Op = "<"
	LessOrEqual    Op = "<="
	Greater        Op = ">"
	GreaterOrEqual Op = ">="
)

// Kind is what a field can be compared with.
type Kind struct {
	ordered bool
	time    bool
	values  []string
}

var (
	// Text is compared with =.
	Text = Kind{}
	// Time is compared with =, <, <=, > and >=, with RFC 3339 times.
	Time = Kind{ordered: true, time: true}
)

// OneOf is compared with =, with one of the values.
func OneOf(values ...string) Kind { return Kind{values: values} }

// Term is one checked comparison.
type Term struct {
	// Field is one of the allowed fields.
	Field string
	// Op is = unless the kind of the field is ordered.
	Op Op
	// Text is the value.
	Text string
	// Time is the value of a field of kind [Time], in UTC.
	Time time.Time
}

// Parse reads a filter. An empty filter has no terms. An error is an
// apierr.InvalidField of `filter` that names the column, counted in characters from
// 1, and what was expected there. A field may occur more than once: every term holds.
func Parse(filter string, allowed map[string]Kind) ([]Term, error) {
	p := parser{text: filter}
	var terms []Term
	for p.space(); !p.end(); {
		if len(terms) > 0 {
			if err := p.and(); err != nil {
				return nil, err
			}
		}
		t, err := p.term(allowed)
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
	return terms, nil
}

type parser struct {
	text string
	at   int // byte offset
}

func (p *parser) end() bool { return p.at == len(p.text) }

func (p *parser) fail(at int, expected string) error {
	column := utf8.RuneCountInString(p.text[:at]) + 1
	return apierr.InvalidField("filter", fmt.Sprintf("%s at column %d", expected, column))
}

func (p *parser) space() {
	for !p.end() && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

// word reads up to a space, a quote or an operator.
func (p *parser) word() string {
	rest := p.text[p.at:]
	n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"<>=`, r) })
	if n < 0 {
		n = len(rest)
	}
	p.at += n
	return rest[:n]
}

func (p *parser) and() error {
	at := p.at
	if p.word() != "AND" {
		return p.fail(at, "`AND`")
	}
	p.space()
	return nil
}

func (p *parser) term(allowed map[string]Kind) (t Term, err error) {
	at := p.at
	t.Field = p.word()
	kind, ok := allowed[t.Field]
	if !ok {
		return t, p.fail(at, "one of the fields "+list(slices.Sorted(maps.Keys(allowed))))
	}
	p.space()
	at = p.at
	t.Op = p.op()
	if t.Op == "" || (t.Op != Equal && !kind.ordered) {
		if kind.ordered {
			return t, p.fail(at, "`=`, `<`, `<=`, `>` or `>=`")
		}
		return t, p.fail(at, "`=`")
	}
	p.space()
	at = p.at
	if t.Text, err = p.value(); err != nil {
		return t, err
	}
	p.space()
	if kind.time {
		if t.Time, err = time.Parse(time.RFC3339Nano, t.Text); err != nil {
			return t, p.fail(at, "an RFC 3339 time such as \"2026-01-31T00:00:00Z\"")
		}
		t.Time = t.Time.UTC()
	}
	if kind.values != nil && !slices.Contains(kind.values, t.Text) {
		return t, p.fail(at, "one of "+list(kind.values))
	}
	return t, nil
}

func (p *parser) op() Op {
	for _, op := range []Op{LessOrEqual, GreaterOrEqual, Less, Greater, Equal} { // longest first
		if strings.HasPrefix(p.text[p.at:], string(op)) {
			p.at += len(op)
			return op
		}
	}
	return ""
}

func (p *parser) value() (string, error) {
	at := p.at
	if p.end() || p.text[p.at] != '"' {
		if w := p.word(); w != "" {
			return w, nil
		}
		return "", p.fail(at, "a value")
	}
	var b strings.Builder
	for p.at++; !p.end(); p.at++ {
		switch c := p.text[p.at]; c {
		case '"':
			p.at++
			return b.String(), nil
		case '\\':
			p.at++
			if p.end() || (p.text[p.at] != '"' && p.text[p.at] != '\\') {
				return "", p.fail(p.at-1, "`\\\"` or `\\\\` after a backslash")
			}
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail(at, "a closing quote for the one")
}

func list(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

package lint

import (
	"math"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/fold"
)

// Whether claims can hold together. The answer is on the safe side: what the solver does
// not understand may hold, so that no finding rests on it.

// maxCases bounds the cases that claims are split into.
const maxCases = 2_000

// fact is a claim about one term that holds, or that is false.
type fact struct {
	condition.Claim
	not bool
}

// all, anyOf and not join claims.
func all(of ...condition.Claim) condition.Claim {
	return condition.Claim{Test: condition.TestAnd, Of: of}
}

func anyOf(of ...condition.Claim) condition.Claim {
	return condition.Claim{Test: condition.TestOr, Of: of}
}

func not(of condition.Claim) condition.Claim {
	return condition.Claim{Test: condition.TestNot, Of: []condition.Claim{of}}
}

func atLeast(term string, number float64) condition.Claim {
	return condition.Claim{Test: condition.TestAtLeast, Term: term, Values: []any{number}}
}

func over(term string, number float64) condition.Claim {
	return condition.Claim{Test: condition.TestOver, Term: term, Values: []any{number}}
}

func oneOf(term string, values ...string) condition.Claim {
	claim := condition.Claim{Test: condition.TestIn, Term: term}
	for _, value := range values {
		claim.Values = append(claim.Values, value)
	}
	return claim
}

// possible says whether all claims may hold at once.
func possible(of ...condition.Claim) bool {
	cases, understood := split(all(of...), false)
	return !understood || len(cases) > 0
}

// follows says whether b surely holds wherever a does.
func follows(a, b condition.Claim) bool { return !possible(a, not(b)) }

// split are the cases in which a claim holds (or is false), without those that
// contradict themselves. It is not understood if there are too many.
func split(claim condition.Claim, negated bool) (cases [][]fact, understood bool) {
	test := claim.Test
	if negated { // by De Morgan
		switch test {
		case condition.TestAnd:
			test = condition.TestOr
		case condition.TestOr:
			test = condition.TestAnd
		}
	}
	switch test {
	case condition.TestNot:
		return split(claim.Of[0], !negated)
	case condition.TestOr:
		for _, part := range claim.Of {
			more, ok := split(part, negated)
			if cases = append(cases, more...); !ok || len(cases) > maxCases {
				return nil, false
			}
		}
		return cases, true
	case condition.TestAnd:
		cases = [][]fact{nil}
		for _, part := range claim.Of {
			more, ok := split(part, negated)
			if !ok || len(cases)*len(more) > maxCases {
				return nil, false
			}
			var joined [][]fact
			for _, a := range cases {
				for _, b := range more {
					if both := append(slices.Clone(a), b...); consistent(both) {
						joined = append(joined, both)
					}
				}
			}
			cases = joined
		}
		return cases, true
	default:
		return [][]fact{{{claim, negated}}}, true
	}
}

// consistent says whether facts may be true together.
func consistent(facts []fact) bool {
	terms := map[string]*domain{}
	for _, f := range facts {
		d := terms[f.Term]
		if d == nil {
			d = &domain{span: everything()}
			terms[f.Term] = d
		}
		d.add(f)
	}
	for _, d := range terms {
		if d.empty() {
			return false
		}
	}
	return true
}

// span is a range of numbers.
type span struct {
	low, high         float64
	lowOpen, highOpen bool
}

func everything() span { return span{low: math.Inf(-1), high: math.Inf(1)} }

func (s span) empty() bool { return s.low > s.high || s.low == s.high && (s.lowOpen || s.highOpen) }

func (s span) has(n float64) bool {
	return (n > s.low || n == s.low && !s.lowOpen) && (n < s.high || n == s.high && !s.highOpen)
}

func (s span) and(t span) span {
	if t.low > s.low || t.low == s.low && t.lowOpen {
		s.low, s.lowOpen = t.low, t.lowOpen
	}
	if t.high < s.high || t.high == s.high && t.highOpen {
		s.high, s.highOpen = t.high, t.highOpen
	}
	return s
}

func (s span) within(t span) bool { return s.and(t) == s }

// domain is what a term may be.
type domain struct {
	known, absent bool
	span          span
	number        bool // it is compared with numbers
	isOneOf       bool
	allowed       []any
	forbidden     []any
	// words and beginnings of which one must stand there; those that must not.
	words, beginnings     [][]string
	noWords, noBeginnings []string
	holds, fails          bool
}

func (d *domain) add(f fact) {
	if f.Test == condition.TestPresent {
		if f.not {
			d.absent = true
		} else {
			d.known = true
		}
		return
	}
	d.known = true
	switch f.Test {
	case condition.TestIn:
		switch {
		case f.not:
			d.forbidden = append(d.forbidden, f.Values...)
		case !d.isOneOf:
			d.isOneOf, d.allowed = true, slices.Clone(f.Values)
		default:
			d.allowed = slices.DeleteFunc(d.allowed, func(v any) bool { return !slices.Contains(f.Values, v) })
		}
	case condition.TestAtLeast, condition.TestOver:
		d.number = true
		d.span = d.span.and(spanOf(f))
	case condition.TestWords:
		if f.not {
			d.noWords = append(d.noWords, f.Texts...)
		} else {
			d.words = append(d.words, f.Texts)
		}
	case condition.TestPrefix:
		if f.not {
			d.noBeginnings = append(d.noBeginnings, f.Texts...)
		} else {
			d.beginnings = append(d.beginnings, f.Texts)
		}
	default:
		if f.not {
			d.fails = true
		} else {
			d.holds = true
		}
	}
}

// spanOf is the range of a comparison.
func spanOf(f fact) span {
	n, _ := f.Values[0].(float64)
	open := f.Test == condition.TestOver
	if f.not {
		return span{low: math.Inf(-1), high: n, highOpen: !open}
	}
	return span{low: n, lowOpen: open, high: math.Inf(1)}
}

func (d *domain) empty() bool {
	if d.known && d.absent || d.holds && d.fails {
		return true
	}
	if d.isOneOf {
		return !slices.ContainsFunc(d.allowed, d.fits)
	}
	if d.number && (d.span.empty() || d.span.low == d.span.high && slices.Contains(d.forbidden, any(d.span.low))) {
		return true
	}
	text := len(d.words) > 0 || len(d.beginnings) > 0
	if d.number && text {
		return true
	}
	for _, words := range d.words {
		if len(words) == 0 || !slices.ContainsFunc(words, func(word string) bool { return !containsAny(word, d.noWords) }) {
			return true
		}
	}
	return !d.canBegin()
}

// fits says whether a value agrees with all else that is asked.
func (d *domain) fits(value any) bool {
	if slices.Contains(d.forbidden, value) {
		return false
	}
	number, isNumber := value.(float64)
	if d.number && (!isNumber || !d.span.has(number)) {
		return false
	}
	text, isText := value.(string)
	if !isText {
		return len(d.words) == 0 && len(d.beginnings) == 0
	}
	spaced := fold.Words(text)
	if containsAny(spaced, d.noWords) || beginsWithAny(text, d.noBeginnings) {
		return false
	}
	for _, words := range d.words {
		if !containsAny(spaced, words) {
			return false
		}
	}
	for _, beginnings := range d.beginnings {
		if !beginsWithAny(text, beginnings) {
			return false
		}
	}
	return true
}

// canBegin says whether there is a beginning that all of them allow.
func (d *domain) canBegin() bool {
	left := []string{""}
	for _, beginnings := range d.beginnings {
		var next []string
		for _, a := range left {
			for _, b := range beginnings {
				switch {
				case strings.HasPrefix(a, b):
					next = append(next, a)
				case strings.HasPrefix(b, a):
					next = append(next, b)
				}
			}
		}
		left = next
	}
	return slices.ContainsFunc(left, func(text string) bool { return !beginsWithAny(text, d.noBeginnings) })
}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

func beginsWithAny(text string, beginnings []string) bool {
	return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(text, b) })
}

// terms are what a claim asks about, sorted, each once.
func terms(claim condition.Claim) []string {
	var found []string
	var walk func(condition.Claim)
	walk = func(c condition.Claim) {
		if c.Term != "" {
			found = append(found, c.Term)
		}
		for _, part := range c.Of {
			walk(part)
		}
	}
	walk(claim)
	slices.Sort(found)
	return slices.Compact(found)
}

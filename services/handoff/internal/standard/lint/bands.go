package lint

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// band is a range of numbers with its points.
type band struct {
	span
	points float64
	path   string
	words  string
}

func (b band) String() string {
	if b.words != "" {
		return "“" + b.words + "”"
	}
	return rangeWords(b.span)
}

// rangeWords writes a range: `10 to below 50`.
func rangeWords(s span) string {
	var words []string
	switch {
	case math.IsInf(s.low, 0):
	case s.lowOpen:
		words = append(words, "over "+number(s.low))
	case math.IsInf(s.high, 0):
		words = append(words, "from "+number(s.low))
	default:
		words = append(words, number(s.low))
	}
	switch {
	case math.IsInf(s.high, 0):
	case s.highOpen && math.IsInf(s.low, 0):
		words = append(words, "below "+number(s.high))
	case s.highOpen:
		words = append(words, "to below "+number(s.high))
	default:
		words = append(words, "to "+number(s.high))
	}
	return strings.Join(words, " ")
}

// bands checks bands of numbers: those that say so, and choices and rules whose
// conditions are ranges of one number.
func (l *linter) bands() {
	for _, c := range l.criteria {
		name := l.named(c.GetId())
		if len(c.GetBands()) > 0 {
			var found []band
			for i, b := range c.GetBands() {
				found = append(found, band{rangeSpan(b.GetRange()), b.GetPoints(), index(c.path+".bands", i), b.GetDescription()})
			}
			l.overlaps(name, found)
			l.holes(name, found)
			l.zigzag(name, c.path, found)
			continue
		}
		var choices []numeric
		for i, choice := range c.GetChoices() {
			choices = append(choices, numeric{l.claim(choice.GetWhen()), choice.GetPoints(), index(c.path+".choices", i), choice.GetDescription()})
		}
		for _, found := range rangesOf(choices) {
			l.overlaps(name, found)
			if len(found) == len(choices) {
				l.holes(name, found)
				l.zigzag(name, c.path, found)
			}
		}
	}
	l.siblings(l.groups)
}

// tables checks rules with choices by a number of the activity.
func (l *linter) tables() {
	for _, r := range l.rules {
		var choices []numeric
		for i, choice := range r.GetChoices() {
			choices = append(choices, numeric{l.claim(choice.GetWhen()), choice.GetPoints(), index(r.path+".choices", i), choice.GetDescription()})
		}
		for _, found := range rangesOf(choices) {
			l.overlaps(l.named(r.GetId()), found)
			if len(found) == len(choices) {
				l.holes(l.named(r.GetId()), found)
				l.peak(l.named(r.GetId()), r.path, found)
			}
		}
	}
}

// siblings checks rules of one group for the same activity that are ranges of one number.
func (l *linter) siblings(groups []*engagementGroup) {
	for _, g := range groups {
		byActivity := map[string][]numeric{}
		for _, r := range g.rules {
			if len(r.GetActivities()) == 0 || r.GetPoints() <= 0 || r.GetOnlyIf() != nil {
				continue
			}
			key := strings.Join(slices.Sorted(slices.Values(r.GetActivities())), " ")
			byActivity[key] = append(byActivity[key], numeric{r.claim, r.GetPoints(), r.path, r.GetDescription()})
		}
		for _, key := range slices.Sorted(maps.Keys(byActivity)) {
			for _, found := range rangesOf(byActivity[key]) {
				name := "what gives points for " + key
				l.holes(name, found)
				l.peak(name, found[0].path, found)
			}
		}
		l.siblings(g.inside)
	}
}

// numeric is something with a condition and points.
type numeric struct {
	claim  condition.Claim
	points float64
	path   string
	words  string
}

// rangesOf are those that are ranges of one number, two or more, by that number.
func rangesOf(of []numeric) [][]band {
	byTerm := map[string][]band{}
	var order []string
	for _, n := range of {
		s, term, ok := rangeOf(n.claim)
		if !ok {
			continue
		}
		if byTerm[term] == nil {
			order = append(order, term)
		}
		byTerm[term] = append(byTerm[term], band{s, n.points, n.path, n.words})
	}
	var all [][]band
	for _, term := range order {
		if len(byTerm[term]) > 1 {
			all = append(all, byTerm[term])
		}
	}
	return all
}

// rangeOf is the range that a claim stands for, if that is all it asks.
func rangeOf(claim condition.Claim) (s span, term string, ok bool) {
	if len(terms(claim)) != 1 {
		return span{}, "", false
	}
	cases, understood := split(claim, false)
	if !understood || len(cases) != 1 {
		return span{}, "", false
	}
	s = everything()
	for _, f := range cases[0] {
		if f.Test != condition.TestAtLeast && f.Test != condition.TestOver {
			return span{}, "", false
		}
		s, term = s.and(spanOf(f)), f.Term
	}
	return s, term, len(cases[0]) > 0
}

func rangeSpan(r *typev1.Range) span {
	s := everything()
	if r.AtLeast != nil {
		s.low = r.GetAtLeast()
	}
	if r.Over != nil {
		s.low, s.lowOpen = r.GetOver(), true
	}
	if r.AtMost != nil {
		s.high = r.GetAtMost()
	}
	if r.Below != nil {
		s.high, s.highOpen = r.GetBelow(), true
	}
	return s
}

// overlaps finds bands that share numbers. A band inside a later one is a cascade: of
// `below 10` and `below 50` the first counts where both hold.
func (l *linter) overlaps(name string, bands []band) {
	for i, b := range bands {
		for _, a := range bands[:i] {
			both := a.and(b.span)
			if both.empty() || a.within(b.span) || b.within(a.span) {
				continue
			}
			l.warn("overlapping-bands", b.path, "%s: %s and %s overlap at %s; the first counts there", name, a, b, rangeWords(both))
		}
	}
}

// holes finds numbers between bands that no band has.
func (l *linter) holes(name string, bands []band) {
	sorted := slices.SortedFunc(slices.Values(bands), func(a, b band) int { return cmp.Compare(a.low, b.low) })
	reach := sorted[0].span
	for _, b := range sorted[1:] {
		between := span{low: reach.high, lowOpen: !reach.highOpen, high: b.low, highOpen: !b.lowOpen}
		switch {
		case between.empty():
		case between.high-between.low == 1 && between.lowOpen && between.highOpen && between.low == math.Trunc(between.low):
			l.info("gap-in-bands", b.path, "%s: nothing is said of numbers between %s and %s; for whole numbers that is right",
				name, number(between.low), number(between.high))
		case between.low == between.high:
			l.warn("gap-in-bands", b.path, "%s: exactly %s is in none of the bands", name, number(between.low))
		default:
			l.warn("gap-in-bands", b.path, "%s: nothing is said of %s", name, gapWords(between))
		}
		if b.high > reach.high || b.high == reach.high && reach.highOpen {
			reach.high, reach.highOpen = b.high, b.highOpen
		}
	}
}

func gapWords(s span) string {
	if s.lowOpen {
		return "numbers " + rangeWords(s)
	}
	return rangeWords(s)
}

// ranked are the points of bands from the lowest to the highest number, each number
// belonging to the first band that has it.
func ranked(bands []band) []band {
	var edges []float64
	for _, b := range bands {
		for _, e := range []float64{b.low, b.high} {
			if !math.IsInf(e, 0) {
				edges = append(edges, e)
			}
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var probes []float64
	for i, e := range edges {
		switch i {
		case 0:
			probes = append(probes, e-1)
		default:
			probes = append(probes, (edges[i-1]+e)/2)
		}
		probes = append(probes, e)
	}
	if len(edges) > 0 {
		probes = append(probes, edges[len(edges)-1]+1)
	}
	var out []band
	for _, at := range probes {
		i := slices.IndexFunc(bands, func(b band) bool { return b.has(at) })
		if i >= 0 && (len(out) == 0 || out[len(out)-1].path != bands[i].path) {
			out = append(out, bands[i])
		}
	}
	return out
}

// zigzag finds tables that go down and up again. One peak, such as a favourite size of
// company, is what many standards mean.
func (l *linter) zigzag(name, path string, bands []band) {
	down := false
	var dip band
	rank := ranked(bands)
	for i := 1; i < len(rank); i++ {
		switch a, b := rank[i-1], rank[i]; {
		case b.points < a.points:
			down, dip = true, b
		case b.points > a.points && down:
			l.info("uneven-table", path, "%s: the points go down at %s (%s) and up again at %s (%s)",
				name, dip, number(dip.points), b, number(b.points))
			return
		}
	}
}

// peak finds tables of an activity's number that go up and then down: more of it gives
// less.
func (l *linter) peak(name, path string, bands []band) {
	up := false
	rank := ranked(bands)
	for i := 1; i < len(rank); i++ {
		switch a, b := rank[i-1], rank[i]; {
		case b.points > a.points:
			up = true
		case b.points < a.points && up && a.points > 0:
			l.warn("more-gives-less", path, "%s: more gives fewer points: %s gives %s, %s only %s",
				name, a, number(a.points), b, number(b.points))
			return
		}
	}
}

package lint

import (
	"fmt"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// counters checks criteria of the engagement that ask how often something happened: one
// more activity must not give fewer points. It plays histories: so many activities today
// and so many long ago, for each window that is asked for.
func (l *linter) counters() {
	for _, c := range l.asked {
		var gates []*typev1.Gate
		for _, choice := range c.GetChoices() {
			gates = append(gates, choice.GetIf())
		}
		rule, most, ok := counted(gates)
		if !ok {
			continue
		}
		given := func(today, before int) float64 {
			for _, choice := range c.GetChoices() {
				if gateCounts(choice.GetIf(), today, before) {
					return choice.GetPoints() * weight(c.WeightPercent)
				}
			}
			return 0
		}
		l.counter(c, rule, most, given)
	}
}

// maxCounted bounds the histories that are played.
const maxCounted = 100

func (l *linter) counter(c *asked, rule string, most int, given func(today, before int) float64) {
	for before := range most + 2 {
		best := 0.0
		for today := range most + 2 {
			points := given(today, before)
			if points < best && best > 0 {
				l.warn("more-gives-less", c.path, "%s: more activity gives fewer points; so many of %s%s give: %s",
					l.named(c.GetId()), l.named(rule), history(before), series(most, before, given))
				return
			}
			best = max(best, points)
		}
	}
}

func history(before int) string {
	if before == 0 {
		return ""
	}
	return fmt.Sprintf(", after %d long ago,", before)
}

// series is what 0, 1, 2 … activities give.
func series(most, before int, given func(today, before int) float64) string {
	var items []string
	for n := range min(most+2, 12) {
		items = append(items, fmt.Sprintf("%d → %s", n, number(given(n, before))))
	}
	return strings.Join(items, ", ")
}

// counted is the rule that all gates count, and the highest number they ask for. It is
// not ok if they ask anything else.
func counted(gates []*typev1.Gate) (rule string, most int, ok bool) {
	ok = len(gates) > 0
	var walk func(g *typev1.Gate)
	walk = func(g *typev1.Gate) {
		switch {
		case len(g.GetAll()) > 0:
			for _, inside := range g.GetAll() {
				walk(inside)
			}
		case len(g.GetAny()) > 0:
			for _, inside := range g.GetAny() {
				walk(inside)
			}
		case g.GetNot() != nil:
			walk(g.GetNot())
		case g.GetActivity() != nil:
			a := g.GetActivity()
			counts := a.GetMeasure() <= typev1.ActivityGate_MEASURE_COUNT && !a.GetInVisit()
			if !counts || rule != "" && rule != a.GetRule() {
				ok = false
			}
			rule = a.GetRule()
			for _, edge := range []*float64{a.AtLeast, a.AtMost, a.Over, a.Below} {
				if edge != nil {
					most = max(most, int(*edge))
				}
			}
			most = max(most, 1)
		default:
			ok = false
		}
	}
	for _, g := range gates {
		walk(g)
	}
	return rule, most, ok && most <= maxCounted
}

// gateCounts says whether a gate over one count holds: so many today, and so many before
// every window.
func gateCounts(g *typev1.Gate, today, before int) bool {
	switch {
	case len(g.GetAll()) > 0:
		for _, inside := range g.GetAll() {
			if !gateCounts(inside, today, before) {
				return false
			}
		}
		return true
	case len(g.GetAny()) > 0:
		for _, inside := range g.GetAny() {
			if gateCounts(inside, today, before) {
				return true
			}
		}
		return false
	case g.GetNot() != nil:
		return !gateCounts(g.GetNot(), today, before)
	default:
		n := today
		if g.GetActivity().GetWithinDays() == 0 {
			n += before
		}
		return activitySpan(g.GetActivity()).has(float64(n))
	}
}

// activitySpan is the range that an activity gate asks for.
func activitySpan(a *typev1.ActivityGate) span {
	if a.AtLeast == nil && a.AtMost == nil && a.Over == nil && a.Below == nil {
		one := 1.0
		return rangeSpan(&typev1.Range{AtLeast: &one})
	}
	return rangeSpan(&typev1.Range{AtLeast: a.AtLeast, AtMost: a.AtMost, Over: a.Over, Below: a.Below})
}

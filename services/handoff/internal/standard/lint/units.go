package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// unit is a unit of time in milliseconds.
type unit struct {
	name string
	ms   float64
}

var unitNames = map[string]unit{}

func init() {
	for _, u := range []struct {
		unit
		names string
	}{
		{unit{"milliseconds", 1}, "ms millis millisecond milliseconds"},
		{unit{"seconds", 1000}, "s sec secs second seconds"},
		{unit{"minutes", 60_000}, "min mins minute minutes"},
		{unit{"hours", 3_600_000}, "h hr hrs hour hours"},
		{unit{"days", 86_400_000}, "day days"},
		{unit{"weeks", 7 * 86_400_000}, "week weeks"},
		{unit{"months", 30 * 86_400_000}, "month months"},
	} {
		for _, name := range strings.Fields(u.names) {
			unitNames[name] = u.unit
		}
	}
}

// unitOf is the unit that the name of a property ends with, e.g. `build_ms`, `totalMinutes`.
func unitOf(term string) (unit, bool) {
	words := strings.FieldsFunc(spread(term), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(words) == 0 {
		return unit{}, false
	}
	last := words[len(words)-1]
	if len(last) == 1 { // an `s` is hardly ever seconds
		return unit{}, false
	}
	u, ok := unitNames[last]
	return u, ok
}

// spread parts the words of a name in camel case.
func spread(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// duration is one that a description speaks of.
type duration struct {
	number float64
	unit
}

func (d duration) String() string { return number(d.number) + " " + d.name }

var (
	durations = regexp.MustCompile(`(?i)(\d[\d,.]*)[ -]?(ms|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|hrs?|h|days?|weeks?|months?)\b`)
	rhythms   = regexp.MustCompile(`(?i)\b(?:once|twice|one|\d+)(?: times?)? ?(?:an?|per|every|each|/) ?(hour|day|week|month|year)\b`)
	divisions = regexp.MustCompile(`([A-Za-z_.]+) */ *\(?([\d.]+)(?: *\* *([\d.]+))?`)
)

func durationsIn(text string) []duration {
	var found []duration
	for _, match := range durations.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(strings.TrimRight(strings.ReplaceAll(match[1], ",", ""), "."), 64)
		if err == nil {
			found = append(found, duration{n, unitNames[strings.ToLower(match[2])]})
		}
	}
	return found
}

// units finds numbers whose unit is not the one that is said.
func (l *linter) units() {
	for _, r := range l.rules {
		if said := rhythms.FindStringSubmatch(r.GetDescription()); said != nil {
			if period, ok := periods[r.GetLimit().GetPer()]; ok && !strings.EqualFold(said[1], period) {
				l.warn("unit", r.path+".limit.per", "%s says “%s”, its limit is per %s", l.named(r.GetId()), said[0], period)
			}
		}
		l.compared(r.path+".when", r.GetDescription(), r.claim)
		l.within(r.path+".onlyIf", r.GetDescription(), r.GetOnlyIf())
		l.span(r.path+".inactivity.days", r.GetDescription(), r.GetInactivity().GetDays())
		l.span(r.path+".sequence.withinDays", r.GetDescription(), r.GetSequence().GetWithinDays())
		for i, choice := range r.GetChoices() {
			l.compared(index(r.path+".choices", i)+".when", choice.GetDescription(), l.claim(choice.GetWhen()))
		}
	}
	for _, c := range l.criteria {
		l.compared(c.path+".when", c.GetDescription(), l.claim(c.GetWhen()))
		for i, choice := range c.GetChoices() {
			l.compared(index(c.path+".choices", i)+".when", choice.GetDescription(), l.claim(choice.GetWhen()))
		}
	}
	for i, signal := range l.model.GetSignals() {
		l.compared(index("engagement.signals", i)+".when", signal.GetDescription(), l.claim(signal.GetWhen()))
	}
	for _, c := range l.asked {
		for i, choice := range c.GetChoices() {
			words := choice.GetDescription()
			if words == "" {
				words = c.GetDescription()
			}
			l.within(index(c.path+".choices", i)+".if", words, choice.GetIf())
		}
	}
	expressions("", l.spec.ProtoReflect(), l.divided)
}

// percentages are compared with 0 to 100, not with shares of 1.
func (l *linter) percent(path string, f fact) {
	if n, ok := f.Values[0].(float64); ok && n > 0 && n < 1 && strings.Contains(f.Term, "percent") {
		l.warn("unit", path, "%s is compared with %s: a share of 1, where percents go to 100", f.Term, number(n))
	}
}

// compared checks the numbers of a condition against the durations of its description.
func (l *linter) compared(path, words string, claim condition.Claim) {
	cases, _ := split(claim, false)
	var numbers []fact
	for _, facts := range cases {
		for _, f := range facts {
			if f.Test == condition.TestAtLeast || f.Test == condition.TestOver {
				if !slices.ContainsFunc(numbers, func(g fact) bool { return g.Term == f.Term && g.Values[0] == f.Values[0] }) {
					numbers = append(numbers, f)
					l.percent(path, f)
				}
			}
		}
	}
	for _, f := range numbers {
		if in, ok := unitOf(f.Term); ok {
			n, _ := f.Values[0].(float64)
			l.said(path, words, n, in)
		}
	}
}

// said compares a number of a unit with the durations that words speak of.
func (l *linter) said(path, words string, n float64, in unit) {
	found := durationsIn(words)
	if len(found) == 0 || slices.ContainsFunc(found, func(d duration) bool { return d.number*d.ms == n*in.ms }) {
		return
	}
	for _, d := range found {
		ratio := n * in.ms / (d.number * d.ms)
		if d.number == n || slices.Contains([]float64{60, 1. / 60, 1000, 1. / 1000, 3600, 1. / 3600, 24, 1. / 24, 10, 1. / 10}, ratio) {
			l.warn("unit", path, "“%s” speaks of %s, but %s stand there", words, d, duration{n, in})
			return
		}
	}
}

// within checks the windows and the sums of gates.
func (l *linter) within(path, words string, g *typev1.Gate) {
	gatesIn(g, func(g *typev1.Gate) {
		a := g.GetActivity()
		if a == nil {
			return
		}
		l.span(path, words, float64(a.GetWithinDays()))
		if a.GetMeasure() != typev1.ActivityGate_MEASURE_SUM {
			return
		}
		in, ok := unitOf(l.valueOf(a.GetRule()))
		for _, edge := range []*float64{a.AtLeast, a.Over, a.AtMost, a.Below} {
			if ok && edge != nil {
				l.said(path, words, *edge, in)
			}
		}
	})
}

// valueOf is the value that a rule or signal sums.
func (l *linter) valueOf(id string) string {
	for _, r := range l.rules {
		if r.GetId() == id {
			return r.GetValue()
		}
	}
	for _, s := range l.model.GetSignals() {
		if s.GetId() == id {
			return s.GetValue()
		}
	}
	return ""
}

// span checks a number of days against the durations of a description: `2 weeks` beside
// 2 days.
func (l *linter) span(path, words string, days float64) {
	if days == 0 {
		return
	}
	found := durationsIn(words)
	if slices.ContainsFunc(found, func(d duration) bool { return d.number*d.ms == days*unitNames["days"].ms }) {
		return
	}
	for _, d := range found {
		if d.number == days && d.name != "days" {
			l.warn("unit", path, "“%s” speaks of %s, but %s days stand there", words, d, number(days))
			return
		}
	}
}

// divided finds a duration that is divided by what makes no other unit of it.
func (l *linter) divided(path, text string) {
	for _, match := range divisions.FindAllStringSubmatch(text, -1) {
		from, ok := unitOf(match[1])
		by, err := strconv.ParseFloat(match[2], 64)
		if factor, err := strconv.ParseFloat(match[3], 64); err == nil {
			by *= factor
		}
		if !ok || err != nil || by <= 1 {
			continue
		}
		known := false
		for _, u := range unitNames {
			known = known || u.ms == from.ms*by
		}
		if !known {
			l.warn("unit", path, "%s divided by %s make no unit of time: %s", from.name, number(by), closest(from.ms*by))
		}
	}
}

// closest says what so many milliseconds are.
func closest(ms float64) string {
	for _, u := range []unit{unitNames["days"], unitNames["hours"], unitNames["minutes"], unitNames["seconds"]} {
		if ms >= u.ms {
			return fmt.Sprintf("that is %s %s", strconv.FormatFloat(ms/u.ms, 'g', 4, 64), u.name)
		}
	}
	return fmt.Sprintf("that is %s milliseconds", number(ms))
}

// holdsExpression are the names of the fields that hold conditions and values.
var holdsExpression = []protoreflect.Name{"when", "value", "distinct", "per_value", "from_when", "until_when", "icp", "applies_to"}

// expressions calls visit for each condition and value in a message and below.
func expressions(path string, m protoreflect.Message, visit func(path, text string)) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) || f.IsMap() {
			continue
		}
		at := f.JSONName()
		if path != "" {
			at = path + "." + at
		}
		switch v := m.Get(f); {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				expressions(index(at, i), v.List().Get(i).Message(), visit)
			}
		case f.Message() != nil:
			expressions(at, v.Message(), visit)
		case f.Kind() == protoreflect.StringKind && !f.IsList() && slices.Contains(holdsExpression, f.Name()):
			visit(at, v.String())
		}
	}
}

package diff

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func isGate(m protoreflect.Message) bool { return m.Descriptor().Name() == "Gate" }

func isNumber(f protoreflect.FieldDescriptor) bool {
	switch f.Kind() {
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.StringKind, protoreflect.BytesKind,
		protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}

// isPhrase tells whether a message reads as one phrase: it holds no lists of messages,
// or short ones.
func isPhrase(m protoreflect.MessageDescriptor) bool {
	return m.Name() == "Decay" || isSmall(m, map[protoreflect.FullName]bool{})
}

func isSmall(m protoreflect.MessageDescriptor, inside map[protoreflect.FullName]bool) bool {
	if inside[m.FullName()] {
		return true
	}
	inside[m.FullName()] = true
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil && !isSmall(f.MapValue().Message(), inside) {
				return false
			}
		case f.Message() != nil && (f.IsList() || !isSmall(f.Message(), inside)):
			return false
		}
	}
	return true
}

// phrase reads a message out. Every field that is given is in it.
func (r reader) phrase(m protoreflect.Message) string {
	p := &phrasing{reader: r, m: m, said: map[protoreflect.Name]bool{}}
	if say := phrases[string(m.Descriptor().Name())]; say != nil {
		say(p)
	}
	p.rest()
	return strings.Join(p.parts, ", ")
}

// phrasing is a phrase in the making.
type phrasing struct {
	reader
	m     protoreflect.Message
	said  map[protoreflect.Name]bool
	parts []string
}

func (p *phrasing) add(words string) {
	if words != "" {
		p.parts = append(p.parts, words)
	}
}

// take returns a field that is given; the phrase says it.
func (p *phrasing) take(name protoreflect.Name) (protoreflect.FieldDescriptor, protoreflect.Value, bool) {
	f := p.m.Descriptor().Fields().ByName(name)
	if f == nil || !p.m.Has(f) {
		return nil, protoreflect.Value{}, false
	}
	p.said[name] = true
	return f, p.m.Get(f), true
}

// number returns a number that is given, in words.
func (p *phrasing) number(name protoreflect.Name) (string, bool) {
	f, v, ok := p.take(name)
	if !ok {
		return "", false
	}
	return p.scalar(f, v), true
}

// rest reads out what is not said yet, by the names of the fields.
func (p *phrasing) rest() {
	fields := p.m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if p.said[f.Name()] || !p.m.Has(f) {
			continue
		}
		v, w := p.m.Get(f), wordingOf(f)
		switch {
		case f.IsMap():
			entries := map[string]string{}
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				if f.MapValue().Message() != nil {
					entries[k.String()] = p.phrase(v.Message())
				} else {
					entries[k.String()] = p.scalar(f.MapValue(), v)
				}
				return true
			})
			for _, k := range sortedKeys(entries) {
				p.add("for " + k + " " + entries[k])
			}
		case f.IsList() && f.Message() != nil:
			var items []string
			for i := range v.List().Len() {
				items = append(items, p.phrase(v.List().Get(i).Message()))
			}
			p.add(strings.TrimSpace(w.label + " (" + strings.Join(items, "; ") + ")"))
		case f.IsList():
			p.add(strings.TrimSpace(w.label + " " + withUnit(strings.Join(texts(p.reader, f, v.List()), ", "), w.unit)))
		case f.Message() != nil:
			p.add(strings.TrimSpace(w.label + " " + p.phrase(v.Message())))
		case f.Kind() == protoreflect.BoolKind && v.Bool():
			p.add(w.label)
		default:
			p.add(strings.TrimSpace(w.label + " " + withUnit(p.scalar(f, v), w.unit)))
		}
	}
}

// phrases say the messages that people have words for. What a phrase leaves out is
// added by the names of the fields.
var phrases map[string]func(p *phrasing)

func init() {
	phrases = map[string]func(p *phrasing){
		"RepeatLimit":  sayLimit,
		"Decay":        sayDecay,
		"Range":        func(p *phrasing) { p.add(p.interval()) },
		"ActivityGate": sayActivity,
		"Gate":         sayGate,
		"AtLeast":      sayAtLeast,
		"ChangeWindow": func(p *phrasing) {
			from, _ := p.number("from")
			to, _ := p.number("to")
			p.add(from + " to " + to)
		},
		"Return": sayReturn,
		"PointsGate": func(p *phrasing) {
			if _, v, ok := p.take("of"); ok {
				p.add(p.named(v.String()))
			}
		},
	}
}

// sayLimit: `once a month`, `3 times in 30 days`.
func sayLimit(p *phrasing) {
	most, capped := p.number("points")
	times := "once"
	if n, ok := p.number("count"); ok && n != "1" {
		times = n + " times"
	} else if !ok && capped {
		times = "" // the points alone limit it
	}
	var period string
	if _, v, ok := p.take("per"); ok && v.Enum() > 0 {
		f := p.m.Descriptor().Fields().ByName("per")
		unit := enumWord(f.Enum(), v.Enum())
		n, many := p.number("every")
		switch {
		case many && n != "1":
			period = " in " + n + " " + unit + "s"
		case unit == "lead":
			period = " ever"
		case unit == "hour":
			period = " an hour"
		default:
			period = " a " + unit
		}
	} else {
		period = " ever"
	}
	if times != "" {
		p.add(times + period)
	}
	if capped {
		p.add("at most " + withUnit(most, pointsUnit) + period)
	}
	if _, v, ok := p.take("rolling"); ok && v.Bool() {
		p.add("rolling")
	}
}

// sayDecay: `half-life 30 days`.
func sayDecay(p *phrasing) {
	for _, by := range []struct {
		field  protoreflect.Name
		before string
		after  string
	}{{"half_life_days", "half-life", "days"}, {"window_days", "in full for", "days, then nothing"}, {"linear_days", "evenly to nothing in", "days"}} {
		if n, ok := p.number(by.field); ok {
			p.add(by.before + " " + n + " " + by.after)
		}
	}
}

// sayReturn: `after 90 days, only by fast_track.demo or gates`.
func sayReturn(p *phrasing) {
	if _, v, ok := p.take("never"); ok && v.Bool() {
		p.add("never by itself")
	}
	if n, ok := p.number("after_days"); ok {
		p.add("after " + n + " days")
	}
	if f, v, ok := p.take("reasons"); ok {
		p.add("only by " + strings.Join(texts(p.reader, f, v.List()), " or "))
	}
}

// interval: `50 or more`, `10 to below 20`.
func (p *phrasing) interval() string {
	atLeast, hasAtLeast := p.number("at_least")
	over, hasOver := p.number("over")
	below, hasBelow := p.number("below")
	atMost, hasAtMost := p.number("at_most")
	low, high := "", ""
	switch {
	case hasAtLeast && hasOver:
		low = atLeast + " or more and over " + over
	case hasAtLeast:
		low = atLeast
	case hasOver:
		low = "over " + over
	}
	switch {
	case hasBelow && hasAtMost:
		high = "below " + below + " and up to " + atMost
	case hasBelow:
		high = "below " + below
	case hasAtMost:
		high = "up to " + atMost
	}
	switch {
	case low == "":
		return high
	case high == "" && hasAtLeast && !hasOver:
		return low + " or more"
	case high == "":
		return low
	case hasAtLeast && hasBelow:
		return low + " to " + high
	}
	return low + " " + high
}

// sayActivity: `Viewed the prices 2 or more times within 14 days`.
func sayActivity(p *phrasing) {
	rule := ""
	if _, v, ok := p.take("rule"); ok {
		rule = p.named(v.String())
	}
	if often := p.interval(); often != "" {
		unit := "times"
		if f, v, ok := p.take("measure"); ok {
			unit = enumWord(f.Enum(), v.Enum())
		}
		rule += " " + often + " " + unit
	}
	if n, ok := p.number("within_days"); ok {
		rule += " within " + n + " days"
	}
	p.add(rule)
}

// sayGate: `all of (fit class A or B; engagement score 50 or more)`.
func sayGate(p *phrasing) {
	for _, several := range []protoreflect.Name{"all", "any"} {
		if _, v, ok := p.take(several); ok {
			p.add(string(several) + " of (" + p.several(v.List()) + ")")
		}
	}
	for _, labels := range []protoreflect.Name{"fit_class", "engagement_band", "combined_band", "matrix", "persona", "stage"} {
		if f, v, ok := p.take(labels); ok {
			p.add(wordingOf(f).label + " " + strings.Join(texts(p.reader, f, v.List()), " or "))
		}
	}
}

func sayAtLeast(p *phrasing) {
	n, _ := p.number("count")
	words := "at least " + n
	if _, v, ok := p.take("of"); ok {
		words += " of (" + p.several(v.List()) + ")"
	}
	p.add(words)
}

func (p *phrasing) several(gates protoreflect.List) string {
	words := make([]string, gates.Len())
	for i := range words {
		words[i] = p.phrase(gates.Get(i).Message())
	}
	return strings.Join(words, "; ")
}

// summary says of a member that was added or removed what matters most.
func (r reader) summary(m protoreflect.Message) string {
	if isGate(m) || keyField(m.Descriptor()) == nil && isPhrase(m.Descriptor()) && text(m, "description") == "" {
		return r.phrase(m)
	}
	var parts []string
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		switch w := wordingOf(f); {
		case f.IsMap():
		case f.IsList() && f.Message() != nil:
			parts = append(parts, count(m.Get(f).List().Len(), spaced(string(f.Name()))))
		case f.IsList() || f.Message() != nil:
		case w.unit == pointsUnit:
			parts = append(parts, strings.TrimSpace(w.label+" "+withUnit(r.scalar(f, m.Get(f)), w.unit)))
		}
	}
	if len(parts) == 0 {
		return short(text(m, "text"), 120) // a remark
	}
	return strings.Join(parts, ", ")
}

// scalar reads a plain value out.
func (r reader) scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.BoolKind:
		if v.Bool() {
			return "yes"
		}
		return "no"
	case protoreflect.EnumKind:
		return enumWord(f.Enum(), v.Enum())
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case protoreflect.StringKind:
		return v.String()
	default:
		return v.String()
	}
}

// texts reads a list of plain values out.
func texts(r reader, f protoreflect.FieldDescriptor, l protoreflect.List) []string {
	words := make([]string, l.Len())
	for i := range words {
		words[i] = r.scalar(f, l.Get(i))
	}
	return words
}

func enumWord(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	v := e.Values().ByNumber(n)
	if v == nil {
		return strconv.Itoa(int(n))
	}
	// The first value is PREFIX_UNSPECIFIED.
	prefix := strings.TrimSuffix(string(e.Values().Get(0).Name()), "UNSPECIFIED")
	return strings.ToLower(spaced(strings.TrimPrefix(string(v.Name()), prefix)))
}

// sentence says a change of the labelled part of a subject.
func sentence(kind Kind, label, before, after, unit string) string {
	label = strings.TrimSpace(label)
	if kind == Changed {
		before, after = contrast(before, after, 80)
	}
	before, after = short(before, 80), short(after, 80)
	with := func(words, more string) string {
		switch {
		case more == "":
			return words
		case words == "":
			return more
		}
		return words + " " + more
	}
	switch kind {
	case Added:
		return with(label, comma("added", withUnit(after, unit)))
	case Removed:
		if before == "" {
			return with(label, "removed")
		}
		return with(label, "removed, was "+withUnit(before, unit))
	case Moved:
		return with(label, "moved from "+before+" to "+after+" place")
	}
	return with(label, orNothing(before)+" → "+withUnit(orNothing(after), unit))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func comma(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}

// gainsAndLosses says what two long lists do not share.
func gainsAndLosses(before, after []string) string {
	less := func(from, without []string) []string {
		n := map[string]int{}
		for _, s := range without {
			n[s]++
		}
		var left []string
		for _, s := range from {
			if n[s]--; n[s] < 0 {
				left = append(left, s)
			}
		}
		return left
	}
	some := func(all []string) string {
		more := ""
		if len(all) > 5 {
			more = " and " + strconv.Itoa(len(all)-5) + " more"
			all = all[:5]
		}
		return short(strings.Join(all, ", "), 120) + more
	}
	var parts []string
	if gained := less(after, before); len(gained) > 0 {
		parts = append(parts, "added "+some(gained))
	}
	if lost := less(before, after); len(lost) > 0 {
		parts = append(parts, "removed "+some(lost))
	}
	if len(parts) == 0 {
		return "in another order"
	}
	return strings.Join(parts, ", ")
}

func withUnit(number, unit string) string {
	switch {
	case number == "" || unit == "":
		return number
	case unit == "%":
		return number + " %"
	case number == "1" && (unit == pointsUnit || unit == "days" || unit == "leads" || unit == "minutes"):
		unit = strings.TrimSuffix(unit, "s")
	}
	return number + " " + unit
}

func count(n int, of string) string {
	if n == 1 {
		of = singular(of)
	}
	return strconv.Itoa(n) + " " + of
}

func singular(of string) string {
	switch {
	case of == "criteria":
		return "criterion"
	case strings.HasSuffix(of, "sses"):
		return strings.TrimSuffix(of, "es")
	}
	return strings.TrimSuffix(of, "s")
}

func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// contrast cuts what two long texts begin with alike, so that their difference shows when
// they are cut to n characters.
func contrast(a, b string, n int) (string, string) {
	x, y := []rune(strings.Join(strings.Fields(a), " ")), []rune(strings.Join(strings.Fields(b), " "))
	if len(x) <= n && len(y) <= n {
		return a, b
	}
	same := 0
	for same < len(x) && same < len(y) && x[same] == y[same] {
		same++
	}
	for back := 0; same > 0 && (back < n/4 || x[same-1] != ' '); back++ { // begin with a whole word
		same--
	}
	if same == 0 {
		return a, b
	}
	return "…" + string(x[same:]), "…" + string(y[same:])
}

// short cuts a text to at most n characters.
func short(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

func sentenceCase(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

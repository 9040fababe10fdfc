package standard

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// Field is an attribute that a form should ask, so that a standard can judge.
type Field struct {
	// Attribute is its key, Label what it is in words.
	Attribute, Label string
	// Kind of answer.
	Kind AnswerKind
	// Answers that the standard tells apart; any other is none of them.
	Answers []Answer
	// Needed: a lead is not handed off without.
	Needed bool
	// Selects: a lead selects itself by the answer, with those to the other such questions.
	Selects bool
	// Stake is how many points depend on it: between the worst answer and the best.
	Stake float64
	// ReadBy are the ids of the criteria, rules and gates that read it.
	ReadBy []string
}

// AnswerKind is what kind of answer an attribute wants.
type AnswerKind int

// The kinds.
const (
	TextAnswer AnswerKind = iota + 1
	NumberAnswer
	BooleanAnswer
	ChoiceAnswer
	TimeAnswer
)

// Answer is a value, or a band of numbers.
type Answer struct {
	// Label is the answer in words.
	Label string
	// Value is string, float64 or bool; nil for a band.
	Value any
	// Band is the range of a band; nil for a value.
	Band *typev1.Range
}

// maxAnswers bounds the answers that a form shows: nobody picks from more.
const maxAnswers = 100

// Form returns what a form should ask for a standard that compiles: first what a lead
// is not handed off without, then that by which it selects itself, both in the standard's
// order, then by the points that depend on it, then by how much reads it.
func Form(spec *handoffv1.StandardSpec) []Field {
	b := formBuilder{spec: spec, by: map[string]*asked{}}
	b.message(spec.ProtoReflect(), scoring{})
	for _, word := range spec.GetVocabulary().GetAttributes() {
		if a := b.by[word.GetKey()]; a != nil {
			a.word = word
		}
	}
	fields := make([]Field, 0, len(b.order))
	for _, a := range b.order {
		fields = append(fields, a.field())
	}
	slices.SortStableFunc(fields, func(a, b Field) int {
		if a.Needed != b.Needed || a.Selects != b.Selects {
			return cmp.Or(first(a.Needed, b.Needed), first(a.Selects, b.Selects))
		}
		if a.Needed || a.Selects {
			return 0
		}
		return cmp.Or(cmp.Compare(b.Stake, a.Stake), cmp.Compare(len(b.ReadBy), len(a.ReadBy)))
	})
	return fields
}

// first orders what is so before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// asked is what is known of an attribute so far.
type asked struct {
	key    string
	word   *handoffv1.AttributeWord
	needed bool
	// selects: a self-selection reads it.
	selects bool
	// stake and readBy, each reader once.
	stake  float64
	readBy []string
	// how it is asked about.
	hows   map[condition.How]bool
	values []any
	cuts   []cut
	bands  []Answer
}

// cut is a number at which the answer changes: it belongs to what is above, or to what
// is below.
type cut struct {
	at    float64
	above bool
}

// scoring is the criterion, rule or gate that the walk is in.
type scoring struct {
	id    string
	stake float64
	// selects: it is a self-selection.
	selects bool
}

type formBuilder struct {
	spec  *handoffv1.StandardSpec
	by    map[string]*asked
	order []*asked
}

// message walks along the language, so that a condition that the language gets later is
// read as well.
func (b *formBuilder) message(m protoreflect.Message, in scoring) {
	if id := m.Descriptor().Fields().ByName("id"); id != nil && id.Kind() == protoreflect.StringKind && m.Get(id).String() != "" && m.Descriptor() != b.spec.ProtoReflect().Descriptor() {
		in = scoring{m.Get(id).String(), stake(m), m.Descriptor().Name() == "SelfSelection"}
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		v := m.Get(f)
		switch {
		case f.IsMap():
			continue // maps hold numbers by segment
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				b.message(v.List().Get(i).Message(), in)
			}
		case f.Message() != nil:
			b.message(v.Message(), in)
		case f.IsList() && f.Kind() == protoreflect.StringKind && namesAttributes[f.FullName()]:
			for i := range v.List().Len() {
				if a := b.attribute("lead."+v.List().Get(i).String(), in); a != nil {
					a.needed = a.needed || m.Descriptor().Name() == "NeedsData"
				}
			}
		case f.Kind() == protoreflect.StringKind && !f.IsList():
			if holds, ok := expressions[f.FullName()]; ok {
				b.expression(v.String(), holds.vars, m, in)
			}
		}
	}
}

// namesAttributes are the lists that name attributes.
var namesAttributes = map[protoreflect.FullName]bool{
	"assay.handoff.v1.NeedsData.attributes":   true,
	"assay.type.v1.KnownGate.attributes":      true,
	"assay.type.v1.FitModel.required":         true,
	"assay.type.v1.EngagementRule.attributes": true,
	"assay.type.v1.Signal.attributes":         true,
	"assay.type.v1.Reset.attributes":          true,
}

func (b *formBuilder) expression(text string, vars condition.Vars, m protoreflect.Message, in scoring) {
	found, err := condition.Literals(text, condition.Options{Vars: vars})
	if err != nil { // it compiles, so it can be read
		return
	}
	for _, c := range found {
		a := b.attribute(c.Path, in)
		if a == nil {
			continue
		}
		a.hows[c.How] = true
		for _, v := range c.Values {
			n, isNumber := v.(float64)
			switch {
			case isNumber && c.How == condition.AskFrom:
				a.cuts = append(a.cuts, cut{n, true})
			case isNumber && c.How == condition.AskOver:
				a.cuts = append(a.cuts, cut{n, false})
			case c.How == condition.AskEqual:
				a.values = append(a.values, v)
			}
		}
		for _, list := range b.spec.GetLists() {
			if c.List == list.GetId() && len(list.GetValues()) <= maxAnswers {
				for _, text := range list.GetValues() {
					a.values = append(a.values, text)
				}
			}
		}
		if criterion, ok := m.Interface().(*typev1.Criterion); ok && c.How == condition.AskItself {
			for _, band := range criterion.GetBands() {
				a.bands = append(a.bands, Answer{Label: cmp.Or(band.GetDescription(), rangeWords(band.GetRange())), Band: band.GetRange()})
			}
		}
	}
}

// attribute returns what is known of the attribute at a path, with its reader; nil if
// it is none that the lead is asked for.
func (b *formBuilder) attribute(path string, in scoring) *asked {
	key, ok := strings.CutPrefix(path, "lead.")
	key, _, _ = strings.Cut(key, ".")
	if !ok || strings.HasPrefix(path, "lead.account.") || slices.Contains(derived, key) {
		return nil
	}
	a := b.by[key]
	if a == nil {
		a = &asked{key: key, hows: map[condition.How]bool{}}
		b.by[key] = a
		b.order = append(b.order, a)
	}
	if in.id != "" && !slices.Contains(a.readBy, in.id) {
		a.readBy = append(a.readBy, in.id)
		a.stake += in.stake
		a.selects = a.selects || in.selects
	}
	return a
}

// stake is how many points depend on the answer to a criterion or rule: between the
// worst and the best, nothing included.
func stake(m protoreflect.Message) float64 {
	least, most := 0.0, 0.0
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			switch {
			case f.Kind() == protoreflect.DoubleKind && !f.IsList() && (f.Name() == "points" || f.Name() == "unknown_points"):
				least, most = math.Min(least, v.Float()), math.Max(most, v.Float())
			case f.IsList() && f.Message() != nil && f.Message().Fields().ByName("id") == nil:
				for i := range v.List().Len() {
					walk(v.List().Get(i).Message())
				}
			}
			return true
		})
	}
	walk(m)
	weight := 100.0
	if f := m.Descriptor().Fields().ByName("weight_percent"); f != nil && m.Has(f) {
		weight = m.Get(f).Float()
	}
	return (most - least) * weight / 100
}

// field is what a form asks for it.
func (a *asked) field() Field {
	f := Field{
		Attribute: a.key, Label: cmp.Or(a.word.GetDescription(), words(a.key)),
		Needed: a.needed, Selects: a.selects, Stake: a.stake, ReadBy: a.readBy,
	}
	texts, numbers, truths := a.sorted()
	switch kind := a.word.GetKind(); {
	case len(a.word.GetAllowed()) > 0:
		f.Kind, texts = ChoiceAnswer, a.word.GetAllowed()
	case kind == handoffv1.AttributeWord_KIND_NUMBER:
		f.Kind = NumberAnswer
	case kind == handoffv1.AttributeWord_KIND_BOOLEAN:
		f.Kind = BooleanAnswer
	case kind == handoffv1.AttributeWord_KIND_TIME:
		f.Kind = TimeAnswer
	case kind == handoffv1.AttributeWord_KIND_TEXT && (a.hows[condition.AskWords] || len(texts) == 0):
		f.Kind = TextAnswer
	case a.hows[condition.AskWords] || a.hows[condition.AskOther] && len(texts) == 0:
		f.Kind = TextAnswer
	case a.hows[condition.AskTime]:
		f.Kind = TimeAnswer
	case len(texts) > 0:
		f.Kind = ChoiceAnswer
	case len(a.cuts)+len(numbers)+len(a.bands) > 0 || a.hows[condition.AskNumber]:
		f.Kind = NumberAnswer
	case truths || a.hows[condition.AskTruth] || a.hows[condition.AskItself]:
		f.Kind = BooleanAnswer
	default:
		f.Kind = TextAnswer
	}
	switch f.Kind {
	case ChoiceAnswer:
		for _, text := range texts {
			f.Answers = append(f.Answers, Answer{Label: text, Value: text})
		}
	case NumberAnswer:
		for _, n := range numbers {
			f.Answers = append(f.Answers, Answer{Label: number(n), Value: n})
		}
		f.Answers = append(f.Answers, a.bands...)
		if len(a.bands) == 0 {
			f.Answers = append(f.Answers, bands(a.cuts)...)
		}
	case BooleanAnswer:
		f.Answers = []Answer{{Label: "yes", Value: true}, {Label: "no", Value: false}}
	}
	f.Answers = f.Answers[:min(len(f.Answers), maxAnswers)]
	return f
}

// sorted parts the values that it is compared with by kind, each once, in the order of
// the standard.
func (a *asked) sorted() (texts []string, numbers []float64, truths bool) {
	for _, v := range a.values {
		switch v := v.(type) {
		case string:
			if v != "" && !slices.Contains(texts, v) {
				texts = append(texts, v)
			}
		case float64:
			if !slices.Contains(numbers, v) {
				numbers = append(numbers, v)
			}
		case bool:
			truths = true
		}
	}
	return texts, numbers, truths
}

// bands are the ranges between the cuts, from the lowest to the highest.
func bands(cuts []cut) []Answer {
	if len(cuts) == 0 {
		return nil
	}
	slices.SortFunc(cuts, func(a, b cut) int {
		side := func(c cut) int {
			if c.above {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(side(a), side(b)))
	})
	cuts = slices.Compact(cuts)
	answers := make([]Answer, 0, len(cuts)+1)
	for i := range len(cuts) + 1 {
		r := &typev1.Range{}
		if i > 0 {
			if at := cuts[i-1].at; cuts[i-1].above {
				r.AtLeast = &at
			} else {
				r.Over = &at
			}
		}
		if i < len(cuts) {
			if at := cuts[i].at; cuts[i].above {
				r.Below = &at
			} else {
				r.AtMost = &at
			}
		}
		answers = append(answers, Answer{Label: rangeWords(r), Band: r})
	}
	return answers
}

// rangeWords: `below 50`, `50 to below 200`, `over 200`.
func rangeWords(r *typev1.Range) string {
	low, high := "", ""
	switch {
	case r.AtLeast != nil:
		low = number(r.GetAtLeast())
	case r.Over != nil:
		low = "over " + number(r.GetOver())
	}
	switch {
	case r.Below != nil:
		high = "below " + number(r.GetBelow())
	case r.AtMost != nil:
		high = "up to " + number(r.GetAtMost())
	}
	switch {
	case low == "":
		return high
	case high != "" && r.AtLeast != nil:
		if r.AtMost != nil && r.GetAtMost() == r.GetAtLeast() {
			return low
		}
		return low + " to " + strings.TrimPrefix(high, "up to ")
	case high != "":
		return low + ", " + high
	case r.AtLeast != nil:
		return low + " or more"
	}
	return low
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// words is a key in words: `job_title` is `Job title`.
func words(key string) string {
	key = strings.ReplaceAll(key, "_", " ")
	first, size := utf8.DecodeRuneInString(key)
	return string(unicode.ToUpper(first)) + key[size:]
}

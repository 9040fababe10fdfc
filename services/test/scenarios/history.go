package scenarios

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// vocabulary is what the models of a standard read: histories made of it meet the
// rules often, at the values that their conditions ask for.
type vocabulary struct {
	activities []string
	// properties and attributes with the values that conditions compare them with.
	properties, attributes map[string][]any
	// numbers are those of the model, for what is only measured.
	numbers []any
	zone    *time.Location
}

var (
	propertyPath  = regexp.MustCompile(`activity\.properties\.([a-z_]+)`)
	attributePath = regexp.MustCompile(`(?:lead|before)\.([a-z_]+)|(account\.[a-z_]+)`)
	onlyPath      = regexp.MustCompile(`^(lead|activity\.properties|account)\.[a-z_]+$`)
	listPath      = regexp.MustCompile(`lists\.([a-z_]+)`)
	textLiteral   = regexp.MustCompile(`"([^"]*)"`)
	numberLiteral = regexp.MustCompile(`(?:^|[^\w."])(\d+(?:\.\d+)?)`)
)

// read adds what a model reads.
func (v *vocabulary) read(model proto.Message, lists []*typev1.TextList) {
	values := map[string][]any{}
	for _, list := range lists {
		for _, text := range list.GetValues() {
			values[list.GetId()] = append(values[list.GetId()], text)
		}
	}
	v.count(model.ProtoReflect())
	v.walk(model.ProtoReflect(), values)
	// The fields of a message come in any order; histories are the same every time.
	slices.Sort(v.activities)
	for _, of := range []map[string][]any{v.properties, v.attributes} {
		for key := range of {
			slices.SortFunc(of[key], func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			of[key] = slices.Compact(of[key])
		}
	}
}

// count adds the numbers of a model.
func (v *vocabulary) count(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				v.count(value.List().Get(i).Message())
			}
		case field.IsList():
		case field.Message() != nil:
			v.count(value.Message())
		case field.Kind() == protoreflect.DoubleKind:
			v.numbers = append(v.numbers, value.Float(), value.Float()+1)
		}
		return true
	})
}

func (v *vocabulary) walk(m protoreflect.Message, lists map[string][]any) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
		case field.IsList() && field.Message() != nil:
			for i := range value.List().Len() {
				v.walk(value.List().Get(i).Message(), lists)
			}
		case field.IsList() && field.Kind() == protoreflect.StringKind:
			for i := range value.List().Len() {
				v.word(string(field.Name()), value.List().Get(i).String())
			}
		case field.Message() != nil:
			v.walk(value.Message(), lists)
		case field.Kind() == protoreflect.StringKind && field.Name() != "description":
			v.condition(value.String(), lists)
		}
		return true
	})
}

// word is one of a list of names.
func (v *vocabulary) word(field, name string) {
	switch field {
	case "activities", "from", "until":
		name = strings.Replace(name, "*", "anything", 1)
		if !strings.Contains(name, ".") {
			name = "page.viewed"
		}
		v.activities = append(v.activities, name)
	case "attributes", "required":
		v.attributes[name] = append(v.attributes[name], "something", true)
	}
}

// condition adds the paths of a condition with the literals beside them.
func (v *vocabulary) condition(text string, lists map[string][]any) {
	values := []any{"something", true, false}
	for _, m := range textLiteral.FindAllStringSubmatch(text, -1) {
		values = append(values, m[1])
	}
	for _, m := range numberLiteral.FindAllStringSubmatch(textLiteral.ReplaceAllString(text, ""), -1) {
		n, _ := strconv.ParseFloat(m[1], 64)
		values = append(values, n, n+1, n-0.5)
	}
	for _, m := range listPath.FindAllStringSubmatch(text, -1) {
		values = append(values, lists[m[1]]...)
	}
	if onlyPath.MatchString(text) {
		values = append(values, v.numbers...)
	}
	if strings.Contains(text, "emailKind(") {
		values = append(values, "gmail.com", "acme.example")
	}
	if strings.Contains(text, "timestamp(") {
		for day := range 60 {
			values = append(values, beginning.AddDate(0, 0, day).Format(time.RFC3339))
		}
	}
	for _, m := range propertyPath.FindAllStringSubmatch(text, -1) {
		v.properties[m[1]] = append(v.properties[m[1]], values...)
	}
	for _, m := range attributePath.FindAllStringSubmatch(text, -1) {
		key := m[1] + m[2]
		v.attributes[key] = append(v.attributes[key], values...)
	}
}

// beginning is when histories begin: before a month, a week and a change of the clocks.
var beginning = time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)

// history is what became known of a lead, in the order of its arrival.
type history struct {
	// batches arrive one after the other, with late facts and repetitions.
	batches [][]*typev1.Fact
	// instants to ask about, ascending.
	instants []time.Time
}

// facts are all that arrived.
func (h *history) facts() []*typev1.Fact { return slices.Concat(h.batches...) }

// inOrder are the facts up to an instant, each once, in their order.
func (h *history) inOrder(until time.Time) []*typev1.Fact {
	var facts []*typev1.Fact
	seen := map[string]bool{}
	for _, f := range h.facts() {
		key := f.GetSource() + " " + f.GetId()
		if !seen[key] && !f.GetEffectiveTime().AsTime().After(until) {
			seen[key] = true
			facts = append(facts, f)
		}
	}
	slices.SortFunc(facts, func(a, b *typev1.Fact) int {
		return a.GetEffectiveTime().AsTime().Compare(b.GetEffectiveTime().AsTime())
	})
	return facts
}

// history makes up a history.
func (v *vocabulary) history(lead string, seed uint64) *history {
	r := rand.New(rand.NewPCG(seed, 7))
	h := &history{batches: make([][]*typev1.Fact, 3)}
	keys, properties := sorted(v.attributes), sorted(v.properties)
	length := pick(r, []int{0, 5, 20, 40, 60})
	var before *typev1.Fact // and perhaps again, on the same day
	for i := range length {
		f := &typev1.Fact{
			Id: fmt.Sprint(i), Source: pick(r, []string{"web", "crm"}), Lead: lead, EffectiveTime: timestamppb.New(v.instant(r, 100)),
		}
		if before.GetActivity() != nil && r.IntN(3) == 0 {
			f.EffectiveTime, f.Source = before.GetEffectiveTime(), before.GetSource()
			f.Activity = before.GetActivity()
		} else if len(keys) > 0 && (len(v.activities) == 0 || r.IntN(3) == 0) {
			key := pick(r, keys)
			f.Attribute = &typev1.AttributeFact{Key: key, ValueJson: encoded(pick(r, v.attributes[key]))}
			if r.IntN(10) == 0 {
				f.Attribute.ValueJson = []byte("null")
			}
		} else {
			f.Activity = v.activity(r, properties)
			if strings.HasPrefix(f.GetActivity().GetType(), "lifecycle.") {
				f.Source = "assay:handoff"
			}
		}
		before = f
		batch := r.IntN(len(h.batches))
		for range 1 + r.IntN(2)*r.IntN(2) {
			arrival := proto.CloneOf(f)
			arrival.FactsVersion = int32(batch + 1)
			arrival.ReceivedTime = timestamppb.New(beginning.AddDate(0, 4, batch))
			h.batches[batch] = append(h.batches[batch], arrival)
			batch = min(batch+r.IntN(2), len(h.batches)-1)
		}
	}
	for _, batch := range h.batches {
		r.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	}
	h.instants = []time.Time{v.instant(r, 100), v.instant(r, 100), beginning.AddDate(0, 0, 100+r.IntN(90))}
	slices.SortFunc(h.instants, time.Time.Compare)
	return h
}

func (v *vocabulary) activity(r *rand.Rand, properties []string) *typev1.ActivityFact {
	a := &typev1.ActivityFact{Type: "something.else"}
	if len(v.activities) > 0 && r.IntN(20) > 0 {
		a.Type = pick(r, v.activities)
	}
	of := map[string]any{}
	for _, key := range properties {
		if r.IntN(3) > 0 {
			of[key] = pick(r, v.properties[key])
		}
	}
	a.PropertiesJson = encoded(of)
	return a
}

// instant is an instant in so many days, often at the edge of a day.
func (v *vocabulary) instant(r *rand.Rand, days int) time.Time {
	day := beginning.AddDate(0, 0, r.IntN(days))
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, v.zone)
	return midnight.Add(pick(r, []time.Duration{
		0, -time.Second, 6 * time.Hour, 12 * time.Hour, 12 * time.Hour, time.Duration(r.IntN(86400)) * time.Second,
	}))
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func sorted(of map[string][]any) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func encoded(value any) []byte {
	v, err := structpb.NewValue(value)
	if err != nil {
		panic(err) // texts, numbers and booleans
	}
	text, err := protojson.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

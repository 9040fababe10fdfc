package diff

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/standards"
)

func TestMain(m *testing.M) {
	// Before the flags of the command line, which win.
	lawtest.PureCases(1000)
	os.Exit(m.Run())
}

// shipped are the standards of this repository.
func shipped(t testing.TB) []*handoffv1.StandardSpec {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..", "..")
	texts := map[string][]byte{"default.yaml": standards.Default}
	for _, pattern := range []string{"examples/*/standard.yaml", "standards/published/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if texts[file], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	var specs []*handoffv1.StandardSpec
	for file, text := range texts {
		spec, err := standard.Parse(file, text)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, spec)
	}
	return specs
}

// hold holds the laws for one pair.
func hold(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, from, to *handoffv1.StandardSpec,
) {
	changes := Between(from, to)
	if (len(changes) == 0) != proto.Equal(from, to) {
		t.Fatalf("%d changes between standards that are equal: %v", len(changes), proto.Equal(from, to))
	}
	if got := apply(from, to, changes); !proto.Equal(got, to) {
		t.Fatalf("changes\n%v\ndo not lead from one to the other:\n%s", changes, cmp.Diff(to, got, protocmp.Transform()))
	}
	for _, c := range changes {
		if c.Kind == 0 || c.Path == "" || c.Subject == "" || c.Description == "" {
			t.Errorf("a change without words: %+v", c)
		}
	}
}

func TestNothingIsMissed(t *testing.T) {
	specs := shipped(t)
	for _, from := range specs {
		for _, to := range append(specs, &handoffv1.StandardSpec{}) {
			hold(t, from, to)
			hold(t, to, from)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var from *handoffv1.StandardSpec
		if rapid.IntRange(0, 3).Draw(t, "shipped") == 0 {
			from = rapid.SampledFrom(specs).Draw(t, "standard")
		} else {
			from = drawSmall(t, "from")
		}
		to := proto.CloneOf(from)
		for range rapid.IntRange(0, 8).Draw(t, "edits") {
			edit(t, to.ProtoReflect())
		}
		hold(t, from, to)
	})
}

func TestNothingIsMissedBetweenAnyTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { hold(t, drawSmall(t, "from"), drawSmall(t, "to")) })
}

func FuzzBetween(f *testing.F) {
	f.Add("id: a\nfit: {groups: [{id: g, maxPoints: 3}]}", "id: a\nfit: {groups: [{id: h, maxPoints: 3}]}")
	f.Add("id: a\nqualification: {gates: {all: [{fitClass: [A]}, {not: {icp: true}}]}}", "id: a\nqualification: {gates: {any: [{icp: true}]}}")
	f.Add("id: a\nengagement: {bands: [{label: \"1\", atLeast: 5}]}", "id: b\nengagement: {bands: [{label: \"\", atLeast: 5}, {}]}")
	f.Add("id: a\nengagement: {groups: [{floor: {points: 1}}]}", "{}")
	f.Fuzz(func(t *testing.T, from, to string) {
		a, err := standard.Parse("from.yaml", []byte(from))
		if err != nil {
			return
		}
		b, err := standard.Parse("to.yaml", []byte(to))
		if err != nil {
			return
		}
		hold(t, a, b)
	})
}

func drawSmall(t *rapid.T, name string) *handoffv1.StandardSpec {
	spec := &handoffv1.StandardSpec{}
	for range rapid.IntRange(0, 25).Draw(t, name) {
		edit(t, spec.ProtoReflect())
	}
	return spec
}

// edit changes something somewhere in a message.
func edit(t *rapid.T, m protoreflect.Message) {
	for depth := 0; ; depth++ {
		fields := m.Descriptor().Fields()
		f := fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field"))
		if m.Has(f) && rapid.IntRange(0, 15).Draw(t, "clear") == 0 {
			m.Clear(f)
			return
		}
		switch {
		case f.IsMap():
			k := protoreflect.ValueOfString(rapid.SampledFrom([]string{"a", "b", "1", "x y"}).Draw(t, "key")).MapKey()
			if f.MapValue().Message() == nil {
				m.Mutable(f).Map().Set(k, drawValue(t, f.MapValue()))
				return
			}
			m = m.Mutable(f).Map().Mutable(k).Message()
		case f.IsList():
			list := m.Mutable(f).List()
			n := list.Len()
			how := rapid.SampledFrom([]string{"in", "in", "in", "add", "insert", "drop", "swap", "repeat"}).Draw(t, "how")
			if n == 0 {
				how = "add"
			}
			at := 0
			if n > 0 {
				at = rapid.IntRange(0, n-1).Draw(t, "at")
			}
			switch how {
			case "add", "insert":
				if f.Message() == nil {
					list.Append(drawValue(t, f))
				} else {
					member := list.AppendMutable().Message()
					if key := keyField(f.Message()); key != nil {
						member.Set(key, drawValue(t, key))
					}
				}
				if how == "insert" {
					last := list.Get(n)
					for i := n; i > at; i-- {
						list.Set(i, list.Get(i-1))
					}
					list.Set(at, last)
				}
				return
			case "drop":
				for i := at; i < n-1; i++ {
					list.Set(i, list.Get(i+1))
				}
				list.Truncate(n - 1)
				return
			case "swap":
				other := rapid.IntRange(0, n-1).Draw(t, "other")
				a, b := list.Get(at), list.Get(other)
				list.Set(at, b)
				list.Set(other, a)
				return
			case "repeat":
				if f.Message() != nil {
					list.Append(protoreflect.ValueOfMessage(proto.Clone(list.Get(at).Message().Interface()).ProtoReflect()))
				} else {
					list.Append(list.Get(at))
				}
				return
			}
			if f.Message() == nil {
				list.Set(at, drawValue(t, f))
				return
			}
			m = list.Get(at).Message()
		case f.Message() != nil:
			m = m.Mutable(f).Message()
			if rapid.IntRange(0, 4).Draw(t, "empty") == 0 {
				return
			}
		default:
			m.Set(f, drawValue(t, f))
			return
		}
		if depth > 12 {
			return
		}
	}
}

func drawValue(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.SampledFrom([]string{"", "a", "b", "c", "ebook", "1", "two words", `"]`}).Draw(t, "text"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.SampledFrom([]float64{0, 1, 20, -5.5, math.MaxFloat64, math.Copysign(0, -1)}).Draw(t, "number"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32Range(-1, 3).Draw(t, "whole"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(0, f.Enum().Values().Len()).Draw(t, "enum")))
	default:
		panic(fmt.Sprint(f.FullName(), " of kind ", f.Kind()))
	}
}

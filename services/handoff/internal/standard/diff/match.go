package diff

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// matching says which members of two lists are the same.
type matching struct {
	// oldOf is the index in the old list of those in the new one that were there.
	oldOf map[int]int
	// removed are the indexes in the old list of those that are gone, in order.
	removed []int
	// moved are the indexes in the new list of those whose order changed; as few as
	// explain it.
	moved map[int]bool
	// oldName and newName are what paths call a member.
	oldName, newName func(i int) string
}

// keyNames are the fields that name a member of a list, the first there is.
var keyNames = []protoreflect.Name{"id", "label", "key", "type", "segment", "path"}

// keyField is the field that names members of this type, or nil.
func keyField(m protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	for _, name := range keyNames {
		if f := m.Fields().ByName(name); f != nil && f.Kind() == protoreflect.StringKind && !f.IsList() {
			return f
		}
	}
	return nil
}

// match pairs the members of two lists of messages.
func match(f protoreflect.FieldDescriptor, a, b protoreflect.List) matching {
	m := matcher{a: a, b: b, oldOf: map[int]int{}, taken: map[int]bool{}}
	key := keyField(f.Message())
	if key != nil && (!named(key, a) || !named(key, b)) {
		key = nil
	}
	if key != nil {
		m.by(func(m protoreflect.Message) string { return m.Get(key).String() }, true)
		m.by(func(m protoreflect.Message) string { return content(m, key) }, true)
		m.by(func(m protoreflect.Message) string { return text(m, "description") }, true)
		m.by(func(m protoreflect.Message) string { return text(m, "display_name") }, true)
		m.byChildren()
	} else {
		m.by(func(m protoreflect.Message) string { return content(m, nil) }, false)
		m.by(func(m protoreflect.Message) string { return text(m, "description") }, true)
		m.by(question, true)
		m.inOrder()
	}
	out := matching{oldOf: m.oldOf, moved: map[int]bool{}, oldName: namer(key, a), newName: namer(key, b)}
	for i := range a.Len() {
		if !m.taken[i] {
			out.removed = append(out.removed, i)
		}
	}
	news := slices.Sorted(maps.Keys(m.oldOf))
	olds := make([]int, len(news))
	for n, j := range news {
		olds[n] = m.oldOf[j]
	}
	stay := ascending(olds)
	for n, j := range news {
		if !stay[n] {
			out.moved[j] = true
		}
	}
	return out
}

// matcher pairs members, one way after the other.
type matcher struct {
	a, b  protoreflect.List
	oldOf map[int]int
	taken map[int]bool // of a
}

// by pairs members that have the same trait; an empty one is none. If it must be unique,
// a trait that several members of a list have pairs nobody; otherwise they are paired in
// order.
func (m *matcher) by(trait func(protoreflect.Message) string, unique bool) {
	olds, news := map[string][]int{}, map[string][]int{}
	for i := range m.a.Len() {
		if !m.taken[i] {
			t := trait(m.a.Get(i).Message())
			olds[t] = append(olds[t], i)
		}
	}
	for j := range m.b.Len() {
		if _, paired := m.oldOf[j]; !paired {
			t := trait(m.b.Get(j).Message())
			news[t] = append(news[t], j)
		}
	}
	delete(news, "")
	for t, js := range news {
		is := olds[t]
		if unique && (len(is) > 1 || len(js) > 1) {
			continue
		}
		for n := range min(len(is), len(js)) {
			m.pair(is[n], js[n])
		}
	}
}

func (m *matcher) pair(i, j int) { m.oldOf[j], m.taken[i] = i, true }

// byChildren pairs groups of which more than half of the members are the same.
func (m *matcher) byChildren() {
	for j := range m.b.Len() {
		if _, paired := m.oldOf[j]; paired {
			continue
		}
		news := children(m.b.Get(j).Message())
		for i := range m.a.Len() {
			if m.taken[i] {
				continue
			}
			olds := children(m.a.Get(i).Message())
			same := 0
			for id := range olds {
				if news[id] {
					same++
				}
			}
			if 2*same > max(len(olds), len(news)) {
				m.pair(i, j)
				break
			}
		}
	}
}

// inOrder pairs what is left, one after the other, if it asks the same kind of question.
func (m *matcher) inOrder() {
	from := 0
	for j := range m.b.Len() {
		if _, paired := m.oldOf[j]; paired {
			continue
		}
		for i := from; i < m.a.Len(); i++ {
			if !m.taken[i] && sameFields(m.a.Get(i).Message(), m.b.Get(j).Message()) {
				m.pair(i, j)
				from = i + 1
				break
			}
		}
	}
}

// children are the ids of the members inside of a message.
func children(m protoreflect.Message) map[string]bool {
	ids := map[string]bool{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsList() && f.Message() != nil {
			if key := keyField(f.Message()); key != nil {
				for i := range v.List().Len() {
					ids[v.List().Get(i).Message().Get(key).String()] = true
				}
			}
		}
		return true
	})
	return ids
}

// content is a message without its key, as bytes.
func content(m protoreflect.Message, key protoreflect.FieldDescriptor) string {
	if key != nil {
		m = proto.Clone(m.Interface()).ProtoReflect()
		m.Clear(key)
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil { // invalid UTF-8: then it is like no other
		return ""
	}
	return string(bytes)
}

// text is a text field of a message, empty if it has none.
func text(m protoreflect.Message, name protoreflect.Name) string {
	f := m.Descriptor().Fields().ByName(name)
	if f == nil || f.Kind() != protoreflect.StringKind || f.IsList() {
		return ""
	}
	return m.Get(f).String()
}

// question is what a member asks: its condition, gate or range.
func question(m protoreflect.Message) string {
	for _, name := range []protoreflect.Name{"when", "if", "range"} {
		f := m.Descriptor().Fields().ByName(name)
		if f == nil || !m.Has(f) || f.IsList() {
			continue
		}
		if f.Message() != nil {
			return content(m.Get(f).Message(), nil)
		}
		return m.Get(f).String()
	}
	return ""
}

// named tells whether all members of a list have a name of their own.
func named(key protoreflect.FieldDescriptor, l protoreflect.List) bool {
	seen := map[string]bool{}
	for i := range l.Len() {
		name := l.Get(i).Message().Get(key).String()
		if name == "" || seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

func namer(key protoreflect.FieldDescriptor, l protoreflect.List) func(int) string {
	if key == nil {
		return strconv.Itoa
	}
	return func(i int) string { return quoted(l.Get(i).Message().Get(key).String()) }
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// quoted is a name in a path: as it is, or in quotes if it could be taken for an index
// or for more of the path.
func quoted(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

func sameFields(a, b protoreflect.Message) bool {
	same := true
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		same = same && a.Has(fields.Get(i)) == b.Has(fields.Get(i))
	}
	return same
}

// ascending marks a longest ascending subsequence: what stays in place so that as
// little as possible moves.
func ascending(values []int) []bool {
	tails, before := []int{}, make([]int, len(values)) // indexes
	for n, v := range values {
		at, _ := slices.BinarySearchFunc(tails, v, func(t, v int) int { return values[t] - v })
		before[n] = -1
		if at > 0 {
			before[n] = tails[at-1]
		}
		if at == len(tails) {
			tails = append(tails, n)
		} else {
			tails[at] = n
		}
	}
	stay := make([]bool, len(values))
	if len(tails) > 0 {
		for n := tails[len(tails)-1]; n >= 0; n = before[n] {
			stay[n] = true
		}
	}
	return stay
}

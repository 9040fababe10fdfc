package diff

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// apply makes the new message out of the old one and the changes: values come from the
// new one only at places that a change names. So whatever the changes miss is missing.
func apply(from, to proto.Message, changes []Change) proto.Message {
	p := &patch{by: map[string][]Change{}, gone: map[string]protoreflect.Message{}}
	for _, c := range changes {
		p.by[c.Path] = append(p.by[c.Path], c)
		switch c.Kind {
		case Moved:
			p.gone[c.OldPath] = lookup(from.ProtoReflect(), c.OldPath)
		case Removed:
			p.gone[c.Path] = nil
		}
	}
	return p.message(twice(""), from.ProtoReflect(), to.ProtoReflect()).Interface()
}

type patch struct {
	// by has the changes by their path.
	by map[string][]Change
	// gone are the old paths of members that are not where they were, with those that
	// moved.
	gone map[string]protoreflect.Message
}

// both is a path in the new message and in the old one.
type both struct{ new, old string }

func twice(path string) both { return both{path, path} }

func (b both) field(name string) both { return both{join(b.new, name), join(b.old, name)} }

func (b both) member(new, old string) both {
	return both{b.new + "[" + new + "]", b.old + "[" + old + "]"}
}

// lookup finds the member at a path such as `a.b[c].d[2]`.
func lookup(m protoreflect.Message, path string) protoreflect.Message {
	for path != "" {
		end := strings.IndexAny(path, ".[")
		name := path
		if end >= 0 {
			name = path[:end]
		}
		f := m.Descriptor().Fields().ByJSONName(name)
		if f == nil {
			return nil
		}
		path = path[len(name):]
		if !strings.HasPrefix(path, "[") {
			if f.Message() == nil || f.IsList() || f.IsMap() {
				return nil
			}
			m = m.Get(f).Message()
			path = strings.TrimPrefix(path, ".")
			continue
		}
		member, rest := cutMember(path)
		path = strings.TrimPrefix(rest, ".")
		if !f.IsList() || f.Message() == nil {
			return nil
		}
		list, key := m.Get(f).List(), keyField(f.Message())
		var found protoreflect.Message
		if i, err := strconv.Atoi(member); err == nil {
			found = list.Get(i).Message()
		}
		for i := range list.Len() {
			if key != nil && quoted(list.Get(i).Message().Get(key).String()) == member {
				found = list.Get(i).Message()
			}
		}
		if found == nil {
			return nil
		}
		m = found
	}
	return m
}

// cutMember cuts `[name]` off a path.
func cutMember(path string) (member, rest string) {
	if strings.HasPrefix(path, `["`) {
		q, err := strconv.QuotedPrefix(path[1:])
		if err != nil {
			panic(err)
		}
		return q, path[1+len(q)+1:]
	}
	end := strings.IndexByte(path, ']')
	return path[1:end], path[end+1:]
}

func (p *patch) message(at both, a, b protoreflect.Message) protoreflect.Message {
	out := a.New()
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		at := at.field(f.JSONName())
		switch {
		case p.changed(at):
			if b.Has(f) {
				out.Set(f, b.Get(f))
			}
		case f.IsMap():
			p.entries(at, f, out, a, b)
		case f.IsList() && f.Message() != nil:
			p.members(at, f, out, a, b)
		case f.Message() != nil && a.Has(f) && b.Has(f) && !f.IsList():
			out.Set(f, protoreflect.ValueOfMessage(p.message(at, a.Get(f).Message(), b.Get(f).Message())))
		case a.Has(f):
			out.Set(f, a.Get(f))
		}
	}
	return out
}

// changed tells whether a change names the place as a whole. A removal is named by its
// old path.
func (p *patch) changed(at both) bool {
	for _, c := range p.by[at.new] {
		if c.Kind == Changed || c.Kind == Added {
			return true
		}
	}
	for _, c := range p.by[at.old] {
		if c.Kind == Removed {
			return true
		}
	}
	return false
}

func (p *patch) entries(at both, f protoreflect.FieldDescriptor, out, a, b protoreflect.Message) {
	before, after := a.Get(f).Map(), b.Get(f).Map()
	set := func(k protoreflect.MapKey) {
		at := at.member(quoted(k.String()), quoted(k.String()))
		switch {
		case p.changed(at) && after.Has(k):
			out.Mutable(f).Map().Set(k, after.Get(k))
		case p.changed(at):
		case before.Has(k) && after.Has(k) && f.MapValue().Message() != nil:
			out.Mutable(f).Map().Set(k, protoreflect.ValueOfMessage(p.message(at, before.Get(k).Message(), after.Get(k).Message())))
		case before.Has(k):
			out.Mutable(f).Map().Set(k, before.Get(k))
		}
	}
	for _, m := range []protoreflect.Map{before, after} {
		m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool { set(k); return true })
	}
}

func (p *patch) members(at both, f protoreflect.FieldDescriptor, out, a, b protoreflect.Message) {
	before, after := a.Get(f).List(), b.Get(f).List()
	key := keyField(f.Message())
	if key != nil && (!named(key, before) || !named(key, after)) {
		key = nil
	}
	oldName, newName := namer(key, before), namer(key, after)
	type member struct {
		name string
		m    protoreflect.Message
	}
	var stayed []member // in the old order
	for i := range before.Len() {
		path := at.old + "[" + oldName(i) + "]"
		if _, gone := p.gone[path]; !gone {
			stayed = append(stayed, member{oldName(i), before.Get(i).Message()})
		}
	}
	placed := map[int]protoreflect.Message{} // those that came or moved
	for j := range after.Len() {
		for _, c := range p.by[at.new+"["+newName(j)+"]"] {
			switch c.Kind {
			case Added:
				placed[c.Place-1] = after.Get(j).Message()
			case Moved:
				old := p.gone[c.OldPath]
				if old == nil {
					panic("nothing at " + c.OldPath)
				}
				placed[c.Place-1] = p.one(both{c.Path, c.OldPath}, old, after.Get(j).Message())
			}
		}
	}
	for j := range len(stayed) + len(placed) {
		m, ok := placed[j]
		if !ok {
			m = stayed[0].m
			if j < after.Len() {
				m = p.one(at.member(newName(j), stayed[0].name), m, after.Get(j).Message())
			}
			stayed = stayed[1:]
		}
		out.Mutable(f).List().Append(protoreflect.ValueOfMessage(m))
	}
}

// one is a member that stayed or moved, with what changed in it.
func (p *patch) one(at both, a, b protoreflect.Message) protoreflect.Message {
	if p.changed(at) {
		return b
	}
	return p.message(at, a, b)
}

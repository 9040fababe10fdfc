package diff

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Kind of a change.
type Kind int

// The kinds.
const (
	// Added: only in the new one.
	Added Kind = iota + 1
	// Removed: only in the old one.
	Removed
	// Changed: with another value.
	Changed
	// Moved: in another place.
	Moved
)

// Change is one difference.
type Change struct {
	// Kind of it.
	Kind Kind
	// Path in the new one (Removed: in the old one) as in JSON, with members of lists by
	// id or label, else by index: `engagement.groups[content].rules[ebook].points`.
	Path string
	// OldPath is the path in the old one if it was another.
	OldPath string
	// Subject is what it is about, in the standard's own words.
	Subject string
	// Before and After are the values in words.
	Before, After string
	// Description is the change as a sentence.
	Description string
	// Place in the new list of a member that was added or moved, from 1.
	Place int
}

// Between returns the changes that lead from the one standard to the other, in the
// order of the language; none if and only if they are equal. Both are messages of the
// same type.
func Between(from, to proto.Message) []Change {
	d := &differ{before: wordsOf(from), after: wordsOf(to)}
	d.message(place{}, from.ProtoReflect(), to.ProtoReflect())
	d.rejoin()
	changes := make([]Change, 0, len(d.found))
	for _, f := range d.found {
		changes = append(changes, f.Change)
		for _, c := range f.inside {
			changes = append(changes, c.Change)
		}
	}
	return changes
}

// differ walks two messages at once.
type differ struct {
	// before and after say what ids mean in the old and in the new one.
	before, after reader
	found         []*found
}

// found is a change, and what is needed to see that a member moved to another list.
type found struct {
	Change
	// member that was added or removed; nil for anything else.
	member protoreflect.Message
	// at is where the member stands, and home what it stands in, in words.
	at   place
	home string
	// inside are the changes of a member that moved.
	inside []*found
}

// place is where the walk is.
type place struct {
	path, oldPath string
	// subject is what the place is about, outermost first.
	subject []string
}

func (p place) field(f protoreflect.FieldDescriptor) place {
	p.path, p.oldPath = join(p.path, f.JSONName()), join(p.oldPath, f.JSONName())
	return p
}

// member is the place of a member of a list at p, with its names in the new and in the
// old one.
func (p place) member(name, oldName string) place {
	p.path, p.oldPath = p.path+"["+name+"]", p.oldPath+"["+oldName+"]"
	return p
}

// about adds words to the subject.
func (p place) about(words string) place {
	if words != "" {
		p.subject = append(slices.Clone(p.subject), words)
	}
	return p
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// note records a change at a place. label says what of the subject it is.
func (d *differ) note(kind Kind, at place, label, before, after, unit string) *found {
	c := Change{Kind: kind, Path: at.path, Subject: sentenceCase(strings.Join(at.subject, ", "))}
	if c.Subject == "" {
		c.Subject = "Standard"
	}
	switch kind {
	case Removed:
		c.Path = at.oldPath
	default:
		if at.oldPath != at.path && kind != Added {
			c.OldPath = at.oldPath
		}
	}
	c.Before, c.After = withUnit(before, unit), withUnit(after, unit)
	if kind == Moved {
		c.Before, c.After = "", ""
	}
	c.Description = c.Subject + ": " + sentence(kind, label, before, after, unit)
	f := &found{Change: c, at: at}
	d.found = append(d.found, f)
	return f
}

// message compares field by field.
func (d *differ) message(at place, a, b protoreflect.Message) {
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if a.Has(f) || b.Has(f) {
			d.field(at.field(f), f, a, b)
		}
	}
}

func (d *differ) field(at place, f protoreflect.FieldDescriptor, a, b protoreflect.Message) {
	before, after := a.Get(f), b.Get(f)
	w := wordingOf(f)
	switch {
	case f.IsMap():
		d.entries(at.about(w.label), f, before.Map(), after.Map())
	case f.IsList() && f.Message() != nil:
		d.members(at, f, before.List(), after.List())
	case f.IsList():
		d.values(at, f, before.List(), after.List())
	case f.Message() != nil:
		d.part(at, w, a.Has(f), b.Has(f), before.Message(), after.Message())
	case a.Has(f) == b.Has(f) && before.Equal(after):
	default:
		kind := Changed
		if f.HasPresence() || f.Kind() == protoreflect.StringKind {
			kind = kindOf(a.Has(f), b.Has(f))
		}
		d.note(kind, at, w.label, d.before.scalar(f, before), d.after.scalar(f, after), w.unit)
	}
}

// part compares a message that stands alone in its field.
func (d *differ) part(at place, w wording, hasA, hasB bool, a, b protoreflect.Message) {
	switch {
	case hasA && hasB && proto.Equal(a.Interface(), b.Interface()):
	case hasA && hasB && isGate(a):
		d.gate(at.about(w.label), a, b)
	case hasA && hasB && !isPhrase(a.Descriptor()):
		d.message(at.about(w.label), a, b)
	case hasA && hasB:
		before, after := d.before.phrase(a), d.after.phrase(b)
		if before == after { // the words do not show it
			d.message(at.about(w.label), a, b)
			return
		}
		d.note(Changed, at, w.label, before, after, "")
	case hasB:
		d.note(Added, at, w.label, "", d.after.phrase(b), "")
	default:
		d.note(Removed, at, w.label, d.before.phrase(a), "", "")
	}
}

// gate compares two gates: inside of the same question, else as a whole.
func (d *differ) gate(at place, a, b protoreflect.Message) {
	if sameFields(a, b) {
		d.message(at, a, b)
		return
	}
	d.note(Changed, at, "", d.before.phrase(a), d.after.phrase(b), "")
}

// entries compares two maps.
func (d *differ) entries(at place, f protoreflect.FieldDescriptor, a, b protoreflect.Map) {
	keys := map[string]protoreflect.MapKey{}
	for _, m := range []protoreflect.Map{a, b} {
		m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool { keys[k.String()] = k; return true })
	}
	for _, name := range sortedKeys(keys) {
		k := keys[name]
		at := at.member(quoted(name), quoted(name))
		switch {
		case f.MapValue().Message() != nil:
			var before, after protoreflect.Message
			if a.Has(k) {
				before = a.Get(k).Message()
			}
			if b.Has(k) {
				after = b.Get(k).Message()
			}
			d.part(at, wording{label: name}, a.Has(k), b.Has(k), before, after)
		case a.Has(k) && b.Has(k) && a.Get(k).Equal(b.Get(k)):
		default:
			var before, after string
			if a.Has(k) {
				before = d.before.scalar(f.MapValue(), a.Get(k))
			}
			if b.Has(k) {
				after = d.after.scalar(f.MapValue(), b.Get(k))
			}
			d.note(kindOf(a.Has(k), b.Has(k)), at, name, before, after, "")
		}
	}
}

// values compares two lists of plain values: as a whole, since order and repetition may
// count.
func (d *differ) values(at place, f protoreflect.FieldDescriptor, a, b protoreflect.List) {
	before, after := texts(d.before, f, a), texts(d.after, f, b)
	if slices.Equal(before, after) && equalValues(a, b) {
		return
	}
	w := wordingOf(f)
	n := d.note(kindOf(a.Len() > 0, b.Len() > 0), at, w.label, strings.Join(before, ", "), strings.Join(after, ", "), w.unit)
	if len(before)+len(after) > 12 && n.Kind == Changed {
		n.Description = n.Subject + ": " + strings.TrimSpace(w.label+" "+gainsAndLosses(before, after))
	}
}

// members compares two lists of messages.
func (d *differ) members(at place, f protoreflect.FieldDescriptor, a, b protoreflect.List) {
	m := match(f, a, b)
	for _, i := range m.removed {
		member := a.Get(i).Message()
		here := at.member("", m.oldName(i))
		here.subject = d.before.member(at.subject, f, member, i)
		n := d.note(Removed, here, "", d.before.summary(member), "", "")
		n.member, n.home = member, home(at)
	}
	for j := range b.Len() {
		member := b.Get(j).Message()
		i, paired := m.oldOf[j]
		if !paired {
			here := at.member(m.newName(j), "")
			here.subject = d.after.member(at.subject, f, member, j)
			n := d.note(Added, here, "", "", d.after.summary(member), "")
			n.Place, n.member, n.home = j+1, member, home(at)
			continue
		}
		here := at.member(m.newName(j), m.oldName(i))
		here.subject = d.after.member(at.subject, f, member, j)
		old := a.Get(i).Message()
		label := ""
		if isGate(member) {
			label = short(d.after.phrase(member), 60)
		}
		if m.moved[j] {
			n := d.note(Moved, here, label, ordinal(i+1), ordinal(j+1), "")
			n.Place, n.OldPath = j+1, here.oldPath
		}
		switch {
		case !isGate(member):
			d.message(here, old, member)
		case !proto.Equal(old.Interface(), member.Interface()):
			d.gate(here.about(d.beside(f, b, j)), old, member)
		}
	}
}

// beside says what else must hold where all of several gates must: `with fit class A`.
func (d *differ) beside(f protoreflect.FieldDescriptor, gates protoreflect.List, j int) string {
	if f.Name() != "all" || gates.Len() > 3 {
		return ""
	}
	var others []string
	for i := range gates.Len() {
		if i != j {
			others = append(others, short(d.after.phrase(gates.Get(i).Message()), 40))
		}
	}
	if len(others) == 0 {
		return ""
	}
	return "with " + strings.Join(others, " and ")
}

// rejoin turns members that were removed from one list and added to another into
// members that moved.
func (d *differ) rejoin() {
	type identity struct{ kind, id string }
	removed, added := map[identity][]*found{}, map[identity][]*found{}
	for _, f := range d.found {
		if f.member == nil {
			continue
		}
		key := keyField(f.member.Descriptor())
		if key == nil || key.Name() != "id" {
			continue
		}
		id := identity{string(f.member.Descriptor().FullName()), f.member.Get(key).String()}
		if f.Kind == Removed {
			removed[id] = append(removed[id], f)
		} else {
			added[id] = append(added[id], f)
		}
	}
	gone := map[*found]bool{}
	for id, new := range added {
		old := removed[id]
		if len(new) != 1 || len(old) != 1 {
			continue
		}
		n, o := new[0], old[0]
		gone[o] = true
		n.Kind, n.OldPath, n.After = Moved, o.Path, ""
		n.Description = n.Subject + ": moved from " + o.home + " to " + n.home
		inside := &differ{before: d.before, after: d.after}
		at := n.at
		at.oldPath = o.at.oldPath
		inside.message(at, o.member, n.member)
		n.inside = inside.found
	}
	d.found = slices.DeleteFunc(d.found, func(f *found) bool { return gone[f] })
}

// home is what members of a list stand in.
func home(list place) string {
	if len(list.subject) == 0 {
		return list.path
	}
	return list.subject[len(list.subject)-1]
}

func kindOf(before, after bool) Kind {
	switch {
	case !before:
		return Added
	case !after:
		return Removed
	}
	return Changed
}

func equalValues(a, b protoreflect.List) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !a.Get(i).Equal(b.Get(i)) {
			return false
		}
	}
	return true
}

package engagement

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Profile is what conditions read about the lead over time: the attributes that the
// model's conditions name, and the fit.
type Profile struct {
	// attributes by their position in Compiled.attributes, each in order of time.
	attributes [][]attributeValue
	fit        []FitPoint
	// asked is the latest instant about which a condition on the profile was asked.
	asked instant
	// known is the instant of the lead's first fact; kept if the model depends on it.
	known instant
}

// instant is an instant that may not be known.
type instant struct {
	known  bool
	micros int64
}

func (p *Profile) empty() bool {
	return len(p.attributes) == 0 && len(p.fit) == 0 && !p.asked.known && !p.known.known
}

// meet notes a fact of the lead, and reports whether the lead is known earlier than it
// was. What is known of its account is older than the lead, and that it was created is
// true from the beginning of time.
func (p *Profile) meet(c *Compiled, f *Fact) bool {
	if !c.readsKnown || f.Void != NotVoid || p.known.known && p.known.micros <= f.Micros {
		return false
	}
	if f.Kind == Attribute && (f.Name == "create_time" || strings.HasPrefix(f.Name, "account.")) {
		return false
	}
	p.known = instant{known: true, micros: f.Micros}
	return true
}

// ask remembers that conditions were asked about an instant.
func (p *Profile) ask(micros int64) {
	if !p.asked.known || micros > p.asked.micros {
		p.asked = instant{known: true, micros: micros}
	}
}

// answersChange reports whether a change from an instant on may change an answer that
// was given.
func (p *Profile) answersChange(from int64) bool {
	return from != never && p.asked.known && from <= p.asked.micros
}

// attributeValue is a value from an instant until the next.
type attributeValue struct {
	micros     int64
	source, id string
	value      []byte // JSON; empty: unknown
}

func (a *attributeValue) compare(b *attributeValue) int {
	if a.micros != b.micros {
		return cmp.Compare(a.micros, b.micros)
	}
	if c := strings.Compare(a.source, b.source); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// FitPoint is the fit from an instant until the next point.
type FitPoint struct {
	// Micros is the instant, in microseconds since 1970 UTC.
	Micros int64
	// Scored says whether there is a score; without one nothing is known.
	Scored bool
	// Points is the score.
	Points points.Points
	// Class of the score; empty if none.
	Class string
	// Persona is its id; empty if none.
	Persona string
}

// never is later than any instant.
const never = int64(1<<63 - 1)

// put adds a value and returns the first instant from which conditions may now read
// something else; never, if nothing changed.
func (p *Profile) put(c *Compiled, f *Fact) int64 {
	i, read := slices.BinarySearch(c.attributes, f.Name)
	if !read {
		return never
	}
	if p.attributes == nil {
		p.attributes = make([][]attributeValue, len(c.attributes))
	}
	v := attributeValue{micros: f.Micros, source: f.Source, id: f.ID, value: f.Value}
	if bytes.Equal(bytes.TrimSpace(v.value), []byte("null")) {
		v.value = nil
	}
	values := p.attributes[i]
	at, repeated := slices.BinarySearchFunc(values, &v, func(a attributeValue, b *attributeValue) int { return a.compare(b) })
	if repeated {
		return never
	}
	var before []byte
	if at > 0 {
		before = values[at-1].value
	}
	p.attributes[i] = slices.Insert(values, at, v)
	if bytes.Equal(before, v.value) {
		return never
	}
	return v.micros
}

// setFit replaces the fit over time and returns like put.
func (p *Profile) setFit(c *Compiled, fit []FitPoint) int64 {
	if !c.readsFit {
		return never
	}
	fit = changesOf(fit)
	old := p.fit
	p.fit = fit
	i := 0
	for i < len(old) && i < len(fit) && old[i] == fit[i] {
		i++
	}
	changed := never
	if i < len(old) {
		changed = old[i].Micros
	}
	if i < len(fit) {
		changed = min(changed, fit[i].Micros)
	}
	return changed
}

// changesOf returns the points in order of time, without those that change nothing.
func changesOf(fit []FitPoint) []FitPoint {
	ordered := slices.Clone(fit)
	slices.SortStableFunc(ordered, func(a, b FitPoint) int { return cmp.Compare(a.Micros, b.Micros) })
	out := ordered[:0]
	for i, point := range ordered {
		if i+1 < len(ordered) && ordered[i+1].Micros == point.Micros {
			continue // the last of one instant holds
		}
		if !point.Scored {
			point.Points, point.Class = 0, ""
		}
		before := FitPoint{}
		if len(out) > 0 {
			before = out[len(out)-1]
		}
		if before.Scored == point.Scored && before.Points == point.Points && before.Class == point.Class && before.Persona == point.Persona {
			continue
		}
		out = append(out, point)
	}
	return out
}

// view is a profile at one instant.
type view struct {
	compiled *Compiled
	profile  *Profile
	// held are the values at the instant, by their position in Compiled.attributes.
	held []heldValue
	fit  condition.Fit
	// micros is where it stands, once sought.
	micros int64
	// past is the profile some days before, for conditions that look back.
	past func(days int) condition.Attributes
}

type heldValue struct {
	raw   []byte
	value condition.Value
}

func newView(c *Compiled, p *Profile) view {
	return view{compiled: c, profile: p, held: make([]heldValue, len(c.attributes))}
}

// stand moves the view to an instant, and facts with it.
func (v *view) stand(f *condition.Facts, micros int64) {
	f.Lead, f.Fit = v, v.seek(micros)
	f.Now, f.Zone = moment(micros), v.compiled.calendar.zone
	if v.compiled.readsPast && v.past == nil {
		before := newView(v.compiled, v.profile)
		v.past = func(days int) condition.Attributes {
			before.seek(v.micros - int64(days)*microsPerDay)
			return &before
		}
	}
	f.Past = v.past
}

// Attribute implements condition.Attributes.
func (v *view) Attribute(name string) (condition.Value, bool) {
	i, read := slices.BinarySearch(v.compiled.attributes, name)
	if !read {
		return condition.Value{}, false
	}
	return v.held[i].value, v.held[i].value.Known()
}

// seek moves the view to an instant and returns the fit there, nil if unknown.
func (v *view) seek(micros int64) *condition.Fit {
	v.micros = micros
	for i := range v.held {
		var raw []byte
		if i < len(v.profile.attributes) {
			raw = valueAt(v.profile.attributes[i], micros)
		}
		held := &v.held[i]
		if bytes.Equal(held.raw, raw) {
			continue
		}
		held.raw = raw
		// What is no value (ingest lets none pass) is unknown.
		held.value, _ = condition.ParseValue(raw)
	}
	fit := v.profile.fit
	n := sort.Search(len(fit), func(i int) bool { return fit[i].Micros > micros })
	if n == 0 || !fit[n-1].Scored {
		return nil
	}
	v.fit = condition.Fit{Score: fit[n-1].Points.Float(), Class: fit[n-1].Class, Persona: fit[n-1].Persona}
	return &v.fit
}

// valueAt returns the value that holds at an instant; nil if unknown.
func valueAt(values []attributeValue, micros int64) []byte {
	n := sort.Search(len(values), func(i int) bool { return values[i].micros > micros })
	if n == 0 {
		return nil
	}
	return values[n-1].value
}

// changesAfter returns the next instant after another at which an attribute gets a value;
// never, if it keeps the one it has.
func (p *Profile) changesAfter(attribute int, micros int64) int64 {
	if attribute >= len(p.attributes) {
		return never
	}
	values := p.attributes[attribute]
	n := sort.Search(len(values), func(i int) bool { return values[i].micros > micros })
	if n == len(values) {
		return never
	}
	return values[n].micros
}

// changesOf returns the next instant after another at which something changes that a
// condition reads; never, if nothing does.
func (p *Profile) changesOf(c *Compiled, r *reads, micros int64) int64 {
	next := never
	for _, name := range r.attributes {
		if i, read := slices.BinarySearch(c.attributes, name); read {
			next = min(next, p.changesAfter(i, micros))
		}
	}
	if r.readsFit {
		if n := sort.Search(len(p.fit), func(i int) bool { return p.fit[i].Micros > micros }); n < len(p.fit) {
			next = min(next, p.fit[n].Micros)
		}
	}
	return next
}

// changes returns the instants from one on at which attributes that rules wait for get
// values, in order.
func (p *Profile) changes(c *Compiled, from int64) []int64 {
	var instants []int64
	for i := range min(len(c.changes), len(p.attributes)) {
		if len(c.changes[i].triggers) == 0 {
			continue
		}
		values := p.attributes[i]
		for n := len(values) - 1; n >= 0 && values[n].micros >= from; n-- {
			instants = append(instants, values[n].micros)
		}
	}
	slices.Sort(instants)
	return slices.Compact(instants)
}

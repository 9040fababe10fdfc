package engagement

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// What conditions may read, by what they are asked about.
const (
	// askVars: the lead as it stands at an instant.
	askVars = condition.LeadVar | condition.NowVar | condition.PastVar
	// aloneVars: what happens by itself.
	aloneVars = askVars | condition.FitVar
	// activityVars: an activity.
	activityVars = aloneVars | condition.ActivityVar
	// changeVars: a change of an attribute.
	changeVars = aloneVars | condition.BeforeVar
)

// reads is what a condition or an expression reads.
type reads struct {
	// attributes of the lead, by name, and properties of the activity.
	attributes, properties []string
	readsFit, readsProfile bool
	readsCampaign          bool
	// readsNow: the answer may change by time alone.
	readsNow, readsPast bool
}

// when is a condition and what it reads.
type when struct {
	condition *condition.Condition
	reads
}

// expression is a value and what it reads.
type expression struct {
	*condition.Expression
	reads
}

// asked tells conditions apart.
type asked struct {
	text string
	vars condition.Vars
}

// when compiles a condition; rules with the same text share it. Empty text is nil.
func (b *compiler) when(path, text string, vars condition.Vars) *when {
	if text == "" {
		return nil
	}
	if w, known := b.whens[asked{text, vars}]; known {
		return w
	}
	compiled, err := condition.CompileWith(text, condition.Options{Vars: vars, Lists: b.lists})
	if err != nil {
		b.problem(path, "%v", err)
		return nil
	}
	w := &when{condition: compiled, reads: readsOf(compiled)}
	b.whens[asked{text, vars}] = w
	return w
}

// expression compiles an expression.
func (b *compiler) expression(path, text string, vars condition.Vars) *expression {
	compiled, err := condition.CompileValue(text, condition.Options{Vars: vars, Lists: b.lists})
	if err != nil {
		b.problem(path, "%v", err)
		return nil
	}
	return &expression{compiled, readsOf(compiled)}
}

func readsOf(c interface {
	Attributes() []string
	Reads() []string
	ReadsFit() bool
	ReadsTime() bool
	Past() []condition.Past
},
) reads {
	r := reads{
		attributes: c.Attributes(), readsFit: c.ReadsFit(), readsCampaign: slices.Contains(c.Reads(), "activity.campaign"),
		readsPast: len(c.Past()) > 0,
	}
	r.readsNow = c.ReadsTime() || r.readsPast
	r.readsProfile = r.readsFit || len(r.attributes) > 0
	for _, path := range c.Reads() {
		if name, ok := strings.CutPrefix(path, "activity.properties."); ok {
			r.properties = append(r.properties, name)
		}
	}
	return r
}

// Matcher asks conditions about facts, one after another. It belongs to one goroutine.
// Asking is quickest in the order of time.
type Matcher struct {
	// Unknown counts conditions that read something unknown, and so did not match.
	Unknown int
	// Faults counts conditions that could not be answered for another reason, e.g. a
	// text compared with a number; they are among the unknown.
	Faults int

	compiled *Compiled
	view     view
	before   view
	activity condition.Activity
	facts    condition.Facts
	matches  []Match // cut into the Matches of entries
	said     []said  // what they say
}

// NewMatcher returns a matcher that sees the profile as it is when it asks.
func (c *Compiled) NewMatcher(p *Profile) *Matcher {
	m := &Matcher{compiled: c, view: newView(c, p)}
	if c.changes != nil {
		m.before = newView(c, p)
	}
	return m
}

// Match asks the conditions of the triggers that are for an activity, with the profile
// as it was at that instant. What reads something unknown does not match. It reports
// whether the fold has any use for the entry.
func (m *Matcher) Match(f *Fact) (e Entry, useful bool) {
	if f.Kind != Activity {
		return Entry{}, false
	}
	found := m.compiled.candidates(f.Type)
	if len(found.triggers) == 0 {
		return Entry{}, false
	}
	inputs := Inputs{Campaign: f.Campaign, Properties: f.Properties}
	e = Entry{Key: f.Key(), Type: f.Type, Void: f.Void}
	if found.readsProfile {
		// Ask about what is kept, so that asking again cannot differ.
		kept := found.inputs(inputs)
		inputs, e.Inputs = kept, &kept
	}
	m.ask(&e, found, inputs)
	return e, len(e.Matches) > 0 || e.Inputs != nil
}

// Rematch asks again about an entry with inputs, because the profile turned out to
// have been another.
func (m *Matcher) Rematch(e *Entry) {
	m.ask(e, m.compiled.candidates(e.Type), *e.Inputs)
}

// Change asks the conditions of the triggers of the attributes that got another value
// at an instant. All changes of an instant are one entry.
func (m *Matcher) Change(micros int64) (e Entry, useful bool) {
	c := m.compiled
	m.view.seek(micros)
	m.before.seek(micros - 1)
	var found []int
	for i := range c.changes {
		if len(c.changes[i].triggers) > 0 && string(m.view.held[i].raw) != string(m.before.held[i].raw) {
			found = append(found, c.changes[i].triggers...)
		}
	}
	if len(found) == 0 {
		return Entry{}, false
	}
	slices.Sort(found)
	e = Entry{Key: Key{Micros: micros, Rank: RankAttribute}}
	m.stand(micros)
	m.facts.Activity, m.facts.Before = nil, &m.before
	e.Matches = m.askAll(slices.Compact(found))
	m.facts.Before = nil
	return e, len(e.Matches) > 0
}

// forget lets the matches of all entries made so far be overwritten.
func (m *Matcher) forget() { m.matches, m.said = m.matches[:0], m.said[:0] }

// stand moves the matcher to an instant.
func (m *Matcher) stand(micros int64) { m.view.stand(&m.facts, micros) }

func (m *Matcher) ask(e *Entry, found *candidates, inputs Inputs) {
	m.activity.Become(condition.Activity{
		Type: e.Type, Source: e.Key.Source, Campaign: inputs.Campaign, Properties: inputs.Properties,
	})
	m.facts.Activity = &m.activity
	if found.readsProfile {
		m.stand(e.Key.Micros)
	} else {
		m.facts.Now, m.facts.Zone = moment(e.Key.Micros), m.compiled.calendar.zone
	}
	if gate := m.compiled.consent; gate != nil && (e.Void == NotVoid || e.Void == NoConsent) {
		e.Void = NotVoid
		if found.readsProfile && gate.withholds(&m.view, e.Type) {
			e.Void = NoConsent
		}
	}
	e.Matches = m.askAll(found.triggers)
	m.facts.Activity = nil
}

// askAll returns the matches among triggers.
func (m *Matcher) askAll(triggers []int) []Match {
	first := len(m.matches)
	for _, i := range triggers {
		match := Match{Trigger: i}
		if m.one(&match) {
			m.matches = append(m.matches, match)
		}
	}
	return m.matches[first:len(m.matches):len(m.matches)]
}

// one asks the conditions of a trigger, and what its match says.
func (m *Matcher) one(match *Match) bool {
	t := &m.compiled.triggers[match.Trigger]
	if t.when != nil && !m.holds(t.when) {
		return false
	}
	match.Points = t.points
	switch {
	case len(t.choices) > 0:
		chosen := slices.IndexFunc(t.choices, func(c choiceWhen) bool { return m.holds(c.when) })
		if chosen < 0 {
			return false
		}
		match.Points = t.choices[chosen].points
	case t.amount != nil:
		n, known := m.number(t.amount.value)
		if !known {
			return false
		}
		match.Points = t.amount.of(n)
	}
	if !t.says() {
		return true
	}
	m.said = append(m.said, said{})
	match.said = &m.said[len(m.said)-1]
	if t.value != nil {
		match.said.value, _ = m.number(t.value)
	}
	if t.distinct != nil {
		match.said.distinct = m.key(t.distinct)
	}
	for i, key := range t.keys {
		match.said.keys[i] = m.key(key)
	}
	if t.gate != nil && t.gate.readsProfile() {
		match.said.leaves = m.compiled.ask(t.gate, &m.view, m.view.micros)
	}
	return true
}

// holds says whether a condition does, and counts if it cannot be answered.
func (m *Matcher) holds(w *when) bool {
	truth, fault := w.condition.Eval(&m.facts)
	if fault != condition.NoFault {
		m.Faults++
	}
	if truth == condition.Unknown {
		m.Unknown++
	}
	return truth == condition.True
}

func (m *Matcher) value(e *expression) condition.Value {
	v, fault := e.Eval(&m.facts)
	if fault != condition.NoFault {
		m.Faults++
	}
	return v
}

// number returns the number that an expression says.
func (m *Matcher) number(e *expression) (amount, bool) {
	n, ok := m.value(e).AsNumber()
	if !ok {
		m.Unknown++
		return 0, false
	}
	return amountOf(n), true
}

// key returns a number that stands for the value of an expression; 0 if it is unknown.
func (m *Matcher) key(e *expression) uint64 {
	v := m.value(e)
	if text, ok := v.AsText(); ok {
		return hash(text, 't')
	}
	if n, ok := v.AsNumber(); ok {
		bits := math.Float64bits(n)
		var b [8]byte
		for i := range b {
			b[i] = byte(bits >> (8 * i))
		}
		return hash(string(b[:]), 'n')
	}
	m.Unknown++
	return 0
}

// hash is FNV-1a in 64 bits, and never 0.
func hash(text string, kind byte) uint64 {
	const prime = 1099511628211
	h := (uint64(14695981039346656037) ^ uint64(kind)) * prime
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return max(h, 1)
}

// maxKeys is how many limits of one rule may be counted apart by value.
const maxKeys = 4

// said is what a match says beside its points.
type said struct {
	value    amount
	distinct uint64
	keys     [maxKeys]uint64
	// leaves are the answers of the leaves of its gate that ask the profile.
	leaves leaves
}

// key adds the value of a limit to the keys of a trigger; -1: it is not counted apart.
func (b *compiler) key(path string, l *Limit, t *trigger) int {
	if l.PerValue == "" {
		return -1
	}
	if len(t.keys) == maxKeys {
		b.problem(path, "must not be given for more than %d limits of one rule", maxKeys)
		return -1
	}
	t.keys = append(t.keys, b.expression(path, l.PerValue, condition.ActivityVar))
	return len(t.keys) - 1
}

// Match is a trigger that a fact matched.
type Match struct {
	// Trigger is its position in the model, in the order of the fold.
	Trigger int
	// Points it gives.
	Points points.Points
	said   *said
}

// Entry is a fact as the fold knows it: what matched, no longer why.
type Entry struct {
	// Key is its place in the fold. All changes of attributes of one instant are one
	// entry, of no source and id.
	Key Key
	// Type of an activity.
	Type string
	// Void says why the entry does not count.
	Void Void
	// Matches in the order of the fold.
	Matches []Match
	// Inputs is what conditions on the profile read from the activity itself. It is
	// kept so that they can be asked again when the profile turns out to have been
	// another; nil if no such condition is a candidate.
	Inputs *Inputs
}

// Inputs is what a condition reads from an activity.
type Inputs struct {
	Campaign   string
	Properties []byte
}

// inputs returns what the candidates' conditions read of an activity and no more:
// the rest may be personal and is nobody's business here.
func (c *candidates) inputs(all Inputs) Inputs {
	var kept Inputs
	if c.campaign {
		kept.Campaign = all.Campaign
	}
	if len(c.properties) == 0 || len(all.Properties) == 0 {
		return kept
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(all.Properties, &object); err != nil {
		kept.Properties = []byte{'!'} // no JSON either: the conditions report the fault
		return kept
	}
	for name := range object {
		if _, read := slices.BinarySearch(c.properties, name); !read {
			delete(object, name)
		}
	}
	// Marshal writes keys in order, so equal inputs are equal bytes.
	kept.Properties, _ = json.Marshal(object)
	return kept
}

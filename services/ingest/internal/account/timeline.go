package account

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

var null = []byte("null")

// Said is what a source said of an account: the value of an attribute, or the state
// of a fact that has a key.
type Said struct {
	// Kind of the fact, e.g. `opportunities`; empty: an attribute.
	Kind string
	// Key of the attribute, or of the fact within its kind.
	Key string
	// At is where it stands in time.
	At lead.Place
	// Value is JSON: of an attribute, or the text of the state; `null`: none.
	Value []byte
	// Properties of a fact: one JSON object, or nil.
	Properties []byte
}

// compare orders by key and, of one key, by time.
func compare(a, b Said) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key), a.At.Compare(b.At))
}

// Step is a value from an instant on.
type Step struct {
	// At is the instant, in microseconds since 1970.
	At int64
	// Value is JSON; `null` is unknown.
	Value []byte
}

// Timelines are the values of keys over time. The steps of a key are in order, and
// each changes the value.
type Timelines map[string][]Step

// always is before any instant.
const always = math.MinInt64

// counted are the kinds that every account counts, also without a fact of them.
var counted = map[string][]string{
	"customers":     {"open", "closed"},
	"opportunities": {"open", "qualified", "closed_won", "closed_lost"},
}

// CountKey is the attribute that counts the facts of a kind in a state.
func CountKey(kind, state string) string { return kind + "_" + state }

// Fold returns what is true of an account over time: its attributes, and how many
// facts of each kind are in each state. A count that has the name of an attribute
// takes its place. The argument is put in order.
func Fold(said []Said) Timelines {
	slices.SortFunc(said, compare)
	out, counts := Timelines{}, newCounts()
	for len(said) > 0 {
		n := 1
		for n < len(said) && said[n].Kind == said[0].Kind && said[n].Key == said[0].Key {
			n++
		}
		steps := stepsOf(said[:n])
		if kind := said[0].Kind; kind == "" {
			out[said[0].Key] = steps
		} else {
			counts.add(kind, steps)
		}
		said = said[n:]
	}
	maps.Copy(out, counts.timelines())
	return out
}

// stepsOf returns the values of one key, which are in order of their places: at one
// instant the last counts.
func stepsOf(said []Said) []Step {
	var steps []Step
	now := null
	for i, s := range said {
		if i+1 < len(said) && said[i+1].At.At == s.At.At {
			continue
		}
		if !bytes.Equal(now, s.Value) {
			now = s.Value
			steps = append(steps, Step{s.At.At, now})
		}
	}
	return steps
}

// counts are how many facts come to and leave a state, by instant.
type counts map[string]map[int64]int

func newCounts() counts {
	c := counts{}
	for kind, states := range counted {
		for _, state := range states {
			c.change(kind, state, always, 0)
		}
	}
	return c
}

func (c counts) change(kind, state string, at int64, by int) {
	key := CountKey(kind, state)
	if c[key] == nil {
		c[key] = map[int64]int{always: 0}
	}
	c[key][at] += by
}

// add takes in the states of one fact over time.
func (c counts) add(kind string, steps []Step) {
	before := ""
	for _, s := range steps {
		var state string
		_ = json.Unmarshal(s.Value, &state) // null leaves it empty
		if before != "" {
			c.change(kind, before, s.At, -1)
		}
		if state != "" {
			c.change(kind, state, s.At, 1)
		}
		before = state
	}
}

func (c counts) timelines() Timelines {
	out := make(Timelines, len(c))
	for key, changes := range c {
		n := 0
		var steps []Step
		for _, at := range slices.Sorted(maps.Keys(changes)) {
			if n += changes[at]; changes[at] != 0 || at == always {
				steps = append(steps, Step{at, strconv.AppendInt(nil, int64(n), 10)})
			}
		}
		out[key] = steps
	}
	return out
}

// at returns the value that holds at an instant.
func at(steps []Step, instant int64) []byte {
	n, exact := slices.BinarySearchFunc(steps, instant, func(s Step, at int64) int { return cmp.Compare(s.At, at) })
	switch {
	case exact:
		return steps[n].Value
	case n == 0:
		return null
	}
	return steps[n-1].Value
}

// Now returns the last value of each key that has one, attributes and counts apart.
func (t Timelines) Now() (attributes, counts map[string]json.RawMessage) {
	attributes, counts = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for key, steps := range t {
		if len(steps) == 0 {
			continue
		}
		switch last := steps[len(steps)-1]; {
		case steps[0].At == always:
			counts[key] = last.Value
		case !bytes.Equal(last.Value, null):
			attributes[key] = last.Value
		}
	}
	return attributes, counts
}

// Equal reports whether two say the same of every key and instant.
func (t Timelines) Equal(u Timelines) bool {
	return maps.EqualFunc(t, u, func(a, b []Step) bool {
		return slices.EqualFunc(a, b, func(a, b Step) bool { return a.At == b.At && bytes.Equal(a.Value, b.Value) })
	})
}

// Unsaid returns the attributes that are not the last value of their key, and all that
// has a key of its own.
func (t Timelines) Unsaid(said []Said) (rest []Said) {
	for _, s := range said {
		if s.Kind != "" || !bytes.Equal(at(t[s.Key], math.MaxInt64), s.Value) {
			rest = append(rest, s)
		}
	}
	return rest
}

// Stay says to which account a lead belongs from an instant on; empty: to none.
type Stay struct {
	From    int64
	Account string
}

// Stays returns where a lead belonged over time, from what was said of its attribute
// [lead.Account]. The argument is put in order.
func Stays(said []Said) []Stay {
	slices.SortFunc(said, func(a, b Said) int { return a.At.Compare(b.At) })
	var stays []Stay
	for _, s := range stepsOf(said) {
		var name string
		_ = json.Unmarshal(s.Value, &name)
		id, v := ParseName("", name)
		if v != nil {
			id = ""
		}
		stays = append(stays, Stay{s.At, id})
	}
	return stays
}

// View returns what is true of a lead through the accounts it belongs to: of each one
// only while it belongs to it, and at the instant it comes what is true then.
func View(stays []Stay, accounts map[string]Timelines) Timelines {
	out := Timelines{}
	keys := map[string]bool{}
	for _, stay := range stays {
		for key := range accounts[stay.Account] {
			keys[key] = true
		}
	}
	for key := range keys {
		now := null
		var steps []Step
		add := func(instant int64, value []byte) {
			if !bytes.Equal(now, value) {
				now = value
				steps = append(steps, Step{instant, value})
			}
		}
		for i, stay := range stays {
			end := int64(math.MaxInt64)
			if i+1 < len(stays) {
				end = stays[i+1].From
			}
			theirs := accounts[stay.Account][key]
			add(stay.From, at(theirs, stay.From))
			for _, s := range theirs {
				if s.At > stay.From && s.At < end {
					add(s.At, s.Value)
				}
			}
		}
		out[key] = steps
	}
	return out
}

// Missing returns the steps to say of a key so that what was told and they together
// give what is wanted, at every instant. Told are the values in the order in which
// they count; what is said now counts after all that was told of its instant. Nothing
// that was told is taken back: where it does not hold any more, the value that does
// is said of the same instant.
func Missing(told, want []Step) []Step {
	held := make(map[int64][]byte, len(told)) // the last of each instant
	instants := make([]int64, 0, len(told)+len(want))
	for _, s := range told {
		held[s.At] = s.Value
		instants = append(instants, s.At)
	}
	for _, s := range want {
		instants = append(instants, s.At)
	}
	slices.Sort(instants)
	var missing []Step
	now := null
	for _, instant := range slices.Compact(instants) {
		wanted := at(want, instant)
		if value, told := held[instant]; told {
			now = value
		}
		if !bytes.Equal(now, wanted) {
			missing = append(missing, Step{instant, wanted})
			now = wanted
		}
	}
	return missing
}

// FactsWithKey counts the facts that have a key of their own.
func FactsWithKey(said []Said) int {
	seen := map[[2]string]bool{}
	for _, s := range said {
		if s.Kind != "" {
			seen[[2]string{s.Kind, s.Key}] = true
		}
	}
	return len(seen)
}

// Current returns the facts with a key that have a state, each as it was said last, in
// the order of kind and key. The argument is put in order.
func Current(said []Said) (list []Said) {
	slices.SortFunc(said, compare)
	for i, s := range said {
		last := i+1 == len(said) || said[i+1].Kind != s.Kind || said[i+1].Key != s.Key
		if last && s.Kind != "" && !bytes.Equal(s.Value, null) {
			list = append(list, s)
		}
	}
	return list
}

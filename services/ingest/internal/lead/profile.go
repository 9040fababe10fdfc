package lead

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
)

// maxNames bounds the names a lead ever had, those of removed values included.
const maxNames = 5 * MaxAttributes

// Place is where a fact stands in time. Later places win; at one instant the
// greater source, then the greater id.
type Place struct {
	// At is the effective time in microseconds since 1970.
	At int64
	// Source and ID identify the fact.
	Source, ID string
}

// Compare orders places.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.At, q.At), cmp.Compare(p.Source, q.Source), cmp.Compare(p.ID, q.ID))
}

// Profile is the current view of the attributes of a lead: for each key the value
// that stands last in time. It is what the history folds to, kept so that nobody
// has to fold it.
type Profile struct {
	values map[string]json.RawMessage
	places map[string]Place // also of removed values
}

// NewProfile returns an empty profile.
func NewProfile() *Profile {
	return &Profile{values: map[string]json.RawMessage{}, places: map[string]Place{}}
}

// ParseProfile reads what [Profile.Values] and [Profile.Places] wrote.
func ParseProfile(values, places []byte) (*Profile, error) {
	p := NewProfile()
	if err := json.Unmarshal(values, &p.values); err != nil {
		return nil, fmt.Errorf("lead: stored attributes: %w", err)
	}
	if err := json.Unmarshal(places, &p.places); err != nil {
		return nil, fmt.Errorf("lead: stored places of attributes: %w", err)
	}
	return p, nil
}

// Change is how a value said at a place stands to a profile.
type Change int

const (
	// Unchanged: the same is known.
	Unchanged Change = iota
	// Repeated: it is the current value, said of a later time than known.
	Repeated
	// Current: it is the new current value.
	Current
	// Late: a later value is known; only the history can say whether it is new.
	Late
)

// Set takes in a value said at a place and returns how it stands. The profile is as
// before unless it is Current.
func (p *Profile) Set(key string, value []byte, at Place) Change {
	known, ok := p.places[key]
	same := bytes.Equal(p.Value(key), value)
	switch {
	case ok && same && at.At == known.At && at.Source <= known.Source:
		return Unchanged
	case ok && at.Compare(known) < 0:
		return Late
	case same:
		return Repeated
	}
	p.places[key] = at
	if canonical.IsNull(value) {
		delete(p.values, key)
	} else {
		p.values[key] = value
	}
	return Current
}

// Move puts the current value of a key at a later place, after Repeated.
func (p *Profile) Move(key string, at Place) { p.places[key] = at }

// Value returns the current value of a key, `null` if there is none.
func (p *Profile) Value(key string) []byte {
	if v, ok := p.values[key]; ok {
		return v
	}
	return []byte("null")
}

// Full reports whether the profile has more attributes than a lead may have.
func (p *Profile) Full() bool {
	return len(p.values) > MaxAttributes || len(p.places) > maxNames
}

// Keys returns the keys that have a value, sorted.
func (p *Profile) Keys() []string {
	return slices.Sorted(maps.Keys(p.values))
}

// Clone returns a copy that changes alone.
func (p *Profile) Clone() *Profile {
	return &Profile{values: maps.Clone(p.values), places: maps.Clone(p.places)}
}

// Values returns the current values as one canonical JSON object.
func (p *Profile) Values() []byte {
	out := []byte{'{'}
	for i, key := range p.Keys() {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, canonical.Text(key)...)
		out = append(out, ':')
		out = append(out, p.values[key]...)
	}
	return append(out, '}')
}

// Places returns where the current values stand in time, as JSON.
func (p *Profile) Places() []byte {
	out, err := json.Marshal(p.places)
	if err != nil {
		panic(err) // a map of texts and numbers
	}
	return out
}

// MarshalJSON writes a place as a short list.
func (p Place) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{p.At, p.Source, p.ID})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Place) UnmarshalJSON(in []byte) error {
	return json.Unmarshal(in, &[]any{&p.At, &p.Source, &p.ID})
}

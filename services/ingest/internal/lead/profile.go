package lead

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

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

// factIDs is the name space of the ids of facts.
var factIDs = uuid.MustParse("5c1d7a3e-0b8e-4a52-9d0f-6f3c1f6a2b94")

// FactID returns the id of what a source says of an attribute at a time of its own.
// It follows from what is said, so that saying it again is the same fact, and which
// of two values of one instant counts does not depend on which arrived first.
func FactID(a Attribute, at int64, source string) string {
	said := fmt.Appendf(nil, "%d\x00%s\x00%s\x00%s", at, source, a.Key, a.Value)
	return uuid.NewHash(sha256.New(), factIDs, said, 8).String()
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
	// Known: the same was said of this time by the same source.
	Known Change = iota
	// Repeated: it is the current value, said of a later time.
	Repeated
	// Current: it is the new current value.
	Current
	// Late: a later value is known; only the history can say what this one changes.
	Late
)

// Set takes in a value said at a place and returns how it stands. After Late and
// Known the profile is as before; after Repeated the value stands later in time, so
// that another one of a time between does not replace it.
func (p *Profile) Set(key string, value []byte, at Place) Change {
	known, ok := p.places[key]
	same := bytes.Equal(p.Value(key), value)
	switch {
	case ok && same && at.At == known.At && at.Source == known.Source:
		return Known
	case ok && at.Compare(known) < 0:
		return Late
	}
	p.places[key] = at
	if same {
		return Repeated
	}
	if canonical.IsNull(value) {
		delete(p.values, key)
	} else {
		p.values[key] = value
	}
	return Current
}

// Fold takes in a fact of a history that is folded as a whole, in any order, into a
// profile that was empty: what [Profile.Set] gives for the same facts.
func (p *Profile) Fold(key string, value []byte, at Place) {
	if known, ok := p.places[key]; ok && at.Compare(known) <= 0 {
		return
	}
	p.places[key] = at
	if canonical.IsNull(value) {
		delete(p.values, key)
	} else {
		p.values[key] = value
	}
}

// Value returns the current value of a key, `null` if there is none.
func (p *Profile) Value(key string) []byte {
	if v, ok := p.values[key]; ok {
		return v
	}
	return []byte("null")
}

// Full reports whether the profile has more attributes than a lead may have, those of
// its account not counted.
func (p *Profile) Full() bool {
	return own(p.values) > MaxAttributes || own(p.places) > maxNames
}

func own[V any](m map[string]V) (n int) {
	for key := range m {
		if !OfAccount(key) {
			n++
		}
	}
	return n
}

// Place returns where the current value of a key stands, also a removed one; the zero value
// if nothing was ever said of it.
func (p *Profile) Place(key string) Place { return p.places[key] }

// Keys returns the keys that have a value, sorted.
func (p *Profile) Keys() []string {
	return slices.Sorted(maps.Keys(p.values))
}

// Names returns the keys of which anything was ever said, sorted.
func (p *Profile) Names() []string {
	return slices.Sorted(maps.Keys(p.places))
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

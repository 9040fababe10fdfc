package fit

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// Fact is a value of the profile, true from its effective time until the next fact of
// the same key. It is identified by its source, id and key.
type Fact struct {
	// EffectiveTime is when it became true.
	EffectiveTime time.Time
	// Source that sent it.
	Source string
	// ID within the source.
	ID string
	// Key of the attribute.
	Key string
	// Value as JSON. Empty or `null`: the value was removed and is unknown again.
	Value []byte
}

// History is a set of facts in the order they are folded: effective time, source, id.
// Each fact is in it once. The zero History is empty.
type History []Fact

// compare orders facts by when they count. The key and the value come last: they only
// matter when a source breaks its promise and gives an id twice.
func compare(a, b Fact) int {
	return cmp.Or(
		a.EffectiveTime.Compare(b.EffectiveTime),
		strings.Compare(a.Source, b.Source),
		strings.Compare(a.ID, b.ID),
		strings.Compare(a.Key, b.Key),
		bytes.Compare(a.Value, b.Value),
	)
}

// Add returns the history with more facts, in whatever order they come; those the
// model does not read are left out. Neither h nor facts is changed. If a source gives
// an id twice with different facts, the first in the order of the fold counts, so
// that the history depends on the set alone.
func (m *Model) Add(h History, facts ...Fact) History {
	merged := make(History, len(h), len(h)+len(facts))
	copy(merged, h)
	for _, f := range facts {
		if m.Reads(f.Key) {
			merged = append(merged, f)
		}
	}
	if len(merged) == len(h) {
		return h
	}
	slices.SortFunc(merged, compare)
	return unique(merged)
}

type identity struct{ source, id, key string }

func unique(h History) History {
	seen := make(map[identity]bool, len(h))
	return slices.DeleteFunc(h, func(f Fact) bool {
		is := identity{f.Source, f.ID, f.Key}
		again := seen[is]
		seen[is] = true
		return again
	})
}

// Latest returns the effective time of the last fact: from then on an assessment does
// not change by itself. Zero if there is none.
func (h History) Latest() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[len(h)-1].EffectiveTime
}

package engagement

import (
	"cmp"
	"slices"
	"strings"
)

// Kind is the kind of a fact.
type Kind uint8

const (
	// Activity is something the lead did, or that was done with it.
	Activity Kind = iota
	// Attribute is a value of the lead's profile.
	Attribute
)

// Fact is anything that scoring reads. Facts are never changed: two facts with the
// same Key are the same fact.
type Fact struct {
	// Kind says which of the fields below are meant.
	Kind Kind
	// Micros is when it became true, in microseconds since 1970 UTC.
	Micros int64
	// Source sent it.
	Source string
	// ID is unique within kind and source.
	ID string

	// Type of an activity: dotted, e.g. `content.downloaded`.
	Type string
	// Campaign of an activity, if any.
	Campaign string
	// Properties of an activity as one JSON object; empty means none.
	Properties []byte
	// Void says why an activity does not count; never NoConsent.
	Void Void

	// Name of an attribute, e.g. `job_title`.
	Name string
	// Value of an attribute as JSON; empty or `null`: unknown again.
	Value []byte
}

// Rank orders facts of one instant.
type Rank uint8

// The ranks, first to last. A fit is a point of the fit timeline and never a fact of
// its own.
const (
	RankAttribute Rank = iota
	RankFit
	RankLifecycle
	RankActivity
)

// Key is the place of a fact in the fold: a total order over all facts.
type Key struct {
	Micros     int64
	Rank       Rank
	Source, ID string
}

// Key returns the fact's place in the fold.
func (f *Fact) Key() Key {
	return Key{Micros: f.Micros, Rank: f.rank(), Source: f.Source, ID: f.ID}
}

func (f *Fact) rank() Rank {
	switch {
	case f.Kind == Attribute:
		return RankAttribute
	case strings.HasPrefix(f.Type, "lifecycle."):
		return RankLifecycle
	default:
		return RankActivity
	}
}

// Compare is negative if k folds before other, zero if they are the same.
func (k Key) Compare(other Key) int {
	if k.Micros != other.Micros {
		return cmp.Compare(k.Micros, other.Micros)
	}
	if k.Rank != other.Rank {
		return cmp.Compare(k.Rank, other.Rank)
	}
	if c := strings.Compare(k.Source, other.Source); c != 0 {
		return c
	}
	return strings.Compare(k.ID, other.ID)
}

// compareFacts orders facts by key, and attributes of one key by name.
func compareFacts(a, b *Fact) int {
	if a.Micros != b.Micros {
		return cmp.Compare(a.Micros, b.Micros)
	}
	if c := a.Key().Compare(b.Key()); c != 0 {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// inOrder returns the facts in fold order, each once. The argument is not changed.
func inOrder(facts []Fact) []*Fact {
	ordered := make([]*Fact, len(facts))
	sorted := true
	for i := range facts {
		ordered[i] = &facts[i]
		if sorted && i > 0 && compareFacts(ordered[i-1], ordered[i]) >= 0 {
			sorted = false
		}
	}
	if sorted {
		return ordered
	}
	slices.SortStableFunc(ordered, compareFacts)
	return slices.CompactFunc(ordered, func(a, b *Fact) bool { return compareFacts(a, b) == 0 })
}

package decision

import "slices"

// Rules are what makes a qualified lead, compiled.
type Rules struct {
	// Exclude: who is never qualified, before everything else.
	Exclude []Rule
	// Disqualify: who is no potential buyer.
	Disqualify []Rule
	// FastTrack: who qualifies at once.
	FastTrack []Rule
	// NeedsData: the answers to ask for before a lead that could qualify is handed off.
	NeedsData NeedsData
	// Gates must hold for QUALIFIED; nil: nobody qualifies here.
	Gates Gate
}

// Rule is a gate with an id and words, so that it can be a reason.
type Rule struct {
	// ID is unique among the rules of a standard.
	ID string
	// Description is the reason in words a salesperson can read; empty: the gate's.
	Description string
	// When is what must hold.
	When Gate
}

// NeedsData asks for answers.
type NeedsData struct {
	// Attributes must be known. Empty: nothing is asked for.
	Attributes []string
	// When says who is worth asking; nil: everybody.
	When Gate
}

// Attributes are the names of the attributes that the rules read, sorted: what a
// decision freezes about the person.
func (r *Rules) Attributes() []string {
	names := slices.Clone(r.NeedsData.Attributes)
	visit := func(g Gate) { names = attributes(g, names) }
	for _, tier := range [][]Rule{r.Exclude, r.Disqualify, r.FastTrack} {
		for _, rule := range tier {
			visit(rule.When)
		}
	}
	visit(r.NeedsData.When)
	visit(r.Gates)
	slices.Sort(names)
	return slices.Compact(names)
}

func attributes(g Gate, names []string) []string {
	switch g := g.(type) {
	case all:
		for _, sub := range g.of {
			names = attributes(sub, names)
		}
	case atLeastOf:
		for _, sub := range g.of {
			names = attributes(sub, names)
		}
	case not:
		names = attributes(g.gate, names)
	case when:
		names = append(names, g.Attributes()...)
	}
	return names
}

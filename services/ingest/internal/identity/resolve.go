package identity

import (
	"cmp"
	"slices"
)

// MaxClaimants is how many values may claim one before it is crowded: shared, however
// many persons they turn out to be. It bounds what has to be read to resolve a value.
const MaxClaimants = 64

// Claim says that two values were seen together: the stronger claims the weaker. What
// is known of a claim only ever grows.
type Claim struct {
	// Value is claimed, By who claims it; By is never of a weaker kind.
	Value, By Identity
	// Trusted says that a source said so that may: not a browser.
	Trusted bool
	// Severed says that a person took the link back: it links nobody any more.
	Severed bool
}

// Compare orders claims by the claimed value, then by the claimant.
func (c Claim) Compare(d Claim) int {
	return cmp.Or(c.Value.Compare(d.Value), c.By.Compare(d.By))
}

// explicit reports whether a claim joins whatever else is claimed: who may say so said
// that two user ids are one user.
func (c Claim) explicit() bool {
	return c.Trusted && c.Value.Kind == UserID && c.By.Kind == UserID
}

// Home is a lead: the facts that arrived with a value as their strongest.
type Home struct {
	// Lead is its id.
	Lead string
	// Value is what its facts arrived with.
	Value Identity
	// CreatedAt is when it was made, in microseconds since 1970.
	CreatedAt int64
}

// Merge is a link between two leads that a person made.
type Merge struct{ A, B string }

// Known is what is known of values that have to do with each other.
type Known struct {
	// Homes are the leads, at most one for each value.
	Homes []Home
	// Claims are the links between values.
	Claims []Claim
	// Merges are the links between leads that hold.
	Merges []Merge
	// Crowded values have more claimants than are worth listing.
	Crowded []Identity
}

// Partition says which leads are one person.
type Partition struct {
	persons map[string]string     // lead → the person's lead
	members map[string][]string   // the person's lead → all leads, sorted
	owners  map[Identity]string   // value → lead
	shared  map[Identity]struct{} // values that link nobody
	// Withheld are claims that would join two known leads and may not, and those of
	// shared values of a known kind: somebody should look at them.
	Withheld []Claim
}

// Person returns the lead that stands for a lead's person; empty if it is not known.
// A known lead comes before an anonymous one, then the older, then the lesser id.
func (p *Partition) Person(lead string) string { return p.persons[lead] }

// Members returns the leads of a person by the lead that stands for it, sorted.
func (p *Partition) Members(person string) []string { return p.members[person] }

// Persons returns the leads that stand for persons, sorted.
func (p *Partition) Persons() []string {
	list := make([]string, 0, len(p.members))
	for person := range p.members {
		list = append(list, person)
	}
	slices.Sort(list)
	return list
}

// Owner returns the lead that a value leads to: its home, or else one of its person;
// empty if it is shared or nobody's.
func (p *Partition) Owner(value Identity) string { return p.owners[value] }

// Shared reports whether a value links nobody, because too many persons claim it.
func (p *Partition) Shared(value Identity) bool {
	_, ok := p.shared[value]
	return ok
}

// Resolve says which leads are one person. It is a function of the set of what is
// known: neither order nor repetition matter.
//
// It begins with what was said explicitly, and goes on from strong kinds to weak ones:
// a value joins the persons who claim it unless they are more than its kind's limit, as
// far as stronger kinds tell them apart. Values of one kind that claim each other are
// counted after the claims of stronger kinds. A shared value joins nobody, neither with
// those who claim it nor by what it claims itself.
func Resolve(k Known, s Settings) *Partition {
	r := newResolver(k, s)
	for _, m := range k.Merges {
		a, okA := r.byLead[m.A]
		b, okB := r.byLead[m.B]
		if okA && okB {
			r.join(a, b)
		}
	}
	for _, c := range r.claims {
		if !c.Severed && c.explicit() && !r.shared[c.value] && !r.shared[c.by] {
			r.join(c.value, c.by)
		}
	}
	for kind := UserID; kind <= AnonymousID; kind++ {
		r.layer(kind)
	}
	return r.partition()
}

// numbered is a claim between values by their numbers.
type numbered struct {
	Claim
	value, by int
}

type resolver struct {
	settings Settings
	values   []Identity
	number   map[Identity]int
	home     []*Home // by number
	byLead   map[string]int
	claims   []numbered
	of       [][]numbered // the claims of a value that may count, by number
	above    []int        // union-find
	shared   []bool
}

func newResolver(k Known, s Settings) *resolver {
	r := &resolver{settings: s, number: map[Identity]int{}, byLead: map[string]int{}}
	for i := range k.Homes {
		h := &k.Homes[i]
		n := r.numberOf(h.Value)
		r.home[n], r.byLead[h.Lead] = h, n
	}
	sorted := slices.SortedFunc(slices.Values(k.Claims), Claim.Compare)
	for i, c := range sorted {
		if last := len(r.claims) - 1; i > 0 && sorted[i-1].Compare(c) == 0 {
			r.claims[last].Trusted = r.claims[last].Trusted || c.Trusted
			r.claims[last].Severed = r.claims[last].Severed || c.Severed
			continue
		}
		r.claims = append(r.claims, numbered{c, r.numberOf(c.Value), r.numberOf(c.By)})
	}
	for _, c := range r.claims {
		if !c.Severed {
			r.of[c.value] = append(r.of[c.value], c)
		}
	}
	for n, claims := range r.of {
		r.shared[n] = len(claims) > MaxClaimants
	}
	for _, v := range k.Crowded {
		r.shared[r.numberOf(v)] = true
	}
	return r
}

func (r *resolver) numberOf(v Identity) int {
	n, ok := r.number[v]
	if !ok {
		n = len(r.values)
		r.number[v] = n
		r.values, r.home, r.of = append(r.values, v), append(r.home, nil), append(r.of, nil)
		r.above, r.shared = append(r.above, n), append(r.shared, false)
	}
	return n
}

func (r *resolver) find(n int) int {
	for r.above[n] != n {
		r.above[n] = r.above[r.above[n]]
		n = r.above[n]
	}
	return n
}

func (r *resolver) join(a, b int) {
	if a, b = r.find(a), r.find(b); a != b {
		r.above[max(a, b)] = min(a, b)
	}
}

// layer resolves the values of one kind.
func (r *resolver) layer(kind Kind) {
	limit := r.settings.Limit(kind)
	counted := map[int][]numbered{}
	for n, v := range r.values {
		if v.Kind == kind {
			counted[n] = r.counting(n)
		}
	}
	before := slices.Clone(r.above)
	// By stronger kinds alone.
	for n, claims := range counted {
		r.shared[n] = r.shared[n] || r.persons(claims, func(c numbered) bool { return c.By.Kind < kind }) > limit
	}
	for n, claims := range counted {
		r.link(n, claims, func(c numbered) bool { return c.By.Kind < kind })
	}
	// And those of the same kind, who are told apart by what the former say.
	var more []int
	for n, claims := range counted {
		if !r.shared[n] && r.persons(claims, func(c numbered) bool { return !r.shared[c.by] }) > limit {
			more = append(more, n)
		}
	}
	for _, n := range more {
		r.shared[n] = true
	}
	r.above = before
	for n, claims := range counted {
		r.link(n, claims, func(c numbered) bool { return !r.shared[c.by] })
	}
}

// counting returns the claims of a value that count. What may only be said of an
// anonymous id is passed over where somebody trusted says otherwise, and where the value
// has facts of its own: it would make two known leads one.
func (r *resolver) counting(n int) []numbered {
	live := slices.DeleteFunc(slices.Clone(r.of[n]), func(c numbered) bool { return r.shared[c.by] || c.explicit() })
	if r.values[n].Kind == AnonymousID || !slices.ContainsFunc(live, func(c numbered) bool { return !c.Trusted }) {
		return live
	}
	trusted := slices.DeleteFunc(slices.Clone(live), func(c numbered) bool { return !c.Trusted })
	if len(trusted) > 0 || r.home[n] != nil || slices.ContainsFunc(r.of[n], func(c numbered) bool { return c.explicit() }) {
		return trusted
	}
	return live
}

// persons counts who claims a value, as far as they are told apart.
func (r *resolver) persons(claims []numbered, which func(numbered) bool) int {
	seen := map[int]struct{}{}
	for _, c := range claims {
		if which(c) {
			seen[r.find(c.by)] = struct{}{}
		}
	}
	return len(seen)
}

func (r *resolver) link(n int, claims []numbered, which func(numbered) bool) {
	if r.shared[n] {
		return
	}
	for _, c := range claims {
		if which(c) {
			r.join(n, c.by)
		}
	}
}

func (r *resolver) partition() *Partition {
	p := &Partition{
		persons: map[string]string{}, members: map[string][]string{},
		owners: map[Identity]string{}, shared: map[Identity]struct{}{},
	}
	first := map[int]*Home{}
	for n, h := range r.home {
		if h == nil {
			continue
		}
		root := r.find(n)
		if f := first[root]; f == nil || h.compare(f) < 0 {
			first[root] = h
		}
	}
	for n, h := range r.home {
		if h != nil {
			person := first[r.find(n)].Lead
			p.persons[h.Lead] = person
			p.members[person] = append(p.members[person], h.Lead)
		}
	}
	for _, members := range p.members {
		slices.Sort(members)
	}
	for n, v := range r.values {
		if r.shared[n] {
			p.shared[v] = struct{}{}
		}
		switch first := first[r.find(n)]; {
		case r.home[n] != nil:
			p.owners[v] = r.home[n].Lead
		case !r.shared[n] && first != nil:
			p.owners[v] = r.claimant(n, first.Lead)
		}
	}
	for _, c := range r.claims {
		if !c.Severed && c.Value.Kind != AnonymousID && r.find(c.value) != r.find(c.by) {
			p.Withheld = append(p.Withheld, c.Claim)
		}
	}
	return p
}

// claimant returns the home of the first of those who claim a value of their person.
func (r *resolver) claimant(n int, otherwise string) string {
	for _, c := range r.of[n] { // in order
		if h := r.home[c.by]; h != nil && r.find(c.by) == r.find(n) {
			return h.Lead
		}
	}
	return otherwise
}

// compare orders leads by how well they stand for their person.
func (h *Home) compare(other *Home) int {
	anonymous := func(h *Home) int {
		if h.Value.Kind == AnonymousID {
			return 1
		}
		return 0
	}
	return cmp.Or(anonymous(h)-anonymous(other), cmp.Compare(h.CreatedAt, other.CreatedAt), cmp.Compare(h.Lead, other.Lead))
}

// Compare orders identities by kind, the strongest first, then by value.
func (i Identity) Compare(j Identity) int {
	return cmp.Or(cmp.Compare(i.Kind, j.Kind), cmp.Compare(i.Value, j.Value))
}

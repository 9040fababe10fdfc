package store

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// link is two values that were seen together: the second claims the first.
type link struct{ value, by identity.Identity }

// claim is what is known of a link.
type claim struct{ trusted, severed bool }

var claimTable = table{
	name:    "identity_claims",
	columns: "kind bigint, value text, by_kind bigint, by_value text, id text, trusted bigint, source text, effective_at bigint, received_at bigint",
	suffix:  "ON CONFLICT DO NOTHING",
}

// strongest returns the value that a subject's facts arrive with: of equally strong ones
// the first.
func (s *Subject) strongest() identity.Identity {
	return slices.MinFunc(s.Identities, func(a, b identity.Identity) int { return int(a.Kind - b.Kind) })
}

// links returns what a subject says of who is who: its strongest value claims the others,
// and what the person was known by before.
func (s *Subject) links() []link {
	if s.Lead != "" || len(s.Identities) == 0 || len(s.Identities)+len(s.Previous) < 2 {
		return nil
	}
	if s.linked != nil {
		return s.linked
	}
	by := s.strongest()
	s.linked = make([]link, 0, len(s.Identities)+len(s.Previous)-1)
	add := func(value, by identity.Identity) {
		if value != by && !slices.Contains(s.linked, link{value, by}) {
			s.linked = append(s.linked, link{value, by})
		}
	}
	for _, id := range s.Identities {
		add(id, by)
	}
	for _, id := range s.Previous {
		switch {
		case s.Untrusted && id.Kind != identity.AnonymousID:
		case id.Kind < by.Kind:
			add(by, id)
		default:
			add(id, by)
		}
	}
	return s.linked
}

// knows reports whether a claim is known as a subject says it.
func (c *commit) knows(s *Subject, l link) bool {
	known, ok := c.claims[l]
	return ok && (known.trusted || s.Untrusted)
}

// readClaims reads those of the links that are known.
func readClaims(tx *sqldb.Tx, links []link) (map[link]claim, error) {
	kinds, values := make([]int64, len(links)), make([]string, len(links))
	byKinds, byValues := make([]int64, len(links)), make([]string, len(links))
	for i, l := range links {
		kinds[i], values[i] = int64(l.value.Kind), l.value.Value
		byKinds[i], byValues[i] = int64(l.by.Kind), l.by.Value
	}
	from, args := keysOf(kinds, values, byKinds, byValues).from(tx.Dialect())
	result, err := tx.Query(`SELECT c.kind, c.value, c.by_kind, c.by_value, c.trusted, c.severed_at FROM `+from+`
		CROSS JOIN identity_claims c WHERE c.kind = k.a AND c.value = k.b AND c.by_kind = k.c AND c.by_value = k.d`, args...)
	if err != nil {
		return nil, err
	}
	known := make(map[link]claim, len(links))
	err = each(result, func() error {
		var l link
		var c claim
		var severed int64
		err := result.Scan(&l.value.Kind, &l.value.Value, &l.by.Kind, &l.by.Value, &c.trusted, &severed)
		c.severed = severed != 0
		known[l] = c
		return err
	})
	return known, err
}

// readWho reads who the subjects are: the homes of their strongest values, and which of
// their claims are known. What is in the caches is not asked for; of a claim that is not,
// both values are read, for what it comes to depends on them.
func (c *commit) readWho(subjects []*Subject) error {
	var ask []identity.Identity
	asked := map[identity.Identity]struct{}{}
	want := func(id identity.Identity) {
		if _, again := asked[id]; !again {
			asked[id] = struct{}{}
			ask = append(ask, id)
		}
	}
	for _, s := range subjects {
		if s.Lead != "" || len(s.Identities) == 0 {
			continue
		}
		by := s.strongest()
		if home, ok := c.store.homes.Get(by); ok {
			c.homes[by], c.cached[by] = home, struct{}{}
		} else {
			want(by)
		}
		for _, l := range s.links() {
			if trusted, ok := c.store.claims.Get(l); ok {
				c.claims[l] = claim{trusted: trusted}
			}
			if !c.knows(s, l) {
				want(l.value)
				want(l.by)
			}
		}
	}
	if ask == nil {
		return nil
	}
	known, err := readValues(c.tx, ask)
	if err != nil {
		return err
	}
	homes := make(map[identity.Identity]string, len(known))
	for id, v := range known {
		c.values[id] = v
		if v.home {
			homes[id], c.homes[id] = v.lead, v.lead
			delete(c.cached, id)
		}
	}
	c.store.homes.Add(homes) // nothing of this transaction is in it
	return c.readOldClaims(subjects)
}

// readOldClaims reads the claims that may be known: both of their values are.
func (c *commit) readOldClaims(subjects []*Subject) error {
	var ask []link
	asked := map[link]struct{}{}
	for _, s := range subjects {
		for _, l := range s.links() {
			_, value := c.values[l.value]
			_, by := c.values[l.by]
			if _, again := asked[l]; !again && value && by && !c.knows(s, l) {
				asked[l] = struct{}{}
				ask = append(ask, l)
			}
		}
	}
	if ask == nil {
		return nil
	}
	known, err := readClaims(c.tx, ask)
	if err != nil {
		return err
	}
	trusted := make(map[link]bool, len(known))
	for l, k := range known {
		c.claims[l], trusted[l] = k, k.trusted
	}
	c.store.claims.Add(trusted)
	return nil
}

// seeds returns the values of which something is said that may change who anybody is:
// all but a value that nobody knew and that one person claims, who is known not to share
// the own value, or is new.
func (c *commit) seeds(subjects []*Subject) []identity.Identity {
	touched := map[identity.Identity]int{}
	claimed := map[identity.Identity]bool{}
	fresh := map[link]bool{}
	for _, s := range subjects {
		if s.Lead != "" || len(s.Identities) == 0 {
			continue
		}
		by := s.strongest()
		if _, home := c.homes[by]; !home {
			touched[by] += 2
		}
		for _, l := range s.links() {
			if !c.knows(s, l) && !fresh[l] {
				fresh[l], claimed[l.value] = true, true
				touched[l.value]++
				touched[l.by] += 2
			}
		}
	}
	set := map[identity.Identity]struct{}{}
	for l := range fresh {
		_, old := c.values[l.value]
		by, known := c.values[l.by]
		if old || touched[l.value] > 1 || claimed[l.by] || known && (by.shared || !by.home) {
			set[l.value], set[l.by] = struct{}{}, struct{}{}
		}
	}
	for id := range touched {
		// Facts of its own are new of a value that others claim.
		if v, known := c.values[id]; known && !v.home {
			set[id] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(set))
}

// say takes in what an accepted subject says of who is who.
func (c *commit) say(item *Capture, s *Subject, w *working) {
	if s.Lead == "" {
		c.name(item, s, s.strongest())
	}
	for _, l := range s.links() {
		if c.knows(s, l) {
			continue
		}
		c.name(item, s, l.value)
		c.name(item, s, l.by)
		known, old := c.claims[l]
		known.trusted = !s.Untrusted
		c.claims[l] = known
		c.news, c.claimant[l.value] = append(c.news, l), l.by
		trusted := int64(1)
		if s.Untrusted {
			trusted = 0
		}
		if old {
			c.trusted = append(c.trusted, l)
		} else {
			c.newClaims.add(int64(l.value.Kind), l.value.Value, int64(l.by.Kind), l.by.Value, uuid.Must(uuid.NewV7()).String(),
				trusted, s.Source, s.Effective.UnixMicro(), item.Received.UnixMicro())
		}
		w.revise(s)
	}
}

// named is a value that nobody knew, and who said it first.
type named struct {
	source              string
	effective, received int64
	familiar            bool // its family name was said with it
}

// name notes who named a value first.
func (c *commit) name(item *Capture, s *Subject, id identity.Identity) {
	if _, known := c.values[id]; known {
		return
	}
	if _, cached := c.cached[id]; cached {
		return
	}
	if _, again := c.named[id]; !again {
		c.named[id] = named{s.Source, s.Effective.UnixMicro(), item.Received.UnixMicro(), s.familiar()}
	}
}

// trust writes that claims which only browsers made are now made by others too.
func (c *commit) trust() error {
	for _, l := range c.trusted {
		if _, err := c.tx.Exec(`UPDATE identity_claims SET trusted = 1 WHERE kind = $1 AND value = $2 AND by_kind = $3 AND by_value = $4`,
			int64(l.value.Kind), l.value.Value, int64(l.by.Kind), l.by.Value); err != nil {
			return err
		}
	}
	return nil
}

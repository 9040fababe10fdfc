package store

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// commit is one transaction of captures: what was read, and what is to be written.
type commit struct {
	store *Store
	tx    *sqldb.Tx
	now   time.Time // of this commit: when its captures are accepted

	replies    map[string]*reply              // by request id
	homes      map[identity.Identity]string   // leads of their own
	cached     map[identity.Identity]struct{} // those of them not read in this transaction
	values     map[identity.Identity]value    // those that were read
	claims     map[link]claim
	person     map[string]string   // lead id → the person's lead
	leads      map[string]*working // by the person's lead
	members    map[string]*leadRow // of those that are not the person's, what was read or made
	activities map[activityKey]stored
	mails      map[string][]mail // new ones, by the lead they arrived with
	accounts   knownAccounts
	historical bool // what is told of accounts, and what is rewritten, is history

	// What is said of who is who.
	named    map[identity.Identity]named             // values that nobody knew
	made     map[identity.Identity]string            // leads that values get
	news     []link                                  // claims that are new, or newly trusted
	trusted  []link                                  // the latter
	claimant map[identity.Identity]identity.Identity // who claims a value, of news
	// What may change with it.
	seeded    map[identity.Identity]bool
	region    *region
	settings  identity.Settings
	partition *identity.Partition
	gone      []string          // persons that are none any more
	before    map[string]string // person, as it was before a link was taken back

	newRequests, newClaims, newActivities, newAttributes *rows
	newAccounts, newAccountIdentities, accountLeads      *rows
}

// reply is what a call was answered. Of a call of this transaction, it is known at its
// end.
type reply struct {
	digest, reply []byte
	first         *Capture
	again         []*Capture
}

type activityKey struct{ source, id string }

// stored is an activity that is known.
type stored struct {
	lead   string
	digest activity.Digest
}

// working is a person's lead while captures change it.
type working struct {
	row      pending.Row
	base     int64            // facts version before this transaction
	captures pending.Captures // those with new facts
	repeated pending.Captures // those whose facts only repeat what is known
	latest   int64            // latest effective time of new facts
	earliest int64            // earliest one; 0: there are none

	known   *leadRow // nil: not read, since only activities were brought
	changed bool     // known is to be written
	touched bool     // something changed that is no fact
	late    []attributeFact
	moved   bool // the account it belongs to changed, now or in the past
	sourced bool // the lead source changed

	rewritten bool // the history is another, see [commit.rewrite]
	emptied   bool // nothing is known of it any more
	several   bool // it gets a second lead
	grown     bool // it has got one
}

// version is the facts version after this transaction's captures so far. All of its
// facts have the next one, whether that is raised or not.
func (w *working) version() int64 {
	if w.captures.Accepted == 0 {
		return w.base
	}
	return w.base + 1
}

// leadRow is a row of leads.
type leadRow struct {
	id, person string
	createdAt  int64
	revision   int64
	profile    *lead.Profile
	leadSource []byte
	sourceAt   int64  // when the lead source was said to be true
	sourceBy   string // its source and id

	changed, made bool // of a member
}

var (
	leadTable = table{
		name:    "leads",
		columns: "id text, canonical_id text, created_at bigint, revision bigint, attributes bytea, attribute_places bytea, lead_source bytea, lead_source_at bigint, lead_source_by text",
		suffix: `ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, attributes = excluded.attributes,
			attribute_places = excluded.attribute_places, lead_source = excluded.lead_source,
			lead_source_at = excluded.lead_source_at, lead_source_by = excluded.lead_source_by`,
	}
	attributeTable = table{
		name:    "attributes",
		columns: "lead_id text, key text, effective_at bigint, source text, id text, facts_version bigint, received_at bigint, value bytea",
	}
	activityTable = table{
		name: "activities",
		columns: `source text, id text, lead_id text, facts_version bigint, type text, occurred_at bigint, received_at bigint,
			clamped bigint, campaign text, properties bytea, digest bytea, mark bigint`,
		suffix: "ON CONFLICT DO NOTHING",
	}
	requestTable = table{
		name:    "requests",
		columns: "id text, digest bytea, received_at bigint, reply bytea",
		suffix:  "ON CONFLICT DO NOTHING",
	}
)

func newCommit(s *Store, tx *sqldb.Tx) *commit {
	return &commit{
		store: s, tx: tx,
		replies:     map[string]*reply{},
		homes:       map[identity.Identity]string{},
		cached:      map[identity.Identity]struct{}{},
		values:      map[identity.Identity]value{},
		claims:      map[link]claim{},
		person:      map[string]string{},
		leads:       map[string]*working{},
		members:     map[string]*leadRow{},
		activities:  map[activityKey]stored{},
		mails:       map[string][]mail{},
		named:       map[identity.Identity]named{},
		made:        map[identity.Identity]string{},
		claimant:    map[identity.Identity]identity.Identity{},
		seeded:      map[identity.Identity]bool{},
		newRequests: requestTable.rows(), newClaims: claimTable.rows(),
		newActivities: activityTable.rows(), newAttributes: attributeTable.rows(),
		accounts:    newKnownAccounts(),
		newAccounts: accountTable.rows(), newAccountIdentities: accountIdentityTable.rows(), accountLeads: accountLeadTable.rows(),
	}
}

// capture takes in one call.
func (c *commit) capture(item *Capture) error {
	if known, ok := c.replies[item.RequestID]; ok && item.RequestID != "" {
		if !bytes.Equal(known.digest, item.Digest) {
			return ErrRequestIDReused
		}
		item.Replayed = known.reply
		known.again = append(known.again, item)
		return nil
	}
	for _, s := range item.Subjects {
		if err := c.subject(item, s); err != nil {
			return err
		}
		if len(item.Subjects) == 1 && s.Result.Err != nil {
			return s.Result.Err
		}
	}
	if item.RequestID != "" {
		c.replies[item.RequestID] = &reply{digest: item.Digest, first: item}
	}
	return nil
}

// reply makes the replies of calls that may be repeated, once all is known.
func (c *commit) reply() (err error) {
	for id, r := range c.replies {
		if r.first == nil {
			continue
		}
		if r.reply, err = r.first.Reply(); err != nil {
			return err
		}
		for _, item := range r.again {
			item.Replayed = r.reply
		}
		c.newRequests.add(id, r.digest, r.first.Received.UnixMicro(), r.reply)
	}
	return nil
}

// settle says what became of the subjects, now that it is known who is who.
func (c *commit) settle(items []*Capture) {
	for _, item := range items {
		for _, s := range item.Subjects {
			if s.Result.Lead == "" || item.Replayed != nil {
				continue
			}
			s.Result.Person = c.person[s.Result.Lead]
			s.Result.Version = c.leads[s.Result.Person].version()
		}
	}
}

// subject takes in what is said of one lead. A refusal is the subject's; an error
// ends the transaction.
func (c *commit) subject(item *Capture, s *Subject) error {
	switch {
	case s.suppressed:
		s.Result.Err = ErrSuppressed
		return nil
	case s.blocked, s.Lead == "" && len(s.Identities) == 0:
		s.Result.Err = ErrBlocked
		return nil
	}
	id, reads := c.leadOf(s), c.needsLead(s)
	person := c.person[id]
	if id == "" {
		person = c.person[c.values[s.strongest()].lead] // of whoever claims its value
	}
	fresh, err := c.outcomes(s, person)
	if err != nil {
		return err
	}
	w, made := c.leads[person], false
	switch {
	case w == nil && s.Lead != "":
		s.Result.Err = ErrNotFound
		return nil
	case id == "" && s.OnlyActivities && fresh == 0:
		return nil
	case id == "":
		made = true
		id, w, s.Result.Created = c.makeHome(s.strongest())
		s.Result.Changed = true
	}
	if w.known == nil && reads {
		// It was found through what an earlier capture of this transaction said.
		if err := c.readLeadRows([]string{w.row.Lead}); err != nil {
			return err
		}
	}
	sourced := w.sourced
	facts, err := c.profile(item, s, id, w)
	if err != nil {
		return err
	}
	if s.Result.Err != nil {
		if made {
			c.unmakeHome(s.strongest())
		}
		s.Result = Result{Err: s.Result.Err}
		return nil
	}
	c.say(item, s, w)
	c.makeAccount(item, s)
	size, news := int64(0), fresh > 0 || s.Result.Created || w.sourced != sourced
	for i := range facts {
		news = news || facts[i].news
		w.moved = w.moved || c.moves(w, &facts[i])
		size += overhead + int64(len(facts[i].value))
		w.latest = max(w.latest, facts[i].at.At)
		if !canonical.IsNull(facts[i].value) { // that nothing is known does not make a lead known
			w.span(facts[i].at.At)
		}
	}
	for i := range s.Activities {
		if s.Result.Activities[i].State == Stored {
			size += overhead + int64(len(s.Activities[i].Properties)+len(s.Activities[i].ID))
			if s.Activities[i].Mark == 0 && !traffic.OfMail(s.Activities[i].Type) { // of a mail it is known later
				w.span(s.Activities[i].Occurred.UnixMicro())
			}
		}
	}
	brought := pending.Captures{
		Accepted: c.now.UnixMicro(), Took: c.now.Sub(item.Received), Facts: int64(len(facts) + fresh), Bytes: size,
		Historical: item.Historical, Trace: item.Trace,
	}
	if news {
		s.Result.Changed = true
		w.captures.Add(brought)
	} else if len(facts) > 0 {
		w.repeated.Add(brought)
	}
	c.addFacts(item, s, id, w, facts)
	s.Result.Lead, s.Result.Person, s.Result.Version = id, w.row.Lead, w.version()
	return nil
}

// outcomes says for each activity of a person whether it is new, and returns how many
// are. An id that names what somebody else did is a conflict: two people did two things.
func (c *commit) outcomes(s *Subject, person string) (fresh int, err error) {
	s.Result.Activities = make([]Outcome, len(s.Activities))
	var here map[activityKey]activity.Digest // ids that this subject brings twice
	for i := range s.Activities {
		a := &s.Activities[i]
		if a.Random {
			fresh++
			continue
		}
		key := activityKey{a.Source, a.ID}
		known, ok := c.activities[key]
		if !ok {
			if known.digest, ok = here[key]; !ok {
				if here == nil {
					here = make(map[activityKey]activity.Digest, len(s.Activities))
				}
				here[key] = a.Digest
				fresh++
				continue
			}
		}
		s.Result.Activities[i] = Outcome{Duplicate, known.lead}
		other := false
		if known.lead != "" && known.lead != person { // empty: of this very call
			theirs, ok := c.person[known.lead]
			if !ok {
				if theirs, err = personOf(c.tx, known.lead); err != nil {
					return 0, err
				}
			}
			other = theirs != person
		}
		if known.digest != a.Digest || other {
			s.Result.Activities[i].State = Conflict
		}
	}
	return fresh, nil
}

func (c *commit) create(id string) *working {
	w := &working{
		row:     pending.Row{Lead: id},
		known:   &leadRow{id: id, person: id, createdAt: c.now.UnixMicro(), revision: 1, profile: lead.NewProfile()},
		changed: true,
	}
	c.person[id], c.leads[id] = id, w
	return w
}

// addFacts adds the rows of what is new.
func (c *commit) addFacts(item *Capture, s *Subject, id string, w *working, facts []attributeFact) {
	version, received := w.base+1, item.Received.UnixMicro()
	for _, f := range facts {
		c.newAttributes.add(id, f.key, f.at.At, f.at.Source, f.at.ID, version, received, f.value)
	}
	for i := range s.Activities {
		a, outcome := &s.Activities[i], &s.Result.Activities[i]
		if outcome.State != Stored {
			if outcome.Lead == "" { // of an activity of this very call
				outcome.Lead = id
			}
			continue
		}
		outcome.Lead = id
		if !a.Random {
			c.activities[activityKey{a.Source, a.ID}] = stored{id, a.Digest}
		}
		if traffic.OfMail(a.Type) {
			c.mails[id] = append(c.mails[id], mail{Event: traffic.NewEvent(a.Occurred.UnixMicro(), a.Type, a.Properties), row: c.newActivities.len(), mark: a.Mark})
		}
		clamped := int64(0)
		if a.Clamped {
			clamped = 1
		}
		c.newActivities.add(a.Source, a.ID, id, version, a.Type, a.Occurred.UnixMicro(), received, clamped, a.Campaign, a.Properties, a.Digest[:], int64(a.Mark))
	}
}

// write writes what is new, one statement for each table.
func (c *commit) write() error {
	if err := c.judgeMails(); err != nil {
		return err
	}
	if err := c.writeAccounts(); err != nil {
		return err
	}
	if _, err := c.newAttributes.write(c.tx); err != nil {
		return err
	}
	if err := c.writeNoneTwice(c.newActivities); err != nil {
		return err
	}
	if err := c.writeMembers(); err != nil {
		return err
	}
	if err := c.resolve(); err != nil {
		return err
	}
	if err := c.refold(); err != nil {
		return err
	}
	if err := c.grow(); err != nil {
		return err
	}
	derived, err := c.derive()
	if err != nil {
		return err
	}
	changed, queue := leadTable.rows(), pendingTable.rows()
	for _, person := range slices.Sorted(maps.Keys(c.leads)) {
		w := c.leads[person]
		if w.changed {
			c.addLead(changed, w.known)
		}
		if w.earliest != 0 {
			w.row.Begin(w.earliest, w.base+1)
		}
		if w.repeated.Accepted != 0 {
			w.row.Repeat(w.repeated, w.base+1, w.latest)
		}
		if w.captures.Accepted != 0 {
			w.row.Capture(w.captures, w.base+1, w.latest)
		}
		if w.touched {
			w.row.UpdatedAt = max(w.row.UpdatedAt, c.now.UnixMicro())
		}
		if w.touched || w.captures.Accepted != 0 || w.repeated.Accepted != 0 {
			addPending(queue, &w.row, nil)
		}
	}
	for _, r := range []*rows{changed, queue, derived, c.accountLeads} {
		if _, err := r.write(c.tx); err != nil {
			return err
		}
	}
	if err := c.markRewritten(); err != nil {
		return err
	}
	if err := c.writeValues(); err != nil {
		return err
	}
	if err := c.propose(); err != nil {
		return err
	}
	if err := c.writeNoneTwice(c.newClaims); err != nil {
		return err
	}
	return c.trust()
}

// writeNoneTwice writes rows with a key that no lock guards.
func (c *commit) writeNoneTwice(r *rows) error {
	written, err := r.write(c.tx)
	if err == nil && written != int64(r.len()) {
		err = ErrRaced
	}
	return err
}

// addLead adds the row of a lead.
func (c *commit) addLead(to *rows, l *leadRow) {
	to.add(l.id, l.person, l.createdAt, l.revision, l.profile.Values(), l.profile.Places(), l.leadSource, l.sourceAt, l.sourceBy)
}

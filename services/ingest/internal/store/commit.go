package store

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// commit is one transaction of captures: what was read, and what is to be written.
type commit struct {
	store *Store
	tx    *sqldb.Tx
	now   time.Time // of this commit: when its captures are accepted

	replies    map[string]reply               // by request id
	identities map[identity.Identity]string   // lead ids
	cached     map[identity.Identity]struct{} // those of them not read in this transaction
	person     map[string]string              // lead id → the person's lead
	leads      map[string]*working            // by the person's lead
	activities map[activityKey]stored
	accounts   knownAccounts
	historical bool // what is told of accounts is history

	newRequests, newIdentities, newActivities, newAttributes *rows
	newAccounts, newAccountIdentities, accountLeads          *rows
}

type reply struct{ digest, reply []byte }

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
}

// attributeFact is a row of attributes, kept for what is said of earlier times.
type attributeFact struct {
	key   string
	at    lead.Place
	value []byte
	news  bool // it changes something, now or in the past
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
			clamped bigint, campaign text, properties bytea, digest bytea`,
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
		replies:     map[string]reply{},
		identities:  map[identity.Identity]string{},
		cached:      map[identity.Identity]struct{}{},
		person:      map[string]string{},
		leads:       map[string]*working{},
		activities:  map[activityKey]stored{},
		newRequests: requestTable.rows(), newIdentities: identityTable.rows(),
		newActivities: activityTable.rows(), newAttributes: attributeTable.rows(),
		accounts:    newKnownAccounts(),
		newAccounts: accountTable.rows(), newAccountIdentities: accountIdentityTable.rows(), accountLeads: accountLeadTable.rows(),
	}
}

// read reads, and locks, what the captures may touch: one query for each kind.
func (c *commit) read(items []*Capture) error {
	if err := c.readReplies(items); err != nil {
		return err
	}
	subjects := make([]*Subject, 0, len(items))
	for _, item := range items {
		item.Replayed = nil
		for _, s := range item.Subjects {
			s.Result = Result{}
		}
		if _, replayed := c.replies[item.RequestID]; !replayed || item.RequestID == "" {
			subjects = append(subjects, item.Subjects...)
		}
	}
	if err := c.readIdentities(subjects); err != nil {
		return err
	}
	if err := c.lockLeads(subjects); err != nil {
		return err
	}
	if err := c.readLeads(subjects); err != nil {
		return err
	}
	if err := c.readActivities(subjects); err != nil {
		return err
	}
	if err := c.readAccounts(subjects); err != nil {
		return err
	}
	c.now = c.store.now()
	return nil
}

func (c *commit) readReplies(items []*Capture) error {
	var ids []string
	for _, item := range items {
		if item.RequestID != "" {
			ids = append(ids, item.RequestID)
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT r.id, r.digest, r.reply FROM `+from+` CROSS JOIN requests r WHERE r.id = k.a`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var id string
		var r reply
		if err := result.Scan(&id, &r.digest, &r.reply); err != nil {
			return err
		}
		c.replies[id] = r
		return nil
	})
}

func (c *commit) readIdentities(subjects []*Subject) error {
	var ask []identity.Identity
	asked := map[identity.Identity]struct{}{}
	for _, s := range subjects {
		for _, id := range s.Identities {
			if _, again := asked[id]; again {
				continue
			}
			asked[id] = struct{}{}
			if known, ok := c.store.known.get(id); ok {
				c.identities[id], c.cached[id] = known, struct{}{}
			} else {
				ask = append(ask, id)
			}
		}
	}
	if ask == nil {
		return nil
	}
	known, err := readIdentities(c.tx, ask)
	if err != nil {
		return err
	}
	for id, l := range known {
		c.identities[id] = l
	}
	c.store.known.add(known) // nothing of this transaction is in it
	return nil
}

// lockLeads locks the persons' leads in the order of their ids and reads where they
// stand. (A merge must lock both persons' rows; a capture that waited for it then
// reads here the lead's person of before. It must look again; there is no merge yet.)
func (c *commit) lockLeads(subjects []*Subject) error {
	var ids []string
	seen := map[string]struct{}{}
	for _, s := range subjects {
		id := c.leadOf(s)
		if _, again := seen[id]; id != "" && !again {
			seen[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT l.id, `+pendingColumns+` FROM `+from+`
		CROSS JOIN leads l CROSS JOIN pending p WHERE l.id = k.a AND p.lead_id = l.canonical_id
		ORDER BY p.lead_id`+lock(c.tx.Dialect()), args...)
	if err != nil {
		return err
	}
	err = each(result, func() error {
		var id string
		row, err := scanPending(result.Scan, &id)
		if err != nil {
			return err
		}
		c.person[id] = row.Lead
		if c.leads[row.Lead] == nil {
			c.leads[row.Lead] = &working{row: row, base: row.Version}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What the cache said of a lead that is gone is not true any more.
	for id := range c.cached {
		if c.person[c.identities[id]] == "" && contains(seen, c.identities[id]) {
			c.store.known.drop(id)
			err = ErrRaced
		}
	}
	return err
}

func contains(set map[string]struct{}, key string) bool {
	_, ok := set[key]
	return ok
}

// leadOf returns the lead that a subject is about: the one it names, or else the one
// its identities find; empty if none.
func (c *commit) leadOf(s *Subject) string {
	if s.Lead != "" {
		return s.Lead
	}
	return c.find(s)
}

// find returns the lead with the strongest of the subject's identities that are
// known, of equally strong ones the first; empty if none is.
func (c *commit) find(s *Subject) (found string) {
	strongest := identity.AnonymousID + 1
	for _, id := range s.Identities {
		if l, ok := c.identities[id]; ok && id.Kind < strongest {
			found, strongest = l, id.Kind
		}
	}
	return found
}

// readLeads reads the rows of leads of which more than activities is said. It comes
// after the locks, in a statement of its own, and so sees what others committed.
func (c *commit) readLeads(subjects []*Subject) error {
	var ids []string
	for _, s := range subjects {
		id := c.leadOf(s)
		if person := c.person[id]; person != "" && c.needsLead(s) && !slices.Contains(ids, person) {
			ids = append(ids, person)
		}
	}
	return c.readLeadRows(ids)
}

func (c *commit) needsLead(s *Subject) bool {
	if s.Dated || len(s.Attributes) > 0 || s.LeadSource != nil || s.ETag != "" || s.Replace || s.saysAccount() {
		return true
	}
	for _, id := range s.Identities {
		if _, known := c.identities[id]; !known {
			return true
		}
	}
	return false
}

func (c *commit) readLeadRows(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT l.id, l.canonical_id, l.created_at, l.revision, l.attributes, l.attribute_places, l.lead_source, l.lead_source_at, l.lead_source_by
		FROM `+from+` CROSS JOIN leads l WHERE l.id = k.a`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var l leadRow
		var values, places []byte
		err := result.Scan(&l.id, &l.person, &l.createdAt, &l.revision, &values, &places, &l.leadSource, &l.sourceAt, &l.sourceBy)
		if err != nil {
			return err
		}
		if l.profile, err = lead.ParseProfile(values, places); err != nil {
			return err
		}
		c.leads[l.id].known = &l
		return nil
	})
}

func (c *commit) readActivities(subjects []*Subject) error {
	var sources, ids []string
	for _, s := range subjects {
		for i := range s.Activities {
			if a := &s.Activities[i]; !a.Random {
				sources, ids = append(sources, a.Source), append(ids, a.ID)
			}
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(sources, ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT a.source, a.id, a.lead_id, a.digest FROM `+from+`
		CROSS JOIN activities a WHERE a.source = k.a AND a.id = k.b`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var key activityKey
		var s stored
		var digest []byte
		if err := result.Scan(&key.source, &key.id, &s.lead, &digest); err != nil {
			return err
		}
		copy(s.digest[:], digest)
		c.activities[key] = s
		return nil
	})
}

// capture takes in one call.
func (c *commit) capture(item *Capture) error {
	if known, ok := c.replies[item.RequestID]; ok && item.RequestID != "" {
		if !bytes.Equal(known.digest, item.Digest) {
			return ErrRequestIDReused
		}
		item.Replayed = known.reply
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
	if item.RequestID == "" {
		return nil
	}
	text, err := item.Reply()
	if err != nil {
		return err
	}
	c.replies[item.RequestID] = reply{item.Digest, text}
	c.newRequests.add(item.RequestID, item.Digest, item.Received.UnixMicro(), text)
	return nil
}

// subject takes in what is said of one lead. A refusal is the subject's; an error
// ends the transaction.
func (c *commit) subject(item *Capture, s *Subject) error {
	id := c.leadOf(s)
	fresh, err := c.outcomes(s, c.person[id])
	if err != nil {
		return err
	}
	w := c.leads[c.person[id]]
	switch {
	case w == nil && s.Lead != "":
		s.Result.Err = ErrNotFound
		return nil
	case w == nil && s.OnlyActivities && fresh == 0:
		return nil
	case w == nil:
		id = lead.NewID()
		w = c.create(id)
		s.Result.Created, s.Result.Changed = true, true
	case w.known == nil && c.needsLead(s):
		// It was found through what an earlier capture of this transaction said.
		if err := c.readLeadRows([]string{w.row.Lead}); err != nil {
			return err
		}
	}
	sourced := w.sourced
	facts, err := c.profile(item, s, w)
	if err != nil {
		return err
	}
	if s.Result.Err != nil {
		if s.Result.Created {
			delete(c.leads, id)
			delete(c.person, id)
		}
		s.Result = Result{Err: s.Result.Err}
		return nil
	}
	c.identify(item, s, id, w)
	c.makeAccount(item, s)
	size, news := int64(0), fresh > 0 || s.Result.Created || w.sourced != sourced
	for i := range facts {
		news = news || facts[i].news
		w.moved = w.moved || facts[i].news && facts[i].key == lead.Account
		size += overhead + int64(len(facts[i].value))
		w.latest = max(w.latest, facts[i].at.At)
		if !canonical.IsNull(facts[i].value) { // that nothing is known does not make a lead known
			w.span(facts[i].at.At)
		}
	}
	for i := range s.Activities {
		if s.Result.Activities[i].State == Stored {
			size += overhead + int64(len(s.Activities[i].Properties)+len(s.Activities[i].ID))
			w.span(s.Activities[i].Occurred.UnixMicro())
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

// profile takes in attributes and lead source, or refuses the subject. It returns
// the facts that are new.
func (c *commit) profile(item *Capture, s *Subject, w *working) ([]attributeFact, error) {
	if s.ETag != "" && s.ETag != lead.ETag(w.row.Lead, w.version(), w.known.revision) {
		s.Result.Err = ErrETagMismatch
		return nil, nil
	}
	if s.LeadSource != nil && s.StrictSource && w.known.leadSource != nil && !bytes.Equal(s.LeadSource, w.known.leadSource) {
		s.Result.Err = ErrLeadSourceSet
		return nil, nil
	}
	if !c.findAccount(s) {
		s.Result.Err = ErrNoAccount
		return nil, nil
	}
	said := c.said(s, w)
	var facts []attributeFact
	var now *lead.Profile
	var err error
	if len(said) > 0 {
		now = w.known.profile.Clone()
		for _, a := range said {
			if item.Historical && !s.Dated && bytes.Equal(now.Value(a.Key), a.Value) {
				continue // importing a file again must not grow the history
			}
			fact := attributeFact{key: a.Key, value: a.Value, at: s.place(a)}
			switch now.Set(a.Key, a.Value, fact.at) {
			case lead.Known:
				continue
			case lead.Repeated:
			case lead.Current:
				fact.news = true
			case lead.Late:
				var known bool
				if known, fact.news, err = c.compare(w, fact); err != nil {
					return nil, err
				}
				if known {
					continue
				}
			}
			facts = append(facts, fact)
		}
		if now.Full() {
			s.Result.Err = ErrTooManyAttributes
			return nil, nil
		}
	}
	if facts != nil {
		w.known.profile, w.changed = now, true
		w.late = append(w.late, facts...)
	}
	if w.known.from(s) {
		w.sourced = true
		w.revise(s)
	}
	return facts, nil
}

// from takes in where a lead is said to have come from first, and reports whether
// that is news. Of several the earliest counts, whatever the order of their arrival.
func (l *leadRow) from(s *Subject) bool {
	if s.LeadSource == nil {
		return false
	}
	place := s.place(lead.Attribute{Key: lead.SourceChannel, Value: s.LeadSource})
	by := place.Source + " " + place.ID
	if l.leadSource != nil && cmp.Or(cmp.Compare(place.At, l.sourceAt), cmp.Compare(by, l.sourceBy)) >= 0 {
		return false
	}
	l.leadSource, l.sourceAt, l.sourceBy = s.LeadSource, place.At, by
	return true
}

// span takes in the effective time of a new fact.
func (w *working) span(at int64) {
	w.latest = max(w.latest, at)
	if w.earliest == 0 || at < w.earliest {
		w.earliest = at
	}
}

// revise notes a change of the lead that is no fact.
func (w *working) revise(s *Subject) {
	if !s.Result.Created {
		w.known.revision++
	}
	w.changed, w.touched = true, true
	s.Result.Changed = true
}

// place returns where a fact stands. Without a time of its own it stands where it
// arrived, also among others of the same instant.
func (s *Subject) place(a lead.Attribute) lead.Place {
	p := lead.Place{At: s.Effective.UnixMicro(), Source: s.Source}
	if s.Dated {
		p.ID = lead.FactID(a, p.At, p.Source)
	} else {
		p.ID = uuid.Must(uuid.NewV7()).String()
	}
	return p
}

// said returns the attributes that a subject says, with those that follow from it.
func (c *commit) said(s *Subject, w *working) []lead.Attribute {
	list := s.Attributes
	set := func(key string, value []byte) {
		at, found := slices.BinarySearchFunc(list, key, func(a lead.Attribute, key string) int { return cmp.Compare(a.Key, key) })
		list = slices.Clone(list)
		if found {
			list[at].Value = value
		} else {
			list = slices.Insert(list, at, lead.Attribute{Key: key, Value: value})
		}
	}
	if s.Replace {
		for _, key := range w.known.profile.Names() {
			if !lead.Replaceable(key) {
				continue
			}
			named := slices.ContainsFunc(s.Attributes, func(a lead.Attribute) bool { return a.Key == key })
			if !named {
				set(key, []byte("null"))
			}
		}
	}
	if i := slices.IndexFunc(s.Identities, func(id identity.Identity) bool { return id.Kind == identity.Email }); i >= 0 && c.saysDomain(s) {
		set(lead.EmailDomain, canonical.Text(s.Identities[i].Domain()))
	}
	if value := c.accountValue(s); value != nil {
		set(lead.Account, value)
	}
	return list
}

// saysDomain reports whether a subject that names an address also says the attribute
// that follows from it. What says something of the lead does, known or not, like any
// other attribute; activities found by a known address only use it.
func (c *commit) saysDomain(s *Subject) bool {
	return s.Dated || len(s.Attributes) > 0 || slices.ContainsFunc(s.Identities, func(id identity.Identity) bool {
		_, known := c.identities[id]
		return !known && id.Kind == identity.Email
	})
}

// compare says how a late fact stands to the history: whether it is known, and if
// not, whether it changes the value that holds since its time. It does not where the
// value before is the same, nor where another fact of its instant stands after it.
// Facts of earlier times are rare: most are said of now.
func (c *commit) compare(w *working, fact attributeFact) (known, news bool, err error) {
	before := attributeFact{value: []byte("null")}
	covered := false
	look := func(f attributeFact) {
		switch order := f.at.Compare(fact.at); {
		case f.at.At == fact.at.At && f.at.Source == fact.at.Source && bytes.Equal(f.value, fact.value):
			known = true
		case order > 0:
			covered = true
		case f.at.Compare(before.at) > 0:
			before = f
		}
	}
	result, err := c.tx.Query(`SELECT f.effective_at, f.source, f.id, f.value FROM leads m CROSS JOIN attributes f
		WHERE m.canonical_id = $1 AND f.lead_id = m.id AND f.key = $2 AND f.effective_at <= $3`, w.row.Lead, fact.key, fact.at.At)
	if err != nil {
		return false, false, err
	}
	err = each(result, func() error {
		var f attributeFact
		if err := result.Scan(&f.at.At, &f.at.Source, &f.at.ID, &f.value); err != nil {
			return err
		}
		look(f)
		return nil
	})
	for _, f := range w.late {
		if f.key == fact.key && f.at.At <= fact.at.At {
			look(f)
		}
	}
	return known, !covered && !bytes.Equal(before.value, fact.value), err
}

// identify makes the identities that nobody has the lead's own.
func (c *commit) identify(item *Capture, s *Subject, id string, w *working) {
	for _, i := range s.Identities {
		if _, known := c.identities[i]; known {
			continue
		}
		c.identities[i] = id
		c.newIdentities.add(int64(i.Kind), i.Value, id, s.Source, s.Effective.UnixMicro(), item.Received.UnixMicro())
		w.revise(s)
	}
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
		clamped := int64(0)
		if a.Clamped {
			clamped = 1
		}
		c.newActivities.add(a.Source, a.ID, id, version, a.Type, a.Occurred.UnixMicro(), received, clamped, a.Campaign, a.Properties, a.Digest[:])
	}
}

// write writes what is new, one statement for each table.
func (c *commit) write() error {
	if err := c.writeAccounts(); err != nil {
		return err
	}
	if _, err := c.newAttributes.write(c.tx); err != nil {
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
			l := w.known
			changed.add(l.id, l.person, l.createdAt, l.revision, l.profile.Values(), l.profile.Places(), l.leadSource, l.sourceAt, l.sourceBy)
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
	// These have keys that no lock guards.
	for _, r := range []*rows{c.newIdentities, c.newActivities, c.newRequests} {
		written, err := r.write(c.tx)
		if err != nil {
			return err
		}
		if written != int64(r.len()) {
			return ErrRaced
		}
	}
	return nil
}

package store

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

// attributeFact is a row of attributes, kept for what is said of earlier times.
type attributeFact struct {
	lead  string // whom it was said of
	key   string
	at    lead.Place
	value []byte
	news  bool // it changes something, now or in the past
}

// profile takes in attributes and lead source, or refuses the subject. It returns
// the facts that are new.
func (c *commit) profile(item *Capture, s *Subject, id string, w *working) ([]attributeFact, error) {
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
	said := c.facts(item, s, id, w)
	var facts []attributeFact
	var now *lead.Profile
	if len(said) > 0 {
		now = w.known.profile.Clone()
		for _, fact := range said {
			known, err := c.take(w, now, &fact)
			if err != nil {
				return nil, err
			}
			if !known {
				facts = append(facts, fact)
			}
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
	if err := c.from(s, id, w); err != nil {
		return nil, err
	}
	return facts, nil
}

// facts returns what a subject says, and what we say of it: not again what is so already,
// where no time is given with it.
func (c *commit) facts(item *Capture, s *Subject, id string, w *working) (facts []attributeFact) {
	for _, a := range c.said(s, w) {
		if item.Historical && !s.Dated && bytes.Equal(w.known.profile.Value(a.Key), a.Value) {
			continue // importing a file again must not grow the history
		}
		facts = append(facts, attributeFact{lead: id, key: a.Key, value: a.Value, at: s.place(a)})
	}
	for _, st := range s.says() {
		if st.At.IsZero() && bytes.Equal(w.known.profile.Value(st.Key), st.Value) {
			continue
		}
		facts = append(facts, attributeFact{lead: id, key: st.Key, value: st.Value, at: st.place(item.Received, w.known.profile.Place(st.Key))})
	}
	return facts
}

// take takes a fact into a profile, and says whether it was known; what it changes is
// noted in it.
func (c *commit) take(w *working, now *lead.Profile, fact *attributeFact) (known bool, err error) {
	switch now.Set(fact.key, fact.value, fact.at) {
	case lead.Known:
		if w.row.IdentityVersion == 0 && !w.several {
			return true, nil
		}
		// Of another lead of the person, maybe; each keeps what was said of it.
		known, _, err = c.compare(w, *fact)
	case lead.Current:
		fact.news = true
	case lead.Late:
		known, fact.news, err = c.compare(w, *fact)
	case lead.Repeated:
	}
	return known, err
}

// from takes in where a lead came from.
func (c *commit) from(s *Subject, id string, w *working) error {
	own := w.known
	if s.LeadSource != nil && id != w.row.Lead {
		var err error
		if own, err = c.member(id); err != nil {
			return err
		}
	}
	if own.from(s) {
		own.changed, w.sourced = true, true
		w.revise(s)
	}
	return nil
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
		return id.Kind == identity.Email && !c.saidBefore(s, id)
	})
}

// saidBefore reports whether a value was named together with the strongest one before.
func (c *commit) saidBefore(s *Subject, id identity.Identity) bool {
	by := s.strongest()
	if id == by {
		_, made := c.made[by]
		return c.homes[by] != "" && !made
	}
	_, known := c.claims[link{id, by}]
	return known
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
		case f.at.Source == lead.FromDomain: // it gives way to whatever is said
		case f.at.At == fact.at.At && f.at.Source == fact.at.Source && bytes.Equal(f.value, fact.value):
			known = known || f.lead == fact.lead
			covered = true
		case order > 0:
			covered = true
		case f.at.Compare(before.at) > 0:
			before = f
		}
	}
	result, err := c.tx.Query(`SELECT f.lead_id, f.effective_at, f.source, f.id, f.value FROM leads m CROSS JOIN attributes f
		WHERE m.canonical_id = $1 AND f.lead_id = m.id AND f.key = $2 AND f.effective_at <= $3`, w.row.Lead, fact.key, fact.at.At)
	if err != nil {
		return false, false, err
	}
	err = each(result, func() error {
		var f attributeFact
		if err := result.Scan(&f.lead, &f.at.At, &f.at.Source, &f.at.ID, &f.value); err != nil {
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

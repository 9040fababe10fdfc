package store

import (
	"bytes"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

// A lead belongs to the company of its email domain until somebody says where it belongs.
// That follows from two attributes, the account that was said and the email domain, whatever
// the order of their arrival; the difference to what was said is told under a source of its
// own, like the other facts that follow.

// moves reports whether a fact that was taken in may change where a lead belongs.
func (c *commit) moves(w *working, f *attributeFact) bool {
	switch f.key {
	case lead.Account:
		// One of an earlier time may end what followed from the domain, even if it says what
		// was so before.
		return f.news || w.known.profile.Place(f.key).Compare(f.at) > 0
	case lead.EmailDomain:
		return f.news && !c.store.settings.Load().NoCompany &&
			(len(account.Companies([]account.Said{{Value: f.value}})) > 0 || w.known.profile.Place(lead.Account) != (lead.Place{}))
	}
	return false
}

// saidOf are what was said of an attribute of a person, in this transaction too if the
// person is new: its rows are then still to be written.
func (c *commit) saidOf(person, key string, told map[string]map[string][]account.Said) []account.Said {
	said := told[person][key]
	if w := c.leads[person]; w.base == 0 {
		for _, f := range w.late {
			if f.key == key {
				said = append(said, account.Said{Key: key, At: f.at, Value: f.value})
			}
		}
	}
	return said
}

// stays returns to which accounts persons belonged, and tells their account where that does
// not follow from what was said of it alone.
func (c *commit) stays(to *rows, persons []string) (map[string][]account.Stay, error) {
	told, err := c.toldOf(persons, `f.key IN ('`+lead.Account+`', '`+lead.EmailDomain+`')`)
	if err != nil {
		return nil, err
	}
	domains := map[string][]account.Said{}
	var named []string
	if !c.store.settings.Load().NoCompany {
		for _, person := range persons {
			domains[person] = c.saidOf(person, lead.EmailDomain, told)
			named = append(named, account.Companies(domains[person])...)
		}
	}
	companies, err := c.companies(named)
	if err != nil {
		return nil, err
	}
	stays := make(map[string][]account.Stay, len(persons))
	for _, person := range persons {
		all := c.saidOf(person, lead.Account, told)
		explicit := slices.DeleteFunc(slices.Clone(all), func(s account.Said) bool { return s.At.Source == lead.FromDomain })
		stays[person] = account.Belong(explicit, domains[person], companies)
		want := make([]account.Step, len(stays[person]))
		for i, stay := range stays[person] {
			want[i] = account.Step{At: stay.From, Value: []byte("null")}
			if stay.Account != "" {
				want[i].Value = canonical.Text(account.Name(stay.Account))
			}
		}
		want = slices.CompactFunc(want, func(a, b account.Step) bool { return bytes.Equal(a.Value, b.Value) })
		c.tell(to, person, lead.Account, lead.FromDomain, all, want)
	}
	return stays, nil
}

// companies returns the accounts of domains, and makes those that nobody knows.
func (c *commit) companies(domains []string) (map[string]string, error) {
	if len(domains) == 0 {
		return nil, nil
	}
	slices.Sort(domains)
	domains = slices.Compact(domains)
	identities := make([]account.Identity, len(domains))
	for i, domain := range domains {
		identities[i] = account.Identity{Kind: account.Domain, Value: domain}
	}
	known, err := readAccountIdentities(c.tx, identities)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(domains))
	for _, i := range identities {
		id := known[i]
		if id == "" {
			id = account.NewID()
			c.addAccount(id, i, lead.FromDomain, c.now.UnixMicro(), c.now.UnixMicro())
		}
		ids[i.Value] = id
	}
	return ids, c.writeAccounts()
}

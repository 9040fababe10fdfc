package store

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Locks are taken in one order everywhere: leads (their rows in `pending`), then
// accounts. Who says that a lead belongs to an account reads what is true of it under
// a lock that lets others read: what is said of the account at the same time is either
// seen here, or sees the lead.

var (
	accountTable = table{
		name:    "accounts",
		columns: "id text, created_at bigint, updated_at bigint, facts_version bigint, told_version bigint, historical bigint, attributes bytea, counts bytea",
		suffix: `ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, facts_version = excluded.facts_version,
			told_version = excluded.told_version, historical = excluded.historical, attributes = excluded.attributes, counts = excluded.counts`,
	}
	accountIdentityTable = table{
		name:    "account_identities",
		columns: "kind bigint, value text, account_id text, source text, effective_at bigint, received_at bigint",
		suffix:  "ON CONFLICT DO NOTHING",
	}
	accountFactTable = table{
		name: "account_facts",
		columns: `account_id text, kind text, key text, effective_at bigint, source text, id text, facts_version bigint, received_at bigint,
			value bytea, properties bytea`,
	}
	accountLeadTable = table{
		name:    "account_leads",
		columns: "account_id text, lead_id text, told_version bigint, present bigint",
		suffix:  "ON CONFLICT (lead_id, account_id) DO UPDATE SET told_version = excluded.told_version, present = excluded.present",
	}
)

// knownAccounts are the accounts that captures name.
type knownAccounts struct {
	ids  map[account.Identity]string
	have map[string]bool
}

func newKnownAccounts() knownAccounts {
	return knownAccounts{ids: map[account.Identity]string{}, have: map[string]bool{}}
}

func (s *Subject) saysAccount() bool {
	return s.Account != "" || s.AccountIdentity != nil || s.LeaveAccount
}

// readAccounts reads which of the accounts that subjects name are known.
func (c *commit) readAccounts(subjects []*Subject) error {
	var ids []string
	var identities []account.Identity
	for _, s := range subjects {
		s.madeAccount = ""
		if s.Account != "" {
			ids = append(ids, s.Account)
		}
		if s.AccountIdentity != nil {
			identities = append(identities, *s.AccountIdentity)
		}
	}
	if ids != nil {
		from, args := keysOf(ids).from(c.tx.Dialect())
		result, err := c.tx.Query(`SELECT a.id FROM `+from+` CROSS JOIN accounts a WHERE a.id = k.a`, args...) //nolint:sqlclosecheck // each closes it
		if err != nil {
			return err
		}
		err = each(result, func() error {
			var id string
			err := result.Scan(&id)
			c.accounts.have[id] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	known, err := readAccountIdentities(c.tx, identities)
	maps.Copy(c.accounts.ids, known)
	return err
}

func readAccountIdentities(tx *sqldb.Tx, list []account.Identity) (map[account.Identity]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	kinds, values := make([]int64, len(list)), make([]string, len(list))
	for n, i := range list {
		kinds[n], values[n] = int64(i.Kind), i.Value
	}
	from, args := keysOf(kinds, values).from(tx.Dialect())
	result, err := tx.Query(`SELECT i.kind, i.value, i.account_id FROM `+from+`
		CROSS JOIN account_identities i WHERE i.kind = k.a AND i.value = k.b`, args...)
	if err != nil {
		return nil, err
	}
	known := map[account.Identity]string{}
	err = each(result, func() error {
		var i account.Identity
		var id string
		err := result.Scan(&i.Kind, &i.Value, &id)
		known[i] = id
		return err
	})
	return known, err
}

// findAccount finds the account that a subject names; false if there is none. One that
// an identity names and nobody knows is to be made.
func (c *commit) findAccount(s *Subject) bool {
	if s.AccountIdentity != nil && c.accounts.ids[*s.AccountIdentity] == "" {
		s.madeAccount = account.NewID()
	}
	return s.Account == "" || c.accounts.have[s.Account]
}

// accountValue is what a subject says of the attribute [lead.Account]; nil: nothing.
func (c *commit) accountValue(s *Subject) []byte {
	switch {
	case s.Account != "":
		return canonical.Text(account.Name(s.Account))
	case s.madeAccount != "":
		return canonical.Text(account.Name(s.madeAccount))
	case s.AccountIdentity != nil:
		return canonical.Text(account.Name(c.accounts.ids[*s.AccountIdentity]))
	case s.LeaveAccount:
		return []byte("null")
	}
	return nil
}

// makeAccount makes the account that a subject names first.
func (c *commit) makeAccount(item *Capture, s *Subject) {
	if s.madeAccount == "" {
		return
	}
	c.accounts.ids[*s.AccountIdentity] = s.madeAccount
	c.addAccount(s.madeAccount, *s.AccountIdentity, s.Source, s.Effective.UnixMicro(), item.Received.UnixMicro())
}

// addAccount adds an account of which nothing is known but an identity.
func (c *commit) addAccount(id string, by account.Identity, source string, effective, received int64) {
	_, counts := account.Fold(nil).Now()
	c.newAccounts.add(id, c.now.UnixMicro(), c.now.UnixMicro(), int64(0), int64(0), int64(0), []byte("{}"), object(counts))
	c.newAccountIdentities.add(int64(by.Kind), by.Value, id, source, effective, received)
}

// object writes values as one JSON object.
func object(values map[string]json.RawMessage) []byte {
	out, err := json.Marshal(values)
	if err != nil {
		panic(err) // canonical JSON
	}
	return out
}

// writeAccounts writes the accounts that are new.
func (c *commit) writeAccounts() error {
	if _, err := c.newAccounts.write(c.tx); err != nil {
		return err
	}
	written, err := c.newAccountIdentities.write(c.tx)
	if err == nil && written != int64(c.newAccountIdentities.len()) {
		err = ErrRaced
	}
	c.newAccounts, c.newAccountIdentities = accountTable.rows(), accountIdentityTable.rows()
	return err
}

// history is what is true of an account over time, as of a version.
type history struct {
	version   int64
	timelines account.Timelines
}

// histories locks and reads the accounts that leads belong to, or belonged to.
func (c *commit) histories(stays map[string][]account.Stay) (map[string]*history, error) {
	set := map[string]bool{}
	for _, list := range stays {
		for _, stay := range list {
			if stay.Account != "" {
				set[stay.Account] = true
			}
		}
	}
	return c.readHistories(slices.Sorted(maps.Keys(set)), lockShared(c.tx.Dialect()))
}

// readHistories reads accounts, whose rows it locks first.
func (c *commit) readHistories(ids []string, lock string) (map[string]*history, error) {
	found := map[string]*history{}
	if len(ids) == 0 {
		return found, nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT a.id, a.facts_version FROM `+from+` CROSS JOIN accounts a WHERE a.id = k.a ORDER BY a.id`+lock, args...)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var id string
		h := &history{}
		err := result.Scan(&id, &h.version)
		found[id] = h
		return err
	})
	if err != nil {
		return nil, err
	}
	said, err := readSaid(c.tx, ids)
	for id, h := range found {
		h.timelines = account.Fold(said[id])
	}
	return found, err
}

// readSaid reads all that was said of accounts.
func readSaid(tx *sqldb.Tx, ids []string) (map[string][]account.Said, error) {
	from, args := keysOf(ids).from(tx.Dialect())
	result, err := tx.Query(`SELECT f.account_id, f.kind, f.key, f.effective_at, f.source, f.id, f.value FROM `+from+`
		CROSS JOIN account_facts f WHERE f.account_id = k.a`, args...)
	if err != nil {
		return nil, err
	}
	said := map[string][]account.Said{}
	err = each(result, func() error {
		var id string
		var s account.Said
		err := result.Scan(&id, &s.Kind, &s.Key, &s.At.At, &s.At.Source, &s.At.ID, &s.Value)
		said[id] = append(said[id], s)
		return err
	})
	return said, err
}

func lockShared(d sqldb.Dialect) string {
	if d == sqldb.PostgreSQL {
		return " FOR SHARE OF a"
	}
	return ""
}

func lockAccount(d sqldb.Dialect) string {
	if d == sqldb.PostgreSQL {
		return " FOR UPDATE OF a"
	}
	return ""
}

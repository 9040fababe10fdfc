package store

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// AccountCapture is what one call says of an account: it is stored as a whole in one
// transaction.
type AccountCapture struct {
	// RequestID makes the call repeatable; empty: it is not.
	RequestID string
	// Digest is of the body, for RequestID.
	Digest []byte
	// Received is when the call came in.
	Received time.Time
	// Historical facts are decided but nothing is handed off for them.
	Historical bool
	// Account is the id of a known account; empty: it is found by its identities.
	Account string
	// Identities find the account; those not known become its own.
	Identities []account.Identity
	// Said of it, each with an id in its place.
	Said []account.Said
	// Dated says that all of it has a time of its own.
	Dated bool
	// Effective is since when identities hold; Source says who sent it.
	Effective time.Time
	Source    string
	// Reply makes the reply to keep under RequestID.
	Reply func(*AccountResult) ([]byte, error)

	// Result is what became of it.
	Result AccountResult
	// Replayed is the reply of the first call with the same RequestID.
	Replayed []byte
}

// AccountResult is what became of a capture.
type AccountResult struct {
	// Account is its id.
	Account string
	// Created says that it is new; Changed that anything about it is.
	Created, Changed bool
	// Version is the account's facts version with what was said.
	Version int64
}

// Limits of an account.
const (
	// maxTold is how many leads one transaction tells what is new of their account.
	maxTold = 500
	// maxAccountKeys is how many attributes and counts an account may have.
	maxAccountKeys = 300
	// maxAccountFacts is how many facts with a key it may have.
	maxAccountFacts = 10_000
)

// What an account may not become.
var (
	// ErrTooManyAccountKeys: too many attributes and counts.
	ErrTooManyAccountKeys = errors.New("store: too many attributes of an account")
	// ErrTooManyAccountFacts: too many facts with a key.
	ErrTooManyAccountFacts = errors.New("store: too many facts of an account")
)

// CaptureAccount stores what is said of an account, and tells its leads: up to 500 of
// them in the same transaction. If there are more, the account stays marked until
// [Store.TellLeads] has told them all.
func (s *Store) CaptureAccount(ctx context.Context, a *AccountCapture) error {
	err := ErrRaced
	for range maxRaces {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error { return newCommit(s, tx).captureAccount(a) })
		if !errors.Is(err, ErrRaced) {
			break
		}
	}
	if err == nil {
		s.bell.Ring()
		select {
		case s.toTell <- struct{}{}:
		default:
		}
	}
	return err
}

// accountRow is a row of accounts.
type accountRow struct {
	id                  string
	createdAt, version  int64
	told                int64
	historical, created bool
}

func (c *commit) captureAccount(a *AccountCapture) error {
	a.Result, a.Replayed = AccountResult{}, nil
	c.now = c.store.now()
	if a.RequestID != "" {
		if err := c.readReplies([]*Capture{{RequestID: a.RequestID}}); err != nil {
			return err
		}
		if known, ok := c.replies[a.RequestID]; ok {
			if !bytes.Equal(known.digest, a.Digest) {
				return ErrRequestIDReused
			}
			a.Replayed = known.reply
			return nil
		}
	}
	id, fresh, err := c.identifyAccount(a)
	if err != nil {
		return err
	}
	var told []string
	if id != "" {
		if told, err = c.lockTold(id, 0); err != nil {
			return err
		}
	}
	row, err := c.accountRow(id)
	if err != nil {
		return err
	}
	for _, i := range fresh {
		c.newAccountIdentities.add(int64(i.Kind), i.Value, row.id, a.Source, a.Effective.UnixMicro(), a.Received.UnixMicro())
	}
	if err := c.sayOfAccount(a, row, told, len(fresh) > 0); err != nil {
		return err
	}
	a.Result.Account, a.Result.Created, a.Result.Version = row.id, row.created, row.version
	if a.RequestID == "" {
		return nil
	}
	text, err := a.Reply(&a.Result)
	if err != nil {
		return err
	}
	c.newRequests.add(a.RequestID, a.Digest, a.Received.UnixMicro(), text)
	written, err := c.newRequests.write(c.tx)
	if err == nil && written != 1 {
		err = ErrRaced
	}
	return err
}

// identifyAccount returns the id of the account that a capture is about, empty for a
// new one, and the identities that nobody has.
func (c *commit) identifyAccount(a *AccountCapture) (id string, fresh []account.Identity, err error) {
	known, err := readAccountIdentities(c.tx, a.Identities)
	if err != nil {
		return "", nil, err
	}
	id = a.Account
	strongest := account.Domain + 1
	for _, i := range a.Identities {
		owner, ok := known[i]
		switch {
		case !ok:
			fresh = append(fresh, i)
		case a.Account == "" && i.Kind < strongest:
			id, strongest = owner, i.Kind
		}
	}
	return id, fresh, nil
}

// lockTold locks up to 500 leads of an account that may lack something of it, and
// returns them. told is a version: leads that were told of a later one lack nothing; 0
// asks for all leads.
func (c *commit) lockTold(id string, told int64) ([]string, error) {
	where, args := "account_id = $1", []any{id, maxTold}
	if told > 0 {
		where, args = where+" AND told_version < $3", append(args, told)
	}
	result, err := c.tx.Query(`SELECT lead_id FROM account_leads WHERE `+where+` ORDER BY told_version, lead_id LIMIT $2`, args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	var leads []string
	err = each(result, func() error {
		var lead string
		err := result.Scan(&lead)
		leads = append(leads, lead)
		return err
	})
	if err != nil || len(leads) == 0 {
		return nil, err
	}
	subjects := make([]*Subject, len(leads))
	for i, lead := range leads {
		subjects[i] = &Subject{Lead: lead}
	}
	return leads, c.lockLeads(subjects)
}

// accountRow locks and reads an account, or begins a new one.
func (c *commit) accountRow(id string) (*accountRow, error) {
	if id == "" {
		return &accountRow{id: account.NewID(), createdAt: c.now.UnixMicro(), created: true}, nil
	}
	r := &accountRow{id: id}
	result, err := c.tx.Query(`SELECT a.created_at, a.facts_version, a.told_version, a.historical FROM accounts a WHERE a.id = $1`+lockAccount(c.tx.Dialect()), id)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		return result.Scan(&r.createdAt, &r.version, &r.told, &r.historical)
	})
	if err == nil && r.createdAt == 0 {
		err = ErrNotFound
	}
	return r, err
}

// sayOfAccount stores what is new of an account, and tells leads.
func (c *commit) sayOfAccount(a *AccountCapture, row *accountRow, leads []string, touched bool) error {
	known, err := readSaid(c.tx, []string{row.id})
	if err != nil {
		return err
	}
	all := known[row.id]
	before := account.Fold(all)
	said := a.Said
	if a.Historical && !a.Dated {
		said = before.Unsaid(said) // importing a file again must not grow the history
	}
	news := newSaid(all, said)
	all = append(all, news...)
	timelines := account.Fold(all)
	if len(timelines) > maxAccountKeys {
		return ErrTooManyAccountKeys
	}
	if account.FactsWithKey(all) > maxAccountFacts {
		return ErrTooManyAccountFacts
	}
	a.Result.Changed = row.created || touched || len(news) > 0
	if !a.Result.Changed {
		return nil
	}
	// What only repeats what is true changes nothing for the leads.
	same, quiet := timelines.Equal(before), row.told == row.version
	if len(news) > 0 {
		row.historical = a.Historical && (quiet || row.historical)
		row.version++
		if same && quiet {
			row.told = row.version
		}
	}
	facts := accountFactTable.rows()
	for _, s := range news {
		facts.add(row.id, s.Kind, s.Key, s.At.At, s.At.Source, s.At.ID, row.version, a.Received.UnixMicro(), s.Value, s.Properties)
	}
	if err := c.writeAccounts(); err != nil { // identities
		return err
	}
	if _, err := facts.write(c.tx); err != nil {
		return err
	}
	attributes, counts := timelines.Now()
	if err := c.writeAccount(row, object(attributes), object(counts)); err != nil {
		return err
	}
	if same {
		return nil
	}
	return c.tellLeads(row, leads)
}

// newSaid returns what is not known yet. What the same source said of the same time is.
func newSaid(known, said []account.Said) (news []account.Said) {
	type fact struct {
		kind, key, source, value string
		at                       int64
	}
	of := func(s account.Said) fact { return fact{s.Kind, s.Key, s.At.Source, string(s.Value), s.At.At} }
	have := make(map[fact]bool, len(known))
	for _, s := range known {
		have[of(s)] = true
	}
	for _, s := range said {
		if have[of(s)] {
			continue
		}
		have[of(s)] = true
		news = append(news, s)
	}
	return news
}

func (c *commit) writeAccount(row *accountRow, attributes, counts []byte) error {
	to := accountTable.rows()
	historical := int64(0)
	if row.historical {
		historical = 1
	}
	to.add(row.id, row.createdAt, c.now.UnixMicro(), row.version, row.told, historical, attributes, counts)
	_, err := to.write(c.tx)
	return err
}

// tellLeads tells leads that are locked what is true of their account, which is locked
// too, and notes when none is left.
func (c *commit) tellLeads(row *accountRow, leads []string) error {
	c.historical = row.historical
	var persons []string
	for _, id := range leads {
		if person := c.person[id]; person != "" {
			persons = append(persons, person)
		}
	}
	if err := c.readLeadRows(persons); err != nil {
		return err
	}
	for _, person := range persons {
		c.leads[person].moved = true
	}
	if err := c.write(); err != nil {
		return err
	}
	// A lead that came to the account since its leads were read is told later.
	_, err := c.tx.Exec(`UPDATE accounts SET told_version = facts_version WHERE id = $1 AND NOT EXISTS (
		SELECT 1 FROM account_leads l WHERE l.account_id = $1 AND l.told_version < $2)`, row.id, row.version)
	return err
}

// AccountsToTell returns accounts beyond one that have leads to tell what is new, in
// order; at most 100.
func (s *Store) AccountsToTell(ctx context.Context, after string) (ids []string, err error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT id FROM accounts WHERE told_version < facts_version AND id > $1 ORDER BY id LIMIT 100`, after) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var id string
		err := result.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// TellLeads tells up to 500 leads of an account what is new of it, and says whether
// there are others. Told again, a lead has nothing new.
func (s *Store) TellLeads(ctx context.Context, id string) (more bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		c := newCommit(s, tx)
		c.now = s.now()
		var version int64
		if err := tx.QueryRow(`SELECT facts_version FROM accounts WHERE id = $1`, id).Scan(&version); err != nil {
			return err
		}
		leads, err := c.lockTold(id, version)
		if err != nil {
			return err
		}
		row, err := c.accountRow(id)
		if err != nil {
			return err
		}
		if err := c.tellLeads(row, leads); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT told_version < facts_version FROM accounts WHERE id = $1`, id).Scan(&more)
	})
	if err == nil {
		s.bell.Ring()
	}
	return more, err
}

// ToTell delivers when there may be accounts with leads to tell.
func (s *Store) ToTell() <-chan struct{} { return s.toTell }

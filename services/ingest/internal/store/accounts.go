package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Account is a company as known now.
type Account struct {
	ID                   string
	CreatedAt, UpdatedAt time.Time
	Version              int64
	// Attributes are the current values, Counts how many facts of each kind are in each
	// state: JSON objects.
	Attributes, Counts []byte
	// Identities, strongest first.
	Identities []account.Identity
}

const accountColumns = `a.id, a.created_at, a.updated_at, a.facts_version, a.attributes, a.counts`

func scanAccount(scan func(...any) error) (a Account, err error) {
	var created, updated int64
	err = scan(&a.ID, &created, &updated, &a.Version, &a.Attributes, &a.Counts)
	a.CreatedAt, a.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	return a, err
}

// Account returns an account, or [ErrNotFound].
func (s *Store) Account(ctx context.Context, id string) (Account, error) {
	a, err := scanAccount(s.db.Read().QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrNotFound
	}
	if err != nil {
		return Account{}, err
	}
	list := []Account{a}
	err = s.addAccountIdentities(ctx, list)
	return list[0], err
}

// Accounts returns a page of accounts, newest first: those beyond a place, a time
// in microseconds and an id, or the first for nil.
func (s *Store) Accounts(ctx context.Context, after []any, limit int) ([]Account, error) {
	where, args := "", []any{limit}
	if after != nil {
		where, args = ` WHERE (a.created_at, a.id) < ($2, $3)`, append(args, after...)
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts a`+where+ //nolint:sqlclosecheck // each closes it
		` ORDER BY a.created_at DESC, a.id DESC LIMIT $1`, args...)
	list, err := every(result, err, scanAccount)
	if err != nil {
		return nil, err
	}
	return list, s.addAccountIdentities(ctx, list)
}

func (s *Store) addAccountIdentities(ctx context.Context, list []Account) error {
	if len(list) == 0 {
		return nil
	}
	ids, at := make([]string, len(list)), make(map[string]int, len(list))
	for i, a := range list {
		ids[i], at[a.ID] = a.ID, i
	}
	from, args := keysOf(ids).from(s.db.Dialect())
	result, err := s.db.Read().QueryContext(ctx, `SELECT k.a, i.kind, i.value FROM `+from+` CROSS JOIN account_identities i
		WHERE i.account_id = k.a ORDER BY i.kind, i.received_at, i.value`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var id string
		var i account.Identity
		err := result.Scan(&id, &i.Kind, &i.Value)
		a := &list[at[id]]
		a.Identities = append(a.Identities, i)
		return err
	})
}

// LookupAccount returns the id of the account with an identity, or [ErrNotFound].
func (s *Store) LookupAccount(ctx context.Context, i account.Identity) (id string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT account_id FROM account_identities WHERE kind = $1 AND value = $2`, int64(i.Kind), i.Value).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return id, err
}

// AccountFacts returns all that was said of the facts of an account that have a key.
func (s *Store) AccountFacts(ctx context.Context, id string) ([]account.Said, error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT f.kind, f.key, f.effective_at, f.source, f.id, f.value, f.properties FROM account_facts f
		WHERE f.account_id = $1 AND f.kind <> ''`, id)
	if err != nil {
		return nil, err
	}
	var said []account.Said
	err = each(result, func() error {
		var f account.Said
		err := result.Scan(&f.Kind, &f.Key, &f.At.At, &f.At.Source, &f.At.ID, &f.Value, &f.Properties)
		said = append(said, f)
		return err
	})
	return said, err
}

// AccountLeads returns a page of the ids of the leads that belong to an account now, in
// order: those beyond one, or the first for none. [ErrNotFound] if there is no such
// account.
func (s *Store) AccountLeads(ctx context.Context, id, after string, limit int) (list []Lead, err error) {
	if _, err := s.Account(ctx, id); err != nil {
		return nil, err
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+leadColumns+` FROM account_leads b CROSS JOIN leads l CROSS JOIN pending p `+ //nolint:sqlclosecheck // each closes it
		`WHERE b.account_id = $1 AND b.lead_id > $2 AND b.present = 1 AND l.id = b.lead_id AND p.lead_id = l.id ORDER BY b.lead_id LIMIT $3`, id, after, limit)
	list, err = every(result, err, scanLead)
	if err != nil {
		return nil, err
	}
	return list, s.addMembers(ctx, list)
}

package store

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Addresses that are alike may be one person's. They are compared in the background, once,
// after they were first named: those at a provider that many use by their mailbox, those at
// a company by what one edit makes of them, if the family name was said with the address.

// familiar reports whether a subject says its family name.
func (s *Subject) familiar() bool {
	for i := range s.Attributes {
		if a := &s.Attributes[i]; a.Key == "last_name" {
			return identity.HasFamilyName(string(a.Value))
		}
	}
	return false
}

// compares says where the mail of a new address is delivered, and whether the address is
// to be compared. familiar: its family name was said with it.
func compares(id identity.Identity, familiar bool) (mailbox string, uncompared bool) {
	if id.Kind != identity.Email {
		return "", false
	}
	mailbox = identity.Mailbox(id.Value)
	return mailbox, mailbox != "" || familiar
}

// compared is how many addresses are compared at a time.
const compared = 50

// address is one that is known, and whose it is.
type address struct {
	identity.Addressee
	lead, person, mailbox string
}

const addressColumns = `i.value, i.mailbox, i.lead_id, l.canonical_id, p.attributes`

const addressTables = ` CROSS JOIN leads l CROSS JOIN leads p WHERE l.id = i.lead_id AND p.id = l.canonical_id`

// addresses reads addresses that lead to somebody.
func (s *Store) addresses(ctx context.Context, query string, args ...any) (list []address, err error) {
	result, err := s.db.Read().QueryContext(ctx, query, args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var a address
		var attributes []byte
		if err := result.Scan(&a.Email, &a.mailbox, &a.lead, &a.person, &attributes); err != nil {
			return err
		}
		var names struct {
			First any `json:"first_name"`
			Last  any `json:"last_name"`
		}
		if err := json.Unmarshal(attributes, &names); err != nil {
			return err
		}
		a.GivenName, _ = names.First.(string)
		a.FamilyName, _ = names.Last.(string)
		list = append(list, a)
		return nil
	})
	return list, err
}

// addressees are the addresses that lead to a lead.
func (s *Store) addressees(ctx context.Context, lead string) (list []identity.Addressee, err error) {
	found, err := s.addresses(ctx, `SELECT `+addressColumns+` FROM identities i`+addressTables+` AND i.lead_id = $1 AND i.kind = $2 ORDER BY i.value`,
		lead, int64(identity.Email))
	for _, a := range found {
		list = append(list, a.Addressee)
	}
	return list, err
}

// CompareAddresses compares the next addresses with all others, proposes to merge whose are
// alike, and reports whether there may be more.
func (s *Store) CompareAddresses(ctx context.Context) (more bool, err error) {
	due, err := s.uncompared(ctx)
	if err != nil || len(due) == 0 {
		return false, err
	}
	fresh, err := s.addresses(ctx, `SELECT `+addressColumns+` FROM (SELECT * FROM identities WHERE uncompared = 1 ORDER BY kind, value LIMIT $1) AS i`+addressTables, compared)
	if err != nil {
		return false, err
	}
	pairs := map[[2]string]bool{}
	for _, a := range fresh {
		others, err := s.likely(ctx, &a)
		if err != nil {
			return false, err
		}
		found := 0
		for _, b := range others {
			if found < maxPairs && a.person != b.person && identity.Alike(a.Addressee, b.Addressee) != identity.Unlike {
				pairs[[2]string{min(a.lead, b.lead), max(a.lead, b.lead)}] = true
				found++
			}
		}
	}
	return len(due) == compared, s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.proposeAlike(tx, pairs); err != nil {
			return err
		}
		from, args := keysOf(due).from(tx.Dialect())
		_, err := tx.Exec(`UPDATE identities SET uncompared = 0 WHERE kind = `+emailKind+` AND value IN (SELECT k.a FROM `+from+`)`, args...)
		return err
	})
}

// emailKind is the kind of addresses, in SQL: partial indexes are found by it.
const emailKind = `2`

// uncompared are the next addresses to compare, in order.
func (s *Store) uncompared(ctx context.Context) (due []string, err error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT value FROM identities WHERE uncompared = 1 ORDER BY kind, value LIMIT $1`, compared) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var value string
		err := result.Scan(&value)
		due = append(due, value)
		return err
	})
	return due, err
}

// likely are the addresses among which those are that are like one, in order.
func (s *Store) likely(ctx context.Context, a *address) ([]address, error) {
	if a.mailbox != "" {
		return s.addresses(ctx, `SELECT `+addressColumns+` FROM identities i`+addressTables+` AND i.mailbox = $1 AND i.mailbox <> '' ORDER BY i.value LIMIT 100`, a.mailbox)
	}
	near := identity.Neighbours(a.Addressee)
	if near == nil {
		return nil, nil
	}
	from, args := keysOf(near).from(s.db.Dialect())
	return s.addresses(ctx, `SELECT `+addressColumns+` FROM `+from+` CROSS JOIN identities i`+addressTables+` AND i.kind = `+emailKind+` AND i.value = k.a ORDER BY i.value`, args...)
}

// proposeAlike proposes to merge pairs of leads, those of whom one was forgotten meanwhile
// aside.
func (s *Store) proposeAlike(tx *sqldb.Tx, pairs map[[2]string]bool) error {
	if len(pairs) == 0 {
		return nil
	}
	var ones, others, ids []string
	for pair := range pairs {
		ones, others, ids = append(ones, pair[0]), append(others, pair[1]), append(ids, uuid.Must(uuid.NewV7()).String())
	}
	from, args := keysOf(ones, others, ids).from(tx.Dialect())
	result, err := tx.Query(`SELECT k.a, k.b, k.c FROM `+from+` CROSS JOIN leads a CROSS JOIN leads b WHERE a.id = k.a AND b.id = k.b`, args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return err
	}
	rows := proposalTable.rows()
	err = each(result, func() error {
		var a, b, id string
		err := result.Scan(&a, &b, &id)
		rows.add(a, b, id, int64(ProposalOpen), s.now().UnixMicro())
		return err
	})
	if err != nil {
		return err
	}
	_, err = rows.write(tx)
	return err
}

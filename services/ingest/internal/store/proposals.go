package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// ErrDecided: somebody has decided on the proposal.
var ErrDecided = errors.New("store: the proposal is decided")

// ProposalState is how a proposal stands.
type ProposalState int64

// The states. The numbers are stored.
const (
	ProposalOpen ProposalState = iota + 1
	ProposalAccepted
	ProposalDismissed
)

// Proposal says that two leads may be one person.
type Proposal struct {
	ID    string
	State ProposalState
	// Leads are the two, by id.
	Leads [2]string
	// Evidence is what speaks for it and may not join them by itself.
	Evidence             []IdentityLink
	Alike                []identity.AlikePair
	CreatedAt, DecidedAt time.Time
	Actor                string
}

// maxPairs is how many who share a value are proposed to be one: the first with each of
// those after.
const maxPairs = 5

var proposalTable = table{
	name:    "merge_proposals",
	columns: "lead_a text, lead_b text, id text, state bigint, created_at bigint",
	suffix:  "ON CONFLICT (lead_a, lead_b) DO NOTHING",
}

// propose notes which leads may be one person, where what was said may not join them:
// browsers said so, or a value of a known kind has several claimants.
func (c *commit) propose() error {
	if c.partition == nil {
		return nil
	}
	claimants := map[identity.Identity][]string{}
	for _, claim := range c.partition.Withheld { // in order
		lead := c.partition.Owner(claim.By)
		if list := claimants[claim.Value]; lead != "" && !slices.Contains(list, lead) && len(list) < maxPairs {
			claimants[claim.Value] = append(list, lead)
		}
	}
	pairs := map[[2]string]bool{}
	for value, list := range claimants {
		if own := c.partition.Owner(value); own != "" && !slices.Contains(list, own) {
			list = append([]string{own}, list...)
		}
		for _, other := range list[1:] {
			if one := list[0]; c.partition.Person(one) != c.partition.Person(other) {
				pairs[[2]string{min(one, other), max(one, other)}] = true
			}
		}
	}
	rows := proposalTable.rows()
	for pair := range pairs {
		rows.add(pair[0], pair[1], uuid.Must(uuid.NewV7()).String(), int64(ProposalOpen), c.now.UnixMicro())
	}
	_, err := rows.write(c.tx)
	return err
}

const proposalColumns = `p.id, p.state, p.lead_a, p.lead_b, p.created_at, p.decided_at, p.actor`

func scanProposal(scan func(...any) error) (p Proposal, err error) {
	var created, decided int64
	err = scan(&p.ID, &p.State, &p.Leads[0], &p.Leads[1], &created, &decided, &p.Actor)
	p.CreatedAt, p.DecidedAt = sqldb.Time(created), sqldb.Time(decided)
	return p, err
}

// Proposals returns a page of the proposals in a state, latest first: those beyond a
// place, a time and an id, or the first for nil. Open ones whose leads became one person otherwise are passed over.
func (s *Store) Proposals(ctx context.Context, state ProposalState, after []any, limit int) (list []Proposal, err error) {
	where, args := "", []any{int64(state), limit, int64(ProposalOpen)}
	if after != nil {
		where, args = ` AND (p.created_at, p.id) < ($4, $5)`, append(args, after...)
	}
	result, err := s.db.Read().QueryContext(ctx, //nolint:sqlclosecheck // each closes it
		`SELECT `+proposalColumns+` FROM merge_proposals p
		JOIN leads a ON a.id = p.lead_a JOIN leads b ON b.id = p.lead_b
		WHERE p.state = $1 AND (p.state <> $3 OR a.canonical_id <> b.canonical_id)`+where+` ORDER BY p.created_at DESC, p.id DESC LIMIT $2`, args...)
	list, err = every(result, err, scanProposal)
	for i := range list {
		if err == nil {
			err = s.prove(ctx, &list[i])
		}
	}
	return list, err
}

// Proposal returns a proposal, or [ErrNotFound].
func (s *Store) Proposal(ctx context.Context, id string) (Proposal, error) {
	p, err := scanProposal(s.db.Read().QueryRowContext(ctx, `SELECT `+proposalColumns+` FROM merge_proposals p WHERE p.id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return p, ErrNotFound
	}
	if err == nil {
		err = s.prove(ctx, &p)
	}
	return p, err
}

// prove reads what speaks for a proposal.
func (s *Store) prove(ctx context.Context, p *Proposal) (err error) {
	if p.Evidence, err = s.evidence(ctx, p.Leads); err != nil {
		return err
	}
	some, err := s.addressees(ctx, p.Leads[0])
	if err != nil {
		return err
	}
	others, err := s.addressees(ctx, p.Leads[1])
	p.Alike = identity.Alikes(some, others)
	return err
}

// evidence returns the links between two leads: the value of one that the other claims,
// and values that both claim.
func (s *Store) evidence(ctx context.Context, leads [2]string) ([]IdentityLink, error) {
	byLead := [2][]IdentityLink{}
	for i, id := range leads {
		links, err := s.Links(ctx, id)
		if err != nil {
			return nil, err
		}
		byLead[i] = slices.DeleteFunc(links, func(l IdentityLink) bool { return l.Value == identity.Identity{} || !l.SeveredAt.IsZero() || l.Joined })
	}
	both := func(a, b IdentityLink) bool { return a.Value == b.Value }
	var list []IdentityLink
	for i, mine := range byLead {
		theirs := byLead[1-i]
		for _, l := range mine {
			// A link between them is known to both, one to a value that both claim by the value.
			if slices.ContainsFunc(theirs, func(t IdentityLink) bool { return both(l, t) }) &&
				!slices.ContainsFunc(list, func(known IdentityLink) bool { return known.ID == l.ID }) {
				list = append(list, l)
			}
		}
	}
	slices.SortFunc(list, func(a, b IdentityLink) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// DecideProposal says what somebody decided of an open proposal; accepted, its leads are merged.
// Errors: [ErrNotFound], [ErrDecided].
func (s *Store) DecideProposal(ctx context.Context, id string, state ProposalState, actor, reason string) (Proposal, error) {
	p, err := s.Proposal(ctx, id)
	if err != nil {
		return p, err
	}
	if p.State == state && p.Actor == actor {
		return p, nil
	}
	if p.State != ProposalOpen {
		return p, ErrDecided
	}
	if state == ProposalAccepted {
		// A merge that is there already is found again, should what follows fail.
		if _, err := s.Merge(ctx, p.Leads[0], p.Leads[1], actor, reason); err != nil {
			return p, err
		}
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Affected(`UPDATE merge_proposals SET state = $1, decided_at = $2, actor = $3, reason = $4 WHERE id = $5 AND state = $6`,
			int64(state), s.now().UnixMicro(), actor, reason, id, int64(ProposalOpen))
		if err == nil && n == 0 {
			err = ErrDecided
		}
		return err
	})
	if err != nil {
		return p, err
	}
	decided, err := s.Proposal(ctx, id)
	decided.Evidence, decided.Alike = p.Evidence, p.Alike
	return decided, err
}

package store

import (
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// pendingColumns are the columns of a [pending.Row], of the table with the alias p.
const pendingColumns = `p.lead_id, p.facts_version, p.decided_version, p.updated_at, p.latest_effective, p.earliest_effective, p.earliest_version, p.repeated_facts, p.repeated_bytes, p.state, p.queued_at,
	p.serving, p.newer, p.claimed_version, p.as_of, p.attempts, p.fence, p.lease_until, p.last_error, p.identity_version`

var pendingTable = table{
	name: "pending",
	columns: `lead_id text, facts_version bigint, decided_version bigint, updated_at bigint, latest_effective bigint, earliest_effective bigint, earliest_version bigint, repeated_facts bigint, repeated_bytes bigint,
		state bigint, queued_at bigint,
		serving text, newer text, claimed_version bigint, as_of bigint, attempts bigint, fence bigint, lease_until bigint, last_error text, identity_version bigint, decision bytea`,
	// DO UPDATE, for an upsert that does nothing loses a wake-up. The row was read
	// under its lock, so that all of it can be replaced.
	suffix: `ON CONFLICT (lead_id) DO UPDATE SET facts_version = excluded.facts_version, decided_version = excluded.decided_version,
		updated_at = excluded.updated_at, latest_effective = excluded.latest_effective,
		earliest_effective = excluded.earliest_effective, earliest_version = excluded.earliest_version,
		repeated_facts = excluded.repeated_facts, repeated_bytes = excluded.repeated_bytes, state = excluded.state, queued_at = excluded.queued_at,
		serving = excluded.serving, newer = excluded.newer, claimed_version = excluded.claimed_version, as_of = excluded.as_of,
		attempts = excluded.attempts, fence = excluded.fence, lease_until = excluded.lease_until, last_error = excluded.last_error, identity_version = excluded.identity_version,
		decision = COALESCE(excluded.decision, pending.decision)`,
}

// scanPending reads pendingColumns, after other columns.
func scanPending(scan func(...any) error, before ...any) (pending.Row, error) {
	var r pending.Row
	var serving, newer string
	err := scan(append(before, &r.Lead, &r.Version, &r.Decided, &r.UpdatedAt, &r.Latest, &r.Earliest, &r.EarliestVersion, &r.RepeatedFacts, &r.RepeatedBytes, &r.State, &r.QueuedAt,
		&serving, &newer, &r.Claimed, &r.AsOf, &r.Attempts, &r.Fence, &r.LeaseUntil, &r.LastError, &r.IdentityVersion)...)
	if err != nil {
		return r, err
	}
	if r.Serving, err = pending.ParseCaptures(serving); err != nil {
		return r, err
	}
	r.Newer, err = pending.ParseCaptures(newer)
	return r, err
}

// addPending adds a row to write; a nil decision leaves the stored one.
func addPending(to *rows, r *pending.Row, decision []byte) {
	to.add(r.Lead, r.Version, r.Decided, r.UpdatedAt, r.Latest, r.Earliest, r.EarliestVersion, r.RepeatedFacts, r.RepeatedBytes, int64(r.State), r.QueuedAt,
		r.Serving.String(), r.Newer.String(), r.Claimed, r.AsOf, r.Attempts, r.Fence, r.LeaseUntil, r.LastError, r.IdentityVersion, decision)
}

// savePending writes rows that were read under their locks.
func savePending(tx *sqldb.Tx, list []pending.Row) error {
	to := pendingTable.rows()
	for i := range list {
		addPending(to, &list[i], nil)
	}
	_, err := to.write(tx)
	return err
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/redact"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// An erasure leaves what is counted: which lead, an id that means nobody any more, had
// which verdict and stage when, was handed off to whom, and what came of it. It takes what
// was frozen of the person with it: evidence, packets, what was sent, and what people wrote.

// Eraser is the actor of what an erasure does to handoffs.
const Eraser = "system:erasure"

// erased is the reason for which a handoff is closed whose person was forgotten.
const erased = "erased"

// noVersion is a facts version that no lead reaches: whatever is decided of it later is stale.
const noVersion = math.MaxInt32

// personal are the tables in which something of a person can stand.
var personal = []string{
	"leads", "tracks", "verdicts", "decisions", "stage_moves", "handoffs", "outbox", "standard_log", "approvals", "deliveries",
	"delivery_attempts", "handoff_packets", "remote_leads", "remote_handoffs", "outcome_messages", "held_leads", "reviews",
}

// Erase takes from all that is kept of leads what is of a person, and tells the
// destinations that got any of it. It returns how many rows it changed or deleted of each
// table, and how many destinations are told. It may be repeated: what came meanwhile goes
// too, and nobody is told twice.
func (s *Store) Erase(ctx context.Context, erasure string, leads []string) (gone map[string]int32, told int, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		e := &eraser{Store: s, tx: tx, erasure: erasure, gone: map[string]int32{}}
		defer func() { gone, told = e.gone, e.told }()
		for _, lead := range slices.Sorted(slices.Values(leads)) {
			if err := e.erase(lead); err != nil {
				return err
			}
		}
		return nil
	})
	return gone, told, err
}

// eraser is one transaction of an erasure.
type eraser struct {
	*Store
	tx      *sqldb.Tx
	erasure string
	gone    map[string]int32
	told    int
}

func (e *eraser) erase(lead string) error {
	// The row is the lead's lock, and there from now on.
	moment := e.now()
	_, err := e.tx.Exec(`INSERT INTO leads (lead_id, facts_version, erase_time) VALUES ($1, $2, $3)
		ON CONFLICT (lead_id) DO UPDATE SET facts_version = excluded.facts_version,
			erase_time = CASE WHEN leads.erase_time = 0 THEN excluded.erase_time ELSE leads.erase_time END`, lead, noVersion, sqldb.Micros(moment))
	if err != nil {
		return err
	}
	var since int64
	if err := e.tx.QueryRow(`SELECT erase_time FROM leads WHERE lead_id = $1`, lead).Scan(&since); err != nil {
		return err
	}
	receivers, err := e.receivers(lead)
	if err != nil {
		return err
	}
	e.told += len(receivers)
	h := &happened{moment: moment}
	for _, id := range receivers {
		h.events = append(h.events, Event{
			ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(e.erasure+"/"+lead)).String(), Type: event.LeadErased, Lead: LeadName(lead),
			Destination: DestinationName(id), Data: map[string]any{"lead": LeadName(lead)},
		})
	}
	for _, step := range []func() error{
		func() error { return e.deliveries(lead, since) },
		func() error { return e.closeHandoffs(lead, h) },
		func() error { return e.records(lead) },
		func() error { return e.rows(lead) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// receivers are the destinations that got anything of a lead, or may have.
func (e *eraser) receivers(lead string) (ids []string, err error) {
	rows, err := e.tx.Query(`SELECT destination_id FROM deliveries WHERE lead_id = $1 AND sample = 0 AND event_type <> $2
			AND (state = 2 OR attempts > 0 OR open_attempts > 0 OR body IS NOT NULL)
		UNION SELECT destination_id FROM remote_leads WHERE lead_id = $1 ORDER BY destination_id`, lead, event.LeadErased)
	return ids, scanAll(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
}

// deliveries takes what was sent, or is to be, of a lead that was forgotten at a time; what
// is on its way is given up.
func (e *eraser) deliveries(lead string, since int64) error {
	const mine = `lead_id = $1 AND event_time <= $2 AND event_type <> $3`
	n, err := e.tx.Affected(`UPDATE delivery_attempts SET error = '' WHERE error <> '' AND delivery_id IN
		(SELECT delivery_id FROM deliveries WHERE `+mine+`)`, lead, since, event.LeadErased)
	e.count("delivery_attempts", n)
	if err != nil {
		return err
	}
	n, err = e.tx.Affected(`UPDATE deliveries SET data = $4, body = NULL, last_error = '', remote_id = '', traceparent = '',
			fence = CASE WHEN state = 0 THEN fence + 1 ELSE fence END, lease_until = 0, state = CASE WHEN state = 0 THEN 3 ELSE state END
		WHERE `+mine+` AND (body IS NOT NULL OR data <> $4 OR state = 0 OR last_error <> '' OR remote_id <> '')`, lead, since, event.LeadErased, []byte("{}"))
	e.count("deliveries", n)
	return err
}

// closeHandoffs closes what sales still works on, and tells who is to hear of it.
func (e *eraser) closeHandoffs(lead string, h *happened) error {
	rows, err := e.tx.Query(selectHandoff+` WHERE lead_id = $1 AND state IN ($2, $3) ORDER BY handoff_id`,
		lead, int64(handoffv1.Handoff_STATE_OPEN), int64(handoffv1.Handoff_STATE_ACCEPTED))
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		before, err := scanHandoff(rows)
		if err != nil {
			return err
		}
		after := proto.CloneOf(before)
		after.State, after.OutcomeReason, after.OutcomeSubReason = handoffv1.Handoff_STATE_DISQUALIFIED, erased, ""
		h.changes = append(h.changes, &change{before: before, after: after, cause: lifecycle.ByDisqualify, actor: Eraser})
		return nil
	})
	if err != nil {
		return err
	}
	if err := e.follows(e.tx, h); err != nil {
		return err
	}
	return saveHandoffs(e.tx, h)
}

// blob is a message that a table keeps: the columns of its key, and what stays of it.
type blob struct {
	table, key, column string
	keep               func([]byte) ([]byte, error)
}

// records takes out of each message what is of a person.
func (e *eraser) records(lead string) error {
	for _, b := range []blob{
		{"verdicts", "standard_id", "evidence", redact.Message(func(q *handoffv1.Qualification) { keepQualification(q) })},
		{"decisions", "decision_id", "evidence", redact.Message(keepDecision)},
		{"handoffs", "handoff_id", "reasons", redact.Message(func(d *typev1.DecisionDigest) { d.Reasons = codes(d.GetReasons()) })},
		{"handoffs", "handoff_id", "outcome", redact.Message(func(o *handoffv1.Outcome) { o.Reason = "" })},
		{"tracks", "track", "outcome", redact.Message(func(o *handoffv1.Outcome) { o.Reason = "" })},
		{"leads", "lead_id", "outcome", redact.Message(func(o *handoffv1.Outcome) { o.Reason = "" })},
		{"approvals", "approval_id", "content", redact.Message(e.keepApproval)},
	} {
		if err := e.rewrite(lead, b); err != nil {
			return fmt.Errorf("%s.%s: %w", b.table, b.column, err)
		}
	}
	return nil
}

// rewrite writes anew the messages of a lead in a column. Tables and columns are ours.
func (e *eraser) rewrite(lead string, b blob) error {
	type row struct {
		key  string
		blob []byte
	}
	var changed []row
	rows, err := e.tx.Query(`SELECT `+b.key+`, `+b.column+` FROM `+b.table+` WHERE lead_id = $1 AND `+b.column+` IS NOT NULL`, lead)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		var r row
		if err := rows.Scan(&r.key, &r.blob); err != nil {
			return err
		}
		kept, err := b.keep(r.blob)
		if err == nil && string(kept) != string(r.blob) {
			changed = append(changed, row{r.key, kept})
		}
		return err
	})
	for _, r := range changed {
		if err == nil {
			_, err = e.tx.Exec(`UPDATE `+b.table+` SET `+b.column+` = $1 WHERE lead_id = $2 AND `+b.key+` = $3`, r.blob, lead, r.key)
		}
	}
	e.count(b.table, int64(len(changed)))
	return err
}

// codes are reasons without words, which may say what the person is.
func codes(reasons []*typev1.Reason) (kept []*typev1.Reason) {
	for _, r := range reasons {
		kept = append(kept, &typev1.Reason{Code: r.GetCode()})
	}
	return kept
}

// keepQualification leaves scores, classes and the verdict, and takes what they came from.
func keepQualification(q *handoffv1.Qualification) *handoffv1.Qualification {
	q.Reasons = codes(q.GetReasons())
	q.MissingAttributes, q.Fit, q.Engagement, q.Lacking, q.TraceId = nil, nil, nil, nil, ""
	return q
}

func keepDecision(d *handoffv1.Decision) {
	d.AttributesJson, d.LeadSourceJson = nil, nil
	if d.GetEvidence() != nil {
		keepQualification(d.GetEvidence())
	}
}

// keepApproval leaves who asked and decided when, and takes what they wrote. One that is
// open ends.
func (e *eraser) keepApproval(a *handoffv1.Approval) {
	a.Reason, a.Evidence, a.Links, a.Comment, a.RevokeComment = "", "", nil, "", ""
	switch a.GetState() {
	case handoffv1.Approval_STATE_REQUESTED, handoffv1.Approval_STATE_APPROVED:
		a.State, a.Revoker, a.EndTime = handoffv1.Approval_STATE_REVOKED, Eraser, timestamppb.New(e.now())
	}
}

// rows takes what people wrote beside the messages, and what is only there to be worked on.
func (e *eraser) rows(lead string) error {
	for _, statement := range []struct{ table, text string }{
		{"tracks", `UPDATE tracks SET reason = '', sub_reason = '', waived = '', stirred = 0 WHERE lead_id = $1 AND (reason <> '' OR sub_reason <> '' OR waived <> '' OR stirred <> 0)`},
		{"stage_moves", `UPDATE stage_moves SET reason = '', sub_reason = '' WHERE lead_id = $1 AND cause <> 'verdict' AND (reason <> '' OR sub_reason <> '')`},
		{"handoffs", `UPDATE handoffs SET outcome_reason = '', outcome_sub_reason = '', assign_reason = '', route = '', waits_for = '' WHERE lead_id = $1
			AND (outcome_reason <> '' OR outcome_sub_reason <> '' OR assign_reason <> '' OR route <> '' OR waits_for <> '')`},
		{"approvals", `UPDATE approvals SET request_digest = '', state = CASE WHEN state IN (1, 2) THEN 5 ELSE state END WHERE lead_id = $1 AND (request_digest <> '' OR state IN (1, 2))`},
		{"standard_log", `UPDATE standard_log SET comment = '' WHERE lead_id = $1 AND comment <> ''`},
		{"handoff_packets", `DELETE FROM handoff_packets WHERE lead_id = $1`},
		{"remote_leads", `DELETE FROM remote_leads WHERE lead_id = $1`},
		{"remote_handoffs", `DELETE FROM remote_handoffs WHERE lead_id = $1`},
		{"outcome_messages", `DELETE FROM outcome_messages WHERE handoff_id IN (SELECT handoff_id FROM handoffs WHERE lead_id = $1)`},
		{"outbox", `DELETE FROM outbox WHERE lead_id = $1`},
		{"held_leads", `DELETE FROM held_leads WHERE lead_id = $1`},
		{"reviews", `DELETE FROM reviews WHERE lead_id = $1`},
	} {
		n, err := e.tx.Affected(statement.text, lead)
		if err != nil {
			return fmt.Errorf("%s: %w", statement.table, err)
		}
		e.count(statement.table, n)
	}
	return nil
}

func (e *eraser) count(table string, n int64) {
	if n > 0 {
		e.gone[table] += int32(n)
	}
}

// Scrub makes what was erased unreadable in the files of the database, see [sqldb.DB.Scrub].
func (s *Store) Scrub(ctx context.Context) error { return s.db.Scrub(ctx, personal...) }

// Knows says whether anything is kept of a lead.
func (s *Store) Knows(ctx context.Context, lead string) (known bool, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM leads WHERE lead_id = $1)`, lead).Scan(&known)
	return known, err
}

// NoteExport leaves in the audit log that what is held on a lead, `leads/{lead}`, was given
// out: nothing else changes.
func (s *Store) NoteExport(ctx context.Context, lead string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		audit.About(tx.Context(), lead)
		return nil
	})
}

// ids are ids in a column, with blanks between them.
func ids(column string) []string { return strings.Fields(column) }

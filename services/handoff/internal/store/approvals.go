package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Approvals:
//
//	             approve               the cycle's handoff
//	REQUESTED ────────────▶ APPROVED ─────────────────────▶ CONSUMED
//	  │ │ │                   │ │
//	  │ │ └─ decline ▶ DECLINED │ └─ its time is over ▶ EXPIRED
//	  │ └─ its time is over ▶ EXPIRED
//	  └─ revoke, or handed off without it ▶ REVOKED ◀─ revoke
//
// Each is asked for, decided and taken back under the lock of its lead, as decisions are
// stored. With the first two the lead is due to be decided again: at once when it is
// granted, and when its time is over.

var (
	// ErrOwnRequest: nobody decides what they asked for themselves.
	ErrOwnRequest = errors.New("own request")
	// ErrRequestReused: the request id was used to ask for something else.
	ErrRequestReused = errors.New("request id reused")
	// ErrNotTheirs: a request is taken back by whoever made it.
	ErrNotTheirs = errors.New("another's request")
	// ErrForManagers: what was granted is taken back by those who grant.
	ErrForManagers = errors.New("for managers")
)

// ApprovalStateError is an act on an approval that is in the wrong state for it.
type ApprovalStateError struct {
	// Is the state; Wanted that in which the act is allowed.
	Is, Wanted handoffv1.Approval_State
}

// Error names both.
func (e *ApprovalStateError) Error() string {
	return fmt.Sprintf("the approval is %s, wanted %s", e.Is, e.Wanted)
}

// HandedOffError is an approval for a lead that sales has already.
type HandedOffError struct {
	// Handoff of the lead's cycle: `handoffs/{handoff}`.
	Handoff string
}

// Error names the handoff.
func (e *HandedOffError) Error() string { return "handed off already: " + e.Handoff }

// OpenApprovalError is an approval for a lead that has one which waits or stands.
type OpenApprovalError struct {
	// Approval is it: `approvals/{approval}`.
	Approval string
	// State it is in.
	State handoffv1.Approval_State
}

// Error names it.
func (e *OpenApprovalError) Error() string { return "open already: " + e.Approval }

// ApprovalName is the resource name of an approval; empty for no id.
func ApprovalName(id string) string {
	if id == "" {
		return ""
	}
	return "approvals/" + id
}

// ApprovalID is the id in an approval's resource name.
func ApprovalID(name string) string { return strings.TrimPrefix(name, "approvals/") }

// approval is one as it is stored.
type approval struct {
	*handoffv1.Approval
	id       string
	revision int64
	digest   []byte
}

const selectApproval = `SELECT approval_id, revision, request_digest, content FROM approvals`

// scanApproval reads a row; ErrNotFound if there is none.
func scanApproval(row interface{ Scan(...any) error }) (*approval, error) {
	a := &approval{Approval: &handoffv1.Approval{}}
	var blob []byte
	err := row.Scan(&a.id, &a.revision, &a.digest, &blob)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	}
	err = proto.Unmarshal(blob, a.Approval)
	a.Etag = etag(a.revision)
	return a, err
}

// asOf is the approval as it is at an instant: one whose time is over has ended, whether
// or not somebody wrote that down yet.
func (a *approval) asOf(moment time.Time) *approval {
	if a.open() && !a.GetExpireTime().AsTime().After(moment) {
		a.State, a.EndTime = handoffv1.Approval_STATE_EXPIRED, a.GetExpireTime()
	}
	return a
}

// saveApproval writes what changed of an approval.
func saveApproval(tx *sqldb.Tx, a *approval) error {
	a.revision++
	a.Etag = etag(a.revision)
	blob, err := a.content()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE approvals SET state = $1, revision = $2, decider = $3, content = $4 WHERE approval_id = $5`,
		int64(a.GetState()), a.revision, a.GetDecider(), blob, a.id)
	return err
}

// content is the approval as it is stored.
func (a *approval) content() ([]byte, error) {
	stored := proto.CloneOf(a.Approval)
	stored.Etag = ""
	return proto.Marshal(stored)
}

// Request is an approval to ask for.
type Request struct {
	// ID is that of the approval: derived from the request's id if there is one, so that
	// asking twice makes one.
	ID string
	// Digest is of what is asked for.
	Digest []byte
	// Approval has lead, track (empty: the lead's only one, else `sales`), reason,
	// evidence, links, requester and expiry.
	Approval *handoffv1.Approval
}

// Requested returns the approval that was asked for with this id, or ErrNotFound;
// ErrRequestReused if something else was.
func (s *Store) Requested(ctx context.Context, id string, digest []byte) (*handoffv1.Approval, error) {
	a, err := scanApproval(s.db.Read().QueryRowContext(ctx, selectApproval+` WHERE approval_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return a.asOf(s.now()).answering(digest)
}

// answering is the approval, if it is what was asked for.
func (a *approval) answering(digest []byte) (*handoffv1.Approval, error) {
	if subtle.ConstantTimeCompare(a.digest, digest) != 1 {
		return nil, ErrRequestReused
	}
	return a.Approval, nil
}

// Track is the one that is meant if none is said: the lead's only one, else `sales`.
func (s *Store) Track(ctx context.Context, lead string) (string, error) {
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return "", err
	}
	w := where{conditions: []string{"dormant = 0"}}
	w.among("lead_id", m.ids)
	rows, err := s.db.Read().QueryContext(ctx, `SELECT track FROM tracks`+w.String()+` LIMIT 2`, w.args...)
	var tracks []string
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		var track string
		err := rows.Scan(&track)
		tracks = append(tracks, track)
		return err
	})
	if len(tracks) == 1 {
		return tracks[0], err
	}
	return "sales", err
}

// RequestApproval asks for an approval and returns it. The same request again returns
// what it made. Errors: *HandedOffError, *OpenApprovalError, ErrRequestReused.
func (s *Store) RequestApproval(ctx context.Context, r Request) (*handoffv1.Approval, error) {
	var out *handoffv1.Approval
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		lead := LeadID(r.Approval.GetLead())
		// One that was never decided has no lock yet.
		if _, err := tx.Exec(`INSERT INTO leads (lead_id, facts_version) VALUES ($1, 0) ON CONFLICT (lead_id) DO NOTHING`, lead); err != nil {
			return err
		}
		m, err := lockPerson(tx, lead)
		if err != nil {
			return err
		}
		moment := s.now()
		known, err := scanApproval(tx.QueryRow(selectApproval+` WHERE approval_id = $1`, r.ID))
		if err == nil {
			out, err = known.asOf(moment).answering(r.Digest)
			return err
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		a := &approval{Approval: proto.CloneOf(r.Approval), id: r.ID, digest: r.Digest}
		a.Name, a.State, a.RequestTime = ApprovalName(r.ID), handoffv1.Approval_STATE_REQUESTED, timestamppb.New(moment)
		out = a.Approval
		return s.open(tx, m, a, moment)
	})
	return out, err
}

// open stores a new approval, if the lead may have one.
func (s *Store) open(tx *sqldb.Tx, m members, a *approval, moment time.Time) error {
	lead := LeadID(a.GetLead())
	cycle, err := openCycle(tx, m, a.GetTrack())
	if err != nil {
		return err
	}
	if err := noneOpen(tx, m, a, moment); err != nil {
		return err
	}
	a.Cycle, a.revision = cycle, 1
	a.Etag = etag(a.revision)
	blob, err := a.content()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO approvals (approval_id, lead_id, track, state, revision, requester, decider, request_time, expire_time,
		request_digest, content) VALUES `+sqldb.Values(1, 11),
		a.id, lead, a.GetTrack(), int64(a.GetState()), a.revision, a.GetRequester(), "",
		sqldb.Micros(a.GetRequestTime().AsTime()), sqldb.Micros(a.GetExpireTime().AsTime()), a.digest, blob)
	if err != nil {
		return err
	}
	if err := s.reviewBy(tx, m.person, a.GetExpireTime().AsTime()); err != nil {
		return err
	}
	return s.Emit(tx, moment, a.event(event.ApprovalRequested, a.GetRequester()))
}

// openCycle is the cycle of a person in a track, 1 before the first; *HandedOffError if it
// has a handoff.
func openCycle(tx *sqldb.Tx, m members, track string) (int32, error) {
	cycle, handoff := int32(1), ""
	w := where{conditions: []string{"dormant = 0"}}
	w.among("lead_id", m.ids)
	w.terms([]Term{{TrackColumn, track}})
	err := tx.QueryRow(`SELECT cycle, handoff_id FROM tracks`+w.String(), w.args...).Scan(&cycle, &handoff)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if handoff != "" {
		return 0, &HandedOffError{HandoffName(handoff)}
	}
	return max(cycle, 1), nil
}

// noneOpen refuses a second open approval of a person in a track.
func noneOpen(tx *sqldb.Tx, m members, asked *approval, moment time.Time) error {
	w := where{conditions: []string{"state IN (1, 2)"}}
	w.among("lead_id", m.ids)
	w.terms([]Term{{TrackColumn, asked.GetTrack()}})
	var before []*approval
	rows, err := tx.Query(selectApproval+w.String(), w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		a, err := scanApproval(rows)
		before = append(before, a)
		return err
	})
	for _, a := range before {
		if a.asOf(moment).open() {
			return &OpenApprovalError{a.GetName(), a.GetState()}
		}
		if err := saveApproval(tx, a); err != nil { // its time was over, and nobody had written it down
			return err
		}
	}
	return err
}

// Word is what somebody says of an approval.
type Word struct {
	// Approval is its id.
	Approval string
	// Actor who says it, and Leads: a manager or admin.
	Actor string
	Leads bool
	// Comment for the record.
	Comment string
	// Etag that must match; empty: any.
	Etag string
}

// Approve grants an approval: the lead is due to be decided at once. Errors: ErrNotFound,
// ErrEtag, ErrOwnRequest, *ApprovalStateError, *HandedOffError.
func (s *Store) Approve(ctx context.Context, w Word) (*handoffv1.Approval, error) {
	a, err := s.say(ctx, w, func(tx *sqldb.Tx, m members, a *approval, moment time.Time) error {
		if err := a.decided(w, handoffv1.Approval_STATE_APPROVED, moment); err != nil {
			return err
		}
		if _, err := openCycle(tx, m, a.GetTrack()); err != nil {
			return err
		}
		if err := s.reviewNow(tx, m.person, moment); err != nil {
			return err
		}
		return s.Emit(tx, moment, a.event(event.ApprovalApproved, w.Actor))
	})
	if err == nil {
		s.due.Wake()
	}
	return a, err
}

// Decline refuses an approval. Errors: as of [Store.Approve].
func (s *Store) Decline(ctx context.Context, w Word) (*handoffv1.Approval, error) {
	return s.say(ctx, w, func(tx *sqldb.Tx, _ members, a *approval, moment time.Time) error {
		if err := a.decided(w, handoffv1.Approval_STATE_DECLINED, moment); err != nil {
			return err
		}
		return s.Emit(tx, moment, a.event(event.ApprovalDeclined, w.Actor))
	})
}

// decided notes who granted or refused it.
func (a *approval) decided(w Word, state handoffv1.Approval_State, moment time.Time) error {
	switch {
	case a.GetState() != handoffv1.Approval_STATE_REQUESTED:
		return &ApprovalStateError{a.GetState(), handoffv1.Approval_STATE_REQUESTED}
	case a.GetRequester() == w.Actor:
		return ErrOwnRequest
	}
	a.State, a.Decider, a.Comment, a.DecideTime = state, w.Actor, w.Comment, timestamppb.New(moment)
	if state == handoffv1.Approval_STATE_DECLINED {
		a.EndTime = a.DecideTime
	}
	return nil
}

// Revoke takes back what was granted and not used, or one's own request. The lead is due
// to be decided at once. Errors: ErrNotFound, ErrEtag, ErrNotTheirs, ErrForManagers,
// *ApprovalStateError.
func (s *Store) Revoke(ctx context.Context, w Word) (*handoffv1.Approval, error) {
	a, err := s.say(ctx, w, func(tx *sqldb.Tx, m members, a *approval, moment time.Time) error {
		switch {
		case !a.open():
			return &ApprovalStateError{a.GetState(), handoffv1.Approval_STATE_APPROVED}
		case a.GetState() == handoffv1.Approval_STATE_APPROVED && !w.Leads:
			return ErrForManagers
		case a.GetState() == handoffv1.Approval_STATE_REQUESTED && a.GetRequester() != w.Actor:
			return ErrNotTheirs
		}
		a.State, a.Revoker, a.RevokeComment, a.EndTime = handoffv1.Approval_STATE_REVOKED, w.Actor, w.Comment, timestamppb.New(moment)
		if err := s.reviewNow(tx, m.person, moment); err != nil {
			return err
		}
		return s.Emit(tx, moment, a.event(event.ApprovalRevoked, w.Actor))
	})
	if err == nil {
		s.due.Wake()
	}
	return a, err
}

// say changes an approval under the lock of its lead.
func (s *Store) say(ctx context.Context, w Word, change func(*sqldb.Tx, members, *approval, time.Time) error) (*handoffv1.Approval, error) {
	before, err := s.Approval(ctx, w.Approval)
	if err != nil {
		return nil, err
	}
	var a *approval
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		m, err := lockPerson(tx, LeadID(before.GetLead()))
		if err != nil {
			return err
		}
		if a, err = scanApproval(tx.QueryRow(selectApproval+` WHERE approval_id = $1`, w.Approval)); err != nil {
			return err
		}
		if w.Etag != "" && w.Etag != a.GetEtag() {
			return ErrEtag
		}
		moment := s.now()
		if err := change(tx, m, a.asOf(moment), moment); err != nil {
			return err
		}
		return saveApproval(tx, a)
	})
	if err != nil {
		return nil, err
	}
	return a.Approval, nil
}

// event tells of an approval. What people wrote is not in it, since it may be personal.
func (a *approval) event(kind, actor string) Event {
	return Event{
		Type: kind, Lead: a.GetLead(), Track: a.GetTrack(),
		Data: map[string]any{
			"approval": a.GetName(), "lead": a.GetLead(), "track": a.GetTrack(),
			"state": strings.TrimPrefix(a.GetState().String(), "STATE_"), "requester": a.GetRequester(), "actor": actor,
			"expireTime": a.GetExpireTime().AsTime().Format(time.RFC3339),
		},
	}
}

// Approval returns one, or ErrNotFound.
func (s *Store) Approval(ctx context.Context, id string) (*handoffv1.Approval, error) {
	a, err := scanApproval(s.db.Read().QueryRowContext(ctx, selectApproval+` WHERE approval_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return a.asOf(s.now()).Approval, nil
}

// Columns of the list of approvals.
const (
	RequesterColumn Column = "requester"
	DeciderColumn   Column = "decider"
)

// Approvals lists approvals, latest first.
func (s *Store) Approvals(ctx context.Context, terms []Term, place []any, limit int) ([]*handoffv1.Approval, error) {
	terms, err := s.ofPersons(ctx, terms)
	if err != nil {
		return nil, err
	}
	var w where
	moment := s.now()
	for _, t := range terms {
		if t.Column == StateColumn { // also those whose time is over, and nobody wrote it down yet
			t.Column = Column(fmt.Sprintf(`CASE WHEN state IN (1, 2) AND expire_time <= %s THEN %d ELSE state END`,
				w.arg(sqldb.Micros(moment)), handoffv1.Approval_STATE_EXPIRED))
		}
		w.terms([]Term{t})
	}
	w.from("request_time, approval_id", "<", place)
	var list []*handoffv1.Approval
	rows, err := s.db.Read().QueryContext(ctx, selectApproval+w.String()+
		` ORDER BY request_time DESC, approval_id DESC LIMIT `+w.arg(limit), w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		a, err := scanApproval(rows)
		if err == nil {
			list = append(list, a.asOf(moment).Approval)
		}
		return err
	})
	return list, err
}

// StandingApproval is the approval that stands in place of the gates for a lead in a track
// at an instant; nil: none does.
func (s *Store) StandingApproval(ctx context.Context, lead, track string, at time.Time) (*handoffv1.Approval, error) {
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return nil, err
	}
	w := where{}
	w.among("lead_id", m.ids)
	w.terms([]Term{{TrackColumn, track}})
	var handoff string
	err = s.db.Read().QueryRowContext(ctx, `SELECT handoff_id FROM tracks`+w.String()+` AND dormant = 0`, w.args...).Scan(&handoff)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	var standing *handoffv1.Approval
	rows, err := s.db.Read().QueryContext(ctx, selectApproval+w.String()+` AND decider <> ''`, w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		a, err := scanApproval(rows)
		if err == nil && a.stood(at, handoff) {
			standing = a.Approval
		}
		return err
	})
	return standing, err
}

// stood says whether it stood in place of the gates at an instant.
func (a *approval) stood(at time.Time, handoff string) bool {
	a.asOf(at)
	ended := a.GetEndTime() != nil && !at.Before(a.GetEndTime().AsTime())
	return a.GetState() != handoffv1.Approval_STATE_DECLINED && !a.GetDecideTime().AsTime().After(at) &&
		(!ended || a.stands(handoff))
}

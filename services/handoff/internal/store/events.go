package store

import (
	"database/sql"
	"slices"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/pattern"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Event is something that destinations are told of.
type Event struct {
	// ID of the event; empty: it gets a new one. An event with an id that is there already
	// is told once.
	ID string
	// Type is one of the catalogue.
	Type string
	// Lead and Handoff are what it is about, as resource names; empty: about none.
	Lead, Handoff string
	// Track it happened in; empty: in none. Destinations may take some tracks only.
	Track string
	// Data says what happened, without personal data. What is empty is left out.
	Data map[string]any
	// Traceparent of what caused it. Default: that of the transaction's context.
	Traceparent string
	// Destination it is for; empty: for whoever takes its type and track.
	Destination string
	// only are the ids of the destinations that may have it; none: all.
	only []string
}

// announce writes the events of what a transaction did to handoffs and leads.
func (s *Store) announce(tx *sqldb.Tx, h *happened) error {
	events := slices.Clone(h.events)
	for _, c := range h.changes {
		events = append(events, c.events()...)
	}
	for i := range h.moves {
		if e, ok := h.moves[i].event(); ok {
			events = append(events, e)
		}
	}
	for i := range events {
		events[i].Traceparent = h.traces[LeadID(events[i].Lead)]
	}
	if err := restrict(tx, h, events); err != nil {
		return err
	}
	return s.Emit(tx, h.moment, events...)
}

// events of a change of a handoff: what happened to it, and who has it.
func (c *change) events() []Event {
	h := c.after
	what := ""
	switch {
	case c.before == nil:
		what = event.HandoffCreated
	case c.before.GetState() != h.GetState() || c.cause == lifecycle.ByOutcome:
		what = endings[h.GetState()]
		if c.cause == lifecycle.ByOutcome {
			what = event.HandoffOutcome
		}
	}
	var events []Event
	if what != "" {
		events = append(events, c.event(what))
	}
	switch owner := c.before.GetOwner(); {
	case c.unassigned():
		events = append(events, c.event(event.HandoffUnassigned))
	case c.before != nil && h.GetOwner() != "" && h.GetOwner() != owner && what == "":
		events = append(events, c.event(event.HandoffAssigned))
	}
	return events
}

// endings are what a handoff's states are told as.
var endings = map[handoffv1.Handoff_State]string{
	handoffv1.Handoff_STATE_ACCEPTED:     event.HandoffAccepted,
	handoffv1.Handoff_STATE_REJECTED:     event.HandoffRejected,
	handoffv1.Handoff_STATE_RECYCLED:     event.HandoffRecycled,
	handoffv1.Handoff_STATE_DISQUALIFIED: event.HandoffClosed,
	handoffv1.Handoff_STATE_MERGED:       event.HandoffClosed,
}

func (c *change) event(kind string) Event {
	h := c.after
	codes := make([]string, len(h.GetReasons()))
	for i, r := range h.GetReasons() {
		codes[i] = r.GetCode()
	}
	data := map[string]any{
		"handoff": h.GetName(), "lead": h.GetLead(), "track": h.GetTrack(), "cycle": h.GetCycle(),
		"state": strings.TrimPrefix(h.GetState().String(), "STATE_"), "queue": h.GetQueue(), "owner": h.GetOwner(),
		"team": h.GetTeam(), "priority": h.GetPriority(), "action": h.GetAction(), "actor": c.actor,
	}
	e := Event{Type: kind, Lead: h.GetLead(), Handoff: h.GetName(), Track: h.GetTrack(), Data: data}
	if due := h.GetDueTime(); due != nil {
		data["dueTime"] = due.AsTime().Format(time.RFC3339)
	}
	switch kind {
	case event.HandoffCreated:
		// One of each handoff, whatever happens: the id says so.
		e.ID, e.only = HandoffID(h.GetName()), strings.Fields(c.handling.Destinations)
		data["reasons"], data["decision"] = codes, h.GetDecision()
	case event.HandoffAssigned:
		data["previousOwner"], data["assignReason"] = c.before.GetOwner(), h.GetAssignReason()
	case event.HandoffUnassigned:
		data["previousOwner"], data["assignReason"] = c.before.GetOwner(), h.GetAssignReason()
		e.only = strings.Fields(c.handling.Destinations)
	case event.HandoffOutcome:
		o := h.GetOutcome()
		data["outcome"] = strings.TrimPrefix(o.GetKind().String(), "KIND_")
		data["reason"], data["amount"], data["currencyCode"] = o.GetReason(), o.GetAmount(), o.GetCurrencyCode()
	default:
		data["reason"], data["subReason"] = h.GetOutcomeReason(), h.GetOutcomeSubReason()
	}
	return e
}

// event of a stage move, for marketing; false for a move that only sales hears of, by the
// handoff.
func (m *Move) event() (Event, bool) {
	kind, ok := map[lifecycle.Stage]string{
		lifecycle.Nurture: event.LeadNurture, lifecycle.Recycled: event.LeadRecycled, lifecycle.Disqualified: event.LeadDisqualified,
	}[m.To]
	return Event{
		ID: m.ID, Type: kind, Lead: LeadName(m.Lead), Track: m.Track,
		Data: map[string]any{
			"lead": LeadName(m.Lead), "track": m.Track, "cycle": m.Cycle, "fromStage": stageName(m.From), "toStage": stageName(m.To),
			"cause": string(m.Cause), "reason": m.Reason, "actor": m.Actor, "decision": DecisionName(m.Lead, m.Decision),
		},
	}, ok
}

func stageName(stage lifecycle.Stage) string {
	if stage == lifecycle.None {
		return ""
	}
	return stage.String()
}

// restrict holds the events of a handoff to the destinations that its standard names: it
// says so when the handoff is new, and it is kept for what follows.
func restrict(tx *sqldb.Tx, h *happened, events []Event) error {
	var rows []any
	var later []string
	for _, c := range h.changes {
		switch id := HandoffID(c.after.GetName()); {
		case c.before != nil:
			later = append(later, id)
		case c.handling.Destinations != "":
			rows = append(rows, id, c.handling.Destinations)
		}
	}
	for i := range h.events {
		later = append(later, HandoffID(h.events[i].Handoff))
	}
	if err := insert(tx, `INSERT INTO handoff_destinations (handoff_id, destinations) VALUES `, 2, ``, rows); err != nil {
		return err
	}
	return selectIn(tx, `SELECT handoff_id, destinations FROM handoff_destinations WHERE handoff_id IN (`, later, func(rows *sql.Rows) error {
		var id, destinations string
		if err := rows.Scan(&id, &destinations); err != nil {
			return err
		}
		for i := range events {
			if events[i].Handoff == HandoffName(id) {
				events[i].only = strings.Fields(destinations)
			}
		}
		return nil
	})
}

const (
	insertDeliveries = `INSERT INTO deliveries (delivery_id, destination_id, event_id, event_type, event_time, lead_id, handoff_id,
		data, traceparent, sample, first_time, due_time) VALUES `
	deliveryColumns = 12
)

// Emit writes events, as deliveries to the destinations that take them, in the transaction
// of what they tell of. Destinations that are disabled get them too: what is due waits.
func (s *Store) Emit(tx *sqldb.Tx, moment time.Time, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	takers, err := readTakers(tx)
	if err != nil || len(takers) == 0 {
		return err
	}
	at := sqldb.Micros(moment)
	var rows []any
	for i := range events {
		e := &events[i]
		var data []byte
		for _, t := range takers {
			if !t.takes(e) {
				continue
			}
			if data == nil {
				data = e.complete(tx)
			}
			rows = append(rows, newID(), t.id, e.ID, e.Type, at, LeadID(e.Lead), HandoffID(e.Handoff), data, e.Traceparent, 0, at, at)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	s.sends.Wake() // a look that comes too early is repeated soon
	return insert(tx, insertDeliveries, deliveryColumns, ` ON CONFLICT (event_id, destination_id) DO NOTHING`, rows)
}

// complete fills in what an event leaves to the store, and returns its data.
func (e *Event) complete(tx *sqldb.Tx) []byte {
	if e.ID == "" {
		e.ID = newID()
	}
	if e.Traceparent == "" {
		e.Traceparent = telemetry.Traceparent(tx.Context())
	}
	return event.Data(e.Data)
}

// taker is a destination, as far as it takes events.
type taker struct {
	id            string
	types, tracks []string
}

func readTakers(tx *sqldb.Tx) ([]taker, error) {
	var takers []taker
	rows, err := tx.Query(`SELECT destination_id, event_types, tracks FROM destinations ORDER BY destination_id`)
	return takers, scanAll(rows, err, func(rows *sql.Rows) error {
		var id, types, tracks string
		err := rows.Scan(&id, &types, &tracks)
		takers = append(takers, taker{id, strings.Fields(types), strings.Fields(tracks)})
		return err
	})
}

func (t *taker) takes(e *Event) bool {
	switch {
	case e.Destination != "":
		return e.Destination == DestinationName(t.id)
	case e.Type == event.DestinationDisabled && e.Data["destination"] == DestinationName(t.id):
		return false // it is not told of itself
	case len(e.only) > 0 && !slices.Contains(e.only, t.id):
		return false
	case len(t.tracks) > 0 && e.Track != "" && !slices.Contains(t.tracks, e.Track):
		return false
	}
	return slices.ContainsFunc(t.types, func(taken string) bool { return pattern.Matches(taken, e.Type) })
}

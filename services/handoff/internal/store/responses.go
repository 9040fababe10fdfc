package store

import (
	"database/sql"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// response is how quickly a handoff is answered, beside its clocks: what the machine took,
// and what people took by the clock on the wall, each by itself.
type response struct {
	handoff string
	rules   string // the id of the rules; empty: no clock runs
	request time.Time
	machine time.Duration
	touch   time.Time
	// reassigned counts how often a clock gave it to somebody else.
	reassigned int
	// due is when the running clock is; zero: none runs, or it never is.
	due time.Time
}

const (
	insertResponses = `INSERT INTO responses (handoff_id, rules_id, request_time, machine_time, touch_time, reassigned, due_time) VALUES `
	responseColumns = 7
	onResponse      = ` ON CONFLICT (handoff_id) DO UPDATE SET touch_time = excluded.touch_time,
		reassigned = excluded.reassigned, due_time = excluded.due_time`
)

func (r *response) columns() []any {
	return []any{
		r.handoff, r.rules, sqldb.Micros(r.request), r.machine.Microseconds(), sqldb.Micros(r.touch),
		r.reassigned, sqldb.Micros(r.due),
	}
}

// readResponses reads those of some handoffs.
func readResponses(from querier, handoffs []string) (map[string]*response, error) {
	found := make(map[string]*response, len(handoffs))
	err := selectIn(from, `SELECT handoff_id, rules_id, request_time, machine_time, touch_time, reassigned, due_time
		FROM responses WHERE handoff_id IN (`, handoffs, func(rows *sql.Rows) error {
		var r response
		var request, machine, touch, due int64
		err := rows.Scan(&r.handoff, &r.rules, &request, &machine, &touch, &r.reassigned, &due)
		r.request, r.touch, r.due = sqldb.Time(request), sqldb.Time(touch), sqldb.Time(due)
		r.machine = time.Duration(machine) * time.Microsecond
		found[r.handoff] = &r
		return err
	})
	return found, err
}

// fill says in the API's words what is known of the response to a handoff.
func (r *response) fill(h *handoffv1.Handoff) {
	h.DueTime, h.RequestTime, h.FirstTouchTime = timestamp(r.due), timestamp(r.request), timestamp(r.touch)
	if r.machine > 0 {
		h.MachineDuration = durationpb.New(r.machine)
	}
	if speed, known := r.speedToLead(); known {
		h.SpeedToLeadDuration = durationpb.New(speed)
	}
}

// speedToLead is how long the lead waited for a person.
func (r *response) speedToLead() (time.Duration, bool) {
	return max(r.touch.Sub(r.request), 0), !r.touch.IsZero() && !r.request.IsZero()
}

// timestamp is a time in the API; nil for none.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// request is when the lead asked, and what the machine took from then on. Of what time or
// a publish brought about nobody asked just now.
func (l *Lead) request(moment time.Time) (at time.Time, machine time.Duration) {
	if l.Cause != Live || l.Stirred.IsZero() {
		return l.Stirred, 0
	}
	at = l.Stirred
	if !l.Accepted.IsZero() && l.Accepted.Before(at) {
		at = l.Accepted // several captures are decided together: the first of them asked
	}
	return at, max(moment.Sub(at), 0) + l.AcceptDuration
}

// touches says whether a change is a person's answer to the lead.
func (c *change) touches() bool {
	return c.before.GetState() == handoffv1.Handoff_STATE_OPEN && c.after.GetState() != handoffv1.Handoff_STATE_OPEN &&
		c.cause != lifecycle.ByVerdict && !strings.HasPrefix(c.actor, "system:")
}

// standsFor says of handoffs whose lead is another by now who stands for it, and which were
// made while leads were merged that are apart by now.
func standsFor(from querier, handoffs []*handoffv1.Handoff) error {
	var leads []string
	for _, h := range handoffs {
		leads = append(leads, LeadID(h.GetLead()))
		for _, other := range h.GetMadeFor() {
			leads = append(leads, LeadID(other))
		}
	}
	persons, err := personsOf(from, leads)
	for _, h := range handoffs {
		lead := LeadID(h.GetLead())
		if h.Person = ""; persons[lead] != "" {
			h.Person = LeadName(persons[lead])
		}
		h.MadeWhileMerged = apart(persons, lead, h.GetMadeFor())
	}
	return err
}

// whole fills in what is kept beside the row of a handoff: how quickly it is answered, its
// clocks, and where it is sent.
func (s *Store) whole(from querier, handoffs ...*handoffv1.Handoff) error {
	ids := make([]string, len(handoffs))
	for i, h := range handoffs {
		ids[i] = HandoffID(h.GetName())
	}
	responses, err := readResponses(from, ids)
	if err != nil {
		return err
	}
	chains, err := s.readClocks(from, ids)
	if err != nil {
		return err
	}
	now := s.now()
	byID := make(map[string]*handoffv1.Handoff, len(handoffs))
	for i, h := range handoffs {
		byID[ids[i]] = h
		if r := responses[ids[i]]; r != nil {
			r.fill(h)
		}
		h.Clocks = clocksAt(chains[ids[i]], now)
	}
	if err := standsFor(from, handoffs); err != nil {
		return err
	}
	return s.deliver(from, byID)
}

package store

import (
	"cmp"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// What a claim says of who a person is, is done before the person is decided, in its
// transaction and under the locks of all leads in question. A claim speaks for its own
// person only. Those whom it leaves over stay together until a claim of theirs speaks, so
// it does not matter which comes first; and one that is older than what is known of any of
// its leads decides nothing.

// kin is what is known of a lead that was, is or becomes a part of a person.
type kin struct {
	person   string // the lead that stands for it
	identity int32
	facts    int32
	known    bool // it was decided
}

// adopting is the persons of one transaction that may become others.
type adopting struct {
	*batch
	kin map[string]*kin
	// rows are where the leads stand, by lead and track.
	rows map[key]*track
}

// adopt makes persons what their claims say they are, and returns the claims that hold.
func (b *batch) adopt(claims []*Lead) ([]*Lead, error) {
	if !slices.ContainsFunc(claims, func(l *Lead) bool { return l.IdentityVersion > 0 }) {
		return claims, nil
	}
	var all []string
	for _, l := range claims {
		all = append(append(all, l.ID), l.Members...)
	}
	a := adopting{batch: b, kin: map[string]*kin{}}
	if err := a.lock(all); err != nil {
		return nil, err
	}
	held := claims[:0:0]
	for _, l := range claims {
		if !a.holds(l) {
			continue
		}
		held = append(held, l)
		if k := a.kin[l.ID]; l.IdentityVersion == 0 || k.identity == l.IdentityVersion && k.person == l.ID {
			continue // as it was
		}
		if err := a.follow(l); err != nil {
			return nil, err
		}
	}
	// One that held may have been outdone by another.
	return slices.DeleteFunc(held, func(l *Lead) bool { return !a.holds(l) }), nil
}

// holds says whether nothing newer is known of any lead that a claim speaks of.
func (a *adopting) holds(l *Lead) bool {
	return a.kin[l.ID].facts <= l.FactsVersion && !slices.ContainsFunc(append([]string{l.ID}, l.Members...), func(id string) bool {
		return a.kin[id].identity > l.IdentityVersion
	})
}

// lock locks leads and whoever is one person with them, in the order of their ids. Whom
// it finds only then it locks, too: two that cross are told apart by the database, and one
// of them begins again.
func (a *adopting) lock(leads []string) error {
	var missing []string
	for len(leads) > 0 {
		leads = distinct(leads)
		missing = append(missing, leads...)
		var roots []string
		err := selectIn(a.tx, `SELECT lead_id, person_id, identity_version, facts_version FROM leads WHERE lead_id IN (`, leads, func(rows *sql.Rows) error {
			var id string
			var k kin
			err := rows.Scan(&id, &k.person, &k.identity, &k.facts)
			k.person, k.known = cmp.Or(k.person, id), k.facts > 0
			a.kin[id], roots = &k, append(roots, k.person)
			return err
		}, `) ORDER BY lead_id`+a.tx.Dialect().ForUpdate())
		if err != nil {
			return err
		}
		more := slices.Clone(roots)
		err = selectIn(a.tx, `SELECT lead_id FROM leads WHERE person_id <> '' AND person_id IN (`, distinct(roots), func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			more = append(more, id)
			return err
		})
		if err != nil {
			return err
		}
		leads = slices.DeleteFunc(more, func(id string) bool { return a.kin[id] != nil || slices.Contains(missing, id) })
	}
	for _, id := range missing {
		if a.kin[id] == nil {
			a.kin[id] = &kin{person: id}
		}
	}
	return nil
}

// membersOf are the leads of a person, sorted.
func (a *adopting) membersOf(person string) []string {
	var ids []string
	for id, k := range a.kin {
		if k.person == person {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// follow does what one claim says.
func (a *adopting) follow(l *Lead) error {
	now := distinct(append([]string{l.ID}, l.Members...))
	before := map[string][]string{} // the leads of each person that is concerned
	for _, id := range now {
		root := a.kin[id].person
		before[root] = a.membersOf(root)
	}
	left := a.point(l, now, before)
	if err := a.writeKin(now, left); err != nil {
		return err
	}
	return a.stand(l, now, before, left)
}

// point notes whose leads are whose, and returns those that are not the person's any more,
// each with those that stay with it.
func (a *adopting) point(l *Lead, now []string, before map[string][]string) (left [][]string) {
	for _, root := range slices.Sorted(maps.Keys(before)) {
		rest := slices.DeleteFunc(slices.Clone(before[root]), func(id string) bool { return slices.Contains(now, id) })
		if len(rest) == 0 {
			continue
		}
		person := root
		if !slices.Contains(rest, root) {
			person = rest[0]
		}
		for _, id := range rest {
			a.kin[id].person = person
		}
		left = append(left, rest)
	}
	for _, id := range now {
		a.kin[id].person, a.kin[id].identity = l.ID, l.IdentityVersion
	}
	return left
}

// writeKin writes whose leads are whose.
func (a *adopting) writeKin(now []string, left [][]string) error {
	var rows []any
	for _, id := range distinct(slices.Concat(append(left, now)...)) {
		k := a.kin[id]
		person := k.person
		if person == id {
			person = ""
		}
		rows = append(rows, id, 0, person, int64(k.identity))
	}
	return insert(a.tx, `INSERT INTO leads (lead_id, facts_version, person_id, identity_version) VALUES `, 4,
		` ON CONFLICT (lead_id) DO UPDATE SET person_id = excluded.person_id, identity_version = excluded.identity_version`, rows)
}

// stand finds for each person in each track the row that says where it stands, and does
// what follows where that is another.
func (a *adopting) stand(l *Lead, now []string, before map[string][]string, left [][]string) error {
	joined := a.joined(before)
	if err := a.read(slices.Concat(append(left, now)...)); err != nil || len(a.rows) == 0 {
		return err
	}
	for _, ids := range append(left, now) {
		if err := a.choose(ids); err != nil {
			return err
		}
	}
	if err := a.hand(l, now); err != nil {
		return err
	}
	if joined {
		if err := a.tell(event.LeadMerged, now, before); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		for _, part := range append(left, now) {
			if err := a.tell(event.LeadUnmerged, part, before); err != nil {
				return err
			}
		}
	} else if !joined {
		return nil
	}
	// The claim brings its whole history, and with it the outcomes that are the person's.
	_, err := a.tx.Exec(`UPDATE leads SET outcome = NULL, outcome_time = 0 WHERE lead_id = $1`, l.ID)
	return err
}

// joined says whether leads became one person that were decided before, each for itself. A
// visitor of whom nothing was known changes nothing.
func (a *adopting) joined(before map[string][]string) bool {
	known := 0
	for _, ids := range before {
		if slices.ContainsFunc(ids, func(id string) bool { return a.kin[id].known }) {
			known++
		}
	}
	return known > 1
}

// read reads where leads stand.
func (a *adopting) read(leads []string) error {
	a.rows = map[key]*track{}
	return selectIn(a.tx, selectTrack+` WHERE lead_id IN (`, leads, func(rows *sql.Rows) error {
		t, err := scanTrack(rows)
		a.rows[key{t.lead, t.name}] = &t
		return err
	})
}

// choose finds the rows that say where the person of some leads stands. Rows that sleep
// are asked only where none is awake.
func (a *adopting) choose(ids []string) error {
	var names []string
	for k := range a.rows {
		if slices.Contains(ids, k.lead) {
			names = append(names, k.of)
		}
	}
	for _, name := range distinct(names) {
		var awake, asleep []*track
		for _, id := range ids {
			switch t := a.rows[key{id, name}]; {
			case t == nil:
			case t.dormant:
				asleep = append(asleep, t)
			default:
				awake = append(awake, t)
			}
		}
		if err := a.chooseAmong(awake, asleep); err != nil {
			return err
		}
	}
	return nil
}

func (a *adopting) chooseAmong(awake, asleep []*track) error {
	if len(awake) == 1 {
		return nil
	}
	rows := awake
	if len(rows) == 0 {
		rows = asleep
	}
	candidates := make([]*lifecycle.Candidate, len(rows))
	byCandidate := map[*lifecycle.Candidate]*track{}
	for i, t := range rows {
		c, err := a.candidate(t)
		if err != nil {
			return err
		}
		candidates[i], byCandidate[c] = c, t
	}
	slices.SortFunc(candidates, (*lifecycle.Candidate).Compare)
	first := candidates[0]
	if t := byCandidate[first]; t.dormant {
		return a.sleep(t, false)
	}
	for _, c := range candidates[1:] {
		t := byCandidate[c]
		if c.Open() {
			if err := a.closeMerged(t, first); err != nil {
				return err
			}
		}
		if err := a.sleep(t, true); err != nil {
			return err
		}
	}
	return nil
}

// candidate is a row as the lifecycle compares it.
func (a *adopting) candidate(t *track) (*lifecycle.Candidate, error) {
	c := &lifecycle.Candidate{Standing: t.standing, Lead: t.lead, Own: a.kin[t.lead].person == t.lead}
	if t.handoff != "" {
		h, err := scanHandoff(a.tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, t.handoff))
		if err != nil {
			return nil, err
		}
		if holds(h) {
			c.HandedOff = h.GetCreateTime().AsTime()
		}
	}
	if t.standing.Stage == lifecycle.Disqualified {
		var cause string
		err := a.tx.QueryRow(`SELECT cause FROM stage_moves WHERE lead_id = $1 AND track = $2 ORDER BY move_time DESC, move_id DESC LIMIT 1`,
			t.lead, t.name).Scan(&cause)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		c.Said = cause == string(lifecycle.ByDisqualify)
	}
	return c, nil
}

// sleep has a row sleep, or wakes it.
func (a *adopting) sleep(t *track, sleeps bool) error {
	t.dormant = sleeps
	_, err := a.tx.Exec(`UPDATE tracks SET dormant = $1 WHERE lead_id = $2 AND track = $3`, boolColumn(sleeps), t.lead, t.name)
	return err
}

// closeMerged closes the handoff of a row that does not go on: as merged with the one that
// does, or as disqualified if it is somebody's word that stands.
func (a *adopting) closeMerged(t *track, first *lifecycle.Candidate) error {
	h, err := scanHandoff(a.tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, t.handoff))
	if err != nil {
		return err
	}
	before := proto.CloneOf(h)
	p := &person{Actor: Qualifier, track: *t, moment: a.moment}
	move, err := p.move(a.tx, h, lifecycle.Step{To: lifecycle.Lead, Cause: lifecycle.ByMerge, By: lifecycle.System})
	if err != nil {
		return err
	}
	if first.Stage == lifecycle.Disqualified {
		h.State, h.OutcomeReason, h.OutcomeSubReason = handoffv1.Handoff_STATE_DISQUALIFIED, first.Reason, first.SubReason
	}
	if err := p.save(a.tx, h); err != nil {
		return err
	}
	t.standing, t.handoff = p.after, ""
	a.happened.changes = append(a.happened.changes, &change{before: before, after: h, cause: lifecycle.ByMerge, actor: Qualifier})
	a.move(*move)
	return nil
}

// hand gives to the person what waits for its leads: they are no persons any more.
func (a *adopting) hand(l *Lead, now []string) error {
	for _, id := range now {
		if id == l.ID {
			continue
		}
		_, err := a.tx.Exec(`INSERT INTO held_leads (lead_id, track, version, create_time, due_time)
			SELECT $1, track, version, create_time, due_time FROM held_leads WHERE lead_id = $2
			ON CONFLICT (lead_id, track) DO NOTHING`, l.ID, id)
		if err != nil {
			return err
		}
		for _, table := range []string{"held_leads", "reviews"} {
			if _, err := a.tx.Exec(`DELETE FROM `+table+` WHERE lead_id = $1`, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell tells sales of a person that became another: of each handoff that is open whoever
// hears of it, else everybody, if sales ever had one of the leads.
func (a *adopting) tell(kind string, part []string, before map[string][]string) error {
	data := func() map[string]any {
		others := slices.DeleteFunc(distinct(slices.Concat(slices.Collect(maps.Values(before))...)), func(id string) bool { return slices.Contains(part, id) })
		d := map[string]any{"lead": LeadName(a.kin[part[0]].person), "leads": names(part)}
		if kind == event.LeadUnmerged {
			d["apartFrom"] = names(others)
		}
		return d
	}
	open := false
	for _, k := range slices.SortedFunc(maps.Keys(a.rows), func(x, y key) int { return cmp.Or(cmp.Compare(x.of, y.of), cmp.Compare(x.lead, y.lead)) }) {
		t := a.rows[k]
		if slices.Contains(part, k.lead) && !t.dormant && t.handoff != "" && t.standing.Stage.Worked() {
			h, err := scanHandoff(a.tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, t.handoff))
			if err != nil {
				return err
			}
			open = true
			d := data()
			maps.Copy(d, map[string]any{"handoff": h.GetName(), "handoffLead": h.GetLead(), "track": h.GetTrack(), "owner": h.GetOwner()})
			a.happened.events = append(a.happened.events, Event{Type: kind, Lead: h.GetLead(), Handoff: h.GetName(), Track: h.GetTrack(), Data: d})
		}
	}
	if open {
		return nil
	}
	known := false
	err := selectIn(a.tx, `SELECT 1 FROM handoffs WHERE lead_id IN (`, part, func(*sql.Rows) error {
		known = true
		return nil
	}, `) LIMIT 1`)
	if known {
		a.happened.events = append(a.happened.events, Event{Type: kind, Lead: LeadName(a.kin[part[0]].person), Data: data()})
	}
	return err
}

// names are the resource names of leads.
func names(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = LeadName(id)
	}
	return out
}

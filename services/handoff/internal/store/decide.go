package store

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Qualifier is the actor of moves that a verdict causes.
const Qualifier = "system:qualifier"

// Result is what became of a lead.
type Result struct {
	// State says whether it was decided.
	State State
	// Digest of the decision, if it was.
	Digest *typev1.DecisionDigest
	// Changes are what it meant, one for each track.
	Changes []Change
}

// Change is what a decision meant in a track.
type Change struct {
	// Track of the change.
	Track string
	// VerdictBefore and VerdictAfter are the leading verdicts; VERDICT_UNSPECIFIED for
	// one that was never decided.
	VerdictBefore, VerdictAfter typev1.Verdict
	// StageBefore and StageAfter are where the lead stood and where the verdict leads
	// it, at once or when it is released.
	StageBefore, StageAfter typev1.LifecycleStage
	// Leading is the assessment that leads; nil if no standard speaks of the lead in the
	// track any more. VerdictAfter is unspecified then.
	Leading *Assessment
}

// Qualifies says whether the lead qualifies and did not before.
func (c *Change) Qualifies() bool {
	return c.VerdictAfter == typev1.Verdict_VERDICT_QUALIFIED && c.VerdictBefore != c.VerdictAfter
}

// Drops says whether the lead qualified before and does no more.
func (c *Change) Drops() bool {
	return c.VerdictBefore == typev1.Verdict_VERDICT_QUALIFIED && c.VerdictBefore != c.VerdictAfter
}

// State of a lead after Decide.
type State int8

const (
	// Decided: stored.
	Decided State = iota
	// Stale: a newer facts version was decided before; nothing changed.
	Stale
	// Outdated: another version of a standard decides by now; nothing changed. Score
	// again.
	Outdated
)

// Decide stores what was said of some leads, and what follows from it, in one
// transaction. leads has each lead once. The results are in the order of the leads.
func (s *Store) Decide(ctx context.Context, leads []*Lead) ([]Result, error) {
	order := lockOrder(leads)
	var results []Result
	tells := false
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		results = make([]Result, len(leads))
		b := batch{tx: tx, querier: tx, moment: s.now()}
		if err := b.admit(leads, order, s.activeIn, results); err != nil {
			return err
		}
		if err := b.decideAdmitted(leads, results); err != nil {
			return err
		}
		if err := b.write(s); err != nil {
			return err
		}
		tells = len(b.newTellings) > 0
		return nil
	})
	if err == nil && tells {
		s.waker.Wake()
	}
	return results, err
}

// Foresee says what Decide would, and stores nothing.
func (s *Store) Foresee(ctx context.Context, leads []*Lead) ([]Result, error) {
	results := make([]Result, len(leads))
	b := batch{querier: reader{ctx, s.db}, moment: s.now(), admitted: lockOrder(leads)}
	for _, i := range b.admitted {
		b.ids = append(b.ids, leads[i].ID)
	}
	err := b.decideAdmitted(leads, results)
	return results, err
}

// lockOrder is the order in which everybody locks leads.
func lockOrder(leads []*Lead) []int {
	order := make([]int, len(leads))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(leads[i].ID, leads[j].ID) })
	return order
}

// batch is one decide transaction.
type batch struct {
	tx *sqldb.Tx // nil if nothing is to be stored
	querier
	moment   time.Time
	admitted []int    // indexes of the leads that are decided
	ids      []string // their ids

	// persons are the leads that another stands for, with that one; leads are all of which
	// rows are read.
	persons map[string]string
	leads   []string

	tracks   map[key]track
	known    map[string][]string // tracks by lead
	verdicts map[key]verdict
	said     map[string][]string // standards that said something, by lead
	// captures keep, of leads of which only our own facts came back, what the
	// capture before took and where its trace is.
	captures map[key]*handoffv1.Qualification
	// held are the tracks in which a lead is held.
	held map[string][]string
	// reviews are when time alone may change a verdict, by lead.
	reviews map[string]time.Time
	// approvals are those that wait, stand or were used, by lead.
	approvals map[string][]*approval

	// Columns of the rows to write.
	newVerdicts, newTracks, newDecisions, newMoves, newTellings, newReviews []any
	// Handoffs to withdraw, by their ids.
	toWithdraw []string
	// What happened to handoffs and leads.
	happened happened
	// Leads to hold, and those to hold no more.
	toHold, toDrop []heldLead
	// Approvals that ended.
	endedApprovals []*approval
	// Leads without a review time any more.
	reviewed []any
	// Verdicts of standards that say nothing of the lead any more.
	outgrown []key
}

// key is a lead with a track or a standard.
type key struct{ lead, of string }

// verdict is what a standard said of a lead before.
type verdict struct {
	lead           string // whose row it is
	version        string
	verdict        int64
	reasons        int64
	fitClass, band string
	decision       string
	cycle          int64
}

// admit locks the leads and finds those to decide: scored with the versions that
// are active still, nothing newer decided, and a person still.
func (b *batch) admit(leads []*Lead, order []int, activeIn func(*sqldb.Tx) (map[string]string, error), results []Result) error {
	active, err := activeIn(b.tx)
	if err != nil {
		return err
	}
	var claims []*Lead
	index := make(map[string]int, len(leads))
	for _, i := range order {
		l := leads[i]
		if slices.ContainsFunc(l.Assessments, func(a Assessment) bool { return active[a.Standard] != a.Version }) {
			results[i].State = Outdated
			continue
		}
		results[i].State = Stale // unless the row is written
		index[l.ID] = i
		claims = append(claims, l)
	}
	if claims, err = b.adopt(claims); err != nil {
		return err
	}
	values := make([]any, 0, len(claims)*5)
	for _, l := range claims {
		outcome, at, err := outcomeColumns(l.Outcome)
		if err != nil {
			return err
		}
		values = append(values, l.ID, int64(l.FactsVersion), outcome, at, int64(l.IdentityVersion))
	}
	return insertReturning(b.tx,
		`INSERT INTO leads (lead_id, facts_version, outcome, outcome_time, identity_version) VALUES `, 5,
		` ON CONFLICT (lead_id) DO UPDATE SET
			facts_version = excluded.facts_version,
			outcome = CASE WHEN excluded.outcome_time > leads.outcome_time THEN excluded.outcome ELSE leads.outcome END,
			outcome_time = CASE WHEN excluded.outcome_time > leads.outcome_time THEN excluded.outcome_time ELSE leads.outcome_time END
		WHERE leads.facts_version <= excluded.facts_version AND leads.identity_version <= excluded.identity_version
		RETURNING lead_id`,
		values, func(rows *sql.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			results[index[id]].State = Decided
			b.admitted = append(b.admitted, index[id])
			b.ids = append(b.ids, id)
			return nil
		})
}

// decideAdmitted decides the admitted leads.
func (b *batch) decideAdmitted(leads []*Lead, results []Result) error {
	if err := b.read(leads); err != nil {
		return err
	}
	for _, i := range b.admitted {
		var err error
		if results[i].Digest, results[i].Changes, err = b.decide(leads[i]); err != nil {
			return err
		}
	}
	return nil
}

// read reads where the leads stood.
func (b *batch) read(leads []*Lead) error {
	b.gather(leads)
	if err := b.readTracks(); err != nil {
		return err
	}
	if err := b.readHeld(); err != nil {
		return err
	}
	if err := b.readReviews(); err != nil {
		return err
	}
	if err := b.readApprovals(); err != nil {
		return err
	}
	err := selectIn(b.querier,
		`SELECT lead_id, standard_id, track, version, verdict, reasons_hash, fit_class, engagement_band, decision_id, cycle
		FROM verdicts WHERE lead_id IN (`,
		b.leads, func(rows *sql.Rows) error {
			var of, track string
			var v verdict
			err := rows.Scan(&v.lead, &of, &track, &v.version, &v.verdict, &v.reasons, &v.fitClass, &v.band, &v.decision, &v.cycle)
			k := key{b.person(v.lead), of}
			if b.tracks[key{k.lead, track}].lead != v.lead {
				return err // of a row that sleeps
			}
			b.verdicts[k] = v
			b.said[k.lead] = append(b.said[k.lead], of)
			return err
		})
	if err != nil {
		return err
	}
	return b.readCaptures(leads)
}

// readCaptures reads the timings and traces that a pass over our own facts, or over
// none, keeps. Such a pass follows each stage move within milliseconds and each publish;
// with its own it would hide those of the capture, which people ask about.
func (b *batch) readCaptures(leads []*Lead) error {
	b.captures = map[key]*handoffv1.Qualification{}
	var ids []string
	for _, i := range b.admitted {
		if l := leads[i]; l.Cause != Live || (l.Stirred.IsZero() && l.Outcome == nil) {
			ids = append(ids, l.all()...)
		} else if slices.ContainsFunc(l.Assessments, func(a Assessment) bool { return b.stands(l, &a) }) {
			ids = append(ids, l.all()...)
		}
	}
	return selectIn(b.querier, `SELECT lead_id, standard_id, evidence FROM verdicts WHERE lead_id IN (`,
		ids, func(rows *sql.Rows) error {
			var k key
			var blob []byte
			if err := rows.Scan(&k.lead, &k.of, &blob); err != nil {
				return err
			}
			var before handoffv1.Qualification
			if err := proto.Unmarshal(blob, &before); err != nil {
				return err
			}
			row := k.lead
			if k.lead = b.person(row); b.verdicts[k].lead == row {
				b.captures[k] = &before
			}
			return nil
		})
}

// decide adds the rows of one lead and returns the digest of its decision and what it
// meant.
func (b *batch) decide(l *Lead) (digest *typev1.DecisionDigest, changes []Change, err error) {
	var leading *Assessment
	tracks := byTrack(l.Assessments)
	b.expireApprovals(l.ID)
	for name, assessments := range tracks {
		before, known := b.tracks[key{l.ID, name}]
		if !known {
			before = track{lead: l.ID, person: l.ID, name: name}
		}
		for _, a := range assessments {
			b.keep(l, a)
		}
		if a := b.standing(before); a != nil {
			before = before.approve(assessments, a)
		}
		f := follow(before, l, assessments, b.moment)
		if f.handsOff {
			f.handoff = newID()
			b.useApprovals(&f)
		}
		leadingDecision := ""
		for _, a := range assessments {
			id, err := b.assess(l, a, &f)
			if err != nil {
				return nil, nil, err
			}
			if a == f.leading {
				leadingDecision = id
			}
		}
		b.follow(l, &f, leadingDecision)
		b.hold(&before, &f)
		changes = append(changes, Change{
			Track: name, VerdictBefore: typev1.Verdict(before.verdict), VerdictAfter: verdictOf(f.leading.Decision.Verdict),
			StageBefore: stageOf(before.standing.Stage), StageAfter: stageOf(f.bound), Leading: f.leading,
		})
		if leading == nil || f.leading.opinion().Compare(leading.opinion()) < 0 {
			leading, digest = f.leading, digestOf(l, &f)
		}
	}
	for _, name := range b.known[l.ID] {
		if before := b.tracks[key{l.ID, name}]; tracks[name] == nil && before.verdict != 0 {
			stage := stageOf(before.standing.Stage)
			changes = append(changes, Change{Track: name, VerdictBefore: typev1.Verdict(before.verdict), StageBefore: stage, StageAfter: stage})
		}
	}
	b.forget(l)
	b.dropHeld(l.ID, tracks)
	b.review(l)
	return digest, changes, nil
}

// byTrack groups assessments by track.
func byTrack(assessments []Assessment) map[string][]*Assessment {
	groups := make(map[string][]*Assessment, 1)
	for i := range assessments {
		a := &assessments[i]
		groups[a.Track] = append(groups[a.Track], a)
	}
	return groups
}

// assess adds the row of a verdict, and a record if it changed, and returns the id
// of the latest record.
func (b *batch) assess(l *Lead, a *Assessment, f *followed) (string, error) {
	now := verdict{
		lead: f.lead, version: a.Version, verdict: int64(verdictOf(a.Decision.Verdict)), reasons: reasonsHash(&a.Decision, l.besides(f.lead)),
		fitClass: a.Fit.GetFitClass(), band: a.Engagement.GetEngagementBand(), cycle: int64(f.standing.Cycle),
	}
	if a.Decision.Barred() {
		now.cycle = noCycle
	}
	evidence := b.evidence(l, a)
	before := b.verdicts[key{l.ID, a.Standard}]
	if b.stands(l, a) {
		return before.decision, nil
	}
	now.decision = before.decision
	if before.cycle == 0 {
		before.cycle = now.cycle // stored before cycles were noted
	}
	if before.lead != "" && before.lead != f.lead {
		b.outgrown = append(b.outgrown, key{before.lead, a.Standard})
	}
	if now != before {
		now.decision = newID()
		record := proto.CloneOf(evidence)
		record.Name, record.Lead = LeadName(f.lead)+"/qualification", LeadName(f.lead)
		record.Track, record.Stage, record.Cycle = a.Track, stageOf(f.standing.Stage), int32(f.standing.Cycle)
		record.Verdict = verdictOf(a.Decision.Verdict)
		record.FitClass, record.EngagementBand = now.fitClass, now.band
		record.FitScore, record.EngagementScore = scoreOf(a.Fit), engagementOf(a.Engagement)
		record.StandardVersion = a.Version
		record.Handoff = HandoffName(f.handoff)
		blob, err := proto.Marshal(&handoffv1.Decision{
			Name: DecisionName(f.lead, now.decision), Evidence: record, MadeFor: l.besides(f.lead),
			AttributesJson: a.attributes(), LeadSourceJson: l.LeadSourceJSON,
		})
		if err != nil {
			return "", err
		}
		b.newDecisions = append(b.newDecisions, f.lead, sqldb.Micros(b.moment), now.decision, blob)
	}
	blob, err := proto.Marshal(evidence)
	if err != nil {
		return "", err
	}
	b.newVerdicts = append(b.newVerdicts, f.lead, a.Standard, a.Track, now.version, now.verdict, now.reasons,
		now.fitClass, now.band, now.decision, blob, now.cycle)
	return now.decision, nil
}

// follow adds the rows of what happened in a track.
func (b *batch) follow(l *Lead, f *followed, decision string) {
	moment := sqldb.Micros(b.moment)
	if l.Traceparent != "" {
		if b.happened.traces == nil {
			b.happened.traces = map[string]string{}
		}
		b.happened.traces[f.lead] = l.Traceparent
	}
	if f.moved {
		b.move(Move{
			ID: newID(), Lead: f.lead, Track: f.name, Cycle: f.standing.Cycle,
			From: f.from, To: f.standing.Stage, Cause: lifecycle.ByVerdict, Reason: f.standing.Reason,
			Actor: Qualifier, Decision: decision, Version: f.leading.Version, Time: b.moment,
		})
	}
	if f.withdraws != "" {
		b.toWithdraw = append(b.toWithdraw, f.withdraws)
	}
	if f.handsOff {
		c := handOff(l, f, decision)
		c.requested, c.machine = l.request(b.moment)
		b.happened.changes = append(b.happened.changes, c)
	}
	fit, engagement := hundredths(scoreOf(f.leading.Fit)), hundredths(engagementOf(f.leading.Engagement))
	order := engagement
	if order == nil {
		order = int64(math.MinInt64)
	}
	b.newTracks = append(b.newTracks, f.lead, f.name, int64(f.standing.Stage), f.standing.Cycle, boolColumn(f.standing.Stirred),
		sqldb.Micros(f.standing.Since), f.handoff, f.leading.Standard, f.leading.Version, int64(verdictOf(f.leading.Decision.Verdict)),
		fit, f.leading.Fit.GetFitClass(), engagement, f.leading.Engagement.GetEngagementBand(), order,
		int64(l.FactsVersion), moment,
		f.standing.Reason, f.standing.SubReason, f.standing.Waived, f.standing.Qualified, f.standing.Recycled)
}

// handOff is the new handoff of a lead.
func handOff(l *Lead, f *followed, decision string) *change {
	handling := f.leading.Handling
	h := &handoffv1.Handoff{
		Name: HandoffName(f.handoff), Lead: LeadName(f.lead), MadeFor: l.besides(f.lead), Track: f.name, Cycle: int32(f.standing.Cycle),
		State: handoffv1.Handoff_STATE_OPEN, Queue: handling.Queue, Priority: int32(handling.Priority), Action: handling.Action,
		Decision: DecisionName(f.lead, decision), Exception: f.leading.Decision.Exception(), Approval: f.approval,
	}
	for _, a := range f.qualified {
		h.Reasons = append(h.Reasons, reasonsOf(a.Decision.Reasons)...)
	}
	return &change{after: h, cause: lifecycle.ByVerdict, actor: Qualifier, handling: handling, rank: rank(l, f.leading)}
}

// move adds a stage move and what ingest is told of it.
func (b *batch) move(m Move) {
	b.happened.moves = append(b.happened.moves, m)
	b.newMoves = append(b.newMoves, m.columns()...)
	if t, ok := m.telling(); ok {
		b.newTellings = append(b.newTellings, t.columns(b.moment)...)
	}
}

// write writes what was added.
func (b *batch) write(s *Store) error {
	b.happened.moment = b.moment
	if err := b.withdraw(); err != nil {
		return err
	}
	if err := s.follows(b.tx, &b.happened); err != nil {
		return err
	}
	if err := saveHandoffs(b.tx, &b.happened); err != nil {
		return err
	}
	if err := insertHandoffs(b.tx, &b.happened); err != nil {
		return err
	}
	for _, rows := range []struct {
		head    string
		columns int
		tail    string
		values  []any
	}{
		{
			`INSERT INTO verdicts (lead_id, standard_id, track, version, verdict, reasons_hash, fit_class, engagement_band, decision_id, evidence, cycle) VALUES `, 11,
			` ON CONFLICT (lead_id, standard_id) DO UPDATE SET track = excluded.track, version = excluded.version,
				verdict = excluded.verdict, reasons_hash = excluded.reasons_hash, fit_class = excluded.fit_class,
				engagement_band = excluded.engagement_band, decision_id = excluded.decision_id, evidence = excluded.evidence, cycle = excluded.cycle`, b.newVerdicts,
		},
		{
			`INSERT INTO tracks (lead_id, track, stage, cycle, stirred, rest_time, handoff_id, standard_id, version, verdict,
			fit_score, fit_class, engagement_score, engagement_band, engagement_order, facts_version, decide_time,
			reason, sub_reason, waived, qualified_count, recycled_count) VALUES `, 22,
			` ON CONFLICT (lead_id, track) DO UPDATE SET stage = excluded.stage, cycle = excluded.cycle, stirred = excluded.stirred,
				rest_time = excluded.rest_time, handoff_id = excluded.handoff_id, standard_id = excluded.standard_id,
				version = excluded.version, verdict = excluded.verdict, fit_score = excluded.fit_score, fit_class = excluded.fit_class,
				engagement_score = excluded.engagement_score, engagement_band = excluded.engagement_band,
				engagement_order = excluded.engagement_order, facts_version = excluded.facts_version, decide_time = excluded.decide_time,
				reason = excluded.reason, sub_reason = excluded.sub_reason, waived = excluded.waived,
				qualified_count = excluded.qualified_count, recycled_count = excluded.recycled_count`, b.newTracks,
		},
		{`INSERT INTO decisions (lead_id, decide_time, decision_id, evidence) VALUES `, 4, ``, b.newDecisions},
		{insertMoves, moveColumns, ``, b.newMoves},
		{insertTellings, tellingColumns, ``, b.newTellings},
		{insertReviews, reviewColumns, s.reviews.OnConflict() + reviewConflict, b.newReviews},
	} {
		if err := insert(b.tx, rows.head, rows.columns, rows.tail, rows.values); err != nil {
			return err
		}
	}
	if err := b.deleteOutgrown(); err != nil {
		return err
	}
	if err := b.writeReviewed(); err != nil {
		return err
	}
	if err := b.writeApprovals(); err != nil {
		return err
	}
	return b.writeHeld(s)
}

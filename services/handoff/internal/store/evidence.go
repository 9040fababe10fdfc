package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
)

// evidence is what the row of a verdict keeps beside its columns.
func (b *batch) evidence(l *Lead, a *Assessment) *handoffv1.Qualification {
	timings, trace := b.timings(l), l.TraceID
	if before, ok := b.captures[key{l.ID, a.Standard}]; ok {
		timings, trace = before.GetStepTimings(), before.GetTraceId()
	}
	q := a.Evidence()
	q.FactsVersion, q.AsOfTime, q.DecideTime = l.FactsVersion, timestamppb.New(a.asOf(l)), timestamppb.New(b.moment)
	q.StepTimings, q.TraceId = timings, trace
	return q
}

// Evidence is what an assessment saw and said.
func (a *Assessment) Evidence() *handoffv1.Qualification {
	return &handoffv1.Qualification{
		Status:            statusOf(a),
		Reasons:           reasonsOf(a.Decision.Reasons),
		Exception:         a.Decision.Exception(),
		MissingAttributes: a.Decision.Missing,
		SalesReady:        a.Decision.SalesReady,
		Lacking:           lackingOf(a.Decision.Lacking),
		CombinedScore:     combinedOf(a.Engagement),
		CombinedBand:      a.Engagement.GetCombined().GetBand(),
		Fit:               a.Fit,
		Engagement:        a.Engagement,
	}
}

// Whole is the evidence with what the row of a verdict keeps in columns.
func (a *Assessment) Whole(lead string) *handoffv1.Qualification {
	q := a.Evidence()
	q.Name, q.Lead, q.Track = LeadName(lead)+"/qualification", LeadName(lead), a.Track
	q.Verdict, q.StandardVersion = verdictOf(a.Decision.Verdict), a.Version
	q.FitScore, q.FitClass = scoreOf(a.Fit), a.Fit.GetFitClass()
	q.EngagementScore, q.EngagementBand = engagementOf(a.Engagement), a.Engagement.GetEngagementBand()
	return q
}

// timings are how long each step took. Deciding is counted from the scores to here:
// the commit is still to come, and no row can know what it will take.
func (b *batch) timings(l *Lead) *handoffv1.StepTimings {
	wait := max(l.Claimed.Sub(l.Accepted), 0)
	whole := max(b.moment.Sub(l.Claimed), 0)
	return &handoffv1.StepTimings{
		AcceptDuration:     durationpb.New(l.AcceptDuration),
		QueueWaitDuration:  durationpb.New(wait),
		FitDuration:        durationpb.New(l.FitDuration),
		EngagementDuration: durationpb.New(l.EngagementDuration),
		DecideDuration:     durationpb.New(max(whole-l.FitDuration-l.EngagementDuration, 0)),
		TotalDuration:      durationpb.New(l.AcceptDuration + wait + whole),
	}
}

func digestOf(l *Lead, f *followed) *typev1.DecisionDigest {
	a := f.leading
	step, questions := nextStep(f)
	return &typev1.DecisionDigest{
		NextStep: step, Questions: questions,
		Verdict:         verdictOf(a.Decision.Verdict),
		Stage:           stageOf(f.standing.Stage),
		Reasons:         reasonsOf(a.Decision.Reasons),
		FitScore:        scoreOf(a.Fit),
		FitClass:        a.Fit.GetFitClass(),
		EngagementScore: engagementOf(a.Engagement),
		EngagementBand:  a.Engagement.GetEngagementBand(),
		StandardVersion: a.Version,
		FactsVersion:    l.FactsVersion,
	}
}

// nextStep says what the page should do on which the lead waits, and what it asks: a
// meeting is for whom sales has, or is about to have; who only waits for their release, or
// rests, is promised nothing.
func nextStep(f *followed) (typev1.NextStep, []string) {
	d := &f.leading.Decision
	switch {
	case f.handoff != "" && f.standing.Stage.Worked() && !d.Excluded:
		return typev1.NextStep_NEXT_STEP_MEET, nil
	case d.Verdict == decision.NeedsAnswers:
		return typev1.NextStep_NEXT_STEP_ASK, d.Missing
	default:
		return typev1.NextStep_NEXT_STEP_NONE, nil
	}
}

// Evidence is what a decision saw, `leads/{lead}/decisions/{decision}`. With ErrNotFound it
// is empty.
func (s *Store) Evidence(ctx context.Context, decision string) (*handoffv1.Qualification, error) {
	lead, id, _ := strings.Cut(strings.TrimPrefix(decision, "leads/"), "/decisions/")
	var blob []byte
	err := s.db.Read().QueryRowContext(ctx, `SELECT evidence FROM decisions WHERE lead_id = $1 AND decision_id = $2`, lead, id).Scan(&blob)
	if errors.Is(err, sql.ErrNoRows) {
		return &handoffv1.Qualification{}, ErrNotFound
	}
	var d handoffv1.Decision
	if err = errors.Join(err, proto.Unmarshal(blob, &d)); err != nil {
		return nil, err
	}
	return d.GetEvidence(), nil
}

// Record is a decision with its place in the list.
type Record struct {
	Decision *handoffv1.Decision
	Place    []any
}

// Decisions lists the decisions about a lead, latest first.
func (s *Store) Decisions(ctx context.Context, lead string, place []any, limit int) ([]Record, error) {
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return nil, err
	}
	var w where
	w.among("lead_id", m.ids)
	w.from("decide_time, decision_id", "<", place)
	query := `SELECT decide_time, decision_id, evidence FROM decisions` + w.String() +
		` ORDER BY decide_time DESC, decision_id DESC LIMIT ` + w.arg(limit)
	var records []Record
	rows, err := s.db.Read().QueryContext(ctx, query, w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		var (
			at   int64
			id   string
			blob []byte
		)
		if err := rows.Scan(&at, &id, &blob); err != nil {
			return err
		}
		d := &handoffv1.Decision{}
		records = append(records, Record{Decision: d, Place: []any{at, id}})
		return proto.Unmarshal(blob, d)
	})
	if err != nil {
		return nil, err
	}
	return records, s.markDecisions(ctx, records)
}

// markDecisions marks those that were made for a person of which leads are apart by now.
func (s *Store) markDecisions(ctx context.Context, records []Record) error {
	var leads []string
	for _, r := range records {
		if others := r.Decision.GetMadeFor(); len(others) > 0 {
			leads = append(leads, r.lead())
			for _, other := range others {
				leads = append(leads, LeadID(other))
			}
		}
	}
	persons, err := personsOf(reader{ctx, s.db}, leads)
	for _, r := range records {
		r.Decision.MadeWhileMerged = apart(persons, r.lead(), r.Decision.GetMadeFor())
	}
	return err
}

// lead is the lead that the decision was recorded for.
func (r *Record) lead() string {
	lead, _, _ := strings.Cut(LeadID(r.Decision.GetName()), "/")
	return lead
}

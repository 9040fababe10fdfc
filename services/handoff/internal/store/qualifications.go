package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/points"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Qualification is where a lead stands by a standard; empty: by the leading verdict
// of the lead's first track by name. ErrNotFound while it was never decided.
func (s *Store) Qualification(ctx context.Context, lead, standard string) (*handoffv1.Qualification, error) {
	if standard != "" {
		return s.qualification(ctx, lead, Term{"v.standard_id", standard})
	}
	return s.qualification(ctx, lead)
}

// QualificationIn is where a lead stands in a track, by its leading verdict. ErrNotFound
// if no standard says anything of it there.
func (s *Store) QualificationIn(ctx context.Context, lead, track string) (*handoffv1.Qualification, error) {
	return s.qualification(ctx, lead, Term{"t.track", track})
}

// qualification is where the person that a lead is stands in the first track by name for
// which a term holds: by the standard that leads the track, unless the term names another.
func (s *Store) qualification(ctx context.Context, lead string, asked ...Term) (*handoffv1.Qualification, error) {
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return nil, err
	}
	lead = m.person
	w := where{conditions: []string{"t.dormant = 0"}}
	w.terms(asked)
	if len(asked) == 0 || asked[0].Column != "v.standard_id" {
		w.conditions = append(w.conditions, "v.standard_id = t.standard_id")
	}
	w.among("v.lead_id", m.ids)
	var (
		q                     handoffv1.Qualification
		version, handoff      string
		stage, verdict        int64
		evidence              []byte
		imported, reported    []byte
		fitClass, band, track string
		cycle                 int32
		release               int64
		qualified, recycled   int32
	)
	query := `SELECT v.evidence, v.version, v.verdict, v.fit_class, v.engagement_band,
			t.track, t.stage, t.cycle, t.handoff_id, t.outcome, l.outcome, COALESCE(h.due_time, 0),
			t.qualified_count, t.recycled_count
		FROM verdicts v
		JOIN tracks t ON t.lead_id = v.lead_id AND t.track = v.track
		JOIN leads l ON l.lead_id = ` + w.arg(lead) + `
		LEFT JOIN held_leads h ON h.lead_id = l.lead_id AND h.track = v.track` + w.String() + ` ORDER BY t.track LIMIT 1`
	err = s.db.Read().QueryRowContext(ctx, query, w.args...).Scan(&evidence, &version, &verdict, &fitClass, &band,
		&track, &stage, &cycle, &handoff, &reported, &imported, &release, &qualified, &recycled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	}
	if err := proto.Unmarshal(evidence, &q); err != nil {
		return nil, err
	}
	q.Name, q.Lead = LeadName(lead)+"/qualification", LeadName(lead)
	q.Track, q.Stage, q.Cycle = track, typev1.LifecycleStage(stage), cycle
	q.QualifiedCount, q.RecycledCount = qualified, recycled
	q.Verdict, q.StandardVersion = typev1.Verdict(verdict), version
	q.FitClass, q.EngagementBand = fitClass, band
	q.FitScore, q.EngagementScore = scoreOf(q.Fit), engagementOf(q.Engagement)
	q.Handoff = HandoffName(handoff)
	if release != 0 {
		q.HeldUntilTime = timestamppb.New(sqldb.Time(release))
	}
	q.Outcome, err = latestOutcome(reported, imported)
	return &q, err
}

// Line is a line of the list of qualifications, with its place in the order.
type Line struct {
	Qualification *handoffv1.Qualification
	Place         []any
}

// Qualifications lists where leads stand, one line for each lead and track: latest
// decision first, or highest engagement first. place is that of the line before the
// page; none begins.
func (s *Store) Qualifications(ctx context.Context, terms []Term, byEngagement bool, place []any, limit int) ([]Line, error) {
	first := "decide_time"
	if byEngagement {
		first = "engagement_order"
	}
	terms, err := s.ofPersons(ctx, terms)
	if err != nil {
		return nil, err
	}
	w := where{conditions: []string{"dormant = 0"}}
	w.terms(terms)
	w.from("t."+first+", t.lead_id, t.track", "<", place)
	query := `SELECT t.lead_id, p.lead_id, t.track, t.stage, t.cycle, t.verdict, t.fit_score, t.fit_class, t.engagement_score, t.engagement_band,
			t.version, t.facts_version, t.decide_time, t.handoff_id, t.outcome, p.outcome, v.evidence,
			t.qualified_count, t.recycled_count, t.` + first + `
		FROM (SELECT * FROM tracks t` + w.String() + ` ORDER BY t.` + first + ` DESC, t.lead_id DESC, t.track DESC LIMIT ` + w.arg(limit) + `) t
		JOIN leads l ON l.lead_id = t.lead_id
		JOIN leads p ON p.lead_id = COALESCE(NULLIF(l.person_id, ''), t.lead_id)
		LEFT JOIN verdicts v ON v.lead_id = t.lead_id AND v.standard_id = t.standard_id
		ORDER BY t.` + first + ` DESC, t.lead_id DESC, t.track DESC`
	var lines []Line
	rows, err := s.db.Read().QueryContext(ctx, query, w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		line, err := scanLine(rows)
		lines = append(lines, line)
		return err
	})
	return lines, err
}

func scanLine(rows *sql.Rows) (Line, error) {
	var (
		lead, person, handoff        string
		q                            handoffv1.Qualification
		stage, verdict, decided      int64
		fit, engagement              sql.NullInt64
		reported, imported, evidence []byte
		order                        int64
	)
	var row handoffv1.Qualification
	if err := rows.Scan(&lead, &person, &row.Track, &stage, &row.Cycle, &verdict, &fit, &row.FitClass, &engagement, &row.EngagementBand,
		&row.StandardVersion, &row.FactsVersion, &decided, &handoff, &reported, &imported, &evidence,
		&row.QualifiedCount, &row.RecycledCount, &order); err != nil {
		return Line{}, err
	}
	if err := proto.Unmarshal(evidence, &q); err != nil {
		return Line{}, err
	}
	q.Fit, q.Engagement = nil, nil
	q.Name, q.Lead = LeadName(person)+"/qualification", LeadName(person)
	q.Track, q.Stage, q.Cycle = row.Track, typev1.LifecycleStage(stage), row.Cycle
	q.QualifiedCount, q.RecycledCount = row.QualifiedCount, row.RecycledCount
	q.Verdict, q.StandardVersion, q.FactsVersion = typev1.Verdict(verdict), row.StandardVersion, row.FactsVersion
	q.FitScore, q.FitClass = scoreFrom(fit), row.FitClass
	q.EngagementScore, q.EngagementBand = scoreFrom(engagement), row.EngagementBand
	q.DecideTime = timestamppb.New(sqldb.Time(decided))
	q.Handoff = HandoffName(handoff)
	var err error
	q.Outcome, err = latestOutcome(reported, imported)
	return Line{Qualification: &q, Place: []any{order, lead, row.Track}}, err
}

// scoreFrom is a score from how it is stored.
func scoreFrom(hundredths sql.NullInt64) *float64 {
	if !hundredths.Valid {
		return nil
	}
	score := points.Points(hundredths.Int64).Float()
	return &score
}

// Exists says whether a lead was ever decided.
func (s *Store) Exists(ctx context.Context, lead string) error {
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return err
	}
	w := where{conditions: []string{"facts_version > 0"}}
	w.among("lead_id", m.ids)
	var id string
	err = s.db.Read().QueryRowContext(ctx, `SELECT lead_id FROM leads`+w.String()+` LIMIT 1`, w.args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("lead: %w", err)
	}
	return nil
}

// Standing is how a lead stands in a track, for previews; nil if it was never decided
// there.
func (s *Store) Standing(ctx context.Context, lead, track string) (*handoffv1.PreviewedStanding, error) {
	var (
		p               handoffv1.PreviewedStanding
		q               handoffv1.Qualification
		fit, engagement sql.NullInt64
		evidence        []byte
	)
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return nil, err
	}
	w := where{conditions: []string{"t.dormant = 0"}}
	w.among("t.lead_id", m.ids)
	w.terms([]Term{{"t.track", track}})
	err = s.db.Read().QueryRowContext(ctx, `SELECT t.verdict, t.stage, t.fit_score, t.fit_class, t.engagement_score, t.engagement_band,
			t.version, v.evidence
		FROM tracks t JOIN verdicts v ON v.lead_id = t.lead_id AND v.standard_id = t.standard_id`+w.String(), w.args...).
		Scan(&p.Verdict, &p.Stage, &fit, &p.FitClass, &engagement, &p.EngagementBand, &p.StandardVersion, &evidence)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(evidence, &q); err != nil {
		return nil, err
	}
	p.FitScore, p.EngagementScore, p.Reasons = scoreFrom(fit), scoreFrom(engagement), q.GetReasons()
	return &p, nil
}

// Previewed is how a lead would stand after a change.
func Previewed(c *Change) *handoffv1.PreviewedStanding {
	a := c.Leading
	if a == nil {
		return &handoffv1.PreviewedStanding{Stage: c.StageAfter}
	}
	return &handoffv1.PreviewedStanding{
		Verdict: c.VerdictAfter, Stage: c.StageAfter, FitScore: scoreOf(a.Fit), FitClass: a.Fit.GetFitClass(),
		EngagementScore: engagementOf(a.Engagement), EngagementBand: a.Engagement.GetEngagementBand(),
		Reasons: reasonsOf(a.Decision.Reasons), StandardVersion: a.Version,
	}
}

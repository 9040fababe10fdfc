package store

import (
	"context"
	"database/sql"
	"slices"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// AccountLeads are where leads stand by the leading verdict of their first track by name;
// those that were never decided are left out. Each is listed once, in the order of its id.
func (s *Store) AccountLeads(ctx context.Context, leads []string) ([]*handoffv1.AccountLead, error) {
	var list []*handoffv1.AccountLead
	err := selectIn(reader{ctx, s.db}, `SELECT lead_id, standard_id, verdict, stage, engagement_score, engagement_band, fit_class
		FROM tracks WHERE lead_id IN (`, distinct(leads), func(rows *sql.Rows) error {
		var id, standard string
		var verdict, stage int64
		var engagement sql.NullInt64
		l := &handoffv1.AccountLead{}
		if err := rows.Scan(&id, &standard, &verdict, &stage, &engagement, &l.EngagementBand, &l.FitClass); err != nil {
			return err
		}
		if n := len(list); n > 0 && list[n-1].GetLead() == LeadName(id) {
			return nil // another track
		}
		l.Lead, l.Standard = LeadName(id), "standards/"+standard
		l.Verdict, l.Stage, l.EngagementScore = typev1.Verdict(verdict), typev1.LifecycleStage(stage), scoreFrom(engagement)
		list = append(list, l)
		return nil
	}, `) ORDER BY lead_id, track`)
	return slices.Clip(list), err
}

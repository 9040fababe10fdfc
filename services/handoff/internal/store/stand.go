package store

import (
	"slices"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// noCycle is the cycle of a verdict that stands in none.
const noCycle = -1

// stands says whether the verdict that a standard gave before stands: it decides once in
// a cycle, and did in this one. An approval replaces what it was, and so does that nobody
// may approach the lead, for as long as that is so.
func (b *batch) stands(l *Lead, a *Assessment) bool {
	before := b.verdicts[key{l.ID, a.Standard}]
	return a.Once && !a.approved && !a.Decision.Barred() && before.decision != "" && before.cycle == int64(b.tracks[key{l.ID, a.Track}].standing.Cycle)
}

// keep puts the verdict that stands in place of the new one.
func (b *batch) keep(l *Lead, a *Assessment) {
	if !b.stands(l, a) {
		return
	}
	before := b.verdicts[key{l.ID, a.Standard}]
	stored := b.captures[key{l.ID, a.Standard}]
	a.Version, a.Fit, a.Engagement = before.version, stored.GetFit(), stored.GetEngagement()
	a.Decision = decision.Decision{
		Verdict: verdictFrom(typev1.Verdict(before.verdict)), Missing: stored.GetMissingAttributes(),
		SalesReady: stored.GetSalesReady(),
	}
	for _, reason := range stored.GetReasons() {
		a.Decision.Reasons = append(a.Decision.Reasons, decision.Reason{Code: reason.GetCode(), Description: reason.GetDescription()})
	}
}

// forget drops the verdicts of standards that say nothing of the lead any more: they were
// retired, or apply to others. The records of their decisions stay.
func (b *batch) forget(l *Lead) {
	for _, standard := range b.said[l.ID] {
		if !slices.ContainsFunc(l.Assessments, func(a Assessment) bool { return a.Standard == standard }) {
			b.outgrown = append(b.outgrown, key{b.verdicts[key{l.ID, standard}].lead, standard})
		}
	}
}

// deleteOutgrown writes what forget found.
func (b *batch) deleteOutgrown() error {
	for _, k := range b.outgrown {
		if _, err := b.tx.Exec(`DELETE FROM verdicts WHERE lead_id = $1 AND standard_id = $2`, k.lead, k.of); err != nil {
			return err
		}
		if _, err := b.tx.Exec(`UPDATE tracks SET verdict = 0, standard_id = '', version = '', decide_time = $3
			WHERE lead_id = $1 AND standard_id = $2`, k.lead, k.of, sqldb.Micros(b.moment)); err != nil {
			return err
		}
	}
	return nil
}

// rank is the place among handoffs of one priority, the smaller the sooner: the time of
// the request, or the score, the combined one where there is one.
func rank(l *Lead, a *Assessment) int64 {
	if a.Handling.ByRequest {
		if l.Stirred.IsZero() {
			return sqldb.Micros(l.AsOf)
		}
		return sqldb.Micros(l.Stirred)
	}
	score := combinedOf(a.Engagement)
	if score == nil {
		score = engagementOf(a.Engagement)
	}
	if score == nil {
		score = scoreOf(a.Fit)
	}
	if p, scored := hundredths(score).(int64); scored {
		return -p
	}
	return 0
}

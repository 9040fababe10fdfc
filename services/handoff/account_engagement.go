package handoff

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/page"
)

// maxAccountLeads is how many leads of an account are looked at.
const maxAccountLeads = 1000

// GetAccountEngagement implements the method: one question to ingest for the leads of the
// account, and one to the store for where they stand.
func (s *handoffServer) GetAccountEngagement(ctx context.Context, in *handoffv1.GetAccountEngagementRequest) (*handoffv1.AccountEngagement, error) {
	found, err := s.accounts.ListAccountLeads(ctx, &ingestv1.ListAccountLeadsRequest{
		Parent: strings.TrimSuffix(in.GetName(), "/engagement"), PageSize: maxAccountLeads,
	})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(found.GetLeads()))
	for i, l := range found.GetLeads() {
		ids[i] = id(l.GetName())
	}
	leads, err := s.store.AccountLeads(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.AccountEngagement{Name: in.GetName(), LeadCount: int32(len(ids)), Truncated: found.GetNextPageToken() != ""}
	for _, l := range leads {
		if l.GetEngagementScore() > 0 {
			out.EngagedCount++
		}
		out.TotalScore += l.GetEngagementScore()
	}
	out.TotalScore = math.Round(out.GetTotalScore()*100) / 100 // of hundredths, which floats are not
	slices.SortStableFunc(leads, func(a, b *handoffv1.AccountLead) int {
		return cmp.Or(cmp.Compare(order(b), order(a)), cmp.Compare(a.GetLead(), b.GetLead()))
	})
	out.Leads = leads[:min(len(leads), page.Size(in.GetPageSize()))]
	return out, nil
}

// order is where a lead stands among others: those without a score last.
func order(l *handoffv1.AccountLead) float64 {
	if l.EngagementScore == nil {
		return math.Inf(-1)
	}
	return l.GetEngagementScore()
}

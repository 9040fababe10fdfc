package rescore

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// foreseen adds what would become of a lead to the result of a preview.
func (t *tour) foreseen(ctx context.Context, o *qualifier.Outcome) error {
	result := t.step.Preview
	for i := range o.Changes {
		c := &o.Changes[i]
		countVerdict(result, c)
		countStage(result, c)
		if c.VerdictBefore == c.VerdictAfter {
			continue
		}
		lead := &handoffv1.PreviewedLead{
			Lead: o.Lead, Track: c.Track, After: store.Previewed(c),
			Before: &handoffv1.PreviewedStanding{Verdict: c.VerdictBefore},
		}
		if !t.sampled(lead) {
			continue
		}
		var err error
		if lead.Before, err = t.Store.Standing(ctx, store.LeadID(o.Lead), c.Track); err != nil {
			return err
		}
	}
	return nil
}

func countVerdict(r *handoffv1.PreviewResult, c *store.Change) {
	for _, v := range r.Verdicts {
		if v.GetTrack() == c.Track && v.GetBefore() == c.VerdictBefore && v.GetAfter() == c.VerdictAfter {
			v.Leads++
			return
		}
	}
	r.Verdicts = append(r.Verdicts, &handoffv1.VerdictChange{Track: c.Track, Before: c.VerdictBefore, After: c.VerdictAfter, Leads: 1})
	slices.SortFunc(r.Verdicts, func(a, b *handoffv1.VerdictChange) int {
		return cmp.Or(cmp.Compare(a.GetTrack(), b.GetTrack()), cmp.Compare(a.GetBefore(), b.GetBefore()), cmp.Compare(a.GetAfter(), b.GetAfter()))
	})
}

func countStage(r *handoffv1.PreviewResult, c *store.Change) {
	for _, s := range r.Stages {
		if s.GetTrack() == c.Track && s.GetBefore() == c.StageBefore && s.GetAfter() == c.StageAfter {
			s.Leads++
			return
		}
	}
	r.Stages = append(r.Stages, &handoffv1.StageChange{Track: c.Track, Before: c.StageBefore, After: c.StageAfter, Leads: 1})
	slices.SortFunc(r.Stages, func(a, b *handoffv1.StageChange) int {
		return cmp.Or(cmp.Compare(a.GetTrack(), b.GetTrack()), cmp.Compare(a.GetBefore(), b.GetBefore()), cmp.Compare(a.GetAfter(), b.GetAfter()))
	})
}

// defaultSample is how many leads the sample has unless the caller says.
const defaultSample = 20

// sampled says whether a lead belongs into the sample, and puts it there. Who would
// gain or drop comes first; of those, chance by name chooses, so that the sample is
// spread over all leads and the same each time.
func (t *tour) sampled(lead *handoffv1.PreviewedLead) bool {
	most := t.step.SampleSize
	if most == 0 {
		most = defaultSample
	}
	sample := append(t.step.Preview.Sample, lead)
	slices.SortStableFunc(sample, func(a, b *handoffv1.PreviewedLead) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), cmp.Compare(chance(a), chance(b)))
	})
	t.step.Preview.Sample = sample[:min(len(sample), most)]
	return slices.Contains(t.step.Preview.Sample, lead)
}

func weight(l *handoffv1.PreviewedLead) int {
	const qualified = typev1.Verdict_VERDICT_QUALIFIED
	if l.GetAfter().GetVerdict() == qualified || l.GetBefore().GetVerdict() == qualified {
		return 0
	}
	return 1
}

func chance(l *handoffv1.PreviewedLead) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.GetLead() + l.GetTrack()))
	return h.Sum64()
}

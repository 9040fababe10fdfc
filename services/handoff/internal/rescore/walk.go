package rescore

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/protobuf/types/known/durationpb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// claimLease is how long leads are leased for a page.
const claimLease = 30 * time.Second

// walk goes over some pages: they are claimed one after another, and decided a few at
// once. A page that was claimed is decided, or given back, whatever happens.
func (t *tour) walk(ctx context.Context) (done bool, err error) {
	claimed := make(chan *ingestv1.ClaimLeadsResponse)
	var working sync.WaitGroup
	for range deciders {
		working.Go(func() {
			for p := range claimed {
				t.decide(context.WithoutCancel(ctx), p.GetLeads())
			}
		})
	}
	last, done, err := t.claim(ctx, claimed)
	close(claimed)
	working.Wait()
	if err == nil {
		err = t.err
	}
	if err == nil {
		err = t.decideLeased(ctx)
	}
	if err != nil {
		return false, err
	}
	t.step.Last = last
	return done, t.Store.ReviewAt(ctx, t.failed, t.Now().Add(tryAgain), "rescore")
}

// claim claims pages until the leads, the pages or the time of a step are used up. It
// returns the last lead, and whether it is the last of all.
func (t *tour) claim(ctx context.Context, claimed chan<- *ingestv1.ClaimLeadsResponse) (last string, done bool, err error) {
	last = t.step.Last
	size, began := page, t.Now()
	if last == "" && !t.whole {
		size = firstPage
	}
	for n := 0; n < pages && t.Now().Sub(began) < enough && t.good(); n++ {
		from := t.Now()
		p, err := t.Pending.ClaimLeads(ctx, t.request(&ingestv1.ClaimLeadsRequest{
			AfterLead: last, ToLead: t.step.End, MaxLeads: int32(size), OneIn: int32(t.stride),
		}))
		if err != nil {
			return last, false, err
		}
		if p.GetLastLead() == "" {
			return last, true, nil
		}
		t.leave(p.GetLeft())
		if size == firstPage { // what it shows is for the next
			t.decide(context.WithoutCancel(ctx), p.GetLeads())
		} else {
			claimed <- p
		}
		last, size = p.GetLastLead(), page
		if last == t.step.End {
			return last, true, nil
		}
		if p.GetWaiting() {
			size = busyPage
			if err := pause(ctx, min(4*t.Now().Sub(from), time.Second)); err != nil {
				return last, false, err
			}
		}
	}
	return last, false, nil
}

// request fills in what all requests have.
func (t *tour) request(r *ingestv1.ClaimLeadsRequest) *ingestv1.ClaimLeadsRequest {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.LeaseDuration, r.WholeHistory, r.ReadOnly = durationpb.New(claimLease), t.whole, t.preview()
	return r
}

func pause(ctx context.Context, long time.Duration) error {
	select {
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// good says that nothing went wrong so far.
func (t *tour) good() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err == nil
}

// leave notes the leads that were not claimed. Those that wait are decided anyway, by
// the standards that decide now.
func (t *tour) leave(left []*ingestv1.LeftLead) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range left {
		switch l.GetWhy() {
		case ingestv1.LeftLead_WHY_LEASED:
			t.leased = append(t.leased, l.GetLead())
		case ingestv1.LeftLead_WHY_QUARANTINED:
			t.through(1, "quarantined")
			t.step.Progress.Failed++
		default:
			t.through(1, "live")
		}
	}
}

// through counts leads that the operation is through with. The lock is held.
func (t *tour) through(leads int, how string) {
	t.step.Progress.Done += int32(leads)
	t.leads.Add(context.Background(), int64(leads), outcome(t.step.Kind, how))
}

func outcome(kind handoffv1.Operation_Kind, how string) metric.AddOption {
	return metric.WithAttributes(attribute.String("kind", kinds[kind]), attribute.String("outcome", how))
}

// decideLeased decides the leads that other workers had just then: by name, until none
// is left.
func (t *tour) decideLeased(ctx context.Context) error {
	for wait := 5 * time.Millisecond; len(t.leased) > 0; wait = min(2*wait, time.Second) {
		if err := pause(ctx, wait); err != nil {
			return err
		}
		names := t.leased[:min(len(t.leased), page)]
		p, err := t.Pending.ClaimLeads(ctx, t.request(&ingestv1.ClaimLeadsRequest{Leads: names}))
		if err != nil {
			return err
		}
		t.leased = t.leased[len(names):]
		t.leave(p.GetLeft())
		t.decide(context.WithoutCancel(ctx), p.GetLeads())
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// decide decides the leads of a page and takes in what became of them.
func (t *tour) decide(ctx context.Context, leads []*ingestv1.ClaimedLead) {
	if len(leads) == 0 {
		return
	}
	var outcomes []qualifier.Outcome
	var err error
	if t.preview() {
		outcomes, err = t.Qualifier.Preview(ctx, leads, t.previewed)
	} else {
		outcomes, err = t.Qualifier.Again(ctx, leads, store.ByRescore, nil)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.err = err
		return
	}
	mismatched := 0
	for i := range outcomes {
		if outcomes[i].Mismatched {
			mismatched++
		}
		if err := t.take(ctx, &outcomes[i]); err != nil {
			t.err = err
			return
		}
	}
	if !t.whole && 2*mismatched >= len(outcomes) {
		t.whole, t.historyOf = true, t.step.ID
	}
}

// take takes in what became of a lead.
func (t *tour) take(ctx context.Context, o *qualifier.Outcome) error {
	if !o.Decided {
		t.through(1, "failed")
		t.step.Progress.Failed++
		if !t.preview() {
			t.failed = append(t.failed, store.LeadID(o.Lead))
		}
		return nil
	}
	t.through(1, "decided")
	qualifies, drops := false, false
	for i := range o.Changes {
		qualifies = qualifies || o.Changes[i].Qualifies()
		drops = drops || o.Changes[i].Drops()
	}
	if qualifies {
		t.step.Progress.NewlyQualified++
	}
	if drops {
		t.step.Progress.Dropped++
	}
	if t.preview() {
		return t.foreseen(ctx, o)
	}
	return nil
}

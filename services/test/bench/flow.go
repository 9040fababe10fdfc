package main

import (
	"context"
	"fmt"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// flow measures how much goes from the capture to the stored decision: from the first
// call until the last lead is decided, with the services of one process and the
// default standard.
func (b *bench) flow(ctx context.Context, t *target) error {
	s, err := b.whole(ctx, t)
	if err != nil {
		return err
	}
	defer s.stop()
	leads, zipf := b.count(crowd), b.count(200_000)
	fast := "20,000/s"
	if t.name == "postgres" {
		fast = "10,000/s"
	}
	for _, m := range []struct {
		name, what string
		n          int
		unit, aim  string
		send       func(ctx context.Context) error
	}{
		{"new-leads", "3 flow, new leads, 1 activity each", leads, "leads", "5,000/s", func(ctx context.Context) error { return s.fill(ctx, leads) }},
		{"known-leads", "3 flow, known leads, 1 activity each", leads, "leads", "5,000/s", func(ctx context.Context) error { return s.round(ctx, leads) }},
		{"visits", fmt.Sprintf("3 flow, Zipf 1.1, visits of %d activities", visit), zipf, "act", fast, func(ctx context.Context) error { return s.rush(ctx, zipf) }},
	} {
		var took, used time.Duration
		before, err := s.metric(ctx, "assay_decisions_total")
		if err != nil {
			return err
		}
		err = b.profile(t.name+"-flow-"+m.name, func() error {
			begin, usedBefore := time.Now(), processorTime()
			if err := m.send(ctx); err != nil {
				return err
			}
			err := s.decided(ctx)
			took, used = time.Since(begin), processorTime()-usedBefore
			return err
		})
		if err != nil {
			return err
		}
		after, err := s.metric(ctx, "assay_decisions_total")
		if err != nil {
			return err
		}
		rate, decisions := float64(m.n)/took.Seconds(), after-before
		if m.name == "new-leads" {
			t.newLeads = rate
		}
		b.add(figure{
			store: t.name, what: m.what, load: fmt.Sprintf("batches of 100, 4 callers, %.1f per decision", float64(m.n)/decisions),
			value: perSecond(rate, m.unit), processor: used / time.Duration(m.n), baseline: perSecond(t.rawBatched, "act"), beside: "store alone", aim: m.aim,
			note: fmt.Sprintf("%s activities, %s decisions (%s/s) in %s", thousands(fmt.Sprint(m.n)), thousands(fmt.Sprintf("%.0f", decisions)),
				thousands(fmt.Sprintf("%.0f", decisions/took.Seconds())), took.Round(10*time.Millisecond)),
		})
	}
	return nil
}

// flowCallers are how many send at once.
const flowCallers = 4

// round lets every lead do one thing.
func (s *system) round(ctx context.Context, leads int) error {
	return s.send(ctx, "round", leads, func(v *visitors, i int) act { return v.by(i) })
}

// visit is how many things a lead does one after another.
const visit = 5

// rush lets n things be done, visit by visit, by whoever the skew picks.
func (s *system) rush(ctx context.Context, n int) error {
	return s.send(ctx, "rush", n, func(v *visitors, i int) act {
		if i%visit == 0 {
			v.visitor = v.someone()
		}
		return v.by(v.visitor)
	})
}

func (s *system) send(ctx context.Context, phase string, n int, pick func(v *visitors, i int) act) error {
	crowd := make([]*visitors, flowCallers)
	for i := range crowd {
		crowd[i] = newVisitors(phase, i)
	}
	return all(ctx, flowCallers, (n+batch-1)/batch, func(ctx context.Context, caller, piece int) error {
		request := &ingestv1.BatchRecordActivitiesRequest{}
		for i := piece * batch; i < min(n, (piece+1)*batch); i++ {
			request.Activities = append(request.Activities, pick(crowd[caller], i).record())
		}
		response, err := ingestv1.NewIngestServiceClient(s.grpc).BatchRecordActivities(withKey(ctx), request)
		if err == nil && int(response.GetStored()) != len(request.GetActivities()) {
			err = fmt.Errorf("%d of %d activities were stored", response.GetStored(), len(request.GetActivities()))
		}
		return err
	})
}

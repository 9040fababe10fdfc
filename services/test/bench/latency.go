package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// latency measures how long a single capture takes until its decision is stored: by
// our clock, from the instant the call was due until ingest answers with the
// decision, which is a little later.
func (b *bench) latency(ctx context.Context, t *target) error {
	s, err := b.whole(ctx, t)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := errors.Join(s.fill(ctx, crowd), s.decided(ctx)); err != nil {
		return err
	}
	const busy, light = 1000, 20
	for _, m := range []struct {
		what      string
		perSecond int
		n         int
		aims      [2]string
	}{
		{"4 waitForDecision, light load", light, b.count(15 * light), [2]string{"< 5 ms", "< 25 ms"}},
		{"4 capture → stored decision", busy, b.count(10 * busy), [2]string{"", "< 50 ms"}},
	} {
		v := newVisitors(fmt.Sprint("latency-", m.perSecond), 0)
		var lock sync.Mutex
		took, err := openLoop(ctx, m.perSecond, m.n, func(ctx context.Context, _ int) error {
			lock.Lock()
			a := v.next()
			lock.Unlock()
			return s.ask(ctx, a)
		})
		if err != nil {
			return err
		}
		steps, err := s.steps(ctx)
		if err != nil {
			return err
		}
		for i, q := range []float64{.5, .99} {
			f := figure{
				store: t.name, what: fmt.Sprintf("%s, p%.0f", m.what, q*100), load: fmt.Sprintf("%d/s, open loop", m.perSecond),
				value: lasting(took.quantile(q)), baseline: lasting(t.rawCommit), beside: "one commit", aim: m.aims[i],
			}
			if i == 0 {
				f.note = steps
			}
			b.add(f)
		}
	}
	return nil
}

// ask captures one activity and waits for the decision.
func (s *system) ask(ctx context.Context, a act) error {
	response, err := ingestv1.NewIngestServiceClient(s.grpc).CaptureLead(withKey(ctx), &ingestv1.CaptureLeadRequest{
		Lead:       &ingestv1.Lead{Identities: []*ingestv1.Identity{identity(a.lead)}},
		Activities: []*ingestv1.Activity{a.message()}, WaitForDecision: true, WaitTimeout: durationpb.New(10 * time.Second),
	})
	if err == nil && response.GetDecision() == nil {
		err = errors.New("a capture got no decision")
	}
	return err
}

// steps says where the time of the latest decisions went, from the timings that are
// stored with them.
func (s *system) steps(ctx context.Context) (string, error) {
	page, err := handoffv1.NewHandoffServiceClient(s.grpc).ListQualifications(withKey(ctx), &handoffv1.ListQualificationsRequest{PageSize: 100})
	if err != nil {
		return "", err
	}
	names := []string{"accept", "queue", "fit", "engagement", "decide"}
	parts := make([]latencies, len(names))
	for _, q := range page.GetQualifications() {
		t := q.GetStepTimings()
		for i, d := range []*durationpb.Duration{t.GetAcceptDuration(), t.GetQueueWaitDuration(), t.GetFitDuration(), t.GetEngagementDuration(), t.GetDecideDuration()} {
			parts[i] = append(parts[i], d.AsDuration())
		}
	}
	text := "steps stored with the latest decisions, p50/p99 ms:"
	for i, name := range names {
		text += fmt.Sprintf(" %s %.1f/%.1f", name, parts[i].quantile(.5).Seconds()*1000, parts[i].quantile(.99).Seconds()*1000)
	}
	return text, nil
}

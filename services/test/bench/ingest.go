package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/app"
)

// How many callers there are at once: with single calls, commits are shared.
const (
	singleCallers = 64
	batchCallers  = 8
)

// door is a way in.
type door struct {
	name string
	// send brings n activities and returns how many were stored.
	send func(ctx context.Context, s *system, v *visitors, n int) (int, error)
}

var doors = []door{{"gRPC", sendGRPC}, {"REST", sendREST}}

func sendGRPC(ctx context.Context, s *system, v *visitors, n int) (int, error) {
	request := &ingestv1.BatchRecordActivitiesRequest{Activities: make([]*ingestv1.ActivityRecord, n)}
	for i := range n {
		request.Activities[i] = v.next().record()
	}
	response, err := ingestv1.NewIngestServiceClient(s.grpc).BatchRecordActivities(withKey(ctx), request)
	return int(response.GetStored()), err
}

func sendREST(ctx context.Context, s *system, v *visitors, n int) (int, error) {
	body := make([]byte, 0, n*800)
	body = append(body, `{"activities":[`...)
	for i := range n {
		if i > 0 {
			body = append(body, ',')
		}
		body = v.next().appendJSON(body)
	}
	body = append(body, "]}"...)
	answer, err := s.post(ctx, "/v1/activities:batchRecord", body)
	return bytes.Count(answer, []byte("STATE_STORED")), err
}

// ingest measures acknowledged activities while nothing is decided: what decides runs
// too, for the keys, but cannot reach ingest.
func (b *bench) ingest(ctx context.Context, t *target) error {
	url, err := t.url()
	if err != nil {
		return err
	}
	if err := migrate(ctx, url); err != nil {
		return err
	}
	nowhere, err := deadAddr(ctx)
	if err != nil {
		return err
	}
	keys, err := b.start(ctx, app.Settings{
		DB: url, Services: []string{"profilefit", "behavior", "handoff"},
		Peers: map[string]string{"ingest": nowhere}, InternalSecret: internalSecret,
	})
	if err != nil {
		return err
	}
	defer keys.stop()
	elsewhere := keys.grpc.Target()
	s, err := b.start(ctx, app.Settings{
		DB: url, Services: []string{"ingest", "gateway"}, InternalSecret: internalSecret,
		Peers: map[string]string{"profilefit": elsewhere, "behavior": elsewhere, "handoff": elsewhere},
	})
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.fill(ctx, crowd); err != nil {
		return err
	}
	for _, door := range doors {
		for _, m := range []struct {
			how      string
			callers  int
			n        int
			baseline float64
		}{{"single", singleCallers, 1, t.rawSingle}, {"batches of 100", batchCallers, batch, t.rawBatched}} {
			phase := door.name + "-" + m.how
			crowd := make([]*visitors, m.callers)
			for i := range crowd {
				crowd[i] = newVisitors(phase, i)
			}
			var rate float64
			began, usedBefore := time.Now(), processorTime()
			err := b.profile(fmt.Sprintf("%s-ingest-%s-%d", t.name, door.name, m.n), func() (err error) {
				rate, err = closedLoop(ctx, m.callers, b.seconds(3), func(ctx context.Context, caller int) (int, error) {
					stored, err := door.send(ctx, s, crowd[caller], m.n)
					if err == nil && stored != m.n {
						err = fmt.Errorf("%d of %d activities were stored", stored, m.n)
					}
					return stored, err
				})
				return err
			})
			if err != nil {
				return err
			}
			used := float64(processorTime()-usedBefore) / (rate * time.Since(began).Seconds())
			b.add(figure{
				store: t.name, what: "2 acknowledged, " + door.name + ", " + m.how, load: fmt.Sprintf("%d callers", m.callers),
				value: perSecond(rate, "act"), processor: time.Duration(used), baseline: perSecond(m.baseline, "act"), beside: "store alone", aim: "≥ 0.5",
			})
		}
	}
	return nil
}

// fill captures leads with their profiles.
func (s *system) fill(ctx context.Context, leads int) error {
	const callers = 4
	crowd := make([]*visitors, callers)
	for i := range crowd {
		crowd[i] = newVisitors("fill", i)
	}
	return all(ctx, callers, (leads+batch-1)/batch, func(ctx context.Context, caller, piece int) error {
		request := &ingestv1.BatchCaptureLeadsRequest{}
		for lead := piece * batch; lead < min(leads, (piece+1)*batch); lead++ {
			request.Requests = append(request.Requests, crowd[caller].capture(lead))
		}
		response, err := ingestv1.NewIngestServiceClient(s.grpc).BatchCaptureLeads(withKey(ctx), request)
		for _, r := range response.GetResults() {
			if r.GetErrorReason() != "" {
				return fmt.Errorf("%s: expected %s", r.GetErrorField(), r.GetErrorMessage())
			}
		}
		return err
	})
}

// deadAddr returns an address where nobody listens.
func deadAddr(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

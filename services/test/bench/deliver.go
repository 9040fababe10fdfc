package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
)

const (
	// slowReceiver is how long a receiver takes to answer.
	slowReceiver = 50 * time.Millisecond
	// senders is how many deliveries to it are on their way at once.
	senders = 64
	// handRaisersPerSecond is the load under which the way of one handoff is measured.
	handRaisersPerSecond = 50
)

// arrivals is a receiver that notes when each handoff arrived, and how long after the
// decision that was.
type arrivals struct {
	delay time.Duration

	mu    sync.Mutex
	seen  map[string]bool
	after latencies
	last  time.Time
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var message struct{ Timestamp time.Time }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &message)
	a.mu.Lock()
	if key := r.Header.Get("Webhook-Id"); !a.seen[key] {
		a.seen[key] = true
		a.after = append(a.after, now.Sub(message.Timestamp))
		a.last = now
	}
	a.mu.Unlock()
	time.Sleep(a.delay)
	w.WriteHeader(http.StatusNoContent)
}

// wait waits until so many have arrived.
func (a *arrivals) wait(ctx context.Context, n int) error {
	for begin := time.Now(); ; {
		a.mu.Lock()
		got := len(a.seen)
		a.mu.Unlock()
		if got >= n {
			return ctx.Err()
		}
		if time.Since(begin) > time.Minute {
			return fmt.Errorf("%d of %d deliveries arrived within a minute", got, n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// deliver measures the way of a handoff from its decision to a receiver, and how many get
// through to one that takes its time.
func (b *bench) deliver(ctx context.Context, t *target) (err error) {
	url, err := t.url()
	if err != nil {
		return err
	}
	if err := migrate(ctx, url); err != nil {
		return err
	}
	s, err := b.start(ctx, app.Settings{DB: url, Delivery: handoff.Delivery{
		SecretsKey: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", AllowNetworks: []string{"127.0.0.0/8"},
	}})
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.decisionToDelivered(ctx, t, s); err != nil {
		return err
	}
	return b.manyDeliveries(ctx, t, s)
}

// receive adds a destination for an own receiver; end removes both.
func (s *system) receive(ctx context.Context, id string, delay time.Duration) (a *arrivals, address string, end func() error, err error) {
	a = &arrivals{delay: delay, seen: map[string]bool{}}
	server := httptest.NewServer(a)
	body, err := json.Marshal(map[string]any{
		"kind": "KIND_WEBHOOK", "url": server.URL, "eventTypes": []string{"handoff.created"}, "detail": "DETAIL_FULL", "maxConcurrency": senders,
	})
	if err == nil {
		_, err = s.post(ctx, "/v1/destinations?destinationId="+id, body)
	}
	return a, server.URL, func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodDelete, "http://"+s.http+"/v1/destinations/"+id, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+adminKey)
		answer, err := browser.Do(request)
		if err == nil {
			err = answer.Body.Close()
		}
		server.Close()
		return err
	}, err
}

// raiseHand captures somebody who asks for a demo.
func (s *system) raiseHand(ctx context.Context, who string) error {
	_, err := s.post(ctx, "/v1/leads:capture", fmt.Appendf(nil,
		`{"lead":{"identities":[{"kind":"KIND_EMAIL","value":"%s@bench.example"}],"attributes":{"job_title":"VP Sales","company":"Initech"}},
		"activities":[{"type":"page.viewed","properties":{"path":"/pricing"}},{"type":"demo.requested"}]}`, who))
	return err
}

func (b *bench) decisionToDelivered(ctx context.Context, t *target, s *system) error {
	a, _, end, err := s.receive(ctx, "quick", 0)
	if err != nil {
		return err
	}
	n := b.count(500)
	progress("%s: %d handoffs to a receiver, %d/s", t.name, n, handRaisersPerSecond)
	if _, err := openLoop(ctx, handRaisersPerSecond, n, func(ctx context.Context, i int) error {
		return s.raiseHand(ctx, fmt.Sprintf("quick-%d", i))
	}); err != nil {
		return err
	}
	if err := a.wait(ctx, n); err != nil {
		return err
	}
	a.mu.Lock()
	slices.Sort(a.after)
	half, most := a.after.quantile(0.5), a.after.quantile(0.99)
	a.mu.Unlock()
	load := fmt.Sprintf("%d/s, full packets", handRaisersPerSecond)
	b.add(figure{store: t.name, what: "11 decision → delivered, p50", load: load, value: lasting(half), baseline: lasting(t.rawCommit), beside: "one commit"})
	b.add(figure{store: t.name, what: "11 decision → delivered, p99", load: load, value: lasting(most), baseline: lasting(t.rawCommit), beside: "one commit"})
	return end()
}

func (b *bench) manyDeliveries(ctx context.Context, t *target, s *system) error {
	a, address, end, err := s.receive(ctx, "slow", slowReceiver)
	if err != nil {
		return err
	}
	n := b.count(2000)
	progress("%s: %d deliveries to a receiver that takes %s", t.name, n, slowReceiver)
	if _, err := s.post(ctx, "/v1/destinations/slow:disable", []byte(`{}`)); err != nil {
		return err
	}
	if err := all(ctx, 16, n, func(ctx context.Context, _, i int) error { return s.raiseHand(ctx, fmt.Sprintf("slow-%d", i)) }); err != nil {
		return err
	}
	if err := s.decidedAll(ctx, n); err != nil {
		return err
	}
	begin := time.Now()
	if _, err := s.post(ctx, "/v1/destinations/slow:enable", []byte(`{}`)); err != nil {
		return err
	}
	if err := a.wait(ctx, n); err != nil {
		return err
	}
	rate := float64(n) / a.last.Sub(begin).Seconds()

	// The same requests by the same many senders, with nothing behind them.
	body := bytes.Repeat([]byte("x"), 2000)
	plain, err := closedLoop(ctx, senders, b.seconds(3), func(ctx context.Context, _ int) (int, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		answer, err := browser.Do(request)
		if err != nil {
			return 0, err
		}
		return 1, answer.Body.Close()
	})
	b.add(figure{
		store: t.name, what: "11 deliveries, packets assembled on the way", load: fmt.Sprintf("one receiver of %s, %d at once", slowReceiver, senders),
		value: perSecond(rate, "delivery"), baseline: perSecond(plain, "request"), beside: "the same requests alone", aim: "500/s",
	})
	return errors.Join(err, end())
}

// decidedAll waits until so many deliveries wait for the slow receiver.
func (s *system) decidedAll(ctx context.Context, n int) error {
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; {
		waiting, err := s.metric(ctx, "assay_delivery_due")
		if err != nil || int(waiting) >= n {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("not all leads were handed off within two minutes")
}

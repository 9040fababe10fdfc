package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// explain measures how long it takes over REST to explain a lead with a line for each of
// its activities: one caller, lead after lead.
func (b *bench) explain(ctx context.Context, t *target) error {
	s, err := b.whole(ctx, t)
	if err != nil {
		return err
	}
	defer s.stop()
	const each = 10
	if err := s.fill(ctx, 2*each); err != nil {
		return err
	}
	for i, activities := range []int{history, 1000} {
		first, load := i*each, fmt.Sprintf("leads of %s activities", thousands(fmt.Sprint(activities)))
		err := s.send(ctx, load, each*(activities-1), func(v *visitors, i int) act { return v.past(first + i%each) })
		if err != nil {
			return err
		}
		if err := s.decided(ctx); err != nil {
			return err
		}
		var paths []string
		for lead := first; lead < first+each; lead++ {
			found, err := ingestv1.NewIngestServiceClient(s.grpc).LookupLead(withKey(ctx), &ingestv1.LookupLeadRequest{Identity: identity(lead)})
			if err != nil {
				return err
			}
			paths = append(paths, "/v1/"+found.GetLead().GetName()+"/qualification:explain?includeActivities=true")
		}
		var took latencies
		bytes := 0
		for n := range b.count(1000) {
			began := time.Now()
			read, err := s.read(ctx, paths[n%each])
			if err != nil {
				return err
			}
			took = append(took, time.Since(began))
			bytes = max(bytes, read)
		}
		for _, q := range []float64{.5, .99} {
			f := figure{
				store: t.name, what: fmt.Sprintf("9 explanation with activities, p%.0f", q*100), load: load + ", 1 caller, REST",
				value: lasting(took.quantile(q)), baseline: lasting(t.rawCommit), beside: "one commit",
			}
			if q == .5 {
				f.note = fmt.Sprintf("%s: %d explanations of up to %d KiB of JSON", load, len(took), bytes>>10)
			}
			b.add(f)
		}
	}
	return nil
}

// read makes a GET call over REST and returns how many bytes were read.
func (s *system) read(ctx context.Context, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+path, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	response, err := browser.Do(request)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d", path, response.StatusCode)
	}
	return int(n), err
}

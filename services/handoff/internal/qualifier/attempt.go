package qualifier

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// rounds is how often leads are scored again because a standard was published
// meanwhile. Another process may see a publish a second late, and the pauses between
// the rounds are longer than that together.
const rounds = 4

// attempt scores the open jobs and stores their decisions. An error is about all of
// them; what is wrong with one is noted in its job.
func (q *Qualifier) attempt(ctx context.Context, jobs []*job) (err error) {
	defer recovered(&err)
	if err := q.forget(ctx, opened(jobs)); err != nil {
		return err
	}
	pause := 100 * time.Millisecond
	for range rounds {
		if err := q.score(ctx, opened(jobs)); err != nil {
			return err
		}
		again, err := q.store(ctx, opened(jobs))
		if err != nil || !again {
			return err
		}
		select {
		case <-time.After(pause):
			pause *= 3
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil // those still open are given back
}

// panicked is a panic as an error. Its text holds nothing of the panic, which may
// be personal.
type panicked struct{ stack string }

func (panicked) Error() string { return "panic in the qualifier" }

// recovered turns a panic into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = panicked{string(debug.Stack())}
	}
}

// stackOf is the stack of a panic; empty for other errors.
func stackOf(err error) string {
	var p panicked
	errors.As(err, &p)
	return p.stack
}

func opened(jobs []*job) []*job {
	var still []*job
	for _, j := range jobs {
		if j.end == open {
			still = append(still, j)
		}
	}
	return still
}

// score fills in the fits and engagements of the jobs.
func (q *Qualifier) score(ctx context.Context, jobs []*job) error {
	if len(jobs) == 0 {
		return nil
	}
	active, err := jobs[0].standardsOf(ctx, q)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		q.guard(j, func() error { return j.read(active) })
	}
	for _, j := range opened(jobs) {
		if err := q.readPast(ctx, j); err != nil {
			return err
		}
	}
	start := q.Now()
	if err := q.assess(ctx, opened(jobs)); err != nil {
		return err
	}
	between := q.Now()
	if err := q.engage(ctx, opened(jobs)); err != nil {
		return err
	}
	end := q.Now()
	for _, j := range jobs {
		j.fitDuration, j.engagementDuration = between.Sub(start), end.Sub(between)
	}
	return nil
}

// guard does something for one job; an error or a panic fails that job alone.
func (q *Qualifier) guard(j *job, do func() error) {
	var err error
	func() {
		defer recovered(&err)
		err = do()
	}()
	if err != nil {
		q.fail(j, err)
	}
}

// fail ends a job with an error that counts.
func (q *Qualifier) fail(j *job, err error) {
	if stack := stackOf(err); stack != "" {
		q.Log.Error("panic", "lead", j.GetLead(), "stack", stack)
	}
	j.fail(err)
}

// store decides the jobs in one transaction. again: some were scored with a version
// that no longer decides.
func (q *Qualifier) store(ctx context.Context, jobs []*job) (again bool, err error) {
	start := q.Now()
	leads := make([]*store.Lead, 0, len(jobs))
	ready := make([]*job, 0, len(jobs))
	for _, j := range jobs {
		q.guard(j, func() error {
			leads = append(leads, j.toDecide())
			ready = append(ready, j)
			return nil
		})
	}
	if len(ready) == 0 {
		return false, nil
	}
	decide := q.Store.Decide
	if ready[0].dry {
		decide = q.Store.Foresee
	}
	results, err := decide(ctx, leads)
	if err != nil {
		return false, err
	}
	now := q.Now()
	for i, r := range results {
		j := ready[i]
		switch r.State {
		case store.Outdated:
			again = true
			j.reset()
			continue
		case store.Stale:
			j.failf("facts version %d is older than the one decided, or it is no person any more", j.GetToVersion())
		default:
			j.end, j.digest, j.changes = decided, r.Digest, r.Changes
			if !j.dry {
				q.metrics.decided(j, now)
			}
		}
		j.traceDecide(q.Tracer, start, now)
	}
	return again, nil
}

// complete ends the leases: decided, failed, or given back.
func (q *Qualifier) complete(ctx context.Context, jobs []*job) error {
	completions := make([]*ingestv1.Completion, len(jobs))
	for i, j := range jobs {
		c := &ingestv1.Completion{Lead: j.GetLead(), Fence: j.GetFence(), Version: j.GetToVersion()}
		switch j.end {
		case decided:
			c.Outcome, c.Decision = ingestv1.Completion_OUTCOME_DECIDED, j.digest
		case forgotten:
			c.Outcome = ingestv1.Completion_OUTCOME_FORGOTTEN
		case failed:
			c.Outcome, c.Error = ingestv1.Completion_OUTCOME_FAILED, j.error
			q.Log.WarnContext(ctx, "a lead failed", "lead", j.GetLead(), "attempt", j.GetAttempt(), "error", j.error)
		default:
			c.Outcome = ingestv1.Completion_OUTCOME_RELEASED
		}
		completions[i] = c
	}
	// Also after the pass ran out of time: leases that are given back are free at once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), poll)
	defer cancel()
	response, err := q.Pending.Complete(ctx, &ingestv1.CompleteRequest{Completions: completions})
	if err != nil {
		return err
	}
	for i, state := range response.GetStates() {
		if state == ingestv1.CompletionState_COMPLETION_STATE_QUARANTINED && i < len(jobs) {
			q.Log.ErrorContext(ctx, "a lead is quarantined", "lead", jobs[i].GetLead(), "error", jobs[i].error)
		}
	}
	return nil
}

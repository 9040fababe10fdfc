package qualifier

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

const (
	// maxAsks and maxBytes bound one call to a scorer.
	maxAsks  = 500
	maxBytes = 2 << 20
	// chunkFacts is how many facts of a long history are sent at a time.
	chunkFacts = 1000
)

// ask is a compare-and-set at a scorer: one lead, one model revision, one step from
// a facts version to another.
type ask struct {
	*job
	standard *standard.Compiled
	from, to int32
	facts    []*typev1.Fact
	// reset replaces whatever the scorer has; startedOver says that the first chunk of
	// this history did.
	reset, startedOver bool
}

// result is what both scorers answer with.
type result interface {
	GetState() typev1.CheckpointState
	GetError() string
}

// scorer is profilefit or behavior.
type scorer[R result] struct {
	pending ingestv1.PendingServiceClient
	// send asks the scorer.
	send func(ctx context.Context, asks []ask) ([]R, error)
	// register makes a standard's model known to it.
	register func(ctx context.Context, s *standard.Compiled) error
	// keep takes the score.
	keep func(a ask, r R)
}

// assess asks profilefit.
func (q *Qualifier) assess(ctx context.Context, jobs []*job) error {
	s := scorer[*profilefitv1.FitResult]{
		pending: q.Pending,
		send: func(ctx context.Context, asks []ask) ([]*profilefitv1.FitResult, error) {
			request := &profilefitv1.AssessFitRequest{Assessments: make([]*profilefitv1.FitAssessment, len(asks))}
			for i, a := range asks {
				request.Assessments[i] = &profilefitv1.FitAssessment{
					Lead: a.GetLead(), Revision: a.standard.FitRevision, FromVersion: a.from, ToVersion: a.to,
					Facts: attributeFacts(a.facts), AsOfTime: timestamppb.New(a.asOf(a.standard)), Traceparent: a.traceparent(), Reset_: a.reset, DryRun: a.dry,
				}
			}
			response, err := q.Fit.AssessFit(ctx, request)
			return response.GetResults(), err
		},
		register: func(ctx context.Context, c *standard.Compiled) error {
			_, err := q.Fit.RegisterFitModel(ctx, &profilefitv1.RegisterFitModelRequest{Revision: c.FitRevision, Model: c.Fit})
			return err
		},
		keep: func(a ask, r *profilefitv1.FitResult) {
			a.fits[a.at(a.standard, a.standard.FitRevision)] = fit{r.GetFit(), r.GetTimeline(), r.GetReviewTime()}
		},
	}
	var asks []ask
	for _, j := range jobs {
		j.fits = make(map[scoredAt]fit, len(j.standards))
		for _, c := range j.standards {
			if _, asked := j.fits[j.at(c, c.FitRevision)]; c.Fit != nil && !asked {
				j.fits[j.at(c, c.FitRevision)] = fit{}
				asks = append(asks, j.ask(c))
			}
		}
	}
	return s.run(ctx, asks)
}

// engage asks behavior.
func (q *Qualifier) engage(ctx context.Context, jobs []*job) error {
	s := scorer[*behaviorv1.EngagementResult]{
		pending: q.Pending,
		send: func(ctx context.Context, asks []ask) ([]*behaviorv1.EngagementResult, error) {
			request := &behaviorv1.ApplyFactsRequest{Applications: make([]*behaviorv1.FactsApplication, len(asks))}
			for i, a := range asks {
				request.Applications[i] = &behaviorv1.FactsApplication{
					Lead: a.GetLead(), Revision: a.standard.EngagementRevision, FromVersion: a.from, ToVersion: a.to,
					Facts: a.facts, FitTimeline: a.fits[a.at(a.standard, a.standard.FitRevision)].timeline,
					AsOfTime: timestamppb.New(a.asOf(a.standard)), Traceparent: a.traceparent(), Reset_: a.reset, DryRun: a.dry,
					Levels: a.standard.Levels, IncludeActivities: a.activities,
				}
			}
			response, err := q.Behavior.ApplyFacts(ctx, request)
			return response.GetResults(), err
		},
		register: func(ctx context.Context, c *standard.Compiled) error {
			_, err := q.Behavior.RegisterEngagementModel(ctx, &behaviorv1.RegisterEngagementModelRequest{
				Revision: c.EngagementRevision, Model: c.Engagement,
			})
			return err
		},
		keep: func(a ask, r *behaviorv1.EngagementResult) {
			a.engagements[a.at(a.standard, a.standard.EngagementRevision)] = r.GetEngagement()
			a.lines = r.GetActivities()
		},
	}
	var asks []ask
	for _, j := range jobs {
		j.engagements = make(map[scoredAt]*typev1.Engagement, len(j.standards))
		for _, c := range j.standards {
			if _, asked := j.engagements[j.at(c, c.EngagementRevision)]; c.Engagement != nil && !asked {
				j.engagements[j.at(c, c.EngagementRevision)] = nil
				asks = append(asks, j.ask(c))
			}
		}
	}
	return s.run(ctx, asks)
}

// ask is the delta of the claim.
func (j *job) ask(c *standard.Compiled) ask {
	return ask{job: j, standard: c, from: j.GetFromVersion(), to: j.GetToVersion(), facts: j.GetFacts()}
}

func attributeFacts(facts []*typev1.Fact) []*typev1.Fact {
	var attributes []*typev1.Fact
	for _, f := range facts {
		if f.GetAttribute() != nil {
			attributes = append(attributes, f)
		}
	}
	return attributes
}

// run asks for all and keeps the scores. What a scorer says against one lead fails
// that job; an error is about the call.
func (s *scorer[R]) run(ctx context.Context, asks []ask) error {
	var long []ask
	short := make([]ask, 0, len(asks))
	for _, a := range asks {
		if a.GetFactsOmitted() {
			long = append(long, a)
		} else {
			short = append(short, a)
		}
	}
	mismatched, err := s.short(ctx, short)
	if err != nil {
		return err
	}
	for _, a := range mismatched {
		a.mismatched = true
		if a.end == open {
			if err := s.resend(ctx, a); err != nil {
				return err
			}
		}
	}
	for _, a := range long {
		if a.end == open {
			if a.dry {
				if err := s.atOnce(ctx, a); err != nil {
					return err
				}
				continue
			}
			if err := s.history(ctx, a, a.from); err != nil {
				return err
			}
		}
	}
	return nil
}

// short sends deltas, many in one call, and returns those that do not fit what the
// scorer has.
func (s *scorer[R]) short(ctx context.Context, asks []ask) (mismatched []ask, err error) {
	registered := map[*standard.Compiled]bool{}
	for len(asks) > 0 {
		n := batchSize(asks)
		results, err := s.call(ctx, asks[:n])
		if err != nil {
			return nil, err
		}
		var again []ask
		for i, r := range results {
			a := asks[i]
			switch r.GetState() {
			case typev1.CheckpointState_CHECKPOINT_STATE_OK:
				s.keep(a, r)
			case typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH:
				mismatched = append(mismatched, a)
			case typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION:
				if registered[a.standard] && !slices.ContainsFunc(again, func(b ask) bool { return b.standard == a.standard }) {
					a.failf("the model is unknown although it was registered")
					continue
				}
				if !registered[a.standard] {
					if err := s.register(ctx, a.standard); err != nil {
						return nil, err
					}
					registered[a.standard] = true
				}
				again = append(again, a)
			default:
				a.refused(r)
			}
		}
		asks = append(again, asks[n:]...)
	}
	return mismatched, nil
}

// batchSize is how many of the asks go into one call.
func batchSize(asks []ask) int {
	bytes := 0
	for i, a := range asks[:min(len(asks), maxAsks)] {
		bytes += proto.Size(a.ClaimedLead)
		if i > 0 && bytes > maxBytes {
			return i
		}
	}
	return min(len(asks), maxAsks)
}

// call asks once and checks that there is an answer for each.
func (s *scorer[R]) call(ctx context.Context, asks []ask) ([]R, error) {
	results, err := s.send(ctx, asks)
	if err == nil && len(results) != len(asks) {
		err = fmt.Errorf("a scorer gave %d results for %d asks", len(results), len(asks))
	}
	return results, err
}

// refused fails the job of an ask that the scorer did not take.
func (a ask) refused(r result) {
	switch r.GetState() {
	case typev1.CheckpointState_CHECKPOINT_STATE_STALE:
		a.failf("facts version %d is older than the one scored", a.to)
	case typev1.CheckpointState_CHECKPOINT_STATE_FAILED:
		a.failf("%s", r.GetError())
	default:
		a.failf("a scorer answered %s", r.GetState())
	}
}

// resend starts a lead over after a mismatch.
func (s *scorer[R]) resend(ctx context.Context, a ask) error {
	if a.from > 0 {
		return s.startOver(ctx, a)
	}
	// The claim has the whole history already.
	a.reset = true
	mismatched, err := s.short(ctx, []ask{a})
	if err == nil && len(mismatched) > 0 {
		a.failf("a scorer does not take the whole history")
	}
	return err
}

// mostAtOnce is how many facts of a history are read at once, where nothing is left
// behind to go on from.
const mostAtOnce = 50_000

// history reads all facts of a lead up to a version, or ErrTooLong.
func history(ctx context.Context, pending ingestv1.PendingServiceClient, lead string, to int32) ([]*typev1.Fact, error) {
	var facts []*typev1.Fact
	for version := int32(0); ; {
		page, err := pending.ListFacts(ctx, &ingestv1.ListFactsRequest{
			Lead: lead, AfterVersion: version, ToVersion: to, ChunkSize: chunkFacts,
		})
		if err != nil {
			return nil, err
		}
		facts = append(facts, page.GetFacts()...)
		switch {
		case len(facts) > mostAtOnce, page.GetMore() && page.GetVersion() <= version:
			return nil, ErrTooLong
		case !page.GetMore():
			return facts, nil
		}
		version = page.GetVersion()
	}
}

// atOnce sends a whole history in one piece.
func (s *scorer[R]) atOnce(ctx context.Context, a ask) error {
	var err error
	a.facts, err = history(ctx, s.pending, a.GetLead(), a.to)
	switch {
	case errors.Is(err, ErrTooLong):
		a.failf("the history is too long for a dry run")
		return nil
	case err != nil:
		return err
	}
	a.from, a.reset = 0, true
	a.note(a.facts)
	mismatched, err := s.short(ctx, []ask{a})
	if len(mismatched) > 0 {
		a.failf("a scorer does not take the whole history")
	}
	return err
}

// startOver sends the whole history in chunks.
func (s *scorer[R]) startOver(ctx context.Context, a ask) error {
	a.startedOver = true
	return s.history(ctx, a, 0)
}

// history sends the facts after a version in chunks that end where a version ends.
// The last chunk leads to the version of the claim, and its result is the score.
func (s *scorer[R]) history(ctx context.Context, a ask, after int32) error {
	version, to := after, a.GetToVersion()
	for {
		page, err := s.pending.ListFacts(ctx, &ingestv1.ListFactsRequest{
			Lead: a.GetLead(), AfterVersion: version, ToVersion: to, ChunkSize: chunkFacts,
		})
		if err != nil {
			return err
		}
		a.note(page.GetFacts())
		chunk := a
		chunk.from, chunk.to, chunk.facts = version, page.GetVersion(), page.GetFacts()
		chunk.reset = a.startedOver && version == 0
		if !page.GetMore() {
			chunk.to = to
		}
		done, err := s.chunk(ctx, chunk, !page.GetMore())
		if err != nil || done {
			return err
		}
		if page.GetVersion() <= version {
			a.failf("the history does not go on after version %d", version)
			return nil
		}
		version = page.GetVersion()
	}
}

// chunk sends one chunk of a history. done: the lead has its score, or failed, or
// was started over.
func (s *scorer[R]) chunk(ctx context.Context, a ask, last bool) (done bool, err error) {
	for registered := false; ; registered = true {
		results, err := s.call(ctx, []ask{a})
		if err != nil {
			return false, err
		}
		r := results[0]
		switch state := r.GetState(); {
		case state == typev1.CheckpointState_CHECKPOINT_STATE_OK:
			if last {
				s.keep(a, r)
			}
			return last, nil
		case state == typev1.CheckpointState_CHECKPOINT_STATE_STALE && !last:
			return false, nil // a try before this one came further: go on after it
		case state == typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH && !a.startedOver:
			return true, s.startOver(ctx, a)
		case state == typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION && !registered:
			if err := s.register(ctx, a.standard); err != nil {
				return false, err
			}
		default:
			a.refused(r)
			return true, nil
		}
	}
}

package qualifier

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/condition"
)

// end is how a job ends.
type end int8

const (
	// open: not through yet. A job that stays open is given back.
	open end = iota
	// decided: stored.
	decided
	// failed: with an error that counts against the lead.
	failed
	// forgotten: nothing is known of the lead any more, and nothing is stored of it.
	forgotten
)

// job is one claimed lead in a pass.
type job struct {
	*ingestv1.ClaimedLead
	way
	claimed time.Time

	// attributes are those of the lead now; raw the same as JSON.
	attributes condition.AttributeMap
	raw        map[string]json.RawMessage
	// standards that apply.
	standards []*standard.Compiled
	// past are the attributes as they were at the instants of standards that do not
	// decide as of now, by microseconds.
	past map[int64]condition.AttributeMap
	// fits and engagements by revision and instant.
	fits        map[scoredAt]fit
	engagements map[scoredAt]*typev1.Engagement
	// lines are those of the activities, if they were asked for.
	lines []*behaviorv1.ActivityLine
	// stirred is when the latest fact of the lead's own was received.
	stirred time.Time
	// outcome is the latest that an import brought.
	outcome *handoffv1.Outcome

	fitDuration, engagementDuration time.Duration

	end    end
	digest *typev1.DecisionDigest
	// mismatched says that a scorer did not have what the claim goes on from.
	mismatched bool
	// changes are what the decision meant.
	changes []store.Change
	error   string

	// span is the lead's `assay.qualify`; nil if the lead is not traced.
	span trace.Span
}

// fit is a fit with its course over time.
type fit struct {
	*typev1.Fit
	timeline []*typev1.FitPoint
	review   *timestamppb.Timestamp
}

func newJob(lead *ingestv1.ClaimedLead, w way, now time.Time) *job {
	j := &job{ClaimedLead: lead, way: w, claimed: now}
	j.note(lead.GetFacts())
	return j
}

// reset forgets what an attempt found.
func (j *job) reset() {
	j.standards, j.fits, j.engagements = nil, nil, nil
}

// fail ends the job. The error goes to ingest and into the log, so only a code and
// our own words are kept of it: texts of other kinds may be personal.
func (j *job) fail(err error) {
	j.end = failed
	if s, ok := status.FromError(err); ok {
		j.error = s.Code().String() + ": " + clip(s.Message())
		return
	}
	j.error = clip(err.Error())
}

// failf ends the job with our own words.
func (j *job) failf(format string, args ...any) {
	j.end, j.error = failed, clip(fmt.Sprintf(format, args...))
}

func clip(s string) string {
	const most = 1000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// note takes from facts what the lifecycle asks of them.
func (j *job) note(facts []*typev1.Fact) {
	for _, f := range facts {
		// What Assay itself says, of an account among others, is not the lead's doing; nor is
		// what a bot did.
		if strings.HasPrefix(f.GetSource(), "assay:") || f.GetActivity().GetCorrection() != 0 {
			continue
		}
		kind := f.GetActivity().GetType()
		if strings.HasPrefix(kind, "sales.") || strings.HasPrefix(kind, "lifecycle.") {
			j.noteOutcome(f, kind)
			continue
		}
		if at := f.GetReceivedTime().AsTime(); at.After(j.stirred) {
			j.stirred = at
		}
	}
}

// noteOutcome keeps the latest imported outcome.
func (j *job) noteOutcome(f *typev1.Fact, kind string) {
	o := &handoffv1.Outcome{Actor: "import", OccurredTime: f.GetEffectiveTime()}
	switch kind {
	case "sales.won":
		o.Kind = handoffv1.Outcome_KIND_WON
	case "sales.lost":
		o.Kind = handoffv1.Outcome_KIND_LOST
	default:
		return
	}
	if j.outcome != nil && !later(o.GetOccurredTime(), j.outcome.GetOccurredTime()) {
		return
	}
	var properties struct {
		Reason       any `json:"reason"`
		Amount       any `json:"amount"`
		CurrencyCode any `json:"currency_code"`
	}
	if json.Unmarshal(f.GetActivity().GetPropertiesJson(), &properties) == nil {
		o.Reason, o.Amount, o.CurrencyCode = text(properties.Reason), text(properties.Amount), text(properties.CurrencyCode)
	}
	j.outcome = o
}

// text is a short text or number from properties; empty for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return clip(v)
	case float64:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", v), ".00")
	default:
		return ""
	}
}

func later(a, b *timestamppb.Timestamp) bool { return a.AsTime().After(b.AsTime()) }

// read reads the lead's attributes and finds the standards that apply.
func (j *job) read(active []*standard.Compiled) error {
	if j.attributes == nil {
		j.raw = map[string]json.RawMessage{}
		if len(j.GetAttributesJson()) > 0 {
			if err := json.Unmarshal(j.GetAttributesJson(), &j.raw); err != nil {
				return fmt.Errorf("attributes of the lead are no JSON object")
			}
		}
		j.attributes = valuesOf(j.raw)
	}
	j.standards = nil
	for _, s := range active {
		if s.Applies(j.attributes) {
			j.standards = append(j.standards, s)
		}
	}
	return nil
}

// valuesOf are the attributes that have a value.
func valuesOf(raw map[string]json.RawMessage) condition.AttributeMap {
	attributes := make(condition.AttributeMap, len(raw))
	for key, value := range raw {
		if v, err := condition.ParseValue(value); err == nil { // else unknown
			attributes[key] = v
		}
	}
	return attributes
}

// attributesFor are the attributes that a standard's rules read.
func (j *job) attributesFor(s *standard.Compiled) condition.AttributeMap {
	if past, read := j.past[j.asOf(s).UnixMicro()]; read {
		return past
	}
	return j.attributes
}

// frozen are the attributes that a standard's rules read, as one JSON object.
func (j *job) frozen(s *standard.Compiled) []byte {
	kept := map[string]json.RawMessage{}
	for _, key := range s.Attributes() {
		if value, known := j.raw[key]; known {
			kept[key] = value
		}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return b
}

// scoredAt is a model revision with the instant that was asked about.
type scoredAt struct {
	revision string
	micros   int64
}

// asOf is the instant as of which a standard decides the lead.
func (j *job) asOf(s *standard.Compiled) time.Time {
	at, _ := s.AsOf(j.GetAsOfTime().AsTime(), j.attributes)
	return at
}

// at is where the scores of a revision are kept for a standard.
func (j *job) at(s *standard.Compiled, revision string) scoredAt {
	return scoredAt{revision, j.asOf(s).UnixMicro()}
}

// review is when the lead is to be decided again: when time alone may change what the
// rules read, or at the standard's next instant if there is something it has not seen.
func (j *job) review(f fit, e *typev1.Engagement, again time.Time) time.Time {
	at := reviewTime(e.GetReviewTime(), f.review)
	unseen := len(j.GetFacts()) > 0 || j.GetFactsOmitted()
	if unseen && !again.IsZero() && (at.IsZero() || again.Before(at)) {
		return again
	}
	return at
}

// toDecide is the job as the store takes it.
func (j *job) toDecide() *store.Lead {
	l := &store.Lead{
		ID: store.LeadID(j.GetLead()), IdentityVersion: j.GetIdentityVersion(), FactsVersion: j.GetToVersion(), AsOf: j.GetAsOfTime().AsTime(),
		Historical: j.GetHistorical(), Stirred: j.stirred, Outcome: j.outcome,
		Accepted: j.GetAcceptedTime().AsTime(), AcceptDuration: j.GetAcceptDuration().AsDuration(), Claimed: j.claimed,
		FitDuration: j.fitDuration, EngagementDuration: j.engagementDuration,
		LeadSourceJSON: j.GetLeadSourceJson(),
		Cause:          j.cause, Released: j.released(j.GetLead()),
	}
	if j.GetAcceptedTime() == nil { // no capture waited
		l.Accepted = j.claimed
	}
	if j.span != nil {
		l.TraceID, l.Traceparent = j.span.SpanContext().TraceID().String(), j.traceparent()
	}
	for _, member := range j.GetMembers() {
		l.Members = append(l.Members, store.LeadID(member))
	}
	for _, s := range j.standards {
		asOf, again := s.AsOf(j.GetAsOfTime().AsTime(), j.attributes)
		fit, engagement := j.fits[j.at(s, s.FitRevision)], j.engagements[j.at(s, s.EngagementRevision)]
		found := evidence(s, asOf, j.attributesFor(s), j.attributes, fit.Fit, engagement)
		if !s.Rules.Apply(found) {
			continue
		}
		under := func(approval *decision.Approval) store.Assessment {
			approved := *found
			approved.Approval = approval
			a := j.assess(s, &approved, fit.Fit, engagement)
			a.Review = j.review(fit, engagement, again)
			return a
		}
		a := under(nil)
		a.Under = under
		l.Assessments = append(l.Assessments, a)
		l.Recent = l.Recent || recent(engagement, l.AsOf)
	}
	return l
}

// assess is what a standard says of the lead by the evidence.
func (j *job) assess(s *standard.Compiled, found *decision.Evidence, fit *typev1.Fit, engagement *typev1.Engagement) store.Assessment {
	decided := decision.Decide(&s.Rules, found)
	handling := s.Handle(decided.Codes(), decided.SalesReady)
	if decided.Verdict == decision.Qualified {
		handling.Route = s.Route(handling, j.attributesFor(s), found.AsOf)
	}
	show := showing(&decided)
	return store.Assessment{
		Standard: s.ID, Version: s.Version, Specific: s.AppliesTo != nil, Track: s.Track, Once: s.Once,
		Decision: decided, Handling: handling,
		Fit: show.fit(fit, s.Display.Fit), Engagement: show.engagement(engagement, s.Display),
		Lifecycle:  s.Lifecycle,
		Attributes: func() []byte { return j.frozen(s) },
		AsOf:       found.AsOf,
	}
}

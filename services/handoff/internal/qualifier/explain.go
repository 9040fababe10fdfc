package qualifier

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/condition"
)

// Errors of Explain.
var (
	// ErrNoLead: there is no such lead.
	ErrNoLead = errors.New("no such lead")
	// ErrDoesNotApply: the standard does not apply to the lead at that instant.
	ErrDoesNotApply = errors.New("the standard does not apply")
	// ErrTooLong: the history is longer than what can be explained at once.
	ErrTooLong = errors.New("the history is too long")
)

// Question asks what a standard makes of a lead at an instant.
type Question struct {
	// Lead as `leads/{lead}`.
	Lead string
	// Standard is a version, published or not.
	Standard *standard.Compiled
	// AsOf is the instant, past or future.
	AsOf time.Time
	// Activities asks for the line of each.
	Activities bool
}

// Answer is what a standard makes of a lead at an instant.
type Answer struct {
	store.Assessment
	// Activities are their lines, if asked for.
	Activities []*behaviorv1.ActivityLine
	// FactsVersion is that of the facts that were known.
	FactsVersion int32
}

// Explain scores and decides a lead as of an instant, the way a live one is, and stores
// nothing.
func (q *Qualifier) Explain(ctx context.Context, question Question) (*Answer, error) {
	lead, err := q.wholeLead(ctx, question.Lead)
	if err != nil {
		return nil, err
	}
	lead.AsOfTime = timestamppb.New(question.AsOf)
	if lead.AttributesJson, err = json.Marshal(attributesAt(lead.GetFacts(), question.AsOf)); err != nil {
		return nil, err
	}
	j := newJob(lead, way{
		cause: store.ByRescore, dry: true, standards: []*standard.Compiled{question.Standard}, activities: question.Activities,
	}, q.Now())
	if err := q.score(ctx, []*job{j}); err != nil {
		return nil, err
	}
	if j.end == failed {
		return nil, errors.New(j.error)
	}
	decided := j.toDecide()
	if len(decided.Assessments) == 0 {
		return nil, ErrDoesNotApply
	}
	answer := &Answer{Assessment: decided.Assessments[0], Activities: j.lines, FactsVersion: lead.GetToVersion()}
	approval, err := q.Store.StandingApproval(ctx, store.LeadID(lead.GetLead()), answer.Track, question.AsOf)
	if err != nil {
		return nil, err
	}
	if approval != nil {
		answer.Assessment = answer.Under(store.ApprovalOf(approval))
	}
	return answer, nil
}

// wholeLead reads a lead with its whole history, without a lease.
func (q *Qualifier) wholeLead(ctx context.Context, name string) (*ingestv1.ClaimedLead, error) {
	read, err := q.Pending.ClaimLeads(ctx, &ingestv1.ClaimLeadsRequest{Leads: []string{name}, WholeHistory: true, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	if len(read.GetLeads()) == 0 {
		return nil, ErrNoLead
	}
	lead := read.GetLeads()[0]
	if lead.GetFactsOmitted() {
		if lead.Facts, err = history(ctx, q.Pending, lead.GetLead(), lead.GetToVersion()); err != nil {
			return nil, err
		}
		lead.FactsOmitted = false
	}
	return lead, nil
}

// readPast reads the attributes as they were at the instants of standards that do not
// decide as of now. What arrived since changes them only if it was true by then.
func (q *Qualifier) readPast(ctx context.Context, j *job) error {
	var facts []*typev1.Fact
	for _, s := range j.standards {
		at := j.asOf(s)
		if !at.Before(j.GetAsOfTime().AsTime()) || j.past[at.UnixMicro()] != nil {
			continue
		}
		if facts == nil {
			var err error
			facts, err = history(ctx, q.Pending, j.GetLead(), j.GetToVersion())
			if errors.Is(err, ErrTooLong) {
				q.fail(j, err)
				return nil
			}
			if err != nil {
				return err
			}
			j.past = map[int64]condition.AttributeMap{}
		}
		j.past[at.UnixMicro()] = valuesOf(attributesAt(facts, at))
	}
	return nil
}

// attributesAt are the attributes as they are at an instant, as JSON.
func attributesAt(facts []*typev1.Fact, at time.Time) map[string]json.RawMessage {
	held := map[string]*typev1.Fact{}
	for _, f := range facts {
		key := f.GetAttribute().GetKey()
		if f.GetAttribute() == nil || f.GetEffectiveTime().AsTime().After(at) {
			continue
		}
		if before := held[key]; before == nil || inOrder(before, f) < 0 {
			held[key] = f
		}
	}
	values := map[string]json.RawMessage{}
	for key, f := range held {
		if value := f.GetAttribute().GetValueJson(); len(value) > 0 && string(value) != "null" {
			values[key] = value
		}
	}
	return values
}

// inOrder compares facts by their place in the fold.
func inOrder(a, b *typev1.Fact) int {
	return cmp.Or(
		a.GetEffectiveTime().AsTime().Compare(b.GetEffectiveTime().AsTime()),
		strings.Compare(a.GetSource(), b.GetSource()),
		strings.Compare(a.GetId(), b.GetId()),
	)
}

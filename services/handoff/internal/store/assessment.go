package store

import (
	"slices"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

// Lead is a lead that was scored and is to be decided.
type Lead struct {
	// ID of the lead, without `leads/`.
	ID string
	// Members are the ids of the other leads that are this person now.
	Members []string
	// IdentityVersion is raised by every change of who the person is; 0: it was always alone.
	IdentityVersion int32
	// FactsVersion that was scored.
	FactsVersion int32
	// AsOf is the instant of the scores.
	AsOf time.Time
	// Cause is why it is decided. Default [Live].
	Cause Cause
	// Released are the tracks whose release time came, with [ByRelease].
	Released []string
	// Recent says that it did something lately, with [ByReview].
	Recent bool
	// Historical: decide, do not hand off.
	Historical bool
	// Stirred is when the latest of the scored facts that are the lead's own was
	// received; zero if there is none.
	Stirred time.Time
	// Outcome is the latest imported one among the scored facts; nil if there is none.
	Outcome *handoffv1.Outcome
	// Assessments are what the standards say, at most one for each.
	Assessments []Assessment
	// Accepted is when the capture became durable, AcceptDuration what it took.
	Accepted       time.Time
	AcceptDuration time.Duration
	// Claimed is when the qualifier began.
	Claimed time.Time
	// FitDuration and EngagementDuration are what asking the scorers took.
	FitDuration, EngagementDuration time.Duration
	// TraceID of the capture; empty if it was not traced.
	TraceID string
	// Traceparent of the span that decides it; empty if it is not traced.
	Traceparent string
	// LeadSourceJSON is where the lead first came from.
	LeadSourceJSON []byte
}

// Cause is why a lead is decided.
type Cause int8

const (
	// Live: something is new of it.
	Live Cause = iota
	// ByRescore: the standards changed. One that newly qualifies is held.
	ByRescore
	// ByRelease: it was held and its release time came.
	ByRelease
	// ByReview: time passed.
	ByReview
)

// Assessment is what one standard says of a lead.
type Assessment struct {
	// Standard is its id, Version the name of the version that was scored with.
	Standard, Version string
	// Specific: the standard says whom it applies to, so on a tie it leads before one
	// that is for everybody.
	Specific bool
	// Track it qualifies for.
	Track string
	// Handling is what is done with the lead if it qualifies.
	Handling standard.Handling
	// Once: the first verdict in a cycle stands.
	Once bool
	// Lifecycle says when a lead comes back that rests; nil: at once.
	Lifecycle *lifecycle.Rules
	// AsOf is the instant of its scores, if that is another than the lead's.
	AsOf time.Time
	// Decision by its rules.
	Decision decision.Decision
	// Fit and Engagement that the decision saw; nil if the standard has no such model.
	Fit        *typev1.Fit
	Engagement *typev1.Engagement
	// Review is the earliest instant after that of the scores at which time alone may
	// change what the rules read; zero if there is none.
	Review time.Time
	// Under gives what the standard says of the lead under an approval; nil: nothing else.
	Under func(*decision.Approval) Assessment
	// Attributes gives the attributes that the rules read, as one JSON object. It is
	// called only for a decision that is recorded.
	Attributes func() []byte

	// approved: an approval stands in place of the gates.
	approved bool
}

// all are the leads of the person, that one first which stands for it.
func (l *Lead) all() []string { return append([]string{l.ID}, l.Members...) }

// besides are the leads of the person besides one, as resource names.
func (l *Lead) besides(lead string) []string {
	if len(l.Members) == 0 {
		return nil
	}
	return names(slices.DeleteFunc(distinct(l.all()), func(id string) bool { return id == lead }))
}

// asOf is the instant of the scores.
func (a *Assessment) asOf(l *Lead) time.Time {
	if a.AsOf.IsZero() {
		return l.AsOf
	}
	return a.AsOf
}

func (a *Assessment) attributes() []byte {
	if a.Attributes == nil {
		return nil
	}
	return a.Attributes()
}

package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/pattern"
)

// Rules are what a standard adds to the table. nil: nothing, any text is taken as a
// reason and a lead comes back as soon as it is stirred and qualifies.
type Rules struct {
	// Reasons are the taxonomy.
	Reasons []Reason
	// MaxRequalifications is how often a recycled lead may qualify again, in all; nil:
	// without limit.
	MaxRequalifications *int
}

// Reason is one for which a lead is recycled, disqualified or lost.
type Reason struct {
	// ID of it. That of a rule of the standard stands for leads that the rule
	// disqualified, too.
	ID string
	// Stages it is for.
	Stages []Stage
	// SubReasons are the ids of what it is more exactly; if there are any, one of them
	// is needed.
	SubReasons []string
	// Return says when a lead may come back that rests for this reason.
	Return Return
}

// Return says when a lead at rest may qualify again, once it is stirred. The zero value
// is: at once.
type Return struct {
	// Never by itself: only a leader brings it back.
	Never bool
	// Reasons are codes of reasons of a qualification, one of which is needed; a last `*`
	// stands for whatever follows. Empty: any.
	Reasons []string
	// AfterDays is how many days of 24 hours it rests at least.
	AfterDays int
}

// ReasonError is a reason that the standard does not know.
type ReasonError struct {
	// Field is `reason` or `subReason`.
	Field string
	// Given is what was given; empty: nothing.
	Given string
	// Allowed are the ids that are; empty: none, with a sub-reason.
	Allowed []string
}

// Expected says what was expected, in words.
func (e *ReasonError) Expected() string {
	switch {
	case len(e.Allowed) == 0:
		return fmt.Sprintf("nothing, not %q: the reason has none", e.Given)
	case e.Given == "":
		return "one of: " + strings.Join(e.Allowed, ", ")
	default:
		return fmt.Sprintf("one of: %s, not %q", strings.Join(e.Allowed, ", "), e.Given)
	}
}

// Error names the field and what was expected.
func (e *ReasonError) Error() string { return e.Field + ": expected " + e.Expected() }

// ReasonsFor are the ids of the reasons for a stage; none: any text is taken.
func (r *Rules) ReasonsFor(stage Stage) []string {
	if r == nil {
		return nil
	}
	var ids []string
	for i := range r.Reasons {
		if slices.Contains(r.Reasons[i].Stages, stage) {
			ids = append(ids, r.Reasons[i].ID)
		}
	}
	return ids
}

// ReturnTime is the instant before which the lead does not qualify again because of the
// days it has to rest; zero: it need not wait, or waiting does not help.
func (r *Rules) ReturnTime(s Standing) time.Time {
	back := r.back(s.Stage, s.Reason)
	if !s.Rests() || back.Never || back.AfterDays == 0 {
		return time.Time{}
	}
	return s.Since.Add(time.Duration(back.AfterDays) * 24 * time.Hour)
}

// reason is what is said of a reason for a stage; nil: nothing.
func (r *Rules) reason(stage Stage, id string) *Reason {
	if r == nil {
		return nil
	}
	for i := range r.Reasons {
		if reason := &r.Reasons[i]; reason.ID == id && slices.Contains(reason.Stages, stage) {
			return reason
		}
	}
	return nil
}

// check refuses a reason that the standard does not know.
func (r *Rules) check(to Stage, reason, subReason string) error {
	allowed := r.ReasonsFor(to)
	if len(allowed) == 0 {
		return nil
	}
	known := r.reason(to, reason)
	switch {
	case known == nil:
		return &ReasonError{Field: "reason", Given: reason, Allowed: allowed}
	case len(known.SubReasons) == 0 && subReason == "", slices.Contains(known.SubReasons, subReason):
		return nil
	default:
		return &ReasonError{Field: "subReason", Given: subReason, Allowed: known.SubReasons}
	}
}

// back says when a lead comes back that rests in a stage for a reason.
func (r *Rules) back(stage Stage, id string) Return {
	if reason := r.reason(stage, id); reason != nil {
		return reason.Return
	}
	return Return{}
}

// returns says whether a lead may become marketing qualified by a verdict; one that does
// not rest always may. What a manager approves need not wait, and is not counted: they
// know what it rests for. Only `never` is for reinstating alone.
func (r *Rules) returns(s Standing, v Verdict, at time.Time) bool {
	if r == nil || !s.Rests() {
		return true
	}
	back := r.back(s.Stage, s.Reason)
	switch {
	case back.Never:
		return false
	case v.Approved:
		return true
	case s.Stage == Recycled && r.MaxRequalifications != nil && s.Qualified > *r.MaxRequalifications:
		return false
	}
	return back.takes(v.Codes) && !at.Before(r.ReturnTime(s))
}

// takes says whether one of the reasons is among those that are needed.
func (b Return) takes(codes []string) bool {
	return len(b.Reasons) == 0 || slices.ContainsFunc(b.Reasons, func(wanted string) bool {
		return slices.ContainsFunc(codes, func(code string) bool { return pattern.Matches(wanted, code) })
	})
}

// strictest is the reason of several that keeps a disqualified lead away the most; the
// first of equals.
func (r *Rules) strictest(codes []string) string {
	if len(codes) == 0 {
		return ""
	}
	return slices.MaxFunc(codes, func(a, b string) int {
		return r.back(Disqualified, a).compare(r.back(Disqualified, b))
	})
}

// compare orders by how much is asked: never, then only for some reasons, then days.
func (b Return) compare(other Return) int {
	for _, asked := range [][2]int{
		{count(b.Never), count(other.Never)},
		{count(len(b.Reasons) > 0), count(len(other.Reasons) > 0)},
		{b.AfterDays, other.AfterDays},
	} {
		if asked[0] != asked[1] {
			return asked[0] - asked[1]
		}
	}
	return 0
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

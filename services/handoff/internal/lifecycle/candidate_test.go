package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// Of the leads of a person the first of these says where it stands.
func TestWhoSpeaksForAPerson(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC) }
	in := func(stage lifecycle.Stage, change ...func(*lifecycle.Candidate)) *lifecycle.Candidate {
		c := &lifecycle.Candidate{Standing: lifecycle.Standing{Stage: stage}}
		for _, do := range change {
			do(c)
		}
		return c
	}
	handedOff := func(day int) func(*lifecycle.Candidate) {
		return func(c *lifecycle.Candidate) { c.HandedOff = at(day) }
	}
	said := func(c *lifecycle.Candidate) { c.Said = true }
	own := func(c *lifecycle.Candidate) { c.Own = true }
	named := func(lead string) func(*lifecycle.Candidate) {
		return func(c *lifecycle.Candidate) { c.Lead = lead }
	}
	order := []*lifecycle.Candidate{
		in(lifecycle.Opportunity, handedOff(9)),
		in(lifecycle.SalesQualified, handedOff(8)),
		in(lifecycle.SalesAccepted, handedOff(3)),
		in(lifecycle.SalesAccepted, handedOff(7)),
		in(lifecycle.Disqualified, said),
		in(lifecycle.MarketingQualified, handedOff(5)),
		in(lifecycle.MarketingQualified, handedOff(6)),
		in(lifecycle.Customer),
		in(lifecycle.Disqualified, own),
		in(lifecycle.Lost),
		in(lifecycle.Recycled),
		in(lifecycle.MarketingQualified),
		in(lifecycle.Nurture, own),
		in(lifecycle.Nurture, named("a")),
		in(lifecycle.Nurture, named("b")),
		in(lifecycle.Lead),
		in(lifecycle.None),
	}
	sorted := slices.Clone(order)
	slices.Reverse(sorted)
	slices.SortFunc(sorted, (*lifecycle.Candidate).Compare)
	for i := range order {
		if sorted[i] != order[i] {
			t.Fatalf("place %d has %+v, wanted %+v", i, sorted[i], order[i])
		}
	}
}

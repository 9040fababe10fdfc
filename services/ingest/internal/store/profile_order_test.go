package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// Two values that one source says for one instant: the same one wins, whichever
// arrived first, and saying them again adds nothing.
func TestTwoValuesOfOneInstantDoNotDependOnArrival(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		say := func(address, title string) {
			s := subject(email(address))
			s.Attributes = []lead.Attribute{{Key: "job_title", Value: []byte(title)}}
			s.Source, s.Effective, s.Dated = "form", start.Add(time.Hour), true
			f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{s}}))
		}
		titles := []string{`"CTO"`, `"VP"`, `"Buyer"`}
		for range 2 {
			for _, title := range titles {
				say("one@x.example", title)
			}
			slices.Reverse(titles)
			for _, title := range titles {
				say("two@x.example", title)
			}
		}
		if n := f.count(`SELECT count(DISTINCT attributes) FROM leads`); n != 1 {
			t.Error("two leads of which the same was said have different profiles")
		}
		if n := f.count(`SELECT count(*) FROM attributes WHERE key = 'job_title'`); n != 6 {
			t.Errorf("%d facts, want the three of each lead", n)
		}
	})
}

package qualifier

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// A lead is decided again as soon as time alone may change its fit or its engagement.
func TestReviewIsTheEarliestOfFitAndEngagement(t *testing.T) {
	early, late := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	at := func(t time.Time) *timestamppb.Timestamp {
		if t.IsZero() {
			return nil
		}
		return timestamppb.New(t)
	}
	never := time.Time{}
	for _, test := range []struct{ fit, engagement, want time.Time }{
		{never, never, never}, {early, never, early}, {never, late, late}, {early, late, early}, {late, early, early},
	} {
		var j job
		if got := j.review(fit{review: at(test.fit)}, &typev1.Engagement{ReviewTime: at(test.engagement)}, never); !got.Equal(test.want) {
			t.Errorf("fit %v, engagement %v: %v, want %v", test.fit, test.engagement, got, test.want)
		}
	}
}

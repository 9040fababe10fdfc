package behavior

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
)

// A lead can be explained as of the last day that a message can name.
func TestReviewAfterTheLastYearIsNone(t *testing.T) {
	for at, want := range map[time.Time]bool{
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC): true,
		time.Date(10001, 2, 5, 0, 0, 0, 0, time.UTC):     false,
	} {
		if got := review(at.UnixMicro()); (got != nil) != want {
			t.Errorf("review at %v: %v", at, got)
		}
	}
}

// Every correction there is makes an activity one that does not count.
func TestEveryCorrectionIsKnown(t *testing.T) {
	for n, name := range typev1.ActivityFact_Correction_name {
		facts, err := factsOf([]*typev1.Fact{{
			EffectiveTime: timestamppb.New(time.Unix(0, 0)),
			Activity:      &typev1.ActivityFact{Type: "page.viewed", Correction: typev1.ActivityFact_Correction(n)},
		}})
		if err != nil || (n == 0) != (facts[0].Void == engagement.NotVoid) || (n == 0) != (facts[0].Void.String() == "") {
			t.Errorf("%s: %+v, %v", name, facts, err)
		}
	}
	_, err := factsOf([]*typev1.Fact{{
		EffectiveTime: timestamppb.New(time.Unix(0, 0)), Activity: &typev1.ActivityFact{Type: "page.viewed", Correction: 99},
	}})
	if err == nil || !strings.HasPrefix(err.Error(), "facts[0].activity.correction: ") {
		t.Error(err)
	}
}

package scenarios

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// Busy makes up a busy lead for measurements: its attributes, and then n activities of
// the kinds that a model reads, about four a day, in their order. It is always the same.
func Busy(model *typev1.EngagementModel, n int) []*typev1.Fact {
	v := vocabulary{attributes: map[string][]any{}, properties: map[string][]any{}, zone: time.UTC}
	v.read(model, model.GetLists())
	r, at := rand.New(rand.NewPCG(1, 7)), beginning
	var facts []*typev1.Fact
	for _, key := range sorted(v.attributes) {
		facts = append(facts, &typev1.Fact{
			Id: key, Source: "web", EffectiveTime: timestamppb.New(at),
			Attribute: &typev1.AttributeFact{Key: key, ValueJson: encoded(pick(r, v.attributes[key]))},
		})
	}
	properties := sorted(v.properties)
	for i := range n {
		at = at.Add(time.Duration(1 + r.Int64N(int64(12*time.Hour))))
		f := &typev1.Fact{
			Id: strconv.Itoa(i), Source: "web", EffectiveTime: timestamppb.New(at), Activity: v.activity(r, properties),
		}
		if strings.HasPrefix(f.GetActivity().GetType(), "lifecycle.") {
			f.Source = "assay:handoff"
		}
		facts = append(facts, f)
	}
	return facts
}

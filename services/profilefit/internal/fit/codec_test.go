package fit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

func TestHistorySurvivesItsEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := fit.History(drawFacts(t))
		got, err := fit.DecodeHistory(h.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// Whatever is read is read in one way, and nothing panics.
func FuzzDecodeHistory(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte{1})
	f.Add([]byte{2, 3})
	f.Add(fit.History{{EffectiveTime: epoch, Source: "web", ID: "1", Key: "country", Value: []byte(`"DE"`)}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := fit.DecodeHistory(b)
		if err != nil {
			return
		}
		again, err := fit.DecodeHistory(h.Encode())
		if err != nil || !cmp.Equal(h, again, cmpopts.EquateEmpty()) {
			t.Fatalf("%v is read back as %v, %v", h, again, err)
		}
	})
}

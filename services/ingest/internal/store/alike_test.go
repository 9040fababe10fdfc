package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// Addresses that are alike are a reason to ask somebody, once, and join nobody.
func TestAlikeAddressesAreProposed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		known := func(address, family string) string {
			s := subject(email(address))
			if family != "" {
				s.Attributes = attributes("last_name", `"`+family+`"`)
			}
			return f.capture(s).Lead
		}
		compare := func() {
			t.Helper()
			for more := true; more; {
				var err error
				if more, err = f.CompareAddresses(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		ada := known("ada.lovelace@gmail.com", "")
		charles := known("charles@babbage.example", "Babbage")
		known("babbage@babbage.example", "")
		compare()
		adaAgain := known("adalovelace+news@googlemail.com", "")
		known("babage@babbage.example", "") // nobody knows the family
		slip := known("chalres@babbage.example", "BABBAGE")
		compare()
		compare()

		type proposed struct {
			leads [2]string
			alike []identity.AlikePair
		}
		pair := func(a, b, ofA, ofB string, l identity.Likeness) proposed {
			if a > b {
				a, b, ofA, ofB = b, a, ofB, ofA
			}
			return proposed{[2]string{a, b}, []identity.AlikePair{{Emails: [2]string{ofA, ofB}, Likeness: l}}}
		}
		want := []proposed{
			pair(ada, adaAgain, "ada.lovelace@gmail.com", "adalovelace+news@googlemail.com", identity.SameMailbox),
			pair(charles, slip, "charles@babbage.example", "chalres@babbage.example", identity.OneEdit),
		}
		list, err := f.Proposals(t.Context(), store.ProposalOpen, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []proposed
		for _, p := range list {
			got = append(got, proposed{p.Leads, p.Alike})
			if len(p.Evidence) != 0 {
				t.Errorf("links: %v", p.Evidence)
			}
		}
		byLead := func(a, b proposed) int { return slices.Compare(a.leads[:], b.leads[:]) }
		slices.SortFunc(want, byLead)
		slices.SortFunc(got, byLead)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(proposed{})); diff != "" {
			t.Errorf("proposed (-want +got):\n%s", diff)
		}
		if l := f.lead(ada); len(l.Members) != 1 {
			t.Errorf("joined: %v", l.Members)
		}
	})
}

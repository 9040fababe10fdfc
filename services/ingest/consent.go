package ingest

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

var categoryPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// readConsent adds to a subject what a capture says of consent to be observed: each
// category is an attribute, with its history. Who may say yes is known before, see
// [sender.permit].
func readConsent(s *store.Subject, in map[string]bool) *violation.Violation {
	for category, given := range in {
		if !categoryPattern.MatchString(category) {
			return violation.New("consent", "categories in snake_case of at most 40 characters, such as analytics")
		}
		value := []byte("false")
		if given {
			value = []byte("true")
		}
		s.Attributes = append(s.Attributes, lead.Attribute{Key: lead.ConsentPrefix + category, Value: value})
	}
	slices.SortFunc(s.Attributes, func(a, b lead.Attribute) int { return cmp.Compare(a.Key, b.Key) })
	return nil
}

package segment

import (
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/pattern"
)

// find returns the first rule of a source that is for a message, nil if there is none. Pages
// and screens are the events `page` and `screen`.
func find(rules []*ingestv1.EventRule, m *Message) *ingestv1.EventRule {
	event := m.Event
	if m.Kind != Track {
		event = string(m.Kind)
	}
	for _, rule := range rules {
		if pattern.Matches(rule.GetEvent(), event) {
			return rule
		}
	}
	return nil
}

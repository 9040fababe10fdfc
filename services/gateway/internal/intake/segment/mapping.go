package segment

import "github.com/assay-hq/assay/services/internal/pattern"

// Mapping is what a source says of its events. The first rule that is for an event counts;
// for every other event [Type] does.
type Mapping struct{ Rules []Rule }

// Rule is for events whose name a pattern stands for.
type Rule struct {
	// Event is the name of an event, or its beginning and a `*`. Pages and screens are
	// the events `page` and `screen`.
	Event string
	// Type is the type of the activity; empty: the default one.
	Type string
	// Rename gives properties another name; those that get an empty one are left out.
	Rename map[string]string
	// Drop says that such events are not kept.
	Drop bool
}

func (m *Mapping) find(message *Message) *Rule {
	if m == nil {
		return nil
	}
	event := message.Event
	if message.Kind != Track {
		event = string(message.Kind)
	}
	for i := range m.Rules {
		if pattern.Matches(m.Rules[i].Event, event) {
			return &m.Rules[i]
		}
	}
	return nil
}

package diff

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// wording is how people speak of a field.
type wording struct {
	// label is what the field is called; empty if the subject says it all.
	label string
	// unit of its numbers.
	unit string
}

const pointsUnit = "points"

// wordings has words for the fields of the language: by `Message.field`, or by the
// field's name wherever it stands. Fields that are not here are read out by their name.
var wordings = map[string]wording{
	"points":                     {"", pointsUnit},
	"max_points":                 {"cap", pointsUnit},
	"min_points":                 {"floor", pointsUnit},
	"unknown_points":             {"while unknown", pointsUnit},
	"repeat_points":              {"", pointsUnit},
	"fit_max_points":             {"most of the fit that counts", pointsUnit},
	"RepeatLimit.points":         {"at most", pointsUnit},
	"weight_percent":             {"weight", "%"},
	"keep_percent":               {"keeps", "%"},
	"min_known":                  {"fewest known answers", ""},
	"when":                       {"condition", ""},
	"if":                         {"condition", ""},
	"NamedGate.when":             {"", ""},
	"NeedsData.when":             {"worth asking", ""},
	"GateChoice.if":              {"", ""},
	"Gate.when":                  {"", ""},
	"Gate.all":                   {"", ""},
	"Gate.any":                   {"", ""},
	"Gate.not":                   {"not", ""},
	"Gate.at_least":              {"", ""},
	"Gate.activity":              {"", ""},
	"Gate.known":                 {"known", ""},
	"Gate.points":                {"points of", ""},
	"Gate.matrix":                {"class and band", ""},
	"Gate.icp":                   {"ideal customer profile", ""},
	"AtLeast.count":              {"at least", "of them"},
	"AtLeast.of":                 {"", ""},
	"KnownGate.count":            {"at least", "of them"},
	"ClassEdge.at_least":         {"from", pointsUnit},
	"SegmentEdges.edges":         {"", ""},
	"Band.range":                 {"", ""},
	"PointsGate.range":           {"", ""},
	"PerUnit.points":             {"for each unit", pointsUnit},
	"PerUnit.unit":               {"unit of", ""},
	"PerUnit.min":                {"at least", pointsUnit},
	"PerUnit.max":                {"at most", pointsUnit},
	"PerUnit.value":              {"by", ""},
	"PerUnit.whole":              {"whole units only", ""},
	"Floor.points":               {"", pointsUnit},
	"Stop.engagement_at_least":   {"from an engagement score of", ""},
	"Stop.combined_at_least":     {"from a combined score of", ""},
	"Stop.group_at_least":        {"from a group score of", ""},
	"Sequence.steps":             {"in order", ""},
	"Sequence.within_days":       {"within", "days"},
	"Inactivity.days":            {"after", "days"},
	"Inactivity.repeat_days":     {"again every", "days"},
	"Inactivity.not_before_days": {"not in the first", "days"},
	"Decay.after_days":           {"in full for", "days"},
	"ChangeWindow.from":          {"from", ""},
	"ChangeWindow.to":            {"to", ""},
	"Schedule.at":                {"at", ""},
	"Schedule.weekdays":          {"on weekdays", ""},
	"Schedule.month_days":        {"on days of the month", ""},
	"Schedule.zone_attribute":    {"in the time zone of", ""},
	"HandoffRules.queue":         {"queue", ""},
	"AttributeWord.allowed":      {"allowed answers", ""},
	"HandoffRules.sla":           {"time to answer", ""},
	"ReasonHandling.sla":         {"time to answer", ""},
	"RoutingRules.team":          {"team of the others", ""},
	"RoutingRules.working_time":  {"who works at that moment", ""},
	"AccountOwner.when":          {"if", ""},
	"SlaRules.within_minutes":    {"within", "minutes"},
	"SlaRules.around_the_clock":  {"by day and night", ""},
	"SlaRules.warn_at_percent":   {"warning at percent", ""},
	"escalate_after_minutes":     {"escalation", "minutes after the breach"},
	"reassign_after_minutes":     {"reassignment", "minutes after the breach"},
	"max_reassignments":          {"most reassignments", ""},
	"max_valid_days":             {"valid for at most", "days"},
	"StageReason.returns":        {"return", ""},
	"max_requalifications":       {"most requalifications of recycled leads", ""},
	"TextList.values":            {"", ""},
	"Note.text":                  {"", ""},
	"release_per_hour":           {"released in an hour", "leads"},
	"visit_minutes":              {"pause between visits", "minutes"},
	"display_name":               {"name", ""},
	"description":                {"words", ""},
	"applies_to":                 {"applies to", ""},
	"applies_while":              {"applies while", ""},
	"only_if":                    {"only if", ""},
	"per_unit":                   {"", ""},
	"combined":                   {"combined score", ""},
	"qualification":              {"qualification", ""},
	"icp":                        {"ideal customer profile", ""},
	"fit_class":                  {"fit class", ""},
	"change_window":              {"change window", ""},
}

// wordingOf returns the words of a field.
func wordingOf(f protoreflect.FieldDescriptor) wording {
	name := string(f.Name())
	for _, key := range []string{string(f.Parent().Name()) + "." + name, name} {
		if w, ok := wordings[key]; ok {
			return w
		}
	}
	w := wording{label: spaced(name)}
	if label, ok := strings.CutSuffix(name, "_days"); ok && isNumber(f) {
		w = wording{spaced(label), "days"}
	}
	return w
}

// nouns are what members of lists are called that have no words of their own.
var nouns = map[string]string{
	"classes": "class", "bands": "band", "edges": "class", "choices": "choice", "groups": "group", "segments": "segment",
	"classes_by_segment": "segment", "bands_by_segment": "segment", "ladder": "class", "rows": "row", "by_reason": "reason",
	"readings": "reading", "placeholders": "placeholder", "attributes": "attribute", "activities": "activity",
	"properties": "property", "personas": "persona", "lists": "list", "flags": "flag",
	"reasons": "reason", "sub_reasons": "sub-reason", "self_selection": "self-selection",
}

// reader reads a standard out. It knows what its ids mean.
type reader struct{ names map[string]string }

// wordsOf collects what the members of a standard are called.
func wordsOf(m interface {
	ProtoReflect() protoreflect.Message
},
) reader {
	r := reader{map[string]string{}}
	r.collect(m.ProtoReflect())
	return r
}

// collect walks in the order of the language: of two that share an id the engagement's
// counts, which gates speak of. Reasons are spoken of by nobody.
func (r reader) collect(m protoreflect.Message) {
	if id, words := text(m, "id"), text(m, "description"); id != "" && words != "" && m.Descriptor().Name() != "NamedGate" {
		r.names[id] = words
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.Message() == nil || f.IsMap() || !m.Has(f):
		case f.IsList():
			for i := range m.Get(f).List().Len() {
				r.collect(m.Get(f).List().Get(i).Message())
			}
		default:
			r.collect(m.Get(f).Message())
		}
	}
}

// named is what an id means.
func (r reader) named(id string) string {
	if words := r.names[id]; words != "" {
		return words
	}
	return spaced(id)
}

// member is the subject of what is said about a member of a list. A member with an id
// speaks for itself; any other one for what it stands in, too.
func (r reader) member(subject []string, f protoreflect.FieldDescriptor, m protoreflect.Message, i int) []string {
	if isGate(m) {
		return subject // its question stands in the sentence
	}
	words := text(m, "description")
	if id := text(m, "id"); id != "" {
		if words == "" {
			words = spaced(id)
			if noun := nouns[string(f.Name())]; noun != "" {
				words = noun + " " + words
			}
		}
		return []string{words}
	}
	if words == "" {
		words = r.unnamed(f, m, i)
	}
	return append(append([]string(nil), subject...), words)
}

func (r reader) unnamed(f protoreflect.FieldDescriptor, m protoreflect.Message, i int) string {
	noun := nouns[string(f.Name())]
	if noun == "" {
		noun = strings.TrimSuffix(spaced(string(f.Name())), "s")
	}
	if key := keyField(m.Descriptor()); key != nil && m.Get(key).String() != "" {
		return noun + " " + m.Get(key).String()
	}
	for _, name := range []protoreflect.Name{"range", "when", "if", "path"} {
		if asked := m.Descriptor().Fields().ByName(name); asked != nil && m.Has(asked) && !asked.IsList() {
			if asked.Message() != nil {
				return r.phrase(m.Get(asked).Message())
			}
			return short(m.Get(asked).String(), 60)
		}
	}
	return ordinal(i+1) + " " + noun
}

package standard

import (
	"cmp"
	"strings"
	"time"
	_ "time/tzdata" // the same calendar on machines without one
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// Compiled is a version of a standard that can decide.
type Compiled struct {
	// ID of the standard, e.g. `default`, and its Name, `standards/default`.
	ID, Name string
	// Version is the name of the version: `standards/default/versions/{version}`,
	// where `{version}` is the start of the hash of the canonical content.
	Version string
	// Track is the line of business it qualifies for. Default `sales`.
	Track string
	// Queue is where its handoffs wait. Default: the track.
	Queue string
	// FitRevision and EngagementRevision name the models by the hash of their
	// content. Empty without a model.
	FitRevision, EngagementRevision string
	// Fit is who they are; nil: the standard has no fit.
	Fit *typev1.FitModel
	// Engagement is what they do, with the time zone and the windows of the gates
	// filled in; nil: the standard has no engagement.
	Engagement *typev1.EngagementModel
	// Zone is the standard's calendar.
	Zone *time.Location
	// Levels are the numbers that the rules compare the engagement with.
	Levels *typev1.Levels
	// Rules give the verdict.
	Rules decision.Rules
	// ApprovalValid is the longest that an approval may be valid.
	ApprovalValid time.Duration
	// AppliesTo says whom it applies to; nil: everybody. Unknown counts as no.
	AppliesTo *condition.Condition
	// Parents are the groups inside other groups, with the group around them, by id.
	Parents map[string]string

	// Once: the first verdict in a cycle stands.
	Once bool
	// Display are the limits between which scores are shown.
	Display Display
	// Lifecycle are the reasons with which people move leads; nil: any text.
	Lifecycle *lifecycle.Rules

	handling []reasonHandling
	response *Response
	routing  routing.Rules
	// destinations are the ids of those that get its handoffs, with blanks between them.
	destinations string
	evaluation   evaluation
	content      content
}

// Applies says whether the standard applies to a lead. Unknown counts as no.
func (c *Compiled) Applies(lead condition.Attributes) bool {
	if c.AppliesTo == nil {
		return true
	}
	answer, _ := c.AppliesTo.Eval(&condition.Facts{Lead: lead})
	return answer == condition.True
}

const (
	// maxRules bounds criteria, rules, signals and named gates together, and
	// maxChoices the choices of all criteria. The scorers take as many.
	maxRules   = 2_000
	maxChoices = 5_000
	// maxWindows bounds the different `withinDays` of a standard's gates.
	maxWindows = 20
)

// nests are the messages that may hold their like, and how deep.
var nests = []struct {
	of         protoreflect.FullName
	path, what string
	most       int
}{
	{"assay.type.v1.Gate", "qualification", "gates", 20},
	{"assay.type.v1.FitGroup", "fit", "groups", 5},
	{"assay.type.v1.EngagementGroup", "engagement", "groups", 5},
	{"assay.type.v1.Range", "", "ranges", 2},
}

// Compile checks a standard as a whole and makes it ready to decide. The error is
// Problems: everything that is wrong, each with its path. The spec is not changed
// and not kept. Lists that name a dictionary are filled from the given ones; where
// nobody knows which there are (nil), they stay empty.
func Compile(spec *handoffv1.StandardSpec, dictionaries Dictionaries) (*Compiled, error) {
	var c compiler
	for _, nest := range nests {
		if deep := depth(spec.ProtoReflect(), nest.of); deep > nest.most {
			c.add(nest.path, "%s at most %d deep, not %d", nest.what, nest.most, deep)
			return nil, c.err() // nothing below walks a bottomless tree
		}
	}
	c.shape(spec)
	c.size(spec)

	zone := c.zone("timeZone", spec.GetTimeZone(), "UTC")
	c.changeWindow("changeWindow", spec.GetChangeWindow())
	c.vocabulary(spec.GetVocabulary())
	c.textLists(spec.GetLists(), dictionaries)
	c.fit("fit", spec.GetFit())
	c.engagement("engagement", spec.GetEngagement())
	c.spoken("fit", spec.GetFit().ProtoReflect())
	c.spoken("engagement", spec.GetEngagement().ProtoReflect())
	fit := c.conditions("fit", spec.GetFit().ProtoReflect())
	engagement := c.conditions("engagement", spec.GetEngagement().ProtoReflect())
	if bySegment(spec) {
		for i, segment := range spec.GetSegments() {
			found := c.conditions(index("segments", i), segment.ProtoReflect())
			fit.lists, engagement.lists = append(fit.lists, found.lists...), append(engagement.lists, found.lists...)
			fit.dictionaries = append(fit.dictionaries, found.dictionaries...)
			engagement.dictionaries = append(engagement.dictionaries, found.dictionaries...)
		}
	}
	rules := c.qualification("qualification", spec)
	out := &Compiled{
		ID:    spec.GetId(),
		Name:  "standards/" + spec.GetId(),
		Track: cmp.Or(spec.GetTrack(), "sales"),
		Rules: rules,

		Levels:  c.levels,
		Parents: parents(spec),

		ApprovalValid: approvalValid(spec.GetQualification().GetApproval()),
	}
	out.Queue = cmp.Or(spec.GetHandoff().GetQueue(), out.Track)
	if source := spec.GetAppliesTo(); source != "" {
		out.AppliesTo = c.condition("appliesTo", source, leadVars)
	}
	out.Display = c.display("display", spec.GetDisplay())
	out.Lifecycle = c.lifecycle("lifecycle", spec.GetLifecycle())
	out.response = c.response("handoff.sla", spec.GetHandoff().GetSla(), zone)
	out.handling = c.handlings(spec.GetHandoff(), out.Queue, out.response, zone)
	out.routing = c.routes("handoff.routing", spec.GetHandoff(), zone)
	out.destinations = strings.ReplaceAll(strings.Join(spec.GetHandoff().GetDestinations(), " "), "destinations/", "")
	out.Once = spec.GetQualification().GetEvaluation().GetOnce()
	out.evaluation = c.evaluation("qualification.evaluation", spec.GetQualification().GetEvaluation())
	if err := c.err(); err != nil {
		return nil, err
	}

	var err error
	if out.Zone, err = time.LoadLocation(zone); err != nil {
		return nil, err
	}
	if out.content, err = canonical("standard", spec); err != nil {
		return nil, err
	}
	out.Version = out.Name + "/versions/" + out.content.id()
	if model := spec.GetFit(); model != nil {
		out.Fit = proto.CloneOf(model)
		if bySegment(spec) {
			out.Fit.Segments = spec.GetSegments()
		}
		out.Fit.TimeZone, out.Fit.Lists, out.Fit.Dictionaries = spec.GetTimeZone(), c.listsOf(fit), dictionariesOf(fit)
		if out.FitRevision, err = revision("fit", out.Fit); err != nil {
			return nil, err
		}
	}
	if model := spec.GetEngagement(); model != nil {
		out.Engagement = proto.CloneOf(model)
		out.Engagement.TimeZone = cmp.Or(model.GetTimeZone(), zone)
		out.Engagement.CountWindowDays = c.windows
		out.Engagement.Watch = c.watch
		if bySegment(spec) {
			out.Engagement.Segments = spec.GetSegments()
		}
		out.Engagement.Lists, out.Engagement.Dictionaries = c.listsOf(engagement), dictionariesOf(engagement)
		if out.EngagementRevision, err = revision("engagement", out.Engagement); err != nil {
			return nil, err
		}
		if readsFit(model) || engagement.fit {
			// Its scores depend on that fit: with another fit it is another model.
			out.EngagementRevision += "-" + out.FitRevision
		}
	}
	return out, nil
}

// bySegment says whether a model has edges that depend on the segment.
func bySegment(spec *handoffv1.StandardSpec) bool {
	engagement := spec.GetEngagement()
	return len(spec.GetFit().GetClassesBySegment())+len(engagement.GetBandsBySegment())+
		len(engagement.GetCombined().GetBandsBySegment()) > 0
}

// readsFit says whether a model has a combined score, or gates of its own that ask about
// the fit.
func readsFit(model *typev1.EngagementModel) bool {
	asks := model.GetCombined() != nil
	messages(model.ProtoReflect(), func(m protoreflect.Message) {
		if g, ok := m.Interface().(*typev1.Gate); ok {
			asks = asks || g.GetFitScore() != nil || len(g.GetFitClass()) > 0 || len(g.GetPersona()) > 0
		}
	})
	return asks
}

// compiler collects what is wrong, and what gates need of the models.
type compiler struct {
	findings
	// windows are the `withinDays` of the gates, ascending, watch is all that they ask of
	// the engagement part, nil if nothing, and levels what they compare with.
	windows []int32
	watch   *typev1.Watch
	levels  *typev1.Levels
	// attributes and properties are the words of the vocabulary; nil: there is none.
	attributes, properties map[string]bool
	// types are the activity types of the vocabulary.
	types []string
	// lists are those that conditions may read, and filledLists the same as models have
	// them.
	lists       map[string]*condition.List
	filledLists []*typev1.TextList
}

// shape applies the rules that stand beside the fields in the protos, and refuses
// characters that nobody can see.
func (c *compiler) shape(spec *handoffv1.StandardSpec) {
	violations, err := rpc.Violations("", spec)
	if err != nil {
		c.add("", "a valid standard: %v", err)
	}
	for _, v := range violations {
		c.add(v.Field, "%s", v.Expected)
	}
	enums("", spec.ProtoReflect(), func(path string, known protoreflect.EnumDescriptor, given protoreflect.EnumNumber) {
		if known.Values().ByNumber(given) == nil {
			allowed, _ := choices(known)
			c.add(path, "one of: %s, not the number %d", strings.Join(allowed, ", "), given)
		}
	})
	texts("", spec.ProtoReflect(), func(path string, _ protoreflect.FieldDescriptor, text string) {
		c.text(path, text)
	})
}

func (c *compiler) text(path, s string) {
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			c.add(path, "text without control characters, not %U", r)
			return
		}
	}
}

// size bounds the standard as a whole.
func (c *compiler) size(spec *handoffv1.StandardSpec) {
	n, choices := 0, 0
	for group := range fitGroups("", spec.GetFit().GetGroups()) {
		n += len(group.GetCriteria())
		for _, criterion := range group.GetCriteria() {
			choices += len(criterion.GetChoices()) + len(criterion.GetBands())
		}
	}
	for group := range engagementGroups("", spec.GetEngagement().GetGroups()) {
		n += len(group.GetRules()) + len(group.GetCriteria())
		for _, criterion := range group.GetCriteria() {
			choices += len(criterion.GetChoices())
		}
	}
	n += len(spec.GetEngagement().GetSignals())
	q := spec.GetQualification()
	n += len(q.GetExclude()) + len(q.GetDisqualify()) + len(q.GetFastTrack()) + len(q.GetSelfSelection())
	if n > maxRules {
		c.add("", "at most %d criteria, rules and signals, not %d", maxRules, n)
	}
	if choices > maxChoices {
		c.add("fit", "at most %d choices, not %d", maxChoices, choices)
	}
}

// zone checks an IANA time zone.
func (c *compiler) zone(path, name, standard string) string {
	if name == "" {
		return standard
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		c.add(path, "an IANA time zone such as Europe/Berlin, not %q", name)
	}
	return name
}

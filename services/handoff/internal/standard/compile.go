package standard

import (
	"cmp"
	"errors"
	"strings"
	"time"
	_ "time/tzdata" // the same calendar on machines without one
	"unicode"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/condition"
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
	// Levels are the numbers that the rules compare the engagement with.
	Levels *typev1.Levels
	// Rules give the verdict.
	Rules decision.Rules
	// AppliesTo says whom it applies to; nil: everybody. Unknown counts as no.
	AppliesTo *condition.Condition
	// Parents are the groups inside other groups, with the group around them, by id.
	Parents map[string]string

	content content
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
// and not kept.
func Compile(spec *handoffv1.StandardSpec) (*Compiled, error) {
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
	c.fit("fit", spec.GetFit())
	c.engagement("engagement", spec.GetEngagement())
	c.conditions("fit", spec.GetFit().ProtoReflect())
	c.conditions("engagement", spec.GetEngagement().ProtoReflect())
	rules := c.qualification("qualification", spec)
	out := &Compiled{
		ID:    spec.GetId(),
		Name:  "standards/" + spec.GetId(),
		Track: cmp.Or(spec.GetTrack(), "sales"),
		Rules: rules,

		Levels:  c.levels,
		Parents: parents(spec),
	}
	out.Queue = cmp.Or(spec.GetHandoff().GetQueue(), out.Track)
	if source := spec.GetAppliesTo(); source != "" {
		out.AppliesTo = c.condition("appliesTo", source, leadVars)
	}
	if err := c.err(); err != nil {
		return nil, err
	}

	var err error
	if out.content, err = canonical("standard", spec); err != nil {
		return nil, err
	}
	out.Version = out.Name + "/versions/" + out.content.id()
	if model := spec.GetFit(); model != nil {
		out.Fit = proto.CloneOf(model)
		if len(model.GetClassesBySegment()) > 0 {
			out.Fit.Segments = spec.GetSegments()
		}
		if out.FitRevision, err = revision("fit", out.Fit); err != nil {
			return nil, err
		}
	}
	if model := spec.GetEngagement(); model != nil {
		out.Engagement = proto.CloneOf(model)
		out.Engagement.TimeZone = cmp.Or(model.GetTimeZone(), zone)
		out.Engagement.CountWindowDays = c.windows
		out.Engagement.Watch = c.watch
		if len(model.GetBandsBySegment())+len(model.GetCombined().GetBandsBySegment()) > 0 {
			out.Engagement.Segments = spec.GetSegments()
		}
		if out.EngagementRevision, err = revision("engagement", out.Engagement); err != nil {
			return nil, err
		}
		if c.readsFit || model.GetCombined() != nil {
			// Its scores depend on that fit: with another fit it is another model.
			out.EngagementRevision += "-" + out.FitRevision
		}
	}
	return out, nil
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
	// readsFit: a condition of the engagement part reads the fit.
	readsFit bool
}

// shape applies the rules that stand beside the fields in the protos, and refuses
// characters that nobody can see.
func (c *compiler) shape(spec *handoffv1.StandardSpec) {
	var violations *protovalidate.ValidationError
	switch err := protovalidate.Validate(spec); {
	case errors.As(err, &violations):
		for _, v := range violations.Violations {
			c.add(camel(protovalidate.FieldPathString(v.Proto.GetField())), "a value that %s", v.Proto.GetMessage())
		}
	case err != nil:
		c.add("", "a valid standard: %v", err)
	}
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
	n += len(q.GetExclude()) + len(q.GetDisqualify()) + len(q.GetFastTrack())
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

// condition compiles CEL; nil if it does not compile.
func (c *compiler) condition(path, source string, vars condition.Vars) *condition.Condition {
	compiled, err := condition.Compile(source, vars)
	if err != nil {
		c.add(path, "a condition: %v", err)
		return nil
	}
	c.words(path, compiled.Reads())
	c.readsFit = c.readsFit || compiled.ReadsFit()
	return compiled
}

// camel turns a path of proto names into one of JSON names.
func camel(path string) string {
	var b strings.Builder
	upper := false
	for _, r := range path {
		switch {
		case r == '_':
			upper = true
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

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
	// Rules give the verdict.
	Rules decision.Rules
	// AppliesTo says whom it applies to; nil: everybody. Unknown counts as no.
	AppliesTo *condition.Condition

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
	// maxGateDepth is the deepest nesting of gates.
	maxGateDepth = 20
	// maxWindows bounds the different `withinDays` of a standard's gates.
	maxWindows = 20
)

// Compile checks a standard as a whole and makes it ready to decide. The error is
// Problems: everything that is wrong, each with its path. The spec is not changed
// and not kept.
func Compile(spec *handoffv1.StandardSpec) (*Compiled, error) {
	var c compiler
	if depth := gatesDepth(spec.GetQualification()); depth > maxGateDepth {
		c.add("qualification", "gates at most %d deep, not %d", maxGateDepth, depth)
		return nil, c.err() // nothing below walks a bottomless tree
	}
	c.shape(spec)
	c.size(spec)

	zone := c.zone("timeZone", spec.GetTimeZone(), "UTC")
	c.changeWindow("changeWindow", spec.GetChangeWindow())
	c.fit("fit", spec.GetFit())
	c.engagement("engagement", spec.GetEngagement())
	rules := c.qualification("qualification", spec)
	out := &Compiled{
		ID:    spec.GetId(),
		Name:  "standards/" + spec.GetId(),
		Track: cmp.Or(spec.GetTrack(), "sales"),
		Rules: rules,
	}
	out.Queue = cmp.Or(spec.GetHandoff().GetQueue(), out.Track)
	if source := spec.GetAppliesTo(); source != "" {
		out.AppliesTo = c.condition("appliesTo", source, condition.LeadVar)
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
		if out.FitRevision, err = revision("fit", out.Fit); err != nil {
			return nil, err
		}
	}
	if model := spec.GetEngagement(); model != nil {
		out.Engagement = proto.CloneOf(model)
		out.Engagement.TimeZone = cmp.Or(model.GetTimeZone(), zone)
		out.Engagement.CountWindowDays = c.windows
		if out.EngagementRevision, err = revision("engagement", out.Engagement); err != nil {
			return nil, err
		}
		if c.readsFit {
			// Its scores depend on that fit: with another fit it is another model.
			out.EngagementRevision += "-" + out.FitRevision
		}
	}
	return out, nil
}

// compiler collects what is wrong, and what gates need of the models.
type compiler struct {
	findings
	// windows are the `withinDays` of the gates, ascending.
	windows []int32
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
	c.visible("", spec.ProtoReflect())
}

func (c *compiler) visible(path string, m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := join(path, f.JSONName())
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				c.text(at, k.String())
				if f.MapValue().Message() != nil {
					c.visible(entry(at, k.String()), v.Message())
				} else if f.MapValue().Kind() == protoreflect.StringKind {
					c.text(entry(at, k.String()), v.String())
				}
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				if f.Message() != nil {
					c.visible(index(at, i), v.List().Get(i).Message())
				} else if f.Kind() == protoreflect.StringKind {
					c.text(index(at, i), v.List().Get(i).String())
				}
			}
		case f.Message() != nil:
			c.visible(at, v.Message())
		case f.Kind() == protoreflect.StringKind:
			c.text(at, v.String())
		}
		return true
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
	for _, g := range spec.GetFit().GetGroups() {
		n += len(g.GetCriteria())
		for _, criterion := range g.GetCriteria() {
			choices += len(criterion.GetChoices())
		}
	}
	for _, g := range spec.GetEngagement().GetGroups() {
		n += len(g.GetRules())
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

package standard

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
)

// approvalDays is how many days an approval may be valid unless a standard says so.
const approvalDays = 30

// approvalValid is the longest that an approval may be valid.
func approvalValid(rules *handoffv1.ApprovalRules) time.Duration {
	return time.Duration(cmp.Or(rules.GetMaxValidDays(), approvalDays)) * 24 * time.Hour
}

// fastTracks compiles who is on a fast track.
func (g *gates) fastTracks(ids ids, path string, named []*handoffv1.NamedGate) []decision.Rule {
	rules := g.named(ids, path, named)
	for i := range rules {
		if rules[i].Shown != nil {
			g.add(join(index(path, i), "shownScore"), "nothing: only what disqualifies shows another score")
		}
		rules[i].OverridesDisqualification = named[i].GetOverridesDisqualification()
	}
	return rules
}

// refusals compiles who is excluded or disqualified.
func (g *gates) refusals(ids ids, path string, named []*handoffv1.NamedGate) []decision.Rule {
	for i, n := range named {
		if n.GetOverridesDisqualification() {
			g.add(join(index(path, i), "overridesDisqualification"), "nothing: only an exception overrides a disqualification")
		}
	}
	return g.named(ids, path, named)
}

// selfSelections compiles who selects itself by its answers.
func (g *gates) selfSelections(ids ids, path string, selections []*handoffv1.SelfSelection) []decision.SelfSelection {
	var out []decision.SelfSelection
	for i, s := range selections {
		at := index(path, i)
		g.id(ids, at, s.GetId())
		out = append(out, decision.SelfSelection{
			ID: s.GetId(), Description: s.GetDescription(), OverridesDisqualification: s.GetOverridesDisqualification(),
			Budget:    g.answers(join(at, "budget"), s.GetBudget()),
			Authority: g.answers(join(at, "authority"), s.GetAuthority()),
			Need:      g.answers(join(at, "need"), s.GetNeed()),
			Timeline:  g.answers(join(at, "timeline"), s.GetTimeline()),
		})
	}
	return out
}

// said are the gates over what a lead says of itself.
var said = map[protoreflect.Name]bool{"all": true, "any": true, "at_least": true, "not": true, "when": true, "known": true}

// answers compiles a gate over the answers of a lead: it asks nothing that a form cannot.
func (g *gates) answers(path string, gate *typev1.Gate) decision.Gate {
	var check func(m protoreflect.Message)
	check = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if m.Descriptor().Name() == "Gate" && !said[f.Name()] {
				g.add(path, "a gate over answers: `when` or `known`, joined by `all`, `any`, `atLeast` and `not`, no `%s`", f.JSONName())
			}
			switch {
			case f.IsList() && f.Message() != nil:
				for i := range v.List().Len() {
					check(v.List().Get(i).Message())
				}
			case f.Message() != nil && !f.IsMap():
				check(v.Message())
			}
			return true
		})
	}
	check(gate.ProtoReflect())
	problems := len(g.problems)
	compiled := g.gate(path, gate)
	if len(g.problems) == problems && len(decision.Asks(compiled)) == 0 {
		g.add(path, "a gate over an attribute of the lead: whoever fills in a form has to be asked something")
	}
	return compiled
}

package decision

import (
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/points"
)

// Verdict is what a standard says of a lead.
type Verdict int8

const (
	// Qualified: meets the standard, a marketing-qualified lead.
	Qualified Verdict = iota + 1
	// Nurture: not yet.
	Nurture
	// Disqualified: not a potential buyer.
	Disqualified
	// NeedsAnswers: could qualify, but named answers are missing.
	NeedsAnswers
)

// String is the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Qualified:
		return "QUALIFIED"
	case Nurture:
		return "NURTURE"
	case Disqualified:
		return "DISQUALIFIED"
	case NeedsAnswers:
		return "NEEDS_DATA"
	default:
		return "UNSPECIFIED"
	}
}

// Reason is one reason of a verdict.
type Reason struct {
	// Code is stable: a rule's id, `suppressed`, `permission`, `approval`,
	// `self_selection.<id>`, `fast_track.<id>`, `needs_data` or `gates`.
	Code string
	// Description is the reason in words. It holds none of the lead's values, but of an
	// approval what people said for it, and of a suppression why.
	Description string
}

// Decision is a verdict and why.
type Decision struct {
	// Verdict is never zero.
	Verdict Verdict
	// Reasons are never empty.
	Reasons []Reason
	// Missing are the attributes to ask for, with NeedsAnswers.
	Missing []string
	// Excluded: suppressed, or disqualified by a rule that nothing overrides.
	Excluded bool
	// Suppressed: excluded because nobody may approach it.
	Suppressed bool
	// Overrides: qualified by an exception that may override a disqualification.
	Overrides bool
	// SalesReady: qualified, and ready to buy by the standard's second threshold.
	SalesReady bool
	// Shown is what scores are shown as, by the first reason that says so; nil: as they
	// are.
	Shown *Shown
	// Lacking is what would make it qualify; empty if it does, or if nothing it does can.
	Lacking []Lack
}

// Shown is a score that is shown in place of another.
type Shown struct {
	Reason
	Points points.Points
}

// Codes are those of the reasons, in order.
func (d *Decision) Codes() []string {
	codes := make([]string, len(d.Reasons))
	for i, reason := range d.Reasons {
		codes[i] = reason.Code
	}
	return codes
}

// Decide says what the rules make of the evidence.
func Decide(rules *Rules, evidence *Evidence) Decision {
	e := evidence.in(rules)
	d := rules.permitted(rules.verdict(e), e)
	switch d.Verdict {
	case Qualified:
		d.SalesReady = rules.SalesReady != nil && rules.SalesReady.answer(e) == True
	case Nurture, NeedsAnswers:
		if d.Lacking == nil { // else it lacks a permission alone
			d.Lacking = nearest(rules, e)
		}
	}
	return d
}

// verdict is the answer of the first tier that has one.
func (rules *Rules) verdict(evidence *Evidence) Decision {
	if why := suppression(evidence.now()); why != "" {
		return Decision{
			Verdict: Disqualified, Excluded: true, Suppressed: true,
			Reasons: []Reason{{Code: SuppressedCode, Description: "suppressed, nobody may contact it: " + why}},
		}
	}
	if reasons := holding(rules.Exclude, evidence); len(reasons) > 0 {
		return Decision{Verdict: Disqualified, Reasons: reasons, Shown: shown(rules.Exclude, reasons), Excluded: true}
	}
	exceptions := rules.exceptions(evidence)
	disqualified := holding(rules.Disqualify, evidence)
	if len(disqualified) > 0 {
		exceptions = slices.DeleteFunc(exceptions, func(x exception) bool { return !x.overrides })
	}
	switch {
	case len(exceptions) > 0:
		return Decision{
			Verdict: Qualified, Reasons: reasonsOf(exceptions, disqualified),
			Overrides: slices.ContainsFunc(exceptions, func(x exception) bool { return x.overrides }),
		}
	case len(disqualified) > 0:
		return Decision{Verdict: Disqualified, Reasons: disqualified, Shown: shown(rules.Disqualify, disqualified)}
	}
	if missing := rules.NeedsData.missing(evidence); len(missing) > 0 {
		return Decision{Verdict: NeedsAnswers, Missing: missing, Reasons: []Reason{{
			Code:        "needs_data",
			Description: "not known yet: " + strings.Join(missing, ", "),
		}}}
	}
	if rules.Gates != nil && rules.Gates.answer(evidence) == True {
		return Decision{Verdict: Qualified, Reasons: []Reason{{Code: "gates", Description: because(rules.Gates, evidence)}}}
	}
	if reasons, missing := rules.begun(evidence); len(reasons) > 0 {
		return Decision{Verdict: NeedsAnswers, Missing: missing, Reasons: reasons}
	}
	notYet := "the standard qualifies by exception only"
	if rules.Gates != nil {
		notYet = "not yet: " + open(rules.Gates, evidence)
	}
	return Decision{Verdict: Nurture, Reasons: []Reason{{Code: "gates", Description: notYet}}}
}

// holding are the reasons of the rules that hold.
func holding(tier []Rule, e *Evidence) []Reason {
	var reasons []Reason
	for i := range tier {
		if rule := &tier[i]; rule.holds(e) {
			reasons = append(reasons, Reason{Code: rule.ID, Description: rule.description()})
		}
	}
	return reasons
}

// shown is what the first of the reasons shows scores as; nil if none says so.
func shown(tier []Rule, reasons []Reason) *Shown {
	for _, reason := range reasons {
		for i := range tier {
			if tier[i].ID == reason.Code && tier[i].Shown != nil {
				return &Shown{Reason: reason, Points: *tier[i].Shown}
			}
		}
	}
	return nil
}

// missing are the attributes to ask for; none if the lead is not worth asking.
func (n *NeedsData) missing(e *Evidence) []string {
	if len(n.Attributes) == 0 || (n.When != nil && n.When.answer(e) != True) {
		return nil
	}
	var missing []string
	for _, attribute := range n.Attributes {
		if !e.known(attribute) {
			missing = append(missing, attribute)
		}
	}
	return missing
}

// because is what makes a gate hold: of alternatives only those that do, as many as
// it takes, so that a salesperson reads why this lead was passed on.
func because(g Gate, e *Evidence) string {
	switch g := g.(type) {
	case all:
		return phrases(g.of, e)
	case atLeastOf:
		var held []Gate
		for _, part := range g.of {
			if len(held) < g.count && part.answer(e) == True {
				held = append(held, part)
			}
		}
		return phrases(held, e)
	default:
		return g.words()
	}
}

func phrases(gates []Gate, e *Evidence) string {
	parts := make([]string, len(gates))
	for i, g := range gates {
		parts[i] = because(g, e)
	}
	return strings.Join(parts, " and ")
}

// open is what keeps the gates from holding: of a conjunction the parts that do not
// hold.
func open(g Gate, e *Evidence) string {
	conjunction, ok := g.(all)
	if !ok {
		return g.words()
	}
	var parts []Gate
	for _, part := range conjunction.of {
		if part.answer(e) != True {
			parts = append(parts, part)
		}
	}
	return list(parts, " and ")
}

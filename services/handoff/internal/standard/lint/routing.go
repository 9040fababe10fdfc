package lint

import "github.com/assay-hq/assay/services/internal/condition"

// routing finds routing rules that send nobody anywhere, and leads that nobody gets.
func (l *linter) routing() {
	r := l.spec.GetHandoff().GetRouting()
	var above []condition.Claim
	for i, rule := range r.GetRules() {
		claim := l.claim(rule.GetWhen())
		at := index("handoff.routing.rules", i)
		switch {
		case !possible(claim):
			l.warn("never", at+".when", "`%s`: the condition can never hold", rule.GetId())
		case len(above) > 0 && follows(claim, anyOf(above...)):
			l.warn("never", at, "`%s` gets no lead: rules above take all of them", rule.GetId())
		}
		above = append(above, claim)
	}
	if len(above) > 0 && r.GetTeam() == "" && !follows(all(), anyOf(above...)) {
		l.info("no-team", "handoff.routing", "a lead for which no rule holds goes to nobody: it waits in its queue until somebody claims it")
	}
}

package lint

import (
	"slices"
	"strings"
)

// consent finds where the gate `engagement.consent` and the rules do not know of each
// other.
func (l *linter) consent() {
	gate := l.model.GetConsent()
	if gate == nil {
		return
	}
	attribute := "lead.consent_" + gate.GetCategory()
	withholds := false
	for _, r := range l.rules {
		withholds = withholds || slices.ContainsFunc(r.GetActivities(), observes)
		if slices.ContainsFunc(r.GetActivities(), observes) && strings.Contains(r.GetWhen(), attribute) {
			l.warn("consent", r.path, "%s asks for `%s`, without which `engagement.consent` withholds its activities already", l.named(r.GetId()), attribute)
		}
	}
	if !withholds {
		l.warn("consent", "engagement.consent", "no rule gives points for what a lead does, so that the gate withholds nothing")
	}
}

// observes reports whether activities of a type are what a lead was seen to do.
func observes(kind string) bool {
	return !strings.HasPrefix(kind, "sales.") && !strings.HasPrefix(kind, "lifecycle.")
}

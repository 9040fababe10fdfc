package lint

import (
	"strings"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
)

// permission finds a permission that nobody can grant.
func (l *linter) permission() {
	channel := l.spec.GetQualification().GetPermission().GetChannel()
	if channel != "" && !decision.KnownChannel(channel) {
		l.warn("unknown-channel", "qualification.permission.channel", "nobody is approached by `%s`, so nobody is ever handed off; there are %s",
			channel, strings.Join(quoted(decision.Channels), ", "))
	}
}

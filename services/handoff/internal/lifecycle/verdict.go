package lifecycle

import (
	"cmp"
	"strings"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
)

// Verdict is what a standard says of the lead.
type Verdict struct {
	// Verdict of the standard.
	Verdict decision.Verdict
	// Codes of its reasons.
	Codes []string
	// Approved: a manager's approval is behind it.
	Approved bool
}

// Wanted is the stage that a verdict stands for.
func Wanted(v decision.Verdict) Stage {
	switch v {
	case decision.Qualified:
		return MarketingQualified
	case decision.Nurture:
		return Nurture
	case decision.Disqualified:
		return Disqualified
	default:
		return Lead
	}
}

// Opinion is what one of several standards of a track says of a lead.
type Opinion struct {
	// Verdict of the standard.
	Verdict decision.Verdict
	// Specific: the standard says whom it applies to.
	Specific bool
	// Standard is its id.
	Standard string
}

// Compare orders opinions by which leads the track, that first: qualified, needs data,
// nurture, disqualified; then a standard made for some leads before one for all; then by
// name.
func (o Opinion) Compare(other Opinion) int {
	return cmp.Or(
		cmp.Compare(rank(o.Verdict), rank(other.Verdict)),
		cmp.Compare(count(other.Specific), count(o.Specific)),
		strings.Compare(o.Standard, other.Standard),
	)
}

func rank(v decision.Verdict) int {
	switch v {
	case decision.Qualified:
		return 0
	case decision.NeedsAnswers:
		return 1
	case decision.Nurture:
		return 2
	default:
		return 3
	}
}

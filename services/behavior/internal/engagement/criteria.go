package engagement

import (
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// criterion is a question about the lead as it stands at an instant.
type criterion struct {
	id, words string
	choices   []choice
}

// choice is one answer of a criterion, its points weighted.
type choice struct {
	gate   *gate
	points points.Points
	words  string
}

// maxWeight is the highest weight of a criterion, in hundredths of a percent.
const maxWeight = 10 * wholePercent

// weighted returns the share of points that a weight in hundredths of a percent gives,
// rounded half away from zero.
func weighted(p, percent points.Points) points.Points {
	if p < 0 {
		return -weighted(-p, percent)
	}
	return (p*percent + wholePercent/2) / wholePercent
}

// criterion gives the points of the first choice that is known to hold. It reports
// whether there is a line of points: a criterion that nothing answers has none.
func (r *reading) criterion(q *criterion, group string) (given points.Points, gave bool) {
	unknown := false
	for i := range q.choices {
		choice := &q.choices[i]
		switch r.present.answer(choice.gate) {
		case condition.True:
			r.line(q.id, group, Given, choice.points, choice.words)
			return choice.points, true
		case condition.Unknown:
			unknown = true
		}
	}
	if unknown {
		r.line(q.id, group, Unanswered, 0, q.words)
	}
	return 0, false
}

package engagement

import "github.com/assay-hq/assay/services/internal/points"

// bandTable is bands by edges, highest first.
type bandTable struct {
	all []Edge
	// own edges of segments, by their position in scoring.segments; nil: none has any.
	own map[int][]Edge
}

// band returns the first band whose edge the score reaches. Of the segments only a
// table with edges of theirs asks.
func (t *bandTable) band(score points.Points, p *present) string {
	edges := t.all
	if t.own != nil {
		if own, ok := t.own[p.segmentOf()]; ok {
			edges = own
		}
	}
	for _, edge := range edges {
		if score >= edge.AtLeast {
			return edge.Label
		}
	}
	return ""
}

// ladder is a band by conditions: the first row that holds.
type ladder struct{ rows []rung }

type rung struct {
	label string
	// rank of the label among those of all ladders, 0 the best; -1 with one ladder.
	rank int
	gate *gate
}

// band returns the label of the first row that is known to hold, and its rank.
func (l *ladder) band(p *present) (label string, rank int, holds bool) {
	for i := range l.rows {
		if row := &l.rows[i]; p.holds(row.gate) {
			return row.label, row.rank, true
		}
	}
	return "", 0, false
}

// band of an engagement score: by edges, or the best label of the ladders.
func (r *reading) band(score points.Points) string {
	if len(r.c.ladders) == 0 {
		return r.c.bands.band(score, r.present)
	}
	best, bestRank := "", 0
	for i := range r.c.ladders {
		label, rank, holds := r.c.ladders[i].band(r.present)
		if holds && (best == "" || rank < bestRank) {
			best, bestRank = label, rank
		}
	}
	return best
}

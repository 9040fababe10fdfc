package engagement

import (
	"fmt"
	"slices"
)

// bandTable compiles edges and those of segments.
func (b *compiler) bandTable(path string, edges []Edge, bySegment []SegmentEdges) bandTable {
	b.checkEdges(path, edges)
	out := bandTable{all: edges}
	for i, own := range bySegment {
		at := fmt.Sprintf("%sBySegment[%d]", path, i)
		b.checkEdges(at+".edges", own.Edges)
		if s := b.segment(at+".segment", own.Segment); s >= 0 {
			if out.own == nil {
				out.own = map[int][]Edge{}
			}
			if _, taken := out.own[s]; taken {
				b.problem(at+".segment", "must be unique, %q has edges above already", own.Segment)
			}
			out.own[s] = own.Edges
		}
	}
	return out
}

// checkEdges checks that bands are in order and have labels of their own.
func (b *compiler) checkEdges(path string, edges []Edge) {
	labels := map[string]bool{}
	for i, edge := range edges {
		at := fmt.Sprintf("%s[%d]", path, i)
		if edge.Label == "" {
			b.problem(at+".label", "must not be empty")
		} else if labels[edge.Label] {
			b.problem(at+".label", "must be unique, %q is taken", edge.Label)
		}
		labels[edge.Label] = true
		if i > 0 && edge.AtLeast >= edges[i-1].AtLeast {
			b.problem(at+".atLeast", "must be lower than the band before it, is %v", edge.AtLeast)
		}
	}
}

func (b *compiler) ladders() {
	m := b.model
	if len(m.Ladders) > 0 && len(m.Bands)+len(m.SegmentBands) > 0 {
		b.problem("ladders", "must not be given beside bands")
	}
	if len(m.Ladders) > 1 && len(m.LadderLabels) == 0 {
		b.problem("ladderLabels", "must name the labels of the ladders from the best to the worst")
	}
	for i, label := range m.LadderLabels {
		if slices.Contains(m.LadderLabels[:i], label) {
			b.problem(fmt.Sprintf("ladderLabels[%d]", i), "must be unique, %q stands above already", label)
		}
	}
	for i := range m.Ladders {
		b.ladder(fmt.Sprintf("ladders[%d]", i), &m.Ladders[i])
	}
}

func (b *compiler) ladder(path string, l *Ladder) {
	b.id(path+".id", l.ID)
	var out ladder
	for i := range l.Rows {
		row := &l.Rows[i]
		at := fmt.Sprintf("%s.rows[%d]", path, i)
		rank := slices.Index(b.model.LadderLabels, row.Label)
		switch {
		case row.Label == "":
			b.problem(at+".label", "must not be empty")
		case rank < 0 && len(b.model.LadderLabels) > 0:
			b.problem(at+".label", "must be one of ladderLabels, is %q", row.Label)
		}
		if row.If == nil && i < len(l.Rows)-1 {
			b.problem(at+".if", "must be given on all rows but the last")
		}
		out.rows = append(out.rows, rung{label: row.Label, rank: rank, gate: b.scoreGate(at+".if", row.If)})
	}
	b.out.ladders = append(b.out.ladders, out)
}

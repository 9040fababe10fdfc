package engagement

import (
	"fmt"

	"github.com/assay-hq/assay/services/internal/points"
)

// criterion compiles a question of a group.
func (b *compiler) criterion(path string, m *Criterion) criterion {
	b.id(path+".id", m.ID)
	if m.WeightPercent < 0 || m.WeightPercent > maxWeight {
		b.problem(path+".weightPercent", "must be from 0 to 1000, is %v", m.WeightPercent)
	}
	out := criterion{id: m.ID, words: named(m.Description, m.ID)}
	for i := range m.Choices {
		in := &m.Choices[i]
		at := fmt.Sprintf("%s.choices[%d]", path, i)
		if in.Points > points.Max || in.Points < -points.Max {
			b.problem(at+".points", "must be from -1e9 to 1e9, is %v", in.Points)
		}
		words := out.words
		if in.Description != "" {
			words += ": " + in.Description
		}
		out.choices = append(out.choices, choice{
			gate: b.scoreGate(at+".if", &in.If), points: weighted(in.Points, m.WeightPercent), words: words,
		})
	}
	if len(out.choices) == 0 {
		b.problem(path+".choices", "must have at least one")
	}
	return out
}

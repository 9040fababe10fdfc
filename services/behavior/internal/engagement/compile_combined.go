package engagement

import "fmt"

func (b *compiler) combined() {
	m := b.model.Combined
	if m == nil {
		return
	}
	out := &combined{fitCap: m.FitCap, unknownIsZero: m.UnknownFitIsZero}
	out.bounds = b.bounds("combined", onCombined, "Fit and engagement together", m.Cap, m.Least, m.Floor)
	out.id = Total
	b.checkCap("combined.fitMaxPoints", m.FitCap)
	if m.FitCap != nil {
		out.fitCapped = fmt.Sprintf("Fit: held at %v points", *m.FitCap)
	}
	out.bands = b.bandTable("combined.bands", m.Bands, m.SegmentBands)
	b.out.combined = out
	b.out.readsFit = true
}

// shows compiles what overrides show, and while what they do.
func (b *compiler) shows() {
	for i := range b.model.Overrides {
		m := &b.model.Overrides[i]
		path := fmt.Sprintf("overrides[%d]", i)
		if (len(m.Activities) > 0) == (m.If != nil) {
			b.problem(path, "must give either activities or if")
		}
		if m.Combined && b.model.Combined == nil {
			b.problem(path+".score", "must not be the combined score, there is none")
		}
		b.out.shows = append(b.out.shows, show{
			id: m.ID, words: named(m.Description, m.ID), gate: b.scoreGate(path+".if", m.If), points: m.Points, combined: m.Combined,
		})
	}
}

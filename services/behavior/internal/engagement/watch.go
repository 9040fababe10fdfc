package engagement

// watched returns the answer to each question of the gates of the standard.
func (r *reading) watched() []float64 {
	if len(r.c.watched) == 0 {
		return nil
	}
	values := make([]float64, len(r.c.watched))
	for i, g := range r.c.watched {
		values[i] = g.value(r.present)
	}
	return values
}

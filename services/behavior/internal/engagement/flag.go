package engagement

// flag is said of a lead beside its scores.
type flag struct {
	id   string
	gate *gate
}

// flags returns the ids of those that are raised.
func (r *reading) flags() []string {
	var raised []string
	for i := range r.c.flags {
		if f := &r.c.flags[i]; r.present.holds(f.gate) {
			raised = append(raised, f.id)
		}
	}
	return raised
}

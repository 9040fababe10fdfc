package decision

// Answer is a gate's answer.
func Answer(g Gate, e *Evidence) Truth { return g.answer(e) }

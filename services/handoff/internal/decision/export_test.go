package decision

// Answer is a gate's answer.
func Answer(g Gate, e *Evidence) Truth { return g.answer(e) }

// Negate is the negation of an answer.
func Negate(t Truth) Truth { return negate(t) }

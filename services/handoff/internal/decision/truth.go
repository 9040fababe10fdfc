package decision

// Truth is the answer of a gate or condition in three-valued logic (Kleene's).
type Truth int8

const (
	// Unknown: a fact that the answer depends on is not known.
	Unknown Truth = iota
	// False: it does not hold.
	False
	// True: it holds.
	True
)

// Not is the negation; that of Unknown is Unknown.
func (t Truth) Not() Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

// String is the truth in a word.
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	default:
		return "unknown"
	}
}

func truth(holds bool) Truth {
	if holds {
		return True
	}
	return False
}

// atLeast answers whether at least k of n answers are true, as far as that is
// certain however the unknown ones turn out.
func atLeast(k, n int, answer func(i int) Truth) Truth {
	held, unknown := 0, 0
	for i := 0; i < n && held < k; i++ {
		switch answer(i) {
		case True:
			held++
		case Unknown:
			unknown++
		}
	}
	switch {
	case held >= k:
		return True
	case held+unknown < k:
		return False
	default:
		return Unknown
	}
}

package decision

import "github.com/assay-hq/assay/services/internal/condition"

// Truth is the answer of a gate in three-valued logic (Kleene's).
type Truth = condition.Truth

// The three answers.
const (
	Unknown = condition.Unknown
	False   = condition.False
	True    = condition.True
)

// negate is the negation; that of Unknown is Unknown.
func negate(t Truth) Truth {
	switch t {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

// Certain is the answer that is known.
func Certain(holds bool) Truth { return truth(holds) }

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

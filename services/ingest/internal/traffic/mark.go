// Package traffic knows which activities count as if they had never happened: those of
// bots, tests and scanners of mails, and those that were taken back.
//
//	what people said since ─────┐
//	rules, when it arrived ─────┼──▶ Mark ──▶ Kind
//	scanner rules, over all ────┘
//	that happened to a mail
//
// A rule sees one activity; the scanner rules see what happened around it ([Scanner]), so
// that their verdict is a function of the set and not of the order of arrival. Everything
// here is pure.
package traffic

// Kind says why an activity does not count. The numbers up to [Withdrawn] are those of
// ActivityFact.Correction. They are stored.
type Kind int64

// The kinds.
const (
	// Counts: nothing speaks against it.
	Counts Kind = iota
	// Bot traffic.
	Bot
	// Test of our own.
	Test
	// Scanner of mails.
	Scan
	// Withdrawn by its source.
	Withdrawn
	// Undone: said by an import that was undone. It counts for nothing, and nobody is told
	// that it does.
	Undone
)

// Mark is all that speaks against an activity: what people said of it last, what the
// rules said when it arrived, and what the scanner rules say. It is stored as one number;
// 0 says that it counts.
type Mark int64

const (
	nibble     = 4
	rulePlace  = nibble
	scanPlace  = 2 * nibble
	nibbleMask = 1<<nibble - 1
)

// Kind is why the activity does not count: of what is said by people, by a rule and by
// the scanner rules the first.
func (m Mark) Kind() Kind {
	for place := 0; place <= scanPlace; place += nibble {
		if k := Kind(m >> place & nibbleMask); k != Counts {
			return k
		}
	}
	return Counts
}

// Say returns the mark with what people say last; [Counts]: nothing.
func (m Mark) Say(k Kind) Mark { return m.with(0, k) }

// Rule returns the mark with what the rules say.
func (m Mark) Rule(k Kind) Mark { return m.with(rulePlace, k) }

// Scan returns the mark with what the scanner rules say.
func (m Mark) Scan(scanned bool) Mark {
	if scanned {
		return m.with(scanPlace, Scan)
	}
	return m.with(scanPlace, Counts)
}

func (m Mark) with(place int, k Kind) Mark {
	return m&^(nibbleMask<<place) | Mark(k)<<place
}

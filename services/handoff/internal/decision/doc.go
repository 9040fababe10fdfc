// Package decision says what a standard's rules make of a lead: a verdict with
// its reasons. It is pure: rules and evidence in, verdict out; no clock, no I/O.
//
// The rules are asked in this order, and the first tier that answers decides:
//
//	suppressed  the lead is                       → DISQUALIFIED, with the reason
//	exclude     one of its rules holds            → DISQUALIFIED, with the rules' ids
//	disqualify  one of its rules holds            → DISQUALIFIED, with the rules' ids
//	exceptions  an approval stands, a lead        → QUALIFIED
//	            selects itself, or is on a
//	            fast track
//	needs data  `when` holds, answers missing     → NEEDS_DATA, with the answers to ask for
//	gates       they hold                         → QUALIFIED
//	            else a self-selection is begun    → NEEDS_DATA, with the answers to ask for
//	otherwise                                     → NURTURE
//
// An exception overrides a disqualification only if it says so; nothing overrides an
// exclusion, and nothing a permission that is missing: who would qualify and may not be
// approached stays in NURTURE, with what it lacks. An exception can make a lead qualify
// and never keeps it from it, and it reads scores but never changes one.
//
// Gates answer in three values. What nobody knows is neither true nor false: an
// unknown gate does not hold, and neither does its negation.
package decision

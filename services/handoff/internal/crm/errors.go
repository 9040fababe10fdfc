package crm

import (
	"strings"
	"time"
)

// Effect is what a failed call did.
type Effect int

// The effects.
const (
	// Refused: the CRM said no, and has done nothing. Trying again helps only after
	// somebody changed something.
	Refused Effect = iota
	// Away: the call never reached the CRM.
	Away
	// Unknown: the call was sent and no answer came that can be read. It may have been
	// done: look before trying again.
	Unknown
)

// Error is a call to a CRM that failed.
type Error struct {
	// Effect it had.
	Effect Effect
	// Reason in words, without what anybody's record says.
	Reason string
	// RetryAfter is how long the CRM asks to be left alone; 0: it does not.
	RetryAfter time.Duration
}

// Error is the reason.
func (e *Error) Error() string { return e.Reason }

// longest is how much of a CRM's own words is kept, in bytes.
const longest = 200

// Plain makes a CRM's words fit to be kept and shown: on one line, not too long, and
// without what stands in quotes, which may be of anybody's record.
func Plain(words string) string {
	var b strings.Builder
	quoted := false
	for _, c := range words {
		switch {
		case c == '"' || c == '“' || c == '”' || c == '«' || c == '»':
			if quoted = !quoted; quoted {
				b.WriteString(`"…"`)
			}
		case quoted:
		case c < ' ' || c == 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
		if b.Len() > longest {
			break
		}
	}
	return Line(b.String(), longest)
}

// Line is a text on one line, cut between two characters to at most so many bytes.
func Line(text string, most int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}

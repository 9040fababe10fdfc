package traffic

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Scanner are the rules by which clicks and opens in mails are a scanner's or a mail
// program's, and no person's:
//
//   - what says so itself: `machine` is true, or the click was a HEAD request;
//   - a click too soon after the delivery of its message;
//   - clicks on many links of one message at once.
//
// The verdict on an activity follows from what happened to the same message within
// [Scanner.Reach] of it.
type Scanner struct {
	// Off: nothing is a scanner's but what says so itself.
	Off bool
	// Delivery is how soon after the delivery a click is a scanner's.
	Delivery time.Duration
	// Links of one message, clicked within Burst, are a scanner's.
	Links int
	Burst time.Duration
}

// DefaultScanner are the rules until somebody changes them.
var DefaultScanner = Scanner{Delivery: 2 * time.Second, Links: 3, Burst: 5 * time.Second}

// OrDefault returns the rules with the default where nothing is said.
func (s Scanner) OrDefault() Scanner {
	s.Delivery = cmp.Or(s.Delivery, DefaultScanner.Delivery)
	s.Links = cmp.Or(s.Links, DefaultScanner.Links)
	s.Burst = cmp.Or(s.Burst, DefaultScanner.Burst)
	return s
}

// Reach is how far from an activity the verdicts are that it may change.
func (s Scanner) Reach() time.Duration { return max(s.Delivery, s.Burst) }

// OfMail reports whether an activity is one that the scanner rules look at.
func OfMail(kind string) bool { return strings.HasPrefix(kind, "email.") }

// Event is what happened to a mail.
type Event struct {
	// At is when, in microseconds since 1970.
	At int64
	// Type of the activity: email.delivered, email.opened, email.clicked.
	Type string
	// Message and Link it was about; empty: not known.
	Message, Link string
	// Says that it was no person.
	Says bool
}

// NewEvent reads an activity of a mail: its properties `message` (or `message_id`), `url`
// (or `link`), `machine` and `method`.
func NewEvent(at int64, kind string, properties []byte) Event {
	e := Event{At: at, Type: kind}
	var p struct {
		Message, URL, Link, Method text
		MessageID                  text `json:"message_id"`
		Machine                    any
	}
	if len(properties) == 0 || json.Unmarshal(properties, &p) != nil {
		return e
	}
	e.Message, e.Link = string(p.Message), string(p.URL)
	if e.Message == "" {
		e.Message = string(p.MessageID)
	}
	if e.Link == "" {
		e.Link = string(p.Link)
	}
	touched := kind == opened || kind == clicked
	e.Says = touched && (p.Machine == true || strings.EqualFold(string(p.Method), "HEAD"))
	return e
}

// text is a property that is a text; anything else is none.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(in []byte) error {
	var s string
	if json.Unmarshal(in, &s) == nil {
		*t = text(s)
	}
	return nil
}

const (
	delivered = "email.delivered"
	opened    = "email.opened"
	clicked   = "email.clicked"
)

// Scanned says of each of the events of one lead whether a scanner did it. The verdict is
// right for those whose neighbours within the reach are among them.
func (s Scanner) Scanned(events []Event) []bool {
	out := make([]bool, len(events))
	byMessage := map[string][]int{}
	for i, e := range events {
		out[i] = e.Says
		if e.Message != "" && !s.Off && (e.Type == clicked || e.Type == delivered) {
			byMessage[e.Message] = append(byMessage[e.Message], i)
		}
	}
	for _, of := range byMessage {
		slices.SortFunc(of, func(a, b int) int { return int(min(max(events[a].At-events[b].At, -1), 1)) })
		s.message(events, of, out)
	}
	return out
}

// message judges the clicks of one message, in the order of time.
func (s Scanner) message(events []Event, of []int, out []bool) {
	for n, i := range of {
		e := &events[i]
		if e.Type == delivered {
			for _, j := range of[n:] {
				if events[j].At-e.At >= s.Delivery.Microseconds() {
					break
				}
				out[j] = out[j] || events[j].Type == clicked
			}
			// Clicks of the same instant may stand before it.
			for m := n - 1; m >= 0 && events[of[m]].At == e.At; m-- {
				out[of[m]] = out[of[m]] || events[of[m]].Type == clicked && s.Delivery > 0
			}
			continue
		}
		if s.Links == 0 || s.Burst == 0 {
			continue
		}
		// The clicks of the burst that begins here.
		links, last := map[string]bool{}, n
		for m := n; m < len(of) && events[of[m]].At-e.At < s.Burst.Microseconds(); m++ {
			if events[of[m]].Type == clicked && events[of[m]].Link != "" {
				links[events[of[m]].Link] = true
				last = m
			}
		}
		if len(links) < s.Links {
			continue
		}
		for _, j := range of[n : last+1] {
			out[j] = out[j] || events[j].Type == clicked && events[j].Link != ""
		}
	}
}

// Judged reports whether an activity is one whose verdict, or that of others, depends on
// what is near it.
func Judged(kind string) bool { return kind == clicked || kind == delivered }

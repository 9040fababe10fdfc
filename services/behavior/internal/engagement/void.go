package engagement

// Void says why an activity counts as if it had never happened: it gives no points, uses
// up no limit, is counted by no gate and ends no silence. What is left of it is a line
// that says so, of every rule that would have matched it alone.
type Void uint8

const (
	// NotVoid: it counts.
	NotVoid Void = iota
	// Bot: a bot did it.
	Bot
	// Test: somebody of the house tried something.
	Test
	// Scanner: a scanner of mails followed the links.
	Scanner
	// Withdrawn: its source took it back.
	Withdrawn
	// NoConsent: the lead had not agreed to be observed. The model says so, never a fact.
	NoConsent
	voids
)

// voidLines are the lines of voids, and voidWords what they say after the name of the
// rule.
var (
	voidLines = [voids]Line{Bot: Corrected, Test: Corrected, Scanner: Corrected, Withdrawn: Corrected, NoConsent: Unconsented}
	voidWords = [voids]string{
		Bot: "bot traffic, does not count", Test: "a test, does not count", Scanner: "a mail scanner, does not count",
		Withdrawn: "taken back by its source, does not count", NoConsent: "no consent to be observed, does not count",
	}
)

// String says why in words.
func (v Void) String() string { return voidWords[v] }

// Line is the line of what does not count.
func (v Void) Line() Line { return voidLines[v] }

// Consent is the consent to be observed that activities need.
type Consent struct {
	// Category, e.g. `analytics`: the attribute `consent_analytics` says whether it is given.
	Category string
	// UnknownWithholds: activities are withheld while nothing is known of it.
	UnknownWithholds bool
}

// ConsentPrefix begins the attributes that say whether a lead may be observed.
const ConsentPrefix = "consent_"

// compiledConsent is a consent gate.
type compiledConsent struct {
	attribute        int // by its position in Compiled.attributes
	unknownWithholds bool
}

// consent checks the consent gate.
func (b *compiler) consent() {
	if c := b.model.Consent; c != nil && !idPattern.MatchString(c.Category) {
		b.problem("consent.category", "must be a lower-case letter and then letters, digits or _, is %q", c.Category)
	}
}

// withholds reports whether an activity of a type is withheld where the view stands. What
// sales and the lifecycle say is no observation of the lead.
func (c *compiledConsent) withholds(v *view, kind string) bool {
	if !ordinary(kind) {
		return false
	}
	switch string(v.held[c.attribute].raw) {
	case "true":
		return false
	case "false":
		return true
	default:
		return c.unknownWithholds
	}
}

// voided is what is known of the matches of a rule that do not count, for one reason.
type voided struct{ count, last int64 }

// void notes what an entry that does not count would have matched alone.
func (c *Compiled) void(s *State, e *Entry, m *Matcher) {
	c.begin(s, e.Key.Micros, m)
	for i := range e.Matches {
		match := &e.Matches[i]
		t := &c.triggers[match.Trigger]
		if t.act != giveAct || !c.admits(s, t, match) {
			continue
		}
		r := &s.rules[t.of]
		if r.voided == nil {
			r.voided = new([voids]voided)
		}
		v := &r.voided[e.Void]
		v.count++
		v.last = e.Key.Micros
	}
	s.now.matcher = nil
}

// voided adds the lines of what does not count.
func (r *reading) voided(rule *compiledRule, s *ruleState, group string) {
	if r.lines == nil || s.voided == nil {
		return
	}
	for why := range s.voided {
		if v := &s.voided[why]; v.count > 0 {
			*r.lines = append(*r.lines, Contribution{
				Rule: rule.id, Group: group, Line: voidLines[why], Count: v.count, LastMicros: v.last,
				Description: rule.description + ": " + voidWords[why],
			})
		}
	}
}

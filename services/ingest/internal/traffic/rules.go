package traffic

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/pattern"
)

// Activity is what rules read of one.
type Activity struct {
	Type, Source, Campaign string
	// Properties are a JSON object; empty means none.
	Properties []byte
	// EmailDomain is that of the address that was named with it; empty: none was.
	EmailDomain string
}

// Rule says which activities do not count.
type Rule struct {
	// ID, unique among the rules.
	ID   string
	Kind Kind
	// Source and Type are names, or their beginnings and `*`; empty: all.
	Source, Type string
	// Condition in CEL over `activity`, and `lead.email_domain` of the address that was
	// named with it; empty: it holds.
	Condition string
	// hints are bytes of which the properties have at least one where the condition holds;
	// nil: nothing is known.
	hints [][]byte
}

// Defaults are the rules until somebody changes them.
func Defaults() []Rule {
	const agents = `"[Bb]ot\\b|[Bb]ot/|[Cc]rawler|[Ss]pider|HeadlessChrome|PhantomJS"`
	rule := Rule{
		ID: "bots", Kind: Bot,
		Condition: `activity.properties.user_agent.matches(` + agents + `) || activity.properties.context.userAgent.matches(` + agents + `)`,
	}
	for _, hint := range []string{"bot", "Bot", "crawler", "Crawler", "spider", "Spider", "HeadlessC", "PhantomJS"} {
		rule.hints = append(rule.hints, []byte(hint))
	}
	return []Rule{rule}
}

// Rules are ready to ask. They are safe for concurrent use.
type Rules struct {
	rules []compiled
	// Scanner rules.
	Scanner Scanner
}

type compiled struct {
	Rule
	when *condition.Condition
}

// Compile makes rules ready. Fields of a violation are relative to where they stand.
func Compile(rules []Rule, scanner Scanner) (*Rules, *violation.Violation) {
	out := &Rules{Scanner: scanner}
	defaults := Defaults()
	for i, r := range rules {
		if slices.ContainsFunc(rules[:i], func(other Rule) bool { return other.ID == r.ID }) {
			return nil, violation.New("id", "an id that no other rule has").At("rules", i)
		}
		c := compiled{Rule: r}
		if d := slices.IndexFunc(defaults, func(d Rule) bool { return d.Condition == r.Condition }); d >= 0 {
			c.hints = defaults[d].hints
		}
		if r.Condition != "" {
			var err error
			if c.when, err = condition.Compile(r.Condition, condition.ActivityVar|condition.LeadVar); err != nil {
				return nil, violation.New("condition", fmt.Sprintf("a condition on the activity: %v", err)).At("rules", i)
			}
		}
		out.rules = append(out.rules, c)
	}
	return out, nil
}

// asking is what one question takes.
type asking struct {
	facts    condition.Facts
	activity condition.Activity
	lead     condition.AttributeMap
}

var askings = sync.Pool{New: func() any { return &asking{lead: condition.AttributeMap{}} }}

// Of returns what the first rule that holds says of an activity. What it reads and is not
// known does not hold.
func (r *Rules) Of(a *Activity) Kind {
	if r == nil {
		return Counts
	}
	var ask *asking
	for i := range r.rules {
		rule := &r.rules[i]
		if !rule.concerns(a) {
			continue
		}
		if rule.when == nil {
			return rule.Kind
		}
		if ask == nil {
			ask = newAsking(a)
			defer ask.end()
		}
		if truth, _ := rule.when.Eval(&ask.facts); truth == condition.True {
			return rule.Kind
		}
	}
	return Counts
}

// concerns reports whether a rule may hold for an activity.
func (c *compiled) concerns(a *Activity) bool {
	if c.Type != "" && !pattern.Matches(c.Type, a.Type) || c.Source != "" && !pattern.Matches(c.Source, a.Source) {
		return false
	}
	return c.hints == nil || slices.ContainsFunc(c.hints, func(hint []byte) bool { return bytes.Contains(a.Properties, hint) })
}

func newAsking(a *Activity) *asking {
	ask := askings.Get().(*asking)
	ask.activity.Become(condition.Activity{Type: a.Type, Source: a.Source, Campaign: a.Campaign, Properties: a.Properties})
	ask.facts = condition.Facts{Activity: &ask.activity, Lead: ask.lead}
	if a.EmailDomain != "" {
		ask.lead["email_domain"] = condition.Text(a.EmailDomain)
	}
	return ask
}

func (a *asking) end() {
	clear(a.lead)
	a.activity = condition.Activity{}
	askings.Put(a)
}

// Selection is activities that have something in common: all that is given must hold.
type Selection struct {
	// Source is a name; Type is one, or its beginning and `*`; empty: all.
	Source, Type string
	// From and To bound the time, in microseconds since 1970: not before, and before; 0: no
	// bound.
	From, To int64
	when     *condition.Condition
}

// Where sets a condition in CEL over `activity`.
func (s *Selection) Where(text string) (err error) {
	s.when, err = condition.Compile(text, condition.ActivityVar)
	return err
}

// Asks reports whether the selection asks the properties of activities.
func (s *Selection) Asks() bool { return s.when != nil }

// Has reports whether an activity of an instant is among the selection.
func (s *Selection) Has(a *Activity, at int64) bool {
	switch {
	case s.Source != "" && s.Source != a.Source, s.Type != "" && !pattern.Matches(s.Type, a.Type),
		s.From != 0 && at < s.From, s.To != 0 && at >= s.To:
		return false
	case s.when == nil:
		return true
	}
	ask := newAsking(a)
	defer ask.end()
	truth, _ := s.when.Eval(&ask.facts)
	return truth == condition.True
}

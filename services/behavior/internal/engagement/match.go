package engagement

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
)

// when is the condition of a rule and what it reads.
type when struct {
	condition *condition.Condition
	// attributes of the lead, by name, and properties of the activity.
	attributes, properties []string
	readsFit, readsProfile bool
	readsCampaign          bool
}

// when compiles a condition; rules with the same text share it. Empty text is nil.
func (b *compiler) when(path, text string) *when {
	if text == "" {
		return nil
	}
	if w, known := b.whens[text]; known {
		return w
	}
	compiled, err := condition.Compile(text, condition.LeadVar|condition.ActivityVar|condition.FitVar)
	if err != nil {
		b.problem(path, "%v", err)
		return nil
	}
	w := &when{
		condition: compiled, attributes: compiled.Attributes(), properties: properties(compiled),
		readsFit: compiled.ReadsFit(), readsCampaign: slices.Contains(compiled.Reads(), "activity.campaign"),
	}
	w.readsProfile = w.readsFit || len(w.attributes) > 0
	b.whens[text] = w
	return w
}

// properties returns the properties of the activity that a condition reads, sorted.
func properties(c *condition.Condition) []string {
	var names []string
	for _, path := range c.Reads() {
		if name, ok := strings.CutPrefix(path, "activity.properties."); ok {
			names = append(names, name)
		}
	}
	return names
}

// Matcher asks conditions about activities, one after another. It belongs to one
// goroutine. Asking is quickest in the order of time.
type Matcher struct {
	// Unknown counts conditions that read something unknown, and so did not match.
	Unknown int
	// Faults counts conditions that could not be answered for another reason, e.g. a
	// text compared with a number; they are among the unknown.
	Faults int

	compiled *Compiled
	view     view
	activity condition.Activity
	facts    condition.Facts
	matches  []Match // cut into the Matches of entries
}

// NewMatcher returns a matcher that sees the profile as it is when it asks.
func (c *Compiled) NewMatcher(p *Profile) *Matcher {
	m := &Matcher{compiled: c, view: newView(c, p)}
	m.facts.Lead, m.facts.Activity = &m.view, &m.activity
	return m
}

// Match asks the conditions of the rules and signals that are for an activity, with
// the profile as it was at that instant. What reads something unknown does not
// match. It reports whether the fold has any use for the entry.
func (m *Matcher) Match(f *Fact) (e Entry, useful bool) {
	if f.Kind != Activity {
		return Entry{}, false
	}
	found := m.compiled.candidates(f.Type)
	if len(found.rules) == 0 {
		return Entry{}, false
	}
	inputs := Inputs{Campaign: f.Campaign, Properties: f.Properties}
	e = Entry{Key: f.Key(), Type: f.Type}
	if found.readsProfile {
		// Ask about what is kept, so that asking again cannot differ.
		kept := found.inputs(inputs)
		inputs, e.Inputs = kept, &kept
	}
	m.ask(&e, found, inputs)
	return e, len(e.Matches) > 0 || e.Inputs != nil
}

// Rematch asks again about an entry with inputs, because the profile turned out to
// have been another.
func (m *Matcher) Rematch(e *Entry) {
	m.ask(e, m.compiled.candidates(e.Type), *e.Inputs)
}

// forget lets the matches of all entries made so far be overwritten.
func (m *Matcher) forget() { m.matches = m.matches[:0] }

func (m *Matcher) ask(e *Entry, found candidates, inputs Inputs) {
	first := len(m.matches)
	prepared := false
	for _, i := range found.rules {
		rule := &m.compiled.rules[i]
		if rule.when != nil {
			if !prepared {
				prepared = true
				m.activity = condition.Activity{
					Type: e.Type, Source: e.Key.Source, Campaign: inputs.Campaign, Properties: inputs.Properties,
				}
				if found.readsProfile {
					m.facts.Fit = m.view.seek(e.Key.Micros)
				}
			}
			truth, fault := rule.when.condition.Eval(&m.facts)
			if fault != condition.NoFault {
				m.Faults++
			}
			if truth == condition.Unknown {
				m.Unknown++
			}
			if truth != condition.True {
				continue
			}
		}
		m.matches = append(m.matches, Match{Rule: i, Points: rule.points})
	}
	e.Matches = m.matches[first:len(m.matches):len(m.matches)]
}

// inputs returns what the candidates' conditions read of an activity and no more:
// the rest may be personal and is nobody's business here.
func (c *candidates) inputs(all Inputs) Inputs {
	var kept Inputs
	if c.campaign {
		kept.Campaign = all.Campaign
	}
	if len(c.properties) == 0 || len(all.Properties) == 0 {
		return kept
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(all.Properties, &object); err != nil {
		kept.Properties = []byte{'!'} // no JSON either: the conditions report the fault
		return kept
	}
	for name := range object {
		if _, read := slices.BinarySearch(c.properties, name); !read {
			delete(object, name)
		}
	}
	// Marshal writes keys in order, so equal inputs are equal bytes.
	kept.Properties, _ = json.Marshal(object)
	return kept
}

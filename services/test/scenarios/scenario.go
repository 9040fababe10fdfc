// Package scenarios plays leads through the real services and compares what comes
// out with what a marketer worked out by hand.
//
// A file of scenarios, such as default.yaml, names a standard and tells of leads:
// what is known of them, what they did on which day, and what the standard must say.
// It is data, so that whoever changes a standard can change its meaning here as well.
package scenarios

import (
	"bytes"
	"fmt"
	"os"

	"gopkg.in/yaml.v3"
)

// File is a file of scenarios.
type File struct {
	// Standard is the file of the standard, from the root of the repository.
	Standard string `yaml:"standard"`
	// Scenarios are told apart by their names.
	Scenarios []Scenario `yaml:"scenarios"`
}

// Scenario is a lead and what the standard must say of it.
type Scenario struct {
	// Name says what is special about the lead.
	Name string `yaml:"name"`
	// Lead has the attributes; `email` is the identity, of which scoring sees no more
	// than the domain.
	Lead map[string]any `yaml:"lead"`
	// Activities are what the lead did.
	Activities []Activity `yaml:"activities"`
	// Expect is what the standard must say on day 0 at noon.
	Expect Expectation `yaml:"expect"`
}

// Activity is something that a lead did.
type Activity struct {
	// Day, counted from the day of the decision: 0, or negative.
	Day int `yaml:"day"`
	// Type of the activity, e.g. `page.viewed`.
	Type string `yaml:"type"`
	// Properties of the activity.
	Properties map[string]any `yaml:"properties"`
	// Times is how often on that day. Default 1.
	Times int `yaml:"times"`
}

// Expectation is what a standard says of a lead.
type Expectation struct {
	// Fit is the fit score with its class, or `none`.
	Fit Score `yaml:"fit"`
	// Engagement is the engagement score with its band.
	Engagement Score `yaml:"engagement"`
	// Verdict without its prefix, e.g. `QUALIFIED`.
	Verdict string `yaml:"verdict"`
	// Reasons are the codes, in order.
	Reasons []string `yaml:"reasons"`
	// Missing are the attributes to ask for.
	Missing []string `yaml:"missing"`
}

// Score is a score with its class or band; None: there is none.
type Score struct {
	None  bool    `yaml:"-"`
	Score float64 `yaml:"score"`
	Class string  `yaml:"class"`
	Band  string  `yaml:"band"`
}

// UnmarshalYAML reads `none`, or a score with its label.
func (s *Score) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode && node.Value == "none" {
		s.None = true
		return nil
	}
	type plain Score
	return node.Decode((*plain)(s))
}

// String is the score in a word, e.g. `95 A` or `none`.
func (s Score) String() string {
	if s.None {
		return "none"
	}
	return fmt.Sprintf("%v %s", s.Score, s.Class+s.Band)
}

// Read reads a file of scenarios strictly.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var file File
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &file, nil
}

// Package slatest reads the scenarios of SLA clocks, which are played twice: through the
// rules alone, and through the store.
package slatest

import (
	"bytes"
	"os"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/assay-hq/assay/services/internal/schedule"
)

// File is a file of scenarios.
type File struct {
	// Allowed is the working time to answer.
	Allowed time.Duration `yaml:"allowed"`
	// TimeZone of all times in the file.
	TimeZone string `yaml:"timeZone"`
	// People are the owners by name.
	People map[string]Person `yaml:"people"`
	// Scenarios are leads and what happened to them.
	Scenarios []Scenario `yaml:"scenarios"`
}

// Person is an owner with their working hours.
type Person struct {
	TimeZone string     `yaml:"timeZone"`
	Hours    []DayHours `yaml:"hours"`
	Holidays []string   `yaml:"holidays"`
}

// DayHours are the hours of the working days.
type DayHours struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// Scenario is what happened to a lead, and its clocks in the end.
type Scenario struct {
	Name   string  `yaml:"name"`
	Steps  []Step  `yaml:"steps"`
	Clocks []Clock `yaml:"clocks"`
}

// Step is a change of a lead.
type Step struct {
	At string `yaml:"at"`
	// Owner from then on; `nobody`: none. Empty: as before.
	Owner string `yaml:"owner"`
	// Status from then on, in GitLab's words. Empty: as before.
	Status string `yaml:"status"`
}

// Clock is what a clock shows in the end.
type Clock struct {
	Owner     string        `yaml:"owner"`
	Met       bool          `yaml:"met"`
	Running   bool          `yaml:"running"`
	Due       string        `yaml:"due"`
	Working   time.Duration `yaml:"working"`
	Elapsed   time.Duration `yaml:"elapsed"`
	Transfers int           `yaml:"transfers"`
}

// Load reads a file; a key that it does not know fails the test.
func Load(t testing.TB, path string) *File {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f File
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if len(f.Scenarios) == 0 {
		t.Fatal("no scenarios")
	}
	return &f
}

// At reads a time of the file.
func (f *File) At(t testing.TB, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04", time.DateTime} {
		if at, err := time.ParseInLocation(layout, text, schedule.Zone(f.TimeZone)); err == nil {
			return at
		}
	}
	t.Fatalf("%q is no time", text)
	return time.Time{}
}

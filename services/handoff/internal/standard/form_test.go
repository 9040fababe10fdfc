package standard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

// A line for each field: attribute, kind, needed, points at stake, readers: answers.
func form(t *testing.T, text string) []string {
	t.Helper()
	var lines []string
	for _, f := range standard.Form(parse(t, text)) {
		kind := map[standard.AnswerKind]string{
			standard.TextAnswer: "text", standard.NumberAnswer: "number", standard.BooleanAnswer: "boolean",
			standard.ChoiceAnswer: "choice", standard.TimeAnswer: "time",
		}[f.Kind]
		if f.Needed {
			kind += " needed"
		}
		line := fmt.Sprintf("%s %s %v %s:", f.Attribute, kind, f.Stake, strings.Join(f.ReadBy, ","))
		for _, a := range f.Answers {
			line += " " + a.Label + ";"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestFormAsksWhatMattersFirst(t *testing.T) {
	got := form(t, `
id: s
appliesTo: lead.product == "cloud"
fit:
  groups:
    - id: g
      criteria:
        - {id: country, when: 'lead.country in ["DE", "AT"]', points: 10}
        - id: size
          unknownPoints: 5
          choices: [{when: lead.employees >= 200, points: 25}, {when: lead.employees > 50, points: 10}, {when: lead.employees < 5, points: -5}]
        - {id: title, when: 'hasWord(lead.job_title, "VP")', points: 10}
        - {id: mail, when: 'lead.email_domain == "gmail.com"', points: -100}
        - {id: company, when: 'account.industry == "software"', points: 100}
        - {id: both, when: 'lead.country == "CH" && !lead.student', points: 3}
engagement:
  groups:
    - {id: e, rules: [{id: r, activities: [a.b], when: 'lead.tools == "crm" && activity.properties.x == "1"', points: 7}]}
qualification:
  exclude: [{id: us, when: {when: 'lead.company == "Us"'}}]
  disqualify: [{id: rival, when: {when: 'hasWord(lead.company, "Rival")'}}]
  needsData: {attributes: [phone, employees], when: {when: 'lead.budget / 2 > 3'}}
`)
	want := []string{
		"employees number needed 30 size: below 5; 5 to 50; over 50, below 200; 200 or more;",
		"phone text needed 0 :",
		"country choice 13 country,both: DE; AT; CH;",
		"job_title text 10 title:",
		"tools choice 7 r: crm;",
		"student boolean 3 both: yes; no;",
		"company text 0 us,rival:",
		"budget number 0 :",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a vocabulary says of an attribute is what a form asks.
func TestFormSpeaksTheVocabulary(t *testing.T) {
	got := form(t, `
id: s
vocabulary:
  attributes:
    - {key: industry, description: "What does your company do?", allowed: [software, retail, other]}
    - {key: budget, kind: number}
    - {key: start, kind: time}
    - {key: student, kind: boolean}
    - {key: job_title, kind: text}
fit:
  groups:
    - id: g
      criteria:
        - {id: industry, when: 'lead.industry == "software"', points: 5}
        - {id: budget, when: has(lead.budget), points: 4}
        - {id: start, when: has(lead.start), points: 3}
        - {id: student, when: has(lead.student), points: 2}
        - {id: title, when: has(lead.job_title), points: 1}
`)
	want := []string{
		"industry choice 5 industry: software; retail; other;",
		"budget number 4 budget:",
		"start time 3 start:",
		"student boolean 2 student: yes; no;",
		"job_title text 1 title:",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestShippedStandardsHaveForms(t *testing.T) {
	for file, text := range shipped(t) {
		fields := form(t, string(text))
		if len(fields) == 0 {
			t.Errorf("%s: nothing to ask", file)
		}
		seen := map[string]bool{}
		for _, f := range fields {
			key, _, _ := strings.Cut(f, " ")
			if seen[key] || strings.HasPrefix(key, "email_domain") {
				t.Errorf("%s: %s", file, f)
			}
			seen[key] = true
		}
	}
}

package crm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// RecordOf is what a CRM is told of a handoff, from its packet; nil: of which nothing may
// travel but names of resources.
func RecordOf(lead, handoff string, p *handoffv1.HandoffPacket) Record {
	var attributes map[string]any
	_ = json.Unmarshal(p.GetAttributesJson(), &attributes)
	attribute := func(keys ...string) string {
		for _, key := range keys {
			if text, _ := attributes[key].(string); strings.TrimSpace(text) != "" {
				return Line(text, longest)
			}
		}
		return ""
	}
	email := Line(p.GetIdentities()["email"], 320)
	name := cmp.Or(attribute("name", "full_name"), strings.TrimSpace(attribute("first_name")+" "+attribute("last_name")), email)
	return Record{
		Lead:    lead,
		Name:    cmp.Or(name, "Lead "+strings.TrimPrefix(lead, "leads/")),
		Email:   email,
		Phone:   cmp.Or(Line(p.GetIdentities()["phone"], longest), attribute("phone")),
		Company: attribute("company", "company_name", "account_name"),
		Title:   Line(strings.Trim(class(p)+": "+cmp.Or(p.GetNextStep(), first(p)), ": "), longest),
		Text:    inWords(lead, handoff, p),
	}
}

// class is both classes together, e.g. `A2`.
func class(p *handoffv1.HandoffPacket) string { return p.GetFitClass() + p.GetEngagementBand() }

// first is the first reason in words.
func first(p *handoffv1.HandoffPacket) string {
	for _, r := range p.GetReasons() {
		return cmp.Or(r.GetDescription(), r.GetCode())
	}
	return "qualified"
}

// inWords is the packet as a salesperson reads it: why now, first.
func inWords(lead, handoff string, p *handoffv1.HandoffPacket) string {
	var b strings.Builder
	part := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&b, "%s\n- %s\n\n", title, strings.Join(lines, "\n- "))
		}
	}
	var reasons, points, activities []string
	for _, r := range p.GetReasons() {
		reasons = append(reasons, Line(cmp.Or(r.GetDescription(), r.GetCode()), 300))
	}
	for _, q := range p.GetPoints() {
		points = append(points, fmt.Sprintf("%s (%s points, %s)", Line(q.GetDescription(), 300), number(&q.Points), q.GetScore()))
	}
	for _, a := range p.GetActivities() {
		at := a.GetOccurredTime().AsTime().UTC().Format("2006-01-02 15:04 UTC")
		activities = append(activities, strings.TrimSpace(at+" "+Line(a.GetType(), 100)+" "+Line(a.GetDetail(), longest)))
	}
	part("Why now", reasons)
	if class(p) != "" {
		fmt.Fprintf(&b, "Class %s: fit %s, engagement %s\n\n", class(p), number(p.FitScore), number(p.EngagementScore))
	}
	part("What gave the most points", points)
	part("Last activities", activities)
	if step := p.GetNextStep(); step != "" {
		fmt.Fprintf(&b, "Next step: %s\n\n", Line(step, 500))
	}
	fmt.Fprintf(&b, "Assay: %s, %s", handoff, lead)
	if v := p.GetStandardVersion(); v != "" {
		fmt.Fprintf(&b, ", %s", v)
	}
	return b.String()
}

func number(v *float64) string {
	if v == nil {
		return "unknown"
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// Package event is the catalogue of what destinations are told: each type with when it
// happens and a sample. An event names what it is about and holds no personal data; what
// of a person travels with it is for the destination to say.
package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/pattern"
)

// Types of events.
const (
	HandoffCreated    = "handoff.created"
	HandoffAssigned   = "handoff.assigned"
	HandoffUnassigned = "handoff.unassigned"
	HandoffAccepted   = "handoff.accepted"
	HandoffRejected   = "handoff.rejected"
	HandoffRecycled   = "handoff.recycled"
	HandoffOutcome    = "handoff.outcome"
	HandoffClosed     = "handoff.closed"

	LeadNurture      = "lead.nurture"
	LeadRecycled     = "lead.recycled"
	LeadDisqualified = "lead.disqualified"
	LeadMerged       = "lead.merged"
	LeadUnmerged     = "lead.unmerged"
	LeadErased       = "lead.erased"

	SLAWarning    = "sla.warning"
	SLABreached   = "sla.breached"
	SLAEscalated  = "sla.escalated"
	SLAReassigned = "sla.reassigned"

	ApprovalRequested = "approval.requested"
	ApprovalApproved  = "approval.approved"
	ApprovalDeclined  = "approval.declined"
	ApprovalRevoked   = "approval.revoked"

	DestinationDisabled = "destination.disabled"
)

// Type is an entry of the catalogue.
type Type struct {
	// Name of the type, e.g. `handoff.created`.
	Name string
	// When it happens, in a sentence.
	When string
	// Sample of its data.
	Sample map[string]any
}

const (
	sampleHandoff = "handoffs/0198f0a1-5d2c-7a3b-8c4d-5e6f70819203"
	sampleLead    = "leads/0198f0a1-4b1a-7c2d-9e3f-405162738495"
	sampleOther   = "leads/0198f0a1-4c2b-7d3e-8f40-516273849506"
)

// SampleTime is when the samples happen.
var SampleTime = time.Date(2026, 3, 2, 14, 20, 0, 0, time.UTC)

// ofHandoff is a sample with what each event of a handoff says.
func ofHandoff(state string, more map[string]any) map[string]any {
	sample := map[string]any{
		"handoff": sampleHandoff, "lead": sampleLead, "track": "sales", "cycle": 1, "state": state,
		"queue": "inbound", "owner": "jane", "priority": 2, "actor": "jane",
	}
	maps.Copy(sample, more)
	return sample
}

func ofLead(from, to string, more map[string]any) map[string]any {
	sample := map[string]any{
		"lead": sampleLead, "track": "sales", "cycle": 1, "fromStage": from, "toStage": to,
		"cause": "verdict", "actor": "system:qualifier",
	}
	maps.Copy(sample, more)
	return sample
}

// ofPerson is a sample of leads that became one person, or several, with an open handoff.
func ofPerson(more map[string]any) map[string]any {
	sample := map[string]any{
		"lead": sampleLead, "handoff": sampleHandoff, "handoffLead": sampleLead, "track": "sales", "owner": "jane",
	}
	maps.Copy(sample, more)
	return sample
}

func ofClock(more map[string]any) map[string]any {
	sample := map[string]any{
		"handoff": sampleHandoff, "lead": sampleLead, "track": "sales", "owner": "jane", "number": 1,
		"dueTime": "2026-03-02T16:20:00Z",
	}
	maps.Copy(sample, more)
	return sample
}

func ofApproval(state string, more map[string]any) map[string]any {
	sample := map[string]any{
		"approval": "approvals/0198f0a1-7e4f-7b6a-8d5c-6b7a89900112", "lead": sampleLead, "track": "sales",
		"state": state, "requester": "jane", "expireTime": "2026-04-01T14:20:00Z",
	}
	maps.Copy(sample, more)
	return sample
}

// Catalogue is every type there is, in the order in which people read them.
var Catalogue = []Type{
	{
		HandoffCreated, "A lead qualified and is handed off to sales: once for a lead, track and cycle. It names the owner if routing found one.",
		ofHandoff("OPEN", map[string]any{"actor": "system:qualifier", "reasons": []string{"gates"}, "dueTime": "2026-03-02T16:20:00Z"}),
	},
	{
		HandoffAssigned, "A handoff that was there already got another owner: claimed, reassigned, or by routing once somebody was available.",
		ofHandoff("OPEN", map[string]any{"previousOwner": "bob"}),
	},
	{
		HandoffUnassigned, "Nobody could be found for a handoff, or it lost its owner: it waits in its queue until somebody claims it.",
		ofHandoff("OPEN", map[string]any{"owner": "", "actor": "system:qualifier", "assignReason": "nobody of teams/dach is available"}),
	},
	{HandoffAccepted, "Sales took the lead.", ofHandoff("ACCEPTED", nil)},
	{HandoffRejected, "Sales refused the lead, with a reason.", ofHandoff("REJECTED", map[string]any{"reason": "no_budget"})},
	{HandoffRecycled, "Sales gave the lead back to marketing, with a reason.", ofHandoff("RECYCLED", map[string]any{"reason": "no_response"})},
	{
		HandoffOutcome, "Sales reported what became of it: qualified, an opportunity, won or lost.",
		ofHandoff("WON", map[string]any{"outcome": "WON", "amount": "12500.00", "currencyCode": "EUR"}),
	},
	{
		HandoffClosed, "A handoff ended without a word of sales: the lead was disqualified, left, or was merged with one whose handoff goes on.",
		ofHandoff("DISQUALIFIED", map[string]any{"actor": "system:qualifier"}),
	},
	{LeadNurture, "A lead belongs to marketing: it does not qualify yet.", ofLead("LEAD", "NURTURE", nil)},
	{
		LeadRecycled, "A lead came back from sales and belongs to marketing again.",
		ofLead("MARKETING_QUALIFIED", "RECYCLED", map[string]any{"cycle": 2, "cause": "reject", "actor": "jane", "reason": "no_budget"}),
	},
	{
		LeadDisqualified, "A lead is no potential buyer.",
		ofLead("LEAD", "DISQUALIFIED", map[string]any{"reason": "student"}),
	},
	{
		LeadMerged, "Leads of which sales has or had one are the same person now. The handoff that is open goes on; of several the furthest, and the others are closed.",
		ofPerson(map[string]any{"leads": []string{sampleLead, sampleOther}}),
	},
	{
		LeadUnmerged, "Leads that were merged are people of their own again, each is told of. The handoff is with the lead that it was made for, and each is decided anew.",
		ofPerson(map[string]any{"leads": []string{sampleLead}, "apartFrom": []string{sampleOther}}),
	},
	{
		LeadErased, "A person was forgotten: whoever got anything of the lead is told, whatever else they take, and forgets it too.",
		map[string]any{"lead": sampleLead},
	},
	{SLAWarning, "A part of the time to answer a handoff is over, as the standard says.", ofClock(map[string]any{"percent": 75})},
	{SLABreached, "The time to answer a handoff is over.", ofClock(nil)},
	{SLAEscalated, "The time is over and the manager of the team is told.", ofClock(map[string]any{"manager": "maria"})},
	{SLAReassigned, "The time is over and the handoff goes to somebody else.", ofClock(map[string]any{"previousOwner": "jane", "owner": "bob"})},
	{ApprovalRequested, "Somebody asks a manager to let a lead qualify.", ofApproval("REQUESTED", map[string]any{"actor": "jane"})},
	{ApprovalApproved, "A manager approved it.", ofApproval("APPROVED", map[string]any{"actor": "maria"})},
	{ApprovalDeclined, "A manager declined it.", ofApproval("DECLINED", map[string]any{"actor": "maria"})},
	{ApprovalRevoked, "An approval was taken back.", ofApproval("REVOKED", map[string]any{"actor": "maria"})},
	{
		DestinationDisabled, "A destination answered that it is gone, or took nothing for the whole time of retries: nothing is sent to it any more.",
		map[string]any{"destination": "destinations/crm", "reason": "it answered 410 Gone"},
	},
}

// Find is the type of a name.
func Find(name string) (Type, bool) {
	i := slices.IndexFunc(Catalogue, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return Catalogue[i], true
}

// Known says whether a pattern is for any type at all.
func Known(p string) bool {
	return slices.ContainsFunc(Catalogue, func(t Type) bool { return pattern.Matches(p, t.Name) })
}

// Data writes the data of an event: one JSON object, without what is empty.
func Data(values map[string]any) []byte {
	kept := make(map[string]any, len(values))
	for k, v := range values {
		if v != "" && v != nil {
			kept[k] = v
		}
	}
	return encode(kept)
}

// Body writes an event as Standard Webhooks has it: type, time and data. packet is what of
// the person travels with it, as JSON; nil: nothing.
func Body(name string, at time.Time, data, packet []byte) []byte {
	if packet != nil {
		comma := []byte(",")
		if data = bytes.TrimSuffix(data, []byte("}")); len(data) == 1 {
			comma = nil
		}
		data = slices.Concat(data, comma, []byte(`"packet":`), packet, []byte("}"))
	}
	return encode(struct {
		Type      string          `json:"type"`
		Timestamp string          `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}{name, at.UTC().Format(time.RFC3339Nano), data})
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts and numbers, and JSON that we made, always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

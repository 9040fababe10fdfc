package scenarios

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Word is what a person does with the lead, after its activities were decided.
type Word struct {
	// Does is what: `claim`, `reassign`, `accept`, `reject`, `recycle`, `disqualify`,
	// `reinstate`, `leave`, an outcome: `qualified`, `opportunity`, `won`, `lost`, of an approval:
	// `request`, `approve`, `decline`, `revoke`, or of whether the lead may be approached:
	// `permit`, `permitUnconfirmed`, `withdraw`, `suppress`.
	Does string `yaml:"does"`
	// To is the user who gets it, with `reassign`.
	To string `yaml:"to"`
	// Of is the user who is gone, with `leave`: all that they have is handed on.
	Of string `yaml:"of"`
	// Who does it. Default: the role.
	Who string `yaml:"who"`
	// Role of the person: `sales` (default), `marketing`, `manager`, `admin`, `auditor`.
	Role string `yaml:"role"`
	// Reason and SubReason why.
	Reason    string `yaml:"reason"`
	SubReason string `yaml:"subReason"`
	// Track of `disqualify`, `reinstate` and `request`. Default: the lead's only one.
	Track string `yaml:"track"`
	// Permission is a channel and a purpose, e.g. `phone sales`, with `permit`,
	// `permitUnconfirmed` and `withdraw`.
	Permission string `yaml:"permission"`
	// Overrides: the approval that is asked for shall override a disqualification.
	Overrides bool `yaml:"overrides"`
	// Refused is the reason of the error, or the field that is wrong: it must not be
	// possible, e.g. `WRONG_STATE`, `PERMISSION_DENIED` or `subReason`. Default: it is
	// possible.
	Refused string `yaml:"refused"`
}

// outcomes are the words for what became of a lead.
var outcomes = map[string]handoffv1.Outcome_Kind{
	"qualified":   handoffv1.Outcome_KIND_SALES_QUALIFIED,
	"opportunity": handoffv1.Outcome_KIND_OPPORTUNITY,
	"won":         handoffv1.Outcome_KIND_WON,
	"lost":        handoffv1.Outcome_KIND_LOST,
}

// says has people do what they do, one after the other.
func (p *Player) says(ctx context.Context, lead string, words []Word) error {
	for i, word := range words {
		err := p.say(ctx, lead, &word)
		switch {
		case word.Refused == "" && err != nil:
			return fmt.Errorf("people %d: %s: %w", i, word.Does, err)
		case word.Refused != "" && err == nil:
			return fmt.Errorf("people %d: %s was possible, want it refused: %s", i, word.Does, word.Refused)
		case word.Refused != "" && word.Refused != apierr.Reason(err) && word.Refused != field(err):
			return fmt.Errorf("people %d: %s was refused by %s %s, want %s: %w", i, word.Does, apierr.Reason(err), field(err), word.Refused, err)
		}
	}
	return nil
}

func (p *Player) say(ctx context.Context, lead string, w *Word) (err error) {
	role := cmp.Or(w.Role, "sales")
	number, known := typev1.Role_value["ROLE_"+strings.ToUpper(role)]
	if !known {
		return fmt.Errorf("role: expected one of the API, not %q", role)
	}
	ctx = caller.With(ctx, caller.Caller{Actor: cmp.Or(w.Who, role), Role: typev1.Role(number)})
	switch w.Does {
	case "disqualify":
		_, err = p.Decisions.DisqualifyLead(ctx, &handoffv1.DisqualifyLeadRequest{Lead: lead, Track: w.Track, Reason: w.Reason, SubReason: w.SubReason})
		return err
	case "request", "approve", "decline", "revoke":
		return p.sayOfApproval(ctx, lead, w)
	case "permit", "permitUnconfirmed", "withdraw", "suppress":
		return p.sayOfContact(ctx, lead, w)
	case "leave":
		_, err = p.Decisions.ReassignOwner(ctx, &handoffv1.ReassignOwnerRequest{Owner: "users/" + w.Of, Reason: cmp.Or(w.Reason, "scenario")})
		return err
	case "reinstate":
		_, err = p.Decisions.ReinstateLead(ctx, &handoffv1.ReinstateLeadRequest{Lead: lead, Track: w.Track, Reason: w.Reason})
		return err
	}
	handoff, err := p.handoff(ctx, lead)
	if err != nil {
		return err
	}
	name := handoff.GetName()
	if name == "" {
		return fmt.Errorf("there is no handoff")
	}
	switch kind, outcome := outcomes[w.Does]; {
	case outcome:
		_, err = p.Decisions.RecordOutcome(ctx, &handoffv1.RecordOutcomeRequest{Name: name, Outcome: kind, Reason: w.Reason, SubReason: w.SubReason})
	case w.Does == "claim":
		_, err = p.Decisions.ClaimHandoff(ctx, &handoffv1.ClaimHandoffRequest{Name: name})
	case w.Does == "reassign":
		_, err = p.Decisions.ReassignHandoff(ctx, &handoffv1.ReassignHandoffRequest{Name: name, Owner: "users/" + w.To, Reason: cmp.Or(w.Reason, "scenario")})
	case w.Does == "accept":
		_, err = p.Decisions.AcceptHandoff(ctx, &handoffv1.AcceptHandoffRequest{Name: name})
	case w.Does == "reject":
		_, err = p.Decisions.RejectHandoff(ctx, &handoffv1.RejectHandoffRequest{Name: name, Reason: w.Reason, SubReason: w.SubReason})
	case w.Does == "recycle":
		_, err = p.Decisions.RecycleHandoff(ctx, &handoffv1.RecycleHandoffRequest{Name: name, Reason: w.Reason, SubReason: w.SubReason})
	default:
		err = fmt.Errorf("does: expected something that people do, not %q", w.Does)
	}
	return err
}

// handoff is the lead's latest; nil if it has none.
func (p *Player) handoff(ctx context.Context, lead string) (*handoffv1.Handoff, error) {
	page, err := p.Decisions.ListHandoffs(ctx, &handoffv1.ListHandoffsRequest{Filter: `lead = "` + lead + `"`, PageSize: 1000})
	all := page.GetHandoffs()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[len(all)-1], nil
}

// move is the latest of the lead; nil if it never moved.
func (p *Player) move(ctx context.Context, lead string) (*handoffv1.StageMove, error) {
	page, err := p.Decisions.ListStageMoves(ctx, &handoffv1.ListStageMovesRequest{Parent: lead, PageSize: 1})
	if err != nil || len(page.GetStageMoves()) == 0 {
		return nil, err
	}
	return page.GetStageMoves()[0], nil
}

// field is the first that an error names; empty if it names none.
func field(err error) string {
	if violations := apierr.Violations(err); len(violations) > 0 {
		return violations[0].Field
	}
	return ""
}

// LastMove is the latest stage move. What is left out is not compared.
type LastMove struct {
	// From where, without the prefix; `NONE`: it was never decided before.
	From string `yaml:"from"`
	// Cause of it, e.g. `verdict` or `recycle`.
	Cause string `yaml:"cause"`
	// Reason and SubReason that were given.
	Reason    string `yaml:"reason"`
	SubReason string `yaml:"subReason"`
	// Actor who moved the lead.
	Actor string `yaml:"actor"`
}

// CompareStanding returns in words in what the lead stands other than expected.
func (e *Expectation) CompareStanding(got *Answer) []string {
	var wrong []string
	text := func(what, got, want string) {
		if want != "" && got != want {
			wrong = append(wrong, fmt.Sprintf("%s %s, want %s", what, cmp.Or(got, "none"), want))
		}
	}
	number := func(what string, got int32, want *int32) {
		if want != nil && got != *want {
			wrong = append(wrong, fmt.Sprintf("%s %d, want %d", what, got, *want))
		}
	}
	q, h, m := got.Qualification, got.Handoff, got.Move
	text("stage", stage(q.GetStage()), e.Stage)
	number("cycle", q.GetCycle(), e.Cycle)
	number("qualifiedCount", q.GetQualifiedCount(), e.QualifiedCount)
	number("recycledCount", q.GetRecycledCount(), e.RecycledCount)
	state := "none"
	if h != nil {
		state = strings.TrimPrefix(h.GetState().String(), "STATE_")
	}
	text("handoff", state, e.Handoff)
	exception := cmp.Or(q.GetException(), "none")
	text("exception", exception, e.Exception)
	if e.Move != nil {
		text("move from", stage(m.GetFromStage()), e.Move.From)
		text("move by", m.GetCause(), e.Move.Cause)
		text("move for the reason", m.GetReason(), e.Move.Reason)
		text("move for the sub-reason", m.GetSubReason(), e.Move.SubReason)
		text("move of", m.GetActor(), e.Move.Actor)
		if m.GetStandardVersion() == "" || m.GetDecision() == "" {
			wrong = append(wrong, fmt.Sprintf("a move without its evidence: %v", m))
		}
	}
	return wrong
}

func stage(s typev1.LifecycleStage) string {
	if s == typev1.LifecycleStage_LIFECYCLE_STAGE_UNSPECIFIED {
		return "NONE"
	}
	return strings.TrimPrefix(s.String(), "LIFECYCLE_STAGE_")
}

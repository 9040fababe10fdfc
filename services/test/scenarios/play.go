package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Player plays scenarios through the services.
type Player struct {
	// Leads and what follows are the services.
	Leads        ingestv1.IngestServiceClient
	Accounts     ingestv1.AccountServiceClient
	Permissions  ingestv1.PermissionServiceClient
	Suppressions ingestv1.SuppressionServiceClient
	Decisions    handoffv1.HandoffServiceClient
	Users        handoffv1.UserServiceClient
	Approvals    handoffv1.ApprovalServiceClient
	// SetClock moves the clocks of all services.
	SetClock func(time.Time)
}

// Answer is what the standard said at a step.
type Answer struct {
	Qualification *handoffv1.Qualification
	// Handoff and Move are the latest of the lead; nil if there is none.
	Handoff *handoffv1.Handoff
	Move    *handoffv1.StageMove
	Err     error

	scenario, step int
}

// Play plays all scenarios of a file at once, in the order of time, so that the clocks
// never go back. There is one answer for each step, by
// scenario and step.
func (p *Player) Play(ctx context.Context, file *File) ([]Answer, error) {
	calendar, err := file.Calendar()
	if err != nil {
		return nil, err
	}
	if err := p.employ(ctx, file.Users); err != nil {
		return nil, err
	}
	var takes []take
	for i := range file.Scenarios {
		more, err := calendar.takes(i, &file.Scenarios[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Scenarios[i].Name, err)
		}
		takes = append(takes, more...)
	}
	slices.SortStableFunc(takes, func(a, b take) int { return a.at.Compare(b.at) })
	answers := make([]Answer, 0, len(takes))
	for _, t := range takes {
		p.SetClock(t.at)
		answer := Answer{scenario: t.scenario, step: t.step}
		p.play(ctx, t, &answer)
		if errors.Is(answer.Err, errNoDecision) {
			return nil, fmt.Errorf("%s, step %d: %w", file.Scenarios[t.scenario].Name, t.step, answer.Err) // nor will others be decided
		}
		answers = append(answers, answer)
	}
	slices.SortStableFunc(answers, func(a, b Answer) int {
		return cmp.Or(cmp.Compare(a.scenario, b.scenario), cmp.Compare(a.step, b.step))
	})
	return answers, nil
}

var errNoDecision = errors.New("no decision was made")

// take is a step of a scenario as it is played.
type take struct {
	scenario, step int
	at             time.Time
	account        *ingestv1.CaptureAccountRequest // nil: nothing becomes known of it
	capture        *ingestv1.CaptureLeadRequest
	lifecycle      []*ingestv1.Activity
	people         []Word
}

// play says what happens to the services and asks what they say then.
func (p *Player) play(ctx context.Context, t take, answer *Answer) {
	marketer := caller.With(ctx, caller.Caller{Actor: "marketer", Role: typev1.Role_ROLE_MARKETING})
	lead, err := p.happens(marketer, t)
	if err == nil {
		err = p.says(ctx, lead, t.people)
	}
	if err == nil {
		answer.Qualification, err = p.Decisions.GetQualification(marketer, &handoffv1.GetQualificationRequest{Name: lead + "/qualification"})
	}
	if err == nil {
		answer.Handoff, err = p.handoff(marketer, lead)
	}
	if err == nil {
		answer.Move, err = p.move(marketer, lead)
	}
	answer.Err = err
}

// happens says what becomes known and what the lead did, and waits until it is decided. It
// returns the lead.
func (p *Player) happens(marketer context.Context, t take) (string, error) {
	if t.account != nil {
		if _, err := p.Accounts.CaptureAccount(marketer, t.account); err != nil {
			return "", err
		}
	}
	if len(t.lifecycle) > 0 {
		// The moves first need a lead, which the first step makes.
		first := &ingestv1.CaptureLeadRequest{
			Lead: &ingestv1.Lead{Identities: t.capture.GetLead().GetIdentities()}, DefaultTime: t.capture.GetDefaultTime(),
		}
		if t.step == 0 {
			first.Lead.Attributes, first.Account = t.capture.GetLead().GetAttributes(), t.capture.GetAccount()
		}
		lead, err := p.Leads.CaptureLead(marketer, first)
		if err != nil {
			return "", err
		}
		if err := p.tell(marketer, lead.GetLead(), t.lifecycle); err != nil {
			return "", err
		}
	}
	captured, err := p.Leads.CaptureLead(marketer, t.capture)
	if err != nil {
		return "", err
	}
	for _, r := range captured.GetActivityResults() {
		if r.GetState() != ingestv1.ActivityResult_STATE_STORED || r.GetTimeClamped() {
			return "", fmt.Errorf("activity %s: %s %s %s, clamped %v", r.GetId(), r.GetState(), r.GetErrorField(), r.GetErrorMessage(), r.GetTimeClamped())
		}
	}
	if captured.GetDecisionPending() {
		return "", errNoDecision
	}
	return captured.GetLead(), nil
}

// tell tells of stage moves as handoff does.
func (p *Player) tell(ctx context.Context, lead string, moves []*ingestv1.Activity) error {
	request := &ingestv1.BatchRecordActivitiesRequest{Historical: true}
	for _, move := range moves {
		request.Activities = append(request.Activities, &ingestv1.ActivityRecord{Lead: lead, Activity: move})
	}
	told, err := p.Leads.BatchRecordActivities(caller.With(ctx, caller.System("handoff")), request)
	if err != nil {
		return err
	}
	for _, r := range told.GetResults() {
		if r.GetState() != ingestv1.ActivityResult_STATE_STORED {
			return fmt.Errorf("%s: %s %s", r.GetId(), r.GetState(), r.GetErrorMessage())
		}
	}
	return nil
}

// takes are the steps of a scenario, each as what is said to the services. The number
// keeps leads apart who have the same address.
func (c Calendar) takes(number int, s *Scenario) ([]take, error) {
	email, _ := s.Lead["email"].(string)
	name, domain, ok := strings.Cut(email, "@")
	if !ok {
		return nil, fmt.Errorf("lead.email: expected an address, not %q", email)
	}
	who := []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: fmt.Sprintf("%s+%d@%s", name, number, domain)}}
	var takes []take
	for i := range s.Steps {
		step := &s.Steps[i]
		at, err := c.Instant(step.Moment)
		if err != nil {
			return nil, err
		}
		if i > 0 && !at.After(takes[i-1].at) {
			return nil, fmt.Errorf("step %d: expected an instant after the step before", i)
		}
		known, attributes, company := at, step.Lead, step.Account
		if i == 0 {
			known, attributes, company = at.AddDate(0, 0, -365), merged(s.Lead, step.Lead), merged(s.Account, step.Account)
			if s.Known != nil {
				if known, err = c.Instant(*s.Known); err != nil {
					return nil, err
				}
			}
		}
		t := take{scenario: number, step: i, at: at, people: step.People}
		if t.capture, err = capture(who, attributes, known, i); err != nil {
			return nil, err
		}
		if t.capture.Consent = step.Consent; i == 0 && step.Consent == nil {
			t.capture.Consent = s.Consent
		}
		if s.Account != nil {
			account := &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_EXTERNAL_ID, Value: fmt.Sprint(number)}
			if t.account, err = captureAccount(account, company, known); err != nil {
				return nil, err
			}
			if i == 0 {
				t.capture.Account = account
			}
		}
		activities, err := c.activities(fmt.Sprintf("%d-%d", number, i), step, at)
		if err != nil {
			return nil, err
		}
		for _, a := range activities {
			if strings.HasPrefix(a.GetType(), "lifecycle.") {
				a.Source = "assay:handoff"
				t.lifecycle = append(t.lifecycle, a)
			} else {
				t.capture.Activities = append(t.capture.Activities, a)
			}
		}
		takes = append(takes, t)
	}
	return takes, nil
}

func merged(a, b map[string]any) map[string]any {
	all := map[string]any{}
	for _, of := range []map[string]any{a, b} {
		for key, value := range of {
			if key != "email" {
				all[key] = value
			}
		}
	}
	return all
}

// capture says what becomes known, and asks for a decision. A step in which nothing
// becomes known is told by an attribute that no standard reads: it makes the lead due.
func capture(who []*ingestv1.Identity, attributes map[string]any, known time.Time, step int) (*ingestv1.CaptureLeadRequest, error) {
	attributes = merged(attributes, map[string]any{"scenario_step": step})
	values, err := structpb.NewStruct(attributes)
	if err != nil {
		return nil, err
	}
	return &ingestv1.CaptureLeadRequest{
		Lead:            &ingestv1.Lead{Identities: who, Attributes: values},
		DefaultTime:     timestamppb.New(known),
		WaitForDecision: true,
		WaitTimeout:     durationpb.New(10 * time.Second),
	}, nil
}

// captureAccount says what becomes known of an account; nil if nothing does.
func captureAccount(who *ingestv1.AccountIdentity, attributes map[string]any, known time.Time) (*ingestv1.CaptureAccountRequest, error) {
	if len(attributes) == 0 {
		return nil, nil
	}
	values, err := structpb.NewStruct(attributes)
	if err != nil {
		return nil, err
	}
	return &ingestv1.CaptureAccountRequest{
		Account:     &ingestv1.Account{Identities: []*ingestv1.AccountIdentity{who}, Attributes: values},
		DefaultTime: timestamppb.New(known),
	}, nil
}

// activities are those of a step, with ids that begin with the prefix.
func (c Calendar) activities(prefix string, step *Step, at time.Time) ([]*ingestv1.Activity, error) {
	total := 0
	for _, a := range step.Activities {
		total += max(a.Times, 1)
	}
	var all []*ingestv1.Activity
	for _, a := range step.Activities {
		properties, err := structpb.NewStruct(a.Properties)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Type, err)
		}
		begin := at
		if a.exact() || a.Day != 0 || (step.Moment == Moment{}) {
			if begin, err = c.Instant(a.Moment); err != nil {
				return nil, fmt.Errorf("%s: %w", a.Type, err)
			}
		}
		for n := range max(a.Times, 1) {
			occurred := begin.Add(time.Duration(n) * a.Every)
			if !a.exact() {
				occurred = occurred.Add(-time.Duration(total-len(all)) * time.Second)
			}
			all = append(all, &ingestv1.Activity{
				Id: fmt.Sprintf("%s-%d", prefix, len(all)), Type: a.Type,
				OccurredTime: timestamppb.New(occurred), Properties: properties,
			})
		}
	}
	return all, nil
}

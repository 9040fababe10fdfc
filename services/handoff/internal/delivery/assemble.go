package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/caller"
)

const (
	// maxPoints, maxActivities and maxAttributes are the most that a packet has of each.
	maxPoints, maxActivities, maxAttributes = 5, 10, 40
	// lookBack is how many activities are read to find some of the lead's own.
	lookBack = 50
)

// Packets makes the packets of handoffs, each once: what a person or a receiver gets later
// is what they got first.
type Packets struct {
	// Store has the handoff and the decision behind it, and keeps the packet.
	Store *store.Store
	// Ingest knows the lead.
	Ingest ingestv1.IngestServiceClient
	// Standards know which permission was asked for.
	Standards Standards
}

var _ Assembler = (*Packets)(nil)

// Packet returns the packet of a handoff, `handoffs/{handoff}`. store.ErrNotFound if there
// is no such handoff.
func (a *Packets) Packet(ctx context.Context, handoff string) (*handoffv1.HandoffPacket, error) {
	p, err := a.Store.Packet(ctx, handoff)
	if !errors.Is(err, store.ErrNotFound) {
		return p, err
	}
	h, err := a.Store.Handoff(ctx, store.HandoffID(handoff))
	if err != nil {
		return nil, err
	}
	if p, err = a.assemble(caller.With(ctx, caller.System("handoff")), h); err != nil {
		return nil, err
	}
	return a.Store.KeepPacket(ctx, p)
}

func (a *Packets) assemble(ctx context.Context, h *handoffv1.Handoff) (*handoffv1.HandoffPacket, error) {
	p := &handoffv1.HandoffPacket{Name: h.GetName() + "/packet", Handoff: h, Reasons: h.GetReasons()}
	evidence, err := a.Store.Evidence(ctx, h.GetDecision())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	p.FitScore, p.FitClass = evidence.FitScore, evidence.GetFitClass()
	p.EngagementScore, p.EngagementBand = evidence.EngagementScore, evidence.GetEngagementBand()
	p.StandardVersion, p.TraceId = evidence.GetStandardVersion(), evidence.GetTraceId()
	p.Points = strongest(evidence)
	if err := a.person(ctx, h.GetLead(), p); err != nil {
		return nil, err
	}
	p.NextStep = nextStep(h, p)
	return p, nil
}

// Person returns a packet with the person alone, as they are now: of a lead, `leads/{lead}`,
// that marketing is told of.
func (a *Packets) Person(ctx context.Context, lead string) (*handoffv1.HandoffPacket, error) {
	p := &handoffv1.HandoffPacket{}
	return p, a.person(caller.With(ctx, caller.System("handoff")), lead, p)
}

// person adds who a lead is, and what it did last.
func (a *Packets) person(ctx context.Context, name string, p *handoffv1.HandoffPacket) error {
	lead, err := a.Ingest.GetLead(ctx, &ingestv1.GetLeadRequest{Name: name})
	switch {
	case status.Code(err) == codes.NotFound: // erased meanwhile: what was decided stays
		return nil
	case err != nil:
		return fmt.Errorf("the lead: %w", err)
	}
	if p.MayContact, err = a.mayContact(ctx, lead, p.GetStandardVersion()); err != nil {
		return fmt.Errorf("whether it may be approached: %w", err)
	}
	activities, err := a.Ingest.ListActivities(ctx, &ingestv1.ListActivitiesRequest{Parent: name, PageSize: lookBack})
	if err != nil {
		return fmt.Errorf("its activities: %w", err)
	}
	p.AttributesJson, p.LeadSourceJson = attributesOf(lead), sourceOf(lead)
	p.Identities = identitiesOf(lead)
	p.Activities = latest(activities.GetActivities())
	return nil
}

// strongest are the rules that gave the most points, after what was withheld of them.
func strongest(q *handoffv1.Qualification) []*handoffv1.PacketPoint {
	var points []*handoffv1.PacketPoint
	for _, score := range []struct {
		name  string
		lines []*typev1.Contribution
	}{{"fit", q.GetFit().GetContributions()}, {"engagement", q.GetEngagement().GetContributions()}} {
		byRule := map[string]*handoffv1.PacketPoint{}
		for _, line := range score.lines {
			p := byRule[line.GetRule()]
			if p == nil {
				p = &handoffv1.PacketPoint{Score: score.name}
				byRule[line.GetRule()] = p
			}
			p.Points += line.GetPoints()
			if line.GetKind() == typev1.Contribution_KIND_GIVEN {
				p.Description = cut(cmp.Or(line.GetDescription(), line.GetRule()), maxText)
				if n := line.GetCount(); n > 1 {
					p.Description = fmt.Sprintf("%s, %d times", p.Description, n)
				}
			}
		}
		for _, p := range byRule {
			if p.GetPoints() > 0 && p.GetDescription() != "" {
				points = append(points, p)
			}
		}
	}
	slices.SortFunc(points, func(a, b *handoffv1.PacketPoint) int {
		return cmp.Or(cmp.Compare(b.GetPoints(), a.GetPoints()), cmp.Compare(a.GetScore(), b.GetScore()), cmp.Compare(a.GetDescription(), b.GetDescription()))
	})
	return points[:min(len(points), maxPoints)]
}

// attributesOf are the attributes of a lead as JSON, the first in the order of their keys.
func attributesOf(lead *ingestv1.Lead) []byte {
	fields := lead.GetAttributes().GetFields()
	keys := slices.Sorted(maps.Keys(fields))
	kept := map[string]any{}
	for _, key := range keys[:min(len(keys), maxAttributes)] {
		switch v := fields[key].AsInterface().(type) {
		case string:
			kept[cut(key, maxText)] = cut(v, maxText)
		case float64, bool:
			kept[cut(key, maxText)] = v
		case []any:
			kept[cut(key, maxText)] = cut(fmt.Sprint(v...), maxText)
		}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		return nil
	}
	return b
}

func sourceOf(lead *ingestv1.Lead) []byte {
	s := lead.GetLeadSource()
	if s == nil {
		return nil
	}
	return event.Data(map[string]any{"channel": s.GetChannel(), "campaign": s.GetCampaign(), "detail": s.GetDetail()})
}

// identitiesOf are how to reach a lead: the first of each kind, and no visitor ids, which
// reach nobody.
func identitiesOf(lead *ingestv1.Lead) map[string]string {
	out := map[string]string{}
	for _, i := range lead.GetIdentities() {
		kind := strings.ToLower(strings.TrimPrefix(i.GetKind().String(), "KIND_"))
		if _, twice := out[kind]; !twice && i.GetKind() != ingestv1.Identity_KIND_ANONYMOUS_ID {
			out[kind] = i.GetValue()
		}
	}
	return out
}

// latest are the last things that the lead did itself, latest first.
func latest(activities []*ingestv1.Activity) []*handoffv1.PacketActivity {
	var out []*handoffv1.PacketActivity
	for _, a := range activities {
		if a.GetSource() == store.Source {
			continue // what we told ourselves
		}
		out = append(out, &handoffv1.PacketActivity{Type: a.GetType(), OccurredTime: a.GetOccurredTime(), Detail: detail(a.GetProperties())})
		if len(out) == maxActivities {
			break
		}
	}
	return out
}

// detail is what an activity was about.
func detail(properties *structpb.Struct) string {
	for _, key := range []string{"title", "name", "path", "page", "url", "form", "subject", "content", "event", "campaign"} {
		text := properties.GetFields()[key].GetStringValue()
		if text == "" {
			continue
		}
		if u, err := url.Parse(text); err == nil && (u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
			u.RawQuery, u.Fragment, u.User = "", "", nil // may hold tokens and addresses
			text = u.String()
		}
		return cut(text, maxText)
	}
	return ""
}

// nextStep says what to do next: as the standard says, or what the reasons suggest.
func nextStep(h *handoffv1.Handoff, p *handoffv1.HandoffPacket) string {
	if h.GetAction() != "" {
		return h.GetAction()
	}
	for _, reason := range h.GetReasons() {
		if strings.HasPrefix(reason.GetCode(), decision.FastTrackPrefix) {
			return "Answer the request: " + reason.GetDescription()
		}
	}
	if a := p.GetActivities(); len(a) > 0 && a[0].GetDetail() != "" {
		return "Call, and begin with what it looked at last: " + a[0].GetDetail()
	}
	return "Call, and ask what brought it here."
}

// SamplePacket is what a destination gets that somebody tries out. Nobody in it exists.
func SamplePacket() *handoffv1.HandoffPacket {
	fit, engagement := 82.0, 64.5
	at := func(minutes int) *timestamppb.Timestamp {
		return timestamppb.New(event.SampleTime.Add(-time.Duration(minutes) * time.Minute))
	}
	created, _ := event.Find(event.HandoffCreated)
	text := func(key string) string { v, _ := created.Sample[key].(string); return v }
	return &handoffv1.HandoffPacket{
		Name: text("handoff") + "/packet",
		Handoff: &handoffv1.Handoff{
			Name: text("handoff"), Lead: text("lead"), Track: "sales", Cycle: 1, State: handoffv1.Handoff_STATE_OPEN,
			Queue: "inbound", Owner: "jane", Priority: 2, CreateTime: timestamppb.New(event.SampleTime),
			DueTime: timestamppb.New(event.SampleTime.Add(2 * time.Hour)),
		},
		Reasons:  []*typev1.Reason{{Code: "gates", Description: "fit class A or B, and engagement of at least 50"}},
		FitScore: &fit, FitClass: "A", EngagementScore: &engagement, EngagementBand: "2",
		Points: []*handoffv1.PacketPoint{
			{Description: "Asked for a demo", Points: 30, Score: "engagement"},
			{Description: "Head of a department", Points: 25, Score: "fit"},
			{Description: "Looked at the prices, 3 times", Points: 24.5, Score: "engagement"},
		},
		Activities: []*handoffv1.PacketActivity{
			{Type: "form.submitted", OccurredTime: at(3), Detail: "Demo request"},
			{Type: "page.viewed", OccurredTime: at(9), Detail: "/pricing"},
			{Type: "content.downloaded", OccurredTime: at(1450), Detail: "Buyer's guide"},
		},
		AttributesJson:  []byte(`{"company":"Initech","country":"DE","employees":250,"first_name":"Ada","job_title":"VP Operations","last_name":"Sample"}`),
		Identities:      map[string]string{"email": "ada@initech.example"},
		LeadSourceJson:  []byte(`{"campaign":"spring","channel":"organic_search"}`),
		NextStep:        "Answer the request for a demo.",
		MayContact:      &handoffv1.MayContact{Allowed: true, Reason: "may be called: permission for sales was granted"},
		StandardVersion: "standards/default/versions/3f9c2a1b",
	}
}

package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/link"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

const (
	// The limits of Block Kit, in characters.
	maxHeaderText, maxFieldText, maxSectionText = 150, 2000, 3000
	// linkLife is how long the buttons of a message work.
	linkLife = 7 * 24 * time.Hour
	// topPoints and lastActivities are how many a message shows.
	topPoints, lastActivities = 3, 3
)

// SlackTransport delivers messages in Slack's format, which other chats take too: who is
// hot, why now, and what to do.
type SlackTransport struct {
	// Client sends: that of a [Guard].
	Client *http.Client
	// BaseURL is where people reach this installation, without a slash at its end; empty:
	// messages have no buttons.
	BaseURL string
	// Links signs the links behind the buttons; nil: there are none.
	Links *link.Signer
}

var _ Transport = (*SlackTransport)(nil)

// block is one block of a message. Slack takes at most 50.
type block struct {
	Type     string    `json:"type"`
	Text     *text     `json:"text,omitempty"`
	Fields   []text    `json:"fields,omitempty"`
	Elements []element `json:"elements,omitempty"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// element is a button, or a text of a context.
type element struct {
	Type string `json:"type"`
	Text any    `json:"text"`
	URL  string `json:"url,omitempty"`
	// Style: primary or danger.
	Style string `json:"style,omitempty"`
}

func plain(s string, most int) *text { return &text{"plain_text", clip(s, most)} }
func mrkdwn(s string, most int) text { return text{"mrkdwn", clip(s, most)} }

// clip cuts a text to so many characters.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// escape keeps what a stranger wrote in its place: a form's field must not mention a
// channel, hide a link or begin a line of its own.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ", "\r", " ").Replace(s)
}

// Render writes the message: of a handoff the hot lead, of anything else a line of what
// happened.
func (s *SlackTransport) Render(d *Delivery) ([]byte, error) {
	var data map[string]any
	if err := json.Unmarshal(d.Event.Data, &data); err != nil {
		return nil, err
	}
	blocks := s.happened(d, data)
	fallback := titles[d.Event.Type]
	if d.Event.Type == event.HandoffCreated {
		blocks, fallback = s.hotLead(d, data)
	}
	return json.Marshal(struct {
		Text   string  `json:"text"`
		Blocks []block `json:"blocks"`
	}{clip(cmp.Or(fallback, d.Event.Type), maxHeaderText), blocks})
}

// Deliver posts the message.
func (s *SlackTransport) Deliver(ctx context.Context, d *Delivery) Result {
	result := post(ctx, s.Client, d, http.Header{})
	switch result.Code {
	case http.StatusTooManyRequests:
		result.Outcome = Throttled
	case http.StatusBadRequest:
		result.Outcome = Rejected // it does not take this message, now or later
	}
	return result
}

func (s *SlackTransport) hotLead(d *Delivery, data map[string]any) (blocks []block, title string) {
	p := d.Packet
	if p == nil {
		p = &handoffv1.HandoffPacket{}
	}
	title = "Hot lead: " + who(p)
	if d.Sample {
		title = "Sample: " + title
	}
	blocks = append(blocks,
		block{Type: "header", Text: plain(title, maxHeaderText)},
		block{Type: "section", Fields: facts(p, data)},
	)
	if why := whyNow(p); why != "" {
		blocks = append(blocks, section("*Why now*\n"+why))
	}
	if last := lastOf(p); last != "" {
		blocks = append(blocks, section("*Last seen*\n"+last))
	}
	if step := p.GetNextStep(); step != "" {
		blocks = append(blocks, section("*Next step*\n"+escape(step)))
	}
	if buttons := s.buttons(d, data); len(buttons) > 0 {
		blocks = append(blocks, block{Type: "actions", Elements: buttons})
	}
	return append(blocks, footer(d)), title
}

func section(words string) block {
	t := mrkdwn(words, maxSectionText)
	return block{Type: "section", Text: &t}
}

// who is the lead in a few words, as far as the packet tells.
func who(p *handoffv1.HandoffPacket) string {
	var a map[string]any
	_ = json.Unmarshal(p.GetAttributesJson(), &a)
	word := func(keys ...string) string {
		for _, key := range keys {
			if s, _ := a[key].(string); s != "" {
				return s
			}
		}
		return ""
	}
	name := word("name", "full_name")
	if name == "" {
		name = strings.TrimSpace(word("first_name") + " " + word("last_name"))
	}
	parts := []string{}
	for _, part := range []string{name, word("job_title")} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	out := strings.Join(parts, ", ")
	if company := word("company", "company_name", "account_name"); company != "" {
		out = strings.TrimSpace(out + " at " + company)
	}
	return cmp.Or(out, "somebody new")
}

// facts are who has the lead, how hot it is and until when.
func facts(p *handoffv1.HandoffPacket, data map[string]any) []text {
	var out []text
	add := func(name, value string) {
		if value != "" {
			out = append(out, mrkdwn("*"+name+"*\n"+value, maxFieldText))
		}
	}
	add("Class", escape(p.GetFitClass()+p.GetEngagementBand()))
	add("Fit", score(p.FitScore))
	add("Engagement", score(p.EngagementScore))
	var source map[string]string
	_ = json.Unmarshal(p.GetLeadSourceJson(), &source)
	add("Source", escape(strings.Trim(source["channel"]+" / "+source["campaign"], " /")))
	owner, _ := data["owner"].(string)
	queue, _ := data["queue"].(string)
	if owner != "" {
		add("Owner", escape(owner))
	} else {
		add("Queue", escape(cmp.Or(queue, "none")))
	}
	due, _ := data["dueTime"].(string)
	if at, err := time.Parse(time.RFC3339, due); err == nil {
		left := ""
		if created := p.GetHandoff().GetCreateTime(); created != nil && at.After(created.AsTime()) {
			left = fmt.Sprintf(" (within %d min)", int(at.Sub(created.AsTime()).Round(time.Minute).Minutes()))
		}
		add("Due", moment(at)+left)
	}
	return out
}

func score(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// moment is a time that the reader's chat shows in the reader's zone.
func moment(at time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", at.Unix(), at.UTC().Format("2006-01-02 15:04 UTC"))
}

func stamp(at *timestamppb.Timestamp) string { return moment(at.AsTime()) }

// whyNow are the reasons, with the thresholds they name, and what gave the most points.
func whyNow(p *handoffv1.HandoffPacket) string {
	var lines []string
	for _, r := range p.GetReasons() {
		lines = append(lines, "• "+escape(clip(cmp.Or(r.GetDescription(), r.GetCode()), 300)))
	}
	for _, point := range p.GetPoints()[:min(len(p.GetPoints()), topPoints)] {
		lines = append(lines, fmt.Sprintf("• +%s %s (%s)", score(&point.Points), escape(clip(point.GetDescription(), 300)), point.GetScore()))
	}
	return strings.Join(lines, "\n")
}

func lastOf(p *handoffv1.HandoffPacket) string {
	var lines []string
	for _, a := range p.GetActivities()[:min(len(p.GetActivities()), lastActivities)] {
		lines = append(lines, strings.TrimRight("• "+stamp(a.GetOccurredTime())+" "+escape(a.GetType())+" "+escape(clip(a.GetDetail(), 200)), " "))
	}
	return strings.Join(lines, "\n")
}

// buttons claim or refuse the handoff with one click, each once, for whom it is: its
// owner, or whoever claims it.
func (s *SlackTransport) buttons(d *Delivery, data map[string]any) []element {
	id, err := uuid.Parse(store.HandoffID(d.Event.Handoff))
	if s.BaseURL == "" || s.Links == nil || err != nil || d.Sample {
		return nil
	}
	owner, _ := data["owner"].(string)
	expires := d.Now.Add(linkLife)
	to := func(action link.Action) string {
		return s.BaseURL + "/links/" + s.Links.Token(id, action, owner, expires)
	}
	return []element{
		{Type: "button", Text: plain("Claim", 75), URL: to(link.Claim), Style: "primary"},
		{Type: "button", Text: plain("Not a fit", 75), URL: to(link.Reject)},
	}
}

// footer says by which standard, and where to look further.
func footer(d *Delivery) block {
	words := []string{cmp.Or(d.Event.Handoff, d.Event.Lead, d.Event.Type)}
	if v := d.Packet.GetStandardVersion(); v != "" {
		words = append(words, v)
	}
	if t := d.Packet.GetTraceId(); t != "" {
		words = append(words, "trace "+t)
	}
	return block{Type: "context", Elements: []element{{Type: "mrkdwn", Text: escape(strings.Join(words, " · "))}}}
}

// titles are what happened, in words for a chat.
var titles = map[string]string{
	event.HandoffAssigned:     "A lead has another owner",
	event.HandoffUnassigned:   "A lead waits: nobody could be found for it",
	event.HandoffAccepted:     "A lead was accepted",
	event.HandoffRejected:     "A lead was rejected",
	event.HandoffRecycled:     "A lead came back",
	event.HandoffOutcome:      "Sales reported an outcome",
	event.HandoffClosed:       "A handoff was closed",
	event.LeadNurture:         "A lead belongs to marketing",
	event.LeadRecycled:        "A lead belongs to marketing again",
	event.LeadDisqualified:    "A lead was disqualified",
	event.LeadMerged:          "Leads are the same person",
	event.LeadUnmerged:        "Leads are not the same person any more",
	event.LeadErased:          "A person is to be forgotten: delete what was sent of this lead",
	event.SLAWarning:          "A lead waits for an answer",
	event.SLABreached:         "The time to answer a lead is over",
	event.SLAEscalated:        "A lead is not answered: the manager is told",
	event.SLAReassigned:       "A lead was not answered and goes to somebody else",
	event.ApprovalRequested:   "Somebody asks for an approval",
	event.ApprovalApproved:    "An approval was given",
	event.ApprovalDeclined:    "An approval was declined",
	event.ApprovalRevoked:     "An approval was taken back",
	event.DestinationDisabled: "A destination was disabled",
}

// shown are the data that a line of what happened shows, in their order.
var shown = []struct{ key, name string }{
	{"owner", "Owner"},
	{"previousOwner", "Before"},
	{"queue", "Queue"},
	{"assignReason", "Why"},
	{"reason", "Reason"},
	{"outcome", "Outcome"},
	{"amount", "Amount"},
	{"dueTime", "Due"},
	{"manager", "Manager"},
	{"requester", "Asked by"},
	{"actor", "By"},
	{"destination", "Destination"},
}

func (s *SlackTransport) happened(d *Delivery, data map[string]any) []block {
	title := cmp.Or(titles[d.Event.Type], d.Event.Type)
	var fields []text
	for _, f := range shown {
		if value, _ := data[f.key].(string); value != "" && len(fields) < 10 {
			if at, err := time.Parse(time.RFC3339, value); err == nil {
				value = moment(at)
			} else {
				value = escape(value)
			}
			fields = append(fields, mrkdwn("*"+f.name+"*\n"+value, maxFieldText))
		}
	}
	blocks := []block{{Type: "header", Text: plain(title, maxHeaderText)}}
	if len(fields) > 0 {
		blocks = append(blocks, block{Type: "section", Fields: fields})
	}
	return append(blocks, footer(d))
}

package delivery_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/link"
)

type message struct {
	Text   string
	Blocks []struct {
		Type     string
		Text     *struct{ Type, Text string }
		Fields   []struct{ Type, Text string }
		Elements []struct {
			Type, URL, Style string
			Text             json.RawMessage
		}
	}
}

// limits holds a message to what Block Kit takes.
func limits(t *testing.T, body []byte) message {
	t.Helper()
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	long := func(s string, most int) bool { return utf8.RuneCountInString(s) > most || s == "" }
	if m.Text == "" || len(m.Blocks) == 0 || len(m.Blocks) > 50 {
		t.Fatalf("text %q, %d blocks", m.Text, len(m.Blocks))
	}
	for _, b := range m.Blocks {
		switch b.Type {
		case "header":
			if b.Text == nil || b.Text.Type != "plain_text" || long(b.Text.Text, 150) {
				t.Errorf("header %+v", b.Text)
			}
		case "section":
			if b.Text == nil && len(b.Fields) == 0 || len(b.Fields) > 10 || b.Text != nil && long(b.Text.Text, 3000) {
				t.Errorf("section %+v", b)
			}
			for _, f := range b.Fields {
				if f.Type != "mrkdwn" || long(f.Text, 2000) {
					t.Errorf("field %+v", f)
				}
			}
		case "actions":
			if len(b.Elements) == 0 || len(b.Elements) > 25 {
				t.Errorf("%d elements", len(b.Elements))
			}
			for _, e := range b.Elements {
				var label struct{ Type, Text string }
				if err := json.Unmarshal(e.Text, &label); err != nil || e.Type != "button" || label.Type != "plain_text" || long(label.Text, 75) || long(e.URL, 3000) {
					t.Errorf("button %+v", e)
				}
			}
		case "context":
			if len(b.Elements) == 0 || len(b.Elements) > 10 {
				t.Errorf("%d elements", len(b.Elements))
			}
		default:
			t.Errorf("block %q", b.Type)
		}
	}
	return m
}

var slack = &delivery.SlackTransport{BaseURL: "https://assay.example", Links: link.NewSigner(make([]byte, 32))}

func hot(packet *handoffv1.HandoffPacket, data string) *delivery.Delivery {
	return &delivery.Delivery{
		Key: "key", Now: event.SampleTime, Packet: packet, Destination: &delivery.Destination{Detail: delivery.Full},
		Event: delivery.Event{Type: event.HandoffCreated, Time: event.SampleTime, Handoff: handoff, Data: []byte(data)},
	}
}

func TestAHotLeadSaysWhoWhyNowAndWhatToDo(t *testing.T) {
	body, err := slack.Render(hot(delivery.SamplePacket(), `{"owner":"jane","queue":"inbound","dueTime":"2026-03-02T16:20:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	m := limits(t, body)
	whole := string(body)
	for _, want := range []string{
		"Hot lead: Ada Sample, VP Operations at Initech", "A2", "82", "64.5", "organic_search / spring", "jane", "within 120 min",
		"engagement of at least 50", "+30 Asked for a demo", "+24.5 Looked at the prices, 3 times", "/pricing", "form.submitted", "standards/default/versions/3f9c2a1b",
	} {
		if !strings.Contains(whole, want) {
			t.Errorf("it does not say %q:\n%s", want, whole)
		}
	}
	buttons := 0
	for _, b := range m.Blocks {
		for _, e := range b.Elements {
			token, ok := strings.CutPrefix(e.URL, "https://assay.example/links/")
			if !ok {
				continue
			}
			buttons++
			l, err := slack.Links.Read(token)
			if err != nil || "handoffs/"+l.Handoff.String() != handoff || !slack.Links.For(l, "jane") || !l.Expires.Equal(event.SampleTime.Add(7*24*time.Hour)) {
				t.Errorf("%+v, %v", l, err)
			}
			if strings.Contains(e.URL, "jane") || strings.Contains(e.URL, "ada") {
				t.Errorf("the URL names somebody: %s", e.URL)
			}
		}
	}
	if buttons != 2 {
		t.Errorf("%d buttons", buttons)
	}
}

func TestAMessageWithoutThePersonNamesNobody(t *testing.T) {
	body, err := slack.Render(hot(nil, `{"owner":"jane"}`))
	if err != nil {
		t.Fatal(err)
	}
	limits(t, body)
	if strings.Contains(string(body), "Ada") || !strings.Contains(string(body), "somebody new") {
		t.Errorf("%s", body)
	}
}

func TestWordsOfStrangersAreNoMarkup(t *testing.T) {
	p := delivery.SamplePacket()
	p.AttributesJson = []byte(`{"first_name":"<!channel> *Ada*","company":"<https://evil.example|Click>"}`)
	p.Activities[0].Detail = "<@U123> `x`\n• +100 fake"
	body, err := slack.Render(hot(p, `{"owner":"<!here>"}`))
	if err != nil {
		t.Fatal(err)
	}
	m := limits(t, body)
	for _, b := range m.Blocks {
		for _, f := range b.Fields {
			if strings.Contains(f.Text, "<!here") {
				t.Errorf("field %q", f.Text)
			}
		}
		if b.Type == "section" && b.Text != nil && (strings.Contains(b.Text.Text, "<@") || strings.Contains(b.Text.Text, "\n• +100")) {
			t.Errorf("section %q", b.Text.Text)
		}
	}
}

func TestEveryMessageKeepsTheLimits(t *testing.T) {
	for _, kind := range event.Catalogue {
		d := hot(nil, string(event.Data(kind.Sample)))
		d.Event.Type = kind.Name
		body, err := slack.Render(d)
		if err != nil {
			t.Fatal(err)
		}
		limits(t, body)
	}
	long := func(text string, points float64, times uint8) bool {
		text = strings.Repeat(text+"Ω<&", 400)
		p := delivery.SamplePacket()
		for range times {
			p.Points = append(p.Points, &handoffv1.PacketPoint{Description: text, Points: points})
			p.Reasons = append(p.Reasons, &typev1.Reason{Description: text})
		}
		p.NextStep, p.FitClass, p.StandardVersion = text, text, text
		p.AttributesJson, _ = json.Marshal(map[string]string{"name": text, "job_title": text, "company": text})
		for _, a := range p.Activities {
			a.Detail, a.Type = text, text
		}
		body, err := slack.Render(hot(p, `{"owner":"jane"}`))
		if err != nil {
			t.Error(err)
		}
		limits(t, body)
		return !t.Failed()
	}
	if err := quick.Check(long, &quick.Config{MaxCount: 20}); err != nil {
		t.Error(err)
	}
}

func TestAWebhookNeverExceedsItsSize(t *testing.T) {
	webhook := &delivery.WebhookTransport{}
	p := delivery.SamplePacket()
	text := strings.Repeat("x", 300)
	for range 40 {
		p.Activities = append(p.Activities, &handoffv1.PacketActivity{Type: text, Detail: text})
		p.Points = append(p.Points, &handoffv1.PacketPoint{Description: text})
	}
	p.AttributesJson = []byte(`{"long":"` + strings.Repeat("y", 12_000) + `"}`)
	body, err := webhook.Render(hot(p, `{"handoff":"`+handoff+`"}`))
	if err != nil || len(body) > delivery.MaxBody || !json.Valid(body) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if _, err := webhook.Render(hot(nil, `{"x":"`+strings.Repeat("z", 20_000)+`"}`)); err == nil {
		t.Errorf("an event of 20 KB passes")
	}
}

func TestSecretsRotate(t *testing.T) {
	now := event.SampleTime
	s, first := delivery.Secrets{Inbound: "in"}.Rotate(now)
	if got := s.Signers(now.Add(1000 * time.Hour)); len(got) != 1 || got[0] != first {
		t.Errorf("%v", got)
	}
	s, second := s.Rotate(now)
	for at, want := range map[time.Duration][]string{
		0: {second, first}, 24*time.Hour - time.Second: {second, first}, 24 * time.Hour: {second},
	} {
		if got := s.Signers(now.Add(at)); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("after %s: %d secrets, want %d", at, len(got), len(want))
		}
	}
	s, third := s.Rotate(now.Add(time.Hour))
	if got := s.Signers(now.Add(24 * time.Hour)); strings.Join(got, " ") != third+" "+second || s.Inbound != "in" {
		t.Errorf("the first one signs longer than it was said: %d secrets", len(got))
	}
}

package segment_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/intake/segment"
)

var update = flag.Bool("update", false, "write the golden files anew")

var received = time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC)

// single is the kind of the message of a client that sends one at a time.
var single = map[string]segment.Kind{
	"segment-browser": segment.Page, "rudder-browser": segment.Identify, "jitsu-node": segment.Track, "jitsu-browser": segment.Page,
}

// What each client sends, and what it means.
func TestClients(t *testing.T) {
	bodies, err := filepath.Glob("testdata/*.json")
	if err != nil || len(bodies) != 9 {
		t.Fatalf("%d clients: %v", len(bodies), err)
	}
	for _, file := range bodies {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := &segment.Circumstances{Received: received, Source: "site", Browser: strings.HasSuffix(name, "browser"), Address: "203.0.113.7", UserAgent: "UA"}
			got := strings.Join(meanings(t, string(text), single[name], c), "\n")
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("%v\n%s", err, got)
			}
		})
	}
}

// meanings describes what the messages of a body mean, a paragraph each.
func meanings(t testing.TB, text string, kind segment.Kind, c *segment.Circumstances) (list []string) {
	t.Helper()
	body, err := segment.Read([]byte(text), kind)
	if err != nil {
		t.Fatal(err)
	}
	for m, why := range body.Messages() {
		var capture *segment.Capture
		if why == nil {
			capture, why = m.Capture(c)
		}
		if why != nil {
			list = append(list, fmt.Sprintf("%s: rejected: %s %s: expected %s\n", m.Kind, why.Reason, why.Field, why.Expected))
			continue
		}
		list = append(list, string(m.Kind)+describe(capture))
	}
	return list
}

func describe(c *segment.Capture) string {
	if c.Lead == nil {
		return ": dropped\n"
	}
	var b strings.Builder
	for _, id := range c.Lead.GetLead().GetIdentities() {
		fmt.Fprintf(&b, " %s", identity(id))
	}
	for _, id := range c.Lead.GetPreviousIdentities() {
		fmt.Fprintf(&b, ", before %s", identity(id))
	}
	fmt.Fprintf(&b, " of %s\n", c.Lead.GetSource())
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s %s\n", name, value)
		}
	}
	line("since", clock(c.Lead.GetDefaultTime()))
	line("attributes", object(c.Lead.GetLead().GetAttributes()))
	if from := c.Lead.GetLead().GetLeadSource(); from != nil {
		line("lead source", fmt.Sprintf("%s / %s / %s", from.GetChannel(), from.GetCampaign(), from.GetDetail()))
	}
	line("belongs to", account(c.Lead.GetAccount()))
	if c.Lead.GetConsent() != nil {
		line("consent", fmt.Sprint(c.Lead.GetConsent()))
	}
	for _, a := range c.Lead.GetActivities() {
		line("did", strings.TrimSpace(fmt.Sprintf("%s at %s, %s %s", a.GetType(), clock(a.GetOccurredTime()), a.GetId(), a.GetCampaign())))
		line("with", string(a.GetPropertiesJson()))
	}
	if c.Account != nil {
		var names []string
		for _, id := range c.Account.GetAccount().GetIdentities() {
			names = append(names, account(id))
		}
		line("account", strings.Join(names, " ")+" "+object(c.Account.GetAccount().GetAttributes())+" since "+clock(c.Account.GetDefaultTime()))
	}
	return b.String()
}

func identity(id *ingestv1.Identity) string {
	return strings.ToLower(strings.TrimPrefix(id.GetKind().String(), "KIND_")) + "=" + id.GetValue()
}

func account(id *ingestv1.AccountIdentity) string {
	if id == nil {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(id.GetKind().String(), "KIND_")) + "=" + id.GetValue()
}

func clock(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format("2006-01-02T15:04:05.999")
}

func object(s *structpb.Struct) string {
	if s == nil {
		return ""
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(s.GetFields())) {
		list = append(list, fmt.Sprintf("%s=%v", key, s.GetFields()[key].AsInterface()))
	}
	return strings.Join(list, ", ")
}

func TestType(t *testing.T) {
	for event, want := range map[string]string{
		"Signed Up":                 "user.signed_up",
		"signed_up":                 "user.signed_up",
		"SignedUp":                  "user.signed_up",
		"SIGNED UP":                 "user.signed_up",
		"Email Link Clicked":        "email.clicked",
		"emailLinkClicked":          "email.clicked",
		"Ebook Downloaded":          "content.downloaded ebook",
		"Webinar Registered":        "event.registered webinar",
		"Order Completed":           "order.completed",
		"Video Playback Started":    "video.started",
		"Page Viewed":               "page.viewed",
		"trial.started":             "trial.started",
		"cloud.code_host_added":     "cloud.code_host_added",
		"Plan Upgraded":             "track.plan_upgraded",
		"plan-upgraded":             "track.plan_upgraded",
		"Clicked the CTA!":          "track.clicked_the_cta",
		"HTTPServer2 started":       "track.http_server2_started",
		"2FA Enabled":               "track.2fa_enabled",
		"Téléchargé":                "track.telecharge",
		"注册":                        "track.event_c4fb6220",
		"lifecycle.customer":        "track.lifecycle_customer",
		"sales.accepted":            "track.sales_accepted",
		"assay.anything":            "track.assay_anything",
		"Trial.Started":             "trial.started",
		"single":                    "track.single",
		strings.Repeat("long ", 40): "track." + strings.TrimSuffix(strings.Repeat("long_", 19), "_"),
	} {
		name, kind := segment.Type(event)
		if got := strings.TrimSpace(name + " " + kind); got != want {
			t.Errorf("%q is %s, want %s", event, got, want)
		}
	}
}

// Whatever an event is called, its type is one that ingest takes.
func TestEveryTypeIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, _ := segment.Type(rapid.String().Draw(t, "event"))
		if len(name) > 100 || !typePattern.MatchString(name) || strings.HasPrefix(name, "lifecycle.") {
			t.Errorf("%q", name)
		}
	})
}

func TestClocks(t *testing.T) {
	const event = `{"batch":[{"type":"track","userId":"u","event":"A","timestamp":"%s"%s}]%s}`
	for name, c := range map[string]struct{ timestamp, inEvent, inBatch, header, want string }{
		"right":                      {"2026-03-01T12:00:00Z", "", `,"sentAt":"2026-03-01T12:00:01Z"`, "", "2026-03-01T12:00:00"},
		"three hours ahead":          {"2026-03-01T15:00:00Z", "", `,"sentAt":"2026-03-01T15:00:01Z"`, "", "2026-03-01T12:00:00"},
		"two days behind":            {"2026-02-27T12:00:00Z", "", `,"sentAt":"2026-02-27T12:00:01Z"`, "", "2026-03-01T12:00:00"},
		"waited a day on the device": {"2026-02-27T12:00:00Z", "", `,"sentAt":"2026-02-28T12:00:01Z"`, "", "2026-02-28T12:00:00"},
		"sent at, in the event":      {"2026-03-01T15:00:00Z", `,"sentAt":"2026-03-01T15:00:01Z"`, `,"sentAt":"2030-01-01T00:00:00Z"`, "", "2026-03-01T12:00:00"},
		"sent at, in the header":     {"2026-03-01T15:00:00Z", "", "", "2026-03-01T15:00:01Z", "2026-03-01T12:00:00"},
		"no time of sending":         {"2026-03-01T11:00:00Z", "", "", "", "2026-03-01T11:00:00"},
		"no time of sending, ahead":  {"2026-03-01T15:00:00Z", "", "", "", "2026-03-01T12:00:01 clamped"},
		"sent before it happened":    {"2026-03-01T12:00:05Z", "", `,"sentAt":"2026-03-01T12:00:00Z"`, "", "2026-03-01T12:00:01 clamped"},
		"another zone":               {"2026-03-01T17:30:00+05:30", "", `,"sentAt":"2026-03-01T12:00:01Z"`, "", "2026-03-01T12:00:00"},
		"no zone":                    {"2026-03-01T12:00:00.5", "", `,"sentAt":"2026-03-01T12:00:01"`, "", "2026-03-01T12:00:00.5"},
		"original stands first":      {"2020-01-01T00:00:00Z", `,"originalTimestamp":"2026-03-01T12:00:00Z"`, `,"sentAt":"2026-03-01T12:00:01Z"`, "", "2026-03-01T12:00:00"},
		"unreadable":                 {"yesterday", "", `,"sentAt":"2026-03-01T12:00:01Z"`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := segment.Read(fmt.Appendf(nil, event, c.timestamp, c.inEvent, c.inBatch), "")
			if err != nil {
				t.Fatal(err)
			}
			for m := range body.Messages() {
				capture, why := m.Capture(&segment.Circumstances{Received: received, SentAt: c.header})
				if why != nil {
					t.Fatal(why)
				}
				a := capture.Lead.GetActivities()[0]
				got := clock(a.GetOccurredTime())
				if strings.Contains(string(a.GetPropertiesJson()), `"timeClamped":true`) {
					got += " clamped"
				}
				if got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			}
		})
	}
}

// However wrong the client's clock is, of two messages of one request the one that was
// earlier by it is never later by ours, and nothing lies in the future.
func TestTheOrderInsideABatchIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			return received.Add(time.Duration(rapid.Int64Range(-100, 100).Draw(t, "hours")) * time.Hour / 7)
		})
		sent := rapid.SampledFrom([]time.Time{{}, instant.Draw(t, "sent")}).Draw(t, "sending")
		a, b := instant.Draw(t, "a"), instant.Draw(t, "b")
		if b.Before(a) {
			a, b = b, a
		}
		atA, _ := segment.Correct(received, a, sent)
		atB, clamped := segment.Correct(received, b, sent)
		if atB.Before(atA) || atB.After(received) {
			t.Errorf("%v %v became %v %v", a, b, atA, atB)
		}
		if !clamped && !sent.IsZero() && atB.Sub(received) != b.Sub(sent) {
			t.Errorf("%v became %v", b, atB)
		}
	})
}

func TestRulesOfASource(t *testing.T) {
	c := &segment.Circumstances{Received: received, Source: "site", Rules: []*ingestv1.EventRule{
		{Event: "Debug *", Drop: true},
		{Event: "Checkout *", Type: "trial.started", Properties: map[string]string{"plan_name": "plan", "secret": ""}},
		{Event: "page", Type: "docs.read"},
		{Event: "*", Properties: map[string]string{"x": "y"}},
	}}
	for body, want := range map[string]string{
		`{"type":"track","userId":"u","event":"Debug Printed"}`:                                                           "track: dropped\n",
		`{"type":"track","userId":"u","event":"Checkout Finished","properties":{"plan_name":"pro","secret":1,"seats":2}}`: "track user_id=u of site\n  did trial.started at ,\n  with {\"plan\":\"pro\",\"seats\":2,\"event\":\"Checkout Finished\"}\n",
		`{"type":"page","userId":"u","properties":{"path":"/docs"}}`:                                                      "page user_id=u of site\n  did docs.read at ,\n  with {\"path\":\"/docs\"}\n",
		`{"type":"track","userId":"u","event":"Signed Up","properties":{"x":1}}`:                                          "track user_id=u of site\n  did user.signed_up at ,\n  with {\"y\":1,\"event\":\"Signed Up\"}\n",
		`{"type":"identify","userId":"u"}`:                                                                                "identify user_id=u of site\n",
	} {
		if got := meanings(t, `{"batch":[`+body+`]}`, "", c); got[0] != want {
			t.Errorf("%s\n%q\nwant %q", body, got[0], want)
		}
	}
}

func TestOddMessages(t *testing.T) {
	c := &segment.Circumstances{Received: received, Source: "site"}
	for body, want := range map[string]string{
		// Ids may be numbers, an address may be the user's id, and a long id stands as its hash.
		`{"type":"track","userId":4711,"event":"A","messageId":99}`:                                "track user_id=4711 of site\n  did track.a at , 99\n  with {\"event\":\"A\"}\n",
		`{"type":"identify","userId":"ada@example.com"}`:                                           "identify user_id=ada@example.com email=ada@example.com of site\n",
		`{"type":"track","userId":"u","event":"A","messageId":"` + strings.Repeat("é", 101) + `"}`: "track user_id=u of site\n  did track.a at , sha256:" + "96cbf977549895b3277e0ab79c97a946e15d971c737e0e6b175090601c0d94b1" + "\n  with {\"event\":\"A\"}\n",
		// What the client calls like something of ours is the client's.
		`{"type":"track","userId":"u","event":"A","properties":{"event":"mine","context":1}}`:                                                                                "track user_id=u of site\n  did track.a at ,\n  with {\"event\":\"mine\",\"context\":1}\n",
		`{"type":"identify","userId":"u","traits":{"account":"x","suppressed":true,"consent_analytics":true,"permission_email":"granted","lifecycle":"y","注":1,"2fa":true}}`: "identify user_id=u of site\n  attributes lifecycle=y, trait_2fa=true, trait_account=x, trait_consent_analytics=true, trait_permission_email=granted, trait_suppressed=true\n",
		`{"type":"identify","userId":"u","traits":{"deep":{"a":{"b":1},"list":[1,{"x":2},"z"]},"id":12345678901234567890}}`:                                                  "identify user_id=u of site\n  attributes deep_a_b=1, deep_list=[1 z], id=12345678901234567890\n",
		`{"type":"track","anonymousId":"a","event":"A","context":{"traits":{"email":"no address"}}}`:                                                                         "track anonymous_id=a of site\n  did track.a at ,\n  with {\"event\":\"A\"}\n",
		`{"type":"alias","userId":"u","previousId":"old"}`:                                                                                                                   "alias user_id=u, before user_id=old of site\n",
		`{"type":"alias","userId":"u","previousId":"o@example.com"}`:                                                                                                         "alias user_id=u, before email=o@example.com of site\n",
		`{"type":"alias","userId":"u","anonymousId":"v","previousId":"v"}`:                                                                                                   "alias user_id=u anonymous_id=v, before anonymous_id=v of site\n",
		`{"type":"screen","anonymousId":"a","name":"Home"}`:                                                                                                                  "screen anonymous_id=a of site\n  did screen.viewed at ,\n  with {\"name\":\"Home\"}\n",
		`{"type":"track","userId":"u"}`:             "track: rejected: INVALID_FIELD event: expected the name of the event\n",
		`{"type":"track","userId":" ","event":"A"}`: "track: rejected: INVALID_FIELD userId: expected a userId or an anonymousId\n",
		`{"userId":"u"}`:                            ": rejected: INVALID_FIELD type: expected one of identify, track, page, screen, group, alias\n",
		`7`:                                         ": rejected: INVALID_FIELD : expected an object\n",
	} {
		if got := meanings(t, `{"batch":[`+body+`]}`, "", c); got[0] != want {
			t.Errorf("%s\n%q\nwant %q", body, got[0], want)
		}
	}
}

// By its domain an account is found: who reads a key in a page may not say it.
func TestABrowserSaysNoDomain(t *testing.T) {
	body := `{"batch":[{"type":"group","userId":"u","groupId":"g","traits":{"industry":"Software","website":"https://acme.example"}}]}`
	for _, browser := range []bool{false, true} {
		got := meanings(t, body, "", &segment.Circumstances{Received: received, Browser: browser})[0]
		if !strings.Contains(got, "belongs to external_id=g") || !strings.Contains(got, "industry=Software") || strings.Contains(got, " domain=acme.example") == browser {
			t.Errorf("%v: %s", browser, got)
		}
	}
}

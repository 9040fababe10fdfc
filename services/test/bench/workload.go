package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

const (
	// crowd is how many leads there are.
	crowd = 20_000
	// skew says how much busier the busy leads are than the others.
	skew = 1.1
	// batch is how many activities one call brings.
	batch = 100
	// source of all activities.
	source = "bench"
)

// act is one thing a lead did.
type act struct {
	lead       int
	id, kind   string
	properties string // a JSON object; all together an activity has about 600 bytes
	at         time.Time
}

// kinds of activities with what is known of them, as often as they occur.
var kinds = []struct {
	often int
	kind  string
	what  string // members of the properties
}{
	{40, "page.viewed", `"path":"/blog/how-to-choose","title":"How to choose: seven questions to ask first"`},
	{14, "page.viewed", `"path":"/docs/getting-started","title":"Getting started with the command line"`},
	{8, "page.viewed", `"path":"/pricing","title":"Prices and plans"`},
	{1, "page.viewed", `"path":"/careers/open-positions","title":"Work with us"`},
	{12, "email.opened", `"email":"newsletter-october","subject":"What is new this month"`},
	{10, "email.clicked", `"email":"newsletter-october","link":"https://www.example.com/webinar"`},
	{6, "content.downloaded", `"kind":"ebook","title":"The buyer's guide"`},
	{5, "video.watched", `"title":"Product tour","seconds":184,"of":300`},
	{2, "event.attended", `"event":"webinar-scale","minutes":48`},
	{1, "email.replied", `"email":"follow-up-2","words":61`},
	{1, "form.submitted", `"form":"contact","fields":7,"marketing_consent":true`},
}

// visitors does things: one for each caller, so that callers share nothing.
type visitors struct {
	random *rand.Rand
	zipf   *rand.Zipf
	prefix string
	made   int
	// visitor is whose visit it is.
	visitor int
}

func newVisitors(phase string, caller int) *visitors {
	random := rand.New(rand.NewPCG(uint64(caller), 1))
	return &visitors{
		random: random, zipf: rand.NewZipf(random, skew, 1, crowd-1),
		prefix: phase + "-" + strconv.Itoa(caller) + "-",
	}
}

// next is something that someone does now.
func (v *visitors) next() act { return v.by(v.someone()) }

// someone is a lead, a busy one more often.
func (v *visitors) someone() int { return int(v.zipf.Uint64()) }

// by is something that a lead does now.
func (v *visitors) by(lead int) act {
	v.made++
	n := v.random.IntN(100)
	k := 0
	for n >= kinds[k].often {
		n -= kinds[k].often
		k++
	}
	session := v.random.Uint64()
	return act{
		lead: lead, id: v.prefix + strconv.Itoa(v.made), kind: kinds[k].kind, at: time.Now(),
		properties: `{` + kinds[k].what + `,"session":"` + strconv.FormatUint(session, 16) + `","referrer":"https://www.search.example/results?q=lead+scoring+software"` +
			`,"user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"` +
			`,"screen":{"width":1728,"height":1117,"density":2},"locale":"en-GB","campaign":{"source":"search","medium":"cpc","term":"lead scoring","content":"variant-b"}` +
			`,"score":` + strconv.Itoa(int(session%1000)) + `,"returning":true}`,
	}
}

// past is something that a lead did on one of the days before.
func (v *visitors) past(lead int) act {
	a := v.by(lead)
	a.at = a.at.Add(-time.Duration(v.random.Int64N(int64(span * 24 * time.Hour))))
	return a
}

// email of a lead. Half of the companies are the standard's idea of a customer.
func email(lead int) string {
	return fmt.Sprintf("lead%d@company%d.example", lead, lead%997)
}

func identity(lead int) *ingestv1.Identity {
	return &ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: email(lead)}
}

// titles, industries and countries of the leads.
var (
	titles     = []string{"VP Engineering", "Head of Data", "Senior Developer", "Office Manager", "CEO", "Marketing Assistant", "Student", "Consultant"}
	industries = []string{"Software", "Banking", "Retail", "Education", "Healthcare", "Agriculture"}
	countries  = []string{"DE", "US", "FR", "IN", "BR", "SE", "JP"}
)

// profile of a lead, as a form would send it.
func profile(lead int) map[string]any {
	return map[string]any{
		"first_name": "Lead", "last_name": strconv.Itoa(lead), "company": fmt.Sprintf("Company %d", lead%997),
		"job_title": titles[lead%len(titles)], "industry": industries[lead%len(industries)],
		"country": countries[lead%len(countries)], "employees": float64(lead % 4000),
	}
}

// message is an activity as a caller in a hurry sends it.
func (a act) message() *ingestv1.Activity {
	return &ingestv1.Activity{
		Id: a.id, Type: a.kind, Source: source, OccurredTime: timestamppb.New(a.at), PropertiesJson: []byte(a.properties),
	}
}

func (a act) record() *ingestv1.ActivityRecord {
	return &ingestv1.ActivityRecord{Identity: identity(a.lead), Activity: a.message()}
}

// appendJSON appends an activity with its lead as REST takes it.
func (a act) appendJSON(to []byte) []byte {
	to = append(to, `{"identity":{"kind":"KIND_EMAIL","value":"`...)
	to = append(to, email(a.lead)...)
	to = append(to, `"},"activity":{"id":"`...)
	to = append(to, a.id...)
	to = append(to, `","type":"`...)
	to = append(to, a.kind...)
	to = append(to, `","source":"`+source+`","occurredTime":"`...)
	to = a.at.UTC().AppendFormat(to, time.RFC3339Nano)
	to = append(to, `","properties":`...)
	to = append(to, a.properties...)
	return append(to, "}}"...)
}

// capture is a new lead with its profile and one activity.
func (v *visitors) capture(lead int) *ingestv1.CaptureLeadRequest {
	attributes, err := structpb.NewStruct(profile(lead))
	if err != nil {
		panic(err) // texts and numbers always fit
	}
	return &ingestv1.CaptureLeadRequest{
		Lead:       &ingestv1.Lead{Identities: []*ingestv1.Identity{identity(lead)}, Attributes: attributes},
		Activities: []*ingestv1.Activity{v.by(lead).message()}, Source: source,
	}
}

// Package demo draws synthetic leads with ninety days of believable activities, so
// that a newcomer has something to look at. They are nobody: the addresses are under
// domains reserved for examples, and each lead carries the attribute `synthetic`.
package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// Source is the source of every synthetic fact.
const Source = "demo"

// Days is how far back the activities reach.
const Days = 90

// Leads draws n leads. The same seed, number and instant give the same leads; on
// another day the same leads did the same things, moved by the time between.
func Leads(seed uint64, n int, now time.Time) []*ingestv1.CaptureLeadRequest {
	leads := make([]*ingestv1.CaptureLeadRequest, n)
	for i := range leads {
		d := &draw{Rand: rand.New(rand.NewPCG(seed, uint64(i))), seed: seed, lead: i, now: now.UTC()}
		leads[i] = d.capture()
	}
	return leads
}

// draw makes one lead.
type draw struct {
	*rand.Rand
	seed       uint64
	lead       int
	now        time.Time
	activities []*ingestv1.Activity
}

func pick[T any](d *draw, from []T) T { return from[d.IntN(len(from))] }

// chance is true in so many of a hundred cases.
func (d *draw) chance(percent int) bool { return d.IntN(100) < percent }

// employer is where a lead works.
type employer struct {
	name, industry, country string
	employees               int
	revenue                 float64
}

var employers = []employer{
	{"Northwind Logistics", "logistics", "DE", 820, 140e6},
	{"Harbour Bank", "banking", "GB", 4200, 900e6},
	{"Pinewood Software", "software", "US", 240, 38e6},
	{"Lumen Insurance", "insurance", "FR", 1900, 410e6},
	{"Bluebird Retail", "retail", "NL", 610, 95e6},
	{"Solstice Energy", "energy", "DK", 350, 72e6},
	{"Kestrel Telecom", "telecommunications", "IE", 980, 210e6},
	{"Marigold Health", "healthcare", "US", 7600, 1600e6},
	{"Tinker Labs", "software", "SE", 18, 1.4e6},
	{"Quarry Works", "manufacturing", "PL", 430, 51e6},
	{"Old Mill Bakery", "food", "AT", 35, 2.8e6},
	{"Cobalt Media", "media", "ES", 120, 14e6},
	{"Fjord Consulting", "consulting", "NO", 90, 11e6},
	{"Saffron Foods", "food", "IN", 2600, 180e6},
	{"Meridian Robotics", "manufacturing", "CH", 160, 33e6},
	{"Atlas Cloud", "internet", "US", 540, 88e6},
	{"Willow Studio", "design", "PT", 9, 0.7e6},
}

var (
	firstNames = []string{"Ana", "Ben", "Chiara", "David", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kavya", "Liam", "Mei", "Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Viktor", "Wanda", "Yara", "Zoe"}
	lastNames  = []string{"Adler", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jansen", "Kowalski", "Larsen", "Moreau", "Nguyen", "Okafor", "Patel", "Rossi", "Silva", "Tanaka", "Weber"}
	deciders   = []string{"CTO", "VP Engineering", "Head of IT", "Director of Data Platform", "CIO", "Head of Operations", "VP Product"}
	doers      = []string{"Software Engineer", "Data Analyst", "IT Manager", "Senior Developer", "Product Manager", "Platform Architect"}
	others     = []string{"Marketing Manager", "Sales Representative", "Procurement Specialist", "Finance Manager", "Office Assistant", "HR Partner"}
	pages      = []string{"/", "/product", "/product/integrations", "/customers", "/blog/lead-scoring", "/blog/sales-handoff", "/about"}
	ebooks     = []string{"Lead scoring that sales believes", "The first hundred customers", "A field guide to handoffs"}
	webinars   = []string{"What makes a lead qualified", "Scoring without spreadsheets"}
	campaigns  = []string{"", "", "spring-launch", "newsletter", "search-brand"}
	channels   = []string{"organic_search", "paid_search", "referral", "event", "direct", "social"}
)

// story is a kind of lead that every marketing team knows.
type story struct {
	share  int // of a hundred
	titles []string
	live   func(*draw)
	// who changes the attributes where the story needs it, and returns the domain.
	who func(attributes map[string]any, domain string) string
}

var stories = []story{
	{14, deciders, (*draw).buyer, asTheyAre},
	{7, deciders, (*draw).handRaiser, asTheyAre},
	{5, doers, (*draw).trial, asTheyAre},
	{16, doers, (*draw).reader, asTheyAre},
	{14, deciders, (*draw).asleep, asTheyAre},
	{16, others, (*draw).visitor, asTheyAre},
	{8, doers, (*draw).buyer, sparse},
	{7, []string{"Student", "PhD student"}, (*draw).reader, student},
	{6, others, (*draw).jobSeeker, asTheyAre},
	{5, doers, (*draw).unsubscriber, asTheyAre},
	{2, deciders, (*draw).competitor, competitor},
}

func asTheyAre(_ map[string]any, domain string) string { return domain }

// sparse leads tell us little about themselves.
func sparse(attributes map[string]any, domain string) string {
	delete(attributes, "job_title")
	delete(attributes, "annual_revenue")
	return domain
}

func student(attributes map[string]any, _ string) string {
	for _, key := range []string{"industry", "employees", "annual_revenue"} {
		delete(attributes, key)
	}
	attributes["company"] = "Example University"
	return "university.example"
}

func competitor(attributes map[string]any, _ string) string {
	attributes["company"] = "Competitor Inc"
	return "competitor.example"
}

func (d *draw) story() story {
	dice := d.IntN(100)
	for _, s := range stories {
		if dice -= s.share; dice < 0 {
			return s
		}
	}
	return stories[0]
}

func (d *draw) capture() *ingestv1.CaptureLeadRequest {
	s := d.story()
	e, first, last := pick(d, employers), pick(d, firstNames), pick(d, lastNames)
	attributes := map[string]any{
		"synthetic": true, "first_name": first, "last_name": last, "job_title": pick(d, s.titles),
		"company": e.name, "industry": e.industry, "country": e.country, "employees": e.employees,
	}
	if d.chance(70) {
		attributes["annual_revenue"] = e.revenue
	}
	domain := s.who(attributes, strings.ToLower(strings.ReplaceAll(e.name, " ", "-"))+".example")
	s.live(d)
	return &ingestv1.CaptureLeadRequest{
		Lead: &ingestv1.Lead{
			Identities: []*ingestv1.Identity{{
				Kind:  ingestv1.Identity_KIND_EMAIL,
				Value: strings.ToLower(fmt.Sprintf("%s.%s.%d-%d@%s", first, last, d.seed, d.lead, domain)),
			}},
			Attributes: fields(attributes),
			LeadSource: &ingestv1.LeadSource{Channel: pick(d, channels), Campaign: pick(d, campaigns)},
		},
		Activities:  d.activities,
		Source:      Source,
		DefaultTime: timestamppb.New(d.first()),
	}
}

func fields(values map[string]any) *structpb.Struct {
	s, err := structpb.NewStruct(values)
	if err != nil {
		panic(err) // only values written in this file
	}
	return s
}

// first is when the lead was first seen.
func (d *draw) first() time.Time {
	first := d.now
	for _, a := range d.activities {
		if t := a.GetOccurredTime().AsTime(); t.Before(first) {
			first = t
		}
	}
	return first
}

// did adds an activity so many days ago, in working hours.
func (d *draw) did(daysAgo int, typ string, properties map[string]any) {
	day := d.now.Truncate(24*time.Hour).AddDate(0, 0, -min(max(daysAgo, 0), Days-1))
	t := day.Add(8*time.Hour + time.Duration(d.IntN(11*3600))*time.Second)
	if early := time.Duration(1+d.IntN(3600)) * time.Second; t.After(d.now) {
		t = d.now.Add(-early)
	}
	a := &ingestv1.Activity{
		Id:           fmt.Sprintf("%d-%d-%d", d.seed, d.lead, len(d.activities)),
		Type:         typ,
		Source:       Source,
		Campaign:     pick(d, campaigns),
		OccurredTime: timestamppb.New(t),
	}
	if properties != nil {
		a.Properties = fields(properties)
	}
	d.activities = append(d.activities, a)
}

func (d *draw) visit(daysAgo int, path string) {
	d.did(daysAgo, "page.viewed", map[string]any{"path": path})
}

// browse is a visit of a few pages.
func (d *draw) browse(daysAgo int) {
	for range 1 + d.IntN(4) {
		d.visit(daysAgo, pick(d, pages))
	}
}

func (d *draw) ebook(daysAgo int) {
	d.did(daysAgo, "content.downloaded", map[string]any{"kind": "ebook", "title": pick(d, ebooks)})
}

func (d *draw) webinar(daysAgo int) {
	title := map[string]any{"title": pick(d, webinars)}
	d.did(daysAgo+7, "event.registered", title)
	if d.chance(65) {
		d.did(daysAgo, "event.attended", title)
	}
}

// buyer warms up over weeks: reads, joins a webinar, comes back for the prices.
func (d *draw) buyer() {
	start := 20 + d.IntN(60)
	d.browse(start)
	d.ebook(start - 2)
	d.did(start-5, "email.clicked", map[string]any{"subject": "Your ebook"})
	d.webinar(start / 2)
	for i := range 1 + d.IntN(3) {
		d.browse(3 + 2*i)
		d.visit(2+3*i, "/pricing")
	}
	if d.chance(40) {
		d.did(1+d.IntN(4), "email.replied", map[string]any{"subject": "A question"})
	}
}

// handRaiser asks for a demo.
func (d *draw) handRaiser() {
	start := 2 + d.IntN(20)
	d.browse(start + 3)
	d.visit(start, "/pricing")
	if d.chance(70) {
		d.did(start-1, "demo.requested", nil)
		return
	}
	d.did(start-1, "form.submitted", map[string]any{"form": "demo"})
}

// trial tries the product and invites others.
func (d *draw) trial() {
	start := 2 + d.IntN(20)
	d.browse(start + 1)
	d.did(start, "trial.started", nil)
	for i := range 2 + d.IntN(5) {
		d.visit(start-i, "/docs/getting-started")
	}
	if d.chance(50) {
		d.did(start-1, "user.invited", nil)
	}
}

// reader likes the content and is in no hurry.
func (d *draw) reader() {
	for range 1 + d.IntN(5) {
		d.browse(d.IntN(Days))
	}
	if d.chance(60) {
		d.ebook(d.IntN(Days))
	}
	if d.chance(30) {
		d.webinar(d.IntN(Days - 8))
	}
}

// asleep was interested once.
func (d *draw) asleep() {
	start := 60 + d.IntN(25)
	d.browse(start)
	d.ebook(start - 1)
	if d.chance(50) {
		d.visit(start-2, "/pricing")
	}
}

// visitor came by.
func (d *draw) visitor() {
	d.browse(d.IntN(Days))
	if d.chance(30) {
		d.did(d.IntN(Days), "form.submitted", map[string]any{"form": "newsletter"})
	}
}

// jobSeeker looks for work.
func (d *draw) jobSeeker() {
	start := d.IntN(30)
	d.browse(start + 1)
	for i := range 1 + d.IntN(3) {
		d.visit(start+i, "/careers")
	}
}

// unsubscriber had enough.
func (d *draw) unsubscriber() {
	start := 20 + d.IntN(60)
	d.ebook(start)
	d.did(start-5, "email.clicked", map[string]any{"subject": "Your ebook"})
	d.did(start-15, "email.unsubscribed", nil)
}

// competitor reads everything, the prices first.
func (d *draw) competitor() {
	for i := range 4 {
		d.visit(2+i, "/pricing")
		d.browse(3 + i)
	}
	d.ebook(10)
}

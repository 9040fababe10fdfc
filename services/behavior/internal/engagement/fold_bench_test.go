package engagement_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/internal/points"
)

// twentyRules is a model of the size a company writes: twenty rules in four groups,
// half of them with conditions, with every kind of limit, cap and decay.
func twentyRules() engagement.Model {
	capped := 40 * points.One
	half := engagement.Decay{HalfLife: 30 * 24 * time.Hour}
	rule := func(id string, p int, when string, limit *engagement.Limit, types ...string) engagement.Rule {
		return engagement.Rule{ID: id, Points: points.Points(p) * points.One, When: when, Limit: limit, Activities: types}
	}
	daily := &engagement.Limit{Count: 3, Per: engagement.PerDay}
	weekly := &engagement.Limit{Count: 1, Per: engagement.PerWeek}
	once := &engagement.Limit{}
	return engagement.Model{
		TimeZone:     "Europe/Berlin",
		CountWindows: []int{7, 30, 90},
		Bands:        []engagement.Edge{{Label: "1", AtLeast: 8000}, {Label: "2", AtLeast: 5000}, {Label: "3", AtLeast: 2000}, {Label: "4"}},
		Groups: []engagement.Group{
			{ID: "web", Cap: &capped, Decay: half, Rules: []engagement.Rule{
				rule("page", 1, "", daily, "page.viewed"),
				rule("pricing", 15, `activity.properties.path == "/pricing"`, weekly, "page.viewed"),
				rule("careers", -10, `activity.properties.path == "/careers"`, daily, "page.viewed"),
				rule("search", 3, "", nil, "site.searched"),
				rule("chat", 10, "", daily, "chat.*"),
				rule("video", 5, `activity.properties.minutes > 4`, nil, "video.watched"),
			}},
			{ID: "content", Decay: engagement.Decay{Window: 90}, Rules: []engagement.Rule{
				rule("ebook", 20, `activity.properties.kind == "ebook"`, nil, "content.downloaded"),
				rule("report", 35, `activity.properties.kind == "report"`, nil, "content.downloaded"),
				rule("webinar", 30, "", nil, "event.attended"),
				rule("registered", 10, "", nil, "event.registered"),
				rule("subscribed", 5, "", weekly, "newsletter.subscribed"),
				rule("survey", 15, "", nil, "survey.answered"),
			}},
			{ID: "email", Decay: half, Rules: []engagement.Rule{
				rule("opened", 1, "", daily, "email.opened"),
				rule("clicked", 5, "", daily, "email.clicked"),
				rule("replied", 20, "", nil, "email.replied"),
				rule("unsubscribed", -10, "", once, "email.unsubscribed"),
			}},
			{ID: "product", Rules: []engagement.Rule{
				rule("demo", 60, `activity.properties.form == "demo"`, once, "form.*"),
				rule("contact", 60, `activity.properties.form == "contact"`, once, "form.*"),
				rule("trial", 60, "", once, "trial.started"),
				rule("invited", 10, `lead.company_size >= 50.0`, nil, "trial.invited"),
			}},
		},
	}
}

var benchTypes = []string{
	"page.viewed", "page.viewed", "page.viewed", "page.viewed", "page.viewed", "email.opened", "email.opened",
	"email.clicked", "content.downloaded", "video.watched", "form.submitted", "event.attended", "site.searched",
	"chat.opened", "unheard.of", "trial.invited",
}

// busyLead is a history of n activities, about four a day.
func busyLead(n int) []engagement.Fact {
	random := rand.New(rand.NewPCG(1, 2))
	facts := []engagement.Fact{{
		Kind: engagement.Attribute, Source: "web", ID: "size", Name: "company_size", Value: []byte("200"),
	}}
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i := range n {
		at += random.Int64N(12 * 3600 * 1e6)
		facts = append(facts, engagement.Fact{
			Micros: at, Source: "web", ID: fmt.Sprintf("a-%d", i), Type: benchTypes[random.IntN(len(benchTypes))],
			Properties: []byte(`{"path":"/pricing","title":"Pricing and plans","referrer":"https://example.com/","kind":"ebook","minutes":7,"form":"demo","utm_source":"ads"}`),
		})
	}
	return facts
}

func mustCompile(t testing.TB, m engagement.Model) *engagement.Compiled {
	t.Helper()
	c, err := engagement.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkFold folds whole histories in memory, conditions asked.
func BenchmarkFold(b *testing.B) {
	c := mustCompile(b, twentyRules())
	for _, n := range []int{10, 1000, 10000} {
		facts := engagement.Facts{Facts: busyLead(n)}
		asOf := facts.Facts[n].Micros
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Fold(facts, asOf)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "activities/s")
		})
	}
}

// BenchmarkOneMore is one more activity on a history at rest: opened, folded, put to
// rest. In order it costs the same however long the history; late it costs the way
// from the newest kept state before it.
func BenchmarkOneMore(b *testing.B) {
	c := mustCompile(b, twentyRules())
	for _, n := range []int{10, 1000, 10000} {
		facts := busyLead(n)
		record, chunks := atRest(b, c, facts)
		load := func(before int64) ([]engagement.Chunk, error) {
			first := 0
			for i, chunk := range chunks {
				if chunk.After != nil && chunk.LastMicros < before {
					first = i
				}
			}
			return chunks[first:], nil
		}
		for _, c2 := range []struct {
			name  string
			index int
		}{{"in order", n}, {"late by a day", n - 4}, {"late by half the history", n / 2}} {
			fact := facts[c2.index]
			fact.ID, fact.Type = "one more", "page.viewed"
			fact.Micros++
			b.Run(fmt.Sprintf("%d/%s", n, c2.name), func(b *testing.B) {
				b.ReportAllocs()
				var steps int
				for b.Loop() {
					h, err := c.OpenHistory(record)
					if err != nil {
						b.Fatal(err)
					}
					change, err := h.Apply([]engagement.Fact{fact}, nil, load)
					if err != nil {
						b.Fatal(err)
					}
					h.Record()
					steps = change.Steps
				}
				b.ReportMetric(float64(steps), "steps/op")
			})
		}
		b.Logf("%d activities: state %d B, tail %d B, %d chunks", n, len(record.State), len(record.Tail), record.Sealed)
	}
}

// BenchmarkGrowth is one more activity in order on a history at rest, of every type in
// turn: alone, and with the score after it. Alone it costs the same however long the
// history is; the score reads each day that still counts, and no more of them than the
// model's horizons hold. Its lines are a table by length.
func BenchmarkGrowth(b *testing.B) {
	c := mustCompile(b, twentyRules())
	for _, scored := range []bool{false, true} {
		for _, n := range []int{10, 100, 1000, 10000} {
			facts := busyLead(n)
			record, _ := atRest(b, c, facts)
			next := make([]engagement.Fact, len(benchTypes))
			for i, t := range benchTypes {
				next[i] = facts[n]
				next[i].ID, next[i].Type = "one more", t
				next[i].Micros += time.Hour.Microseconds()
			}
			b.Run(fmt.Sprintf("scored=%t/%d", scored, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					at := i % len(next)
					h, err := c.OpenHistory(record)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := h.Apply(next[at:at+1], nil, nil); err != nil {
						b.Fatal(err)
					}
					h.Record()
					if !scored {
						continue
					}
					if _, err := h.Score(next[at].Micros, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(record.State)), "state-B")
			})
		}
	}
}

// atRest returns the record and chunks of a history. The tail's slice has no room
// left, so that runs do not write into each other's.
func atRest(b *testing.B, c *engagement.Compiled, facts []engagement.Fact) (engagement.Record, []engagement.Chunk) {
	b.Helper()
	h := c.NewHistory()
	change, err := h.Apply(facts, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	record := h.Record()
	record.Tail = slices.Clip(record.Tail)
	return record, change.Sealed
}

// BenchmarkReview is when time alone will move the score of a lead over one of the
// levels of a standard: after the activities that there are, for a model whose points
// halve, and one whose points stay.
func BenchmarkReview(b *testing.B) {
	fading := mustCompile(b, twentyRules())
	still := twentyRules()
	for g := range still.Groups {
		still.Groups[g].Decay = engagement.Decay{}
	}
	levels := engagement.Levels{Engagement: []points.Points{0, 2000, 3000, 5000, 6000, 8000, 12000}}
	for _, c := range []struct {
		name     string
		compiled *engagement.Compiled
	}{{"fading", fading}, {"still", mustCompile(b, still)}} {
		for _, n := range []int{1, 10, 1000, 10000} {
			facts := busyLead(n)
			h := c.compiled.NewHistory()
			if _, err := h.Apply(facts, nil, nil); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := h.Review(facts[n].Micros, &levels, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// touch is a lead source that was said of a time.
type touch struct {
	channel, campaign string
	hour              int
	source            string
}

func (x touch) at() time.Time { return start.Add(time.Duration(x.hour) * time.Hour) }

func (x touch) json() []byte {
	if x.campaign == "" {
		return fmt.Appendf(nil, `{"channel":%q}`, x.channel)
	}
	return fmt.Appendf(nil, `{"campaign":%q,"channel":%q}`, x.campaign, x.channel)
}

func (x touch) subject(who string) *store.Subject {
	s := subject(anonymous(who))
	s.Effective, s.Dated, s.Source, s.LeadSource = x.at(), true, x.source, x.json()
	return s
}

// value is what facts say of a key at an hour.
func value(facts []*typev1.Fact, key string, hour int) string {
	ordered := slices.SortedFunc(slices.Values(facts), func(a, b *typev1.Fact) int {
		return cmp.Or(a.GetEffectiveTime().AsTime().Compare(b.GetEffectiveTime().AsTime()), cmp.Compare(a.GetSource(), b.GetSource()), cmp.Compare(a.GetId(), b.GetId()))
	})
	found := "null"
	for _, f := range ordered {
		if f.GetAttribute().GetKey() == key && !f.GetEffectiveTime().AsTime().After(start.Add(time.Duration(hour)*time.Hour)) {
			found = string(f.GetAttribute().GetValueJson())
		}
	}
	return found
}

// The first touch is the one of the earliest time, whichever arrives first, and it is
// true from its time on. The lead is known since its earliest fact.
func TestTheFirstTouchInAnyOrder(t *testing.T) {
	law(t, "", func(r *rapid.T, f *fixture, n int) { checkFirstTouch(r, f, fmt.Sprint("v", n)) })
}

func checkFirstTouch(r *rapid.T, f *fixture, who string) {
	touches := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) touch {
		return touch{
			rapid.SampledFrom([]string{"ads", "event"}).Draw(r, "channel"), rapid.SampledFrom([]string{"", "spring"}).Draw(r, "campaign"),
			rapid.IntRange(0, 4).Draw(r, "hour"), rapid.SampledFrom([]string{"crm", "web"}).Draw(r, "source"),
		}
	}), 1, 6).Draw(r, "touches")
	first := slices.MinFunc(touches, func(a, b touch) int {
		id := func(x touch) string {
			return lead.FactID(lead.Attribute{Key: lead.SourceChannel, Value: x.json()}, x.at().UnixMicro(), x.source)
		}
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.source, b.source), cmp.Compare(id(a), id(b)))
	})
	var got []*typev1.Fact
	var id string
	begins := first.hour
	claim := func() {
		claimed, err := f.ClaimLead(f.t.Context(), id, time.Minute)
		f.ok(err)
		for _, c := range claimed {
			got = append(got, c.Facts...)
			f.complete(store.Decided, c)
		}
	}
	for i, left := 0, touches; len(left) > 0; i++ {
		size := rapid.IntRange(1, len(left)).Draw(r, "together")
		capture := &store.Capture{Received: f.now()}
		for _, x := range left[:size] {
			capture.Subjects = append(capture.Subjects, x.subject(who))
		}
		if rapid.Bool().Draw(r, "act") {
			hour := rapid.IntRange(0, 4).Draw(r, "acts")
			begins = min(begins, hour)
			capture.Subjects[0].Activities = append(capture.Subjects[0].Activities, act(fmt.Sprint(who, "-", i), time.Duration(hour)*time.Hour))
		}
		f.ok(f.Capture(f.t.Context(), capture))
		id, left = capture.Subjects[0].Result.Lead, left[size:]
		if rapid.Bool().Draw(r, "claim") {
			claim()
		}
	}
	claim()
	history, _, _, err := f.Facts(f.t.Context(), id, 0, 0, 1<<20)
	f.ok(err)
	for how, facts := range map[string][]*typev1.Fact{"history": history, "claims": got} {
		for hour := range 5 {
			channel, campaign := "null", "null"
			if hour >= first.hour {
				channel = fmt.Sprintf("%q", first.channel)
				if first.campaign != "" {
					campaign = fmt.Sprintf("%q", first.campaign)
				}
			}
			if a, b := value(facts, lead.SourceChannel, hour), value(facts, lead.SourceCampaign, hour); a != channel || b != campaign {
				r.Fatalf("the %s at hour %d gives %s and %s, want %s and %s", how, hour, a, b, channel, campaign)
			}
		}
		want := fmt.Sprintf("%q", start.Add(time.Duration(begins)*time.Hour).UTC().Format("2006-01-02T15:04:05.000000Z"))
		if known := value(facts, lead.CreateTime, 5); known != want {
			r.Fatalf("by the %s it is known since %s, want %s", how, known, want)
		}
	}
	if l := f.lead(id); string(l.LeadSource) != string(first.json()) {
		r.Fatalf("it came from %s, want %s", l.LeadSource, first.json())
	}
}

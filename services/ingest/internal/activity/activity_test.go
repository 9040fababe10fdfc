package activity_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func live() activity.Circumstances {
	return activity.Circumstances{Window: effective.Window{Now: now}, Default: now}
}

func properties(t testing.TB, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in       *ingestv1.Activity
		field    string
		expected string
	}{
		"nothing":              {nil, "type", "page.viewed"},
		"no type":              {&ingestv1.Activity{}, "type", "page.viewed"},
		"a type in capitals":   {&ingestv1.Activity{Type: "Page.Viewed"}, "type", "lower case"},
		"a type with NUL":      {&ingestv1.Activity{Type: "page\x00"}, "type", "lower case"},
		"a long type":          {&ingestv1.Activity{Type: strings.Repeat("a", 101)}, "type", "100"},
		"a lifecycle move":     {&ingestv1.Activity{Type: "lifecycle.recycled"}, "type", "reserved"},
		"our own source":       {&ingestv1.Activity{Type: "a", Source: "assay:handoff"}, "source", "reserved"},
		"a source with spaces": {&ingestv1.Activity{Type: "a", Source: "my web"}, "source", "letters"},
		"a long source":        {&ingestv1.Activity{Type: "a", Source: strings.Repeat("a", 101)}, "source", "100"},
		"a long id":            {&ingestv1.Activity{Type: "a", Id: strings.Repeat("ä", 201)}, "id", "200"},
		"an id with NUL":       {&ingestv1.Activity{Type: "a", Id: "a\x00"}, "id", "NUL"},
		"an id in bad UTF-8":   {&ingestv1.Activity{Type: "a", Id: "a\xff"}, "id", "UTF-8"},
		"a long campaign":      {&ingestv1.Activity{Type: "a", Campaign: strings.Repeat("ä", 201)}, "campaign", "200"},
		"NUL in a property": {
			&ingestv1.Activity{Type: "a", Properties: properties(t, map[string]any{"title": "a\x00"})},
			"properties.title", "NUL",
		},
		"NUL in a property in JSON": {
			&ingestv1.Activity{Type: "a", PropertiesJson: []byte(`{"title":"\u0000"}`)},
			"properties.title", "NUL",
		},
		"bad UTF-8 in JSON": {
			&ingestv1.Activity{Type: "a", PropertiesJson: []byte("{\"title\":\"\xff\"}")},
			"properties.title", "UTF-8",
		},
		"a long value": {
			&ingestv1.Activity{Type: "a", Properties: properties(t, map[string]any{"title": strings.Repeat("x", 10_001)})},
			"properties.title", "10,000",
		},
		"no JSON":      {&ingestv1.Activity{Type: "a", PropertiesJson: []byte(`{`)}, "propertiesJson", "JSON"},
		"both":         {&ingestv1.Activity{Type: "a", PropertiesJson: []byte(`{}`), Properties: &structpb.Struct{}}, "propertiesJson", "either"},
		"too much":     {&ingestv1.Activity{Type: "a", PropertiesJson: make([]byte, 32<<10+1)}, "propertiesJson", "32 KiB"},
		"too much, as": {&ingestv1.Activity{Type: "a", Properties: properties(t, map[string]any{"a": strings.Repeat("x", 9000), "b": strings.Repeat("x", 9000), "c": strings.Repeat("x", 9000), "d": strings.Repeat("x", 9000)})}, "properties", "32 KiB"},
		"year 10000":   {&ingestv1.Activity{Type: "a", OccurredTime: &timestamppb.Timestamp{Seconds: 253402300800}}, "occurredTime", "9999"},
	} {
		t.Run(name, func(t *testing.T) {
			_, v := activity.New(c.in, 0, live())
			if v == nil {
				t.Fatal("accepted")
			}
			if v.Field != c.field || !strings.Contains(v.Expected, c.expected) {
				t.Errorf("got %v; want field %q and %q", v, c.field, c.expected)
			}
		})
	}
}

func TestServicesMayUseReservedNames(t *testing.T) {
	c := live()
	c.Trusted = true
	if _, v := activity.New(&ingestv1.Activity{Type: "lifecycle.recycled", Source: "assay:handoff"}, 0, c); v != nil {
		t.Error(v)
	}
}

func TestIDs(t *testing.T) {
	in := &ingestv1.Activity{Type: "page.viewed"}
	given, _ := activity.New(&ingestv1.Activity{Type: "page.viewed", Id: "e1"}, 3, live())
	if given.ID != "e1" || given.Random || given.Source != "api" {
		t.Errorf("the sender's: %+v", given)
	}
	one, _ := activity.New(in, 3, live())
	two, _ := activity.New(in, 3, live())
	if !one.Random || one.ID == two.ID {
		t.Errorf("random: %+v, %+v", one, two)
	}
	c := live()
	c.RequestID = "0190AAAA-0000-7000-8000-000000000001"
	one, _ = activity.New(in, 3, c)
	c.RequestID = strings.ToLower(c.RequestID)
	two, _ = activity.New(in, 3, c)
	if one.Random || one.ID != two.ID || one.ID != "0190aaaa-0000-7000-8000-000000000001.3" {
		t.Errorf("derived: %+v, %+v", one, two)
	}
}

func TestDigestIsOfWhatTheSenderSaid(t *testing.T) {
	base := func() *ingestv1.Activity {
		return &ingestv1.Activity{Id: "e1", Type: "page.viewed", Campaign: "autumn", PropertiesJson: []byte(`{"a":1,"b":"x"}`)}
	}
	digest := func(in *ingestv1.Activity, c activity.Circumstances) activity.Digest {
		t.Helper()
		a, v := activity.New(in, 0, c)
		if v != nil {
			t.Fatal(v)
		}
		return a.Digest
	}
	want := digest(base(), live())
	later := live()
	later.Default, later.Window.Now = now.Add(time.Hour), now.Add(time.Hour)
	same := map[string]activity.Digest{
		"again":              digest(base(), live()),
		"with another now":   digest(base(), later),
		"with other spacing": digest(with(base(), func(a *ingestv1.Activity) { a.PropertiesJson = []byte(`{"b": "\u0078", "a": 1.0}`) }), live()),
		"as a struct": digest(with(base(), func(a *ingestv1.Activity) {
			a.PropertiesJson, a.Properties = nil, properties(t, map[string]any{"a": 1, "b": "x"})
		}), live()),
	}
	for name, got := range same {
		if got != want {
			t.Errorf("%s the digest is another", name)
		}
	}
	other := map[string]func(*ingestv1.Activity){
		"type":       func(a *ingestv1.Activity) { a.Type = "page.read" },
		"campaign":   func(a *ingestv1.Activity) { a.Campaign = "" },
		"properties": func(a *ingestv1.Activity) { a.PropertiesJson = []byte(`{"a":2,"b":"x"}`) },
		"time":       func(a *ingestv1.Activity) { a.OccurredTime = timestamppb.New(now) },
	}
	for name, change := range other {
		if digest(with(base(), change), live()) == want {
			t.Errorf("with another %s the digest is the same", name)
		}
	}
}

func with(a *ingestv1.Activity, change func(*ingestv1.Activity)) *ingestv1.Activity {
	change(a)
	return a
}

func TestTimes(t *testing.T) {
	old := timestamppb.New(now.AddDate(-3, 0, 0))
	a, _ := activity.New(&ingestv1.Activity{Type: "a", OccurredTime: old}, 0, live())
	if !a.Clamped || !a.Occurred.Equal(now.Add(-effective.MaxAge)) {
		t.Errorf("live: %v, %v", a.Occurred, a.Clamped)
	}
	c := live()
	c.Window.Historical = true
	a, _ = activity.New(&ingestv1.Activity{Type: "a", OccurredTime: old}, 0, c)
	if a.Clamped || !a.Occurred.Equal(old.AsTime()) {
		t.Errorf("historical: %v, %v", a.Occurred, a.Clamped)
	}
	c.Default, c.DefaultClamped = now.Add(-time.Hour), true
	a, _ = activity.New(&ingestv1.Activity{Type: "a"}, 0, c)
	if !a.Clamped || !a.Occurred.Equal(now.Add(-time.Hour)) {
		t.Errorf("default: %v, %v", a.Occurred, a.Clamped)
	}
}

func FuzzNew(f *testing.F) {
	f.Add("page.viewed", "e1", "web", "autumn", []byte(`{"a":[1,{"b":null}]}`), int64(1), int32(0))
	f.Add("\xff", "\x00", "assay:", "", []byte(`{"a":"\ud800"}`), int64(-1<<62), int32(-5))
	f.Fuzz(func(t *testing.T, typ, id, source, campaign string, props []byte, seconds int64, nanos int32) {
		in := &ingestv1.Activity{Type: typ, Id: id, Source: source, Campaign: campaign, PropertiesJson: props, OccurredTime: &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}}
		a, v := activity.New(in, 0, live())
		if v != nil {
			if v.Field == "" || v.Expected == "" {
				t.Fatalf("a violation without field or expectation: %+v", v)
			}
			return
		}
		for _, s := range []string{a.ID, a.Source, a.Type, a.Campaign, string(a.Properties)} {
			if strings.ContainsRune(s, 0) {
				t.Fatalf("NUL was accepted: %+v", a)
			}
		}
		if a.Occurred.After(now.Add(effective.MaxAhead)) || a.Occurred.Before(now.Add(-effective.MaxAge)) {
			t.Fatalf("accepted at %v", a.Occurred)
		}
	})
}

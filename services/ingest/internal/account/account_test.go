package account_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
)

func TestIdentities(t *testing.T) {
	const id, domain = ingestv1.AccountIdentity_KIND_EXTERNAL_ID, ingestv1.AccountIdentity_KIND_DOMAIN
	for _, c := range []struct {
		kind     ingestv1.AccountIdentity_Kind
		in, want string
		field    string
	}{
		{id, " 001-A ", "001-A", ""},
		{domain, "Example.COM", "example.com", ""},
		{domain, "example.com.", "example.com", ""},
		{domain, "bücher.example", "xn--bcher-kva.example", ""},
		{id, "  ", "", "value"},
		{id, strings.Repeat("x", 201), "", "value"},
		{id, "a\x00", "", "value"},
		{domain, "example", "", "value"},
		{domain, "https://example.com", "", "value"},
		{domain, "example.com/about", "", "value"},
		{domain, "ada@example.com", "", "value"},
		{domain, "exa mple.com", "", "value"},
		{domain, strings.Repeat("a.", 130) + "com", "", "value"},
		{domain, "", "", "value"},
		{0, "x", "", "kind"},
		{9, "x", "", "kind"},
	} {
		got, v := account.NewIdentity(&ingestv1.AccountIdentity{Kind: c.kind, Value: c.in})
		switch {
		case c.field == "" && (v != nil || got.Value != c.want):
			t.Errorf("%q: got %q, %v; want %q", c.in, got.Value, v, c.want)
		case c.field != "" && (v == nil || v.Field != c.field):
			t.Errorf("%q: got %v, want a violation of %s", c.in, v, c.field)
		}
	}
}

func TestNames(t *testing.T) {
	id := account.NewID()
	if got, v := account.ParseName("name", account.Name(id)); v != nil || got != id {
		t.Error(got, v)
	}
	for _, name := range []string{"", "accounts/", "accounts/1", id, "leads/" + id, account.Name(strings.ToUpper(id))} {
		if _, v := account.ParseName("name", name); v == nil || v.Field != "name" {
			t.Errorf("%q: %v", name, v)
		}
	}
}

func TestRead(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := account.Circumstances{Window: effective.Window{Now: now}, Default: now, Source: "crm"}
	long := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, k := range []string{"a", "b", "c", "d"} {
		long.Fields[k] = structpb.NewStringValue(strings.Repeat("x", 9_000))
	}
	for field, in := range map[string]*ingestv1.Account{
		"attributes":            {Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{"Industry": structpb.NewBoolValue(true)}}},
		"attributes.a":          {Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{"a": structpb.NewStructValue(nil)}}},
		"facts[0].kind":         {Facts: []*ingestv1.AccountFact{{Kind: "Opportunities", Key: "x", State: "open"}}},
		"facts[1].key":          {Facts: []*ingestv1.AccountFact{{Kind: "seats", Key: "x"}, {Kind: "seats", Key: " "}}},
		"facts[0].key":          {Facts: []*ingestv1.AccountFact{{Kind: "seats", Key: strings.Repeat("x", 201)}}},
		"facts[0].state":        {Facts: []*ingestv1.AccountFact{{Kind: "seats", Key: "x", State: "Closed Won"}}},
		"facts[0].occurredTime": {Facts: []*ingestv1.AccountFact{{Kind: "seats", Key: "x", OccurredTime: &timestamppb.Timestamp{Seconds: -1 << 60}}}},
		"facts[0].properties":   {Facts: []*ingestv1.AccountFact{{Kind: "seats", Key: "x", Properties: long}}},
		"facts":                 {Facts: make([]*ingestv1.AccountFact, 2501)},
	} {
		if _, _, v := account.Read(in, c); v == nil || v.Field != field {
			t.Errorf("%s: %v", field, v)
		}
	}

	list, clamped, v := account.Read(&ingestv1.Account{
		Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{"industry": structpb.NewStringValue("Software")}},
		Facts: []*ingestv1.AccountFact{
			{Kind: "opportunities", Key: "x", State: "open", OccurredTime: timestamppb.New(now.Add(-time.Hour))},
			{Kind: "opportunities", Key: "y", OccurredTime: timestamppb.New(now.Add(time.Hour))},
		},
	}, c)
	if v != nil || !clamped || len(list) != 3 {
		t.Fatal(list, clamped, v)
	}
	if a := list[0]; a.Kind != "" || a.Key != "industry" || string(a.Value) != `"Software"` || a.At.At != now.UnixMicro() || a.At.Source != "crm" {
		t.Errorf("%+v", a)
	}
	if x := list[1]; x.Kind != "opportunities" || x.Key != "x" || string(x.Value) != `"open"` || x.At.At != now.Add(-time.Hour).UnixMicro() {
		t.Errorf("%+v", x)
	}
	if y := list[2]; string(y.Value) != "null" || y.At.At != now.Add(effective.MaxAhead).UnixMicro() {
		t.Errorf("%+v", y)
	}
}

// Whatever a domain looks like, what is compared is ASCII in lower case, or refused.
func FuzzNewIdentity(f *testing.F) {
	f.Add("example.com")
	f.Add("BÜCHER.example.")
	f.Add("xn--a.b")
	f.Fuzz(func(t *testing.T, value string) {
		i, v := account.NewIdentity(&ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_DOMAIN, Value: value})
		if v != nil {
			return
		}
		again, v := account.NewIdentity(&ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_DOMAIN, Value: i.Value})
		if v != nil || again != i {
			t.Errorf("%q becomes %q, and that %q: %v", value, i.Value, again.Value, v)
		}
		if strings.ContainsAny(i.Value, "@/ :\x00") || i.Value != strings.ToLower(i.Value) {
			t.Errorf("%q is a domain", i.Value)
		}
	})
}

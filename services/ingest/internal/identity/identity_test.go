package identity_test

import (
	"fmt"
	"strings"
	"testing"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
)

func TestNew(t *testing.T) {
	const (
		user, email, crm, anonymous = ingestv1.Identity_KIND_USER_ID, ingestv1.Identity_KIND_EMAIL, ingestv1.Identity_KIND_CRM_ID, ingestv1.Identity_KIND_ANONYMOUS_ID
	)
	for name, c := range map[string]struct {
		kind     ingestv1.Identity_Kind
		in, want string
		field    string
	}{
		"an address is compared without case":    {email, "  Ada@Example.COM ", "ada@example.com", ""},
		"other kinds keep their case":            {user, " U-1 ", "U-1", ""},
		"a CRM id":                               {crm, "003XX", "003XX", ""},
		"a visitor id":                           {anonymous, "9f", "9f", ""},
		"no kind":                                {0, "x", "", "kind"},
		"an unknown kind":                        {9, "x", "", "kind"},
		"nothing":                                {user, " ", "", "value"},
		"NUL":                                    {user, "a\x00b", "", "value"},
		"invalid UTF-8":                          {user, "a\xffb", "", "value"},
		"too long":                               {user, strings.Repeat("ä", 321), "", "value"},
		"long enough":                            {user, strings.Repeat("ä", 320), strings.Repeat("ä", 320), ""},
		"an address without @":                   {email, "ada", "", "value"},
		"an address without a domain":            {email, "ada@", "", "value"},
		"an address without a name":              {email, "@example.com", "", "value"},
		"an address with two @":                  {email, "a@b@c", "", "value"},
		"an address with a name in front of it":  {email, "Ada <ada@example.com>", "", "value"},
		"an address in an international domain":  {email, "ADA@BÜCHER.example", "ada@xn--bcher-kva.example", ""},
		"the same in ASCII":                      {email, "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", ""},
		"composed and decomposed are one":        {email, "jose\u0301@x.example", "jos\u00e9@x.example", ""},
		"a tag is part of the address":           {email, "ada+news@x.example", "ada+news@x.example", ""},
		"dots are part of the address":           {email, "a.da@x.example", "a.da@x.example", ""},
		"a domain that cannot be":                {email, "ada@xn--a.example", "ada@xn--a.example", ""},
		"an address that has a space in between": {email, "ada @example.com", "", "value"},
	} {
		t.Run(name, func(t *testing.T) {
			got, v := identity.New(&ingestv1.Identity{Kind: c.kind, Value: c.in})
			switch {
			case v != nil && v.Field != c.field, v == nil && c.field != "":
				t.Errorf("got %v; want a violation of %q", v, c.field)
			case v == nil && got != identity.Identity{Kind: identity.Kind(c.kind), Value: c.want}:
				t.Errorf("got %q", got.Value)
			case v != nil && strings.Contains(v.Error(), "ada"+"@b"):
				t.Error("the violation carries the value")
			}
		})
	}
}

func TestNewListDropsRepetitions(t *testing.T) {
	in := []*ingestv1.Identity{
		{Kind: ingestv1.Identity_KIND_EMAIL, Value: "a@x.example"},
		{Kind: ingestv1.Identity_KIND_EMAIL, Value: "A@X.example "},
		{Kind: ingestv1.Identity_KIND_USER_ID, Value: "a@x.example"},
	}
	got, v := identity.NewList("identities", in)
	if v != nil || len(got) != 2 {
		t.Fatal(got, v)
	}
	if _, v := identity.NewList("identities", append(in, nil)); v == nil || v.Field != "identities[3].kind" {
		t.Errorf("a nil identity: %v", v)
	}
	if _, v := identity.NewList("identities", make([]*ingestv1.Identity, 51)); v == nil || v.Field != "identities" {
		t.Errorf("51 identities: %v", v)
	}
}

func TestDomain(t *testing.T) {
	id, _ := identity.New(&ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: "Ada@Mail.Example"})
	if got := id.Domain(); got != "mail.example" {
		t.Error(got)
	}
	if got := (identity.Identity{Kind: identity.UserID, Value: "a@b"}).Domain(); got != "" {
		t.Error(got)
	}
}

func TestNeverPrintsTheValue(t *testing.T) {
	id := identity.Identity{Kind: identity.Email, Value: "canary@example.com"}
	if s := fmt.Sprint(id, &id, id.LogValue()); strings.Contains(s, "canary") {
		t.Error(s)
	}
}

func FuzzNew(f *testing.F) {
	f.Add(int32(2), "Ada@Example.com")
	f.Add(int32(4), "\xff\x00")
	f.Fuzz(func(t *testing.T, kind int32, value string) {
		id, v := identity.New(&ingestv1.Identity{Kind: ingestv1.Identity_Kind(kind), Value: value})
		if v != nil {
			return
		}
		again, v := identity.New(&ingestv1.Identity{Kind: ingestv1.Identity_Kind(id.Kind), Value: id.Value})
		if v != nil || again != id {
			t.Fatalf("the form of %q is not stable: %q, then %q, %v", value, id.Value, again.Value, v)
		}
	})
}

package condition_test

import (
	"slices"
	"testing"

	"github.com/assay-hq/assay/services/internal/condition"
)

func TestTraits(t *testing.T) {
	const no, yes, unknown = condition.False, condition.True, condition.Unknown
	facts := &condition.Facts{Lead: condition.AttributeMap{
		"title":   condition.Text("VP of Engineering"),
		"nobody":  condition.Text("Wizard of Light Bulb Moments"),
		"empty":   condition.Text(" "),
		"work":    condition.Text("mail.Acme.co.uk"),
		"home":    condition.Text("gmail.com"),
		"country": condition.Text("Deutschland"),
		"nowhere": condition.Text("Narnia"),
		"number":  condition.Number(7),
	}}
	for _, test := range []struct {
		text string
		want condition.Truth
	}{
		{`seniority(lead.title) == "vp"`, yes},
		{`seniority(lead.title) in ["c_level", "vp"] && jobFunction(lead.title) == "engineering"`, yes},
		{`jobFunction(lead.title) == "sales"`, no},
		{`seniority("CEO") == "c_level"`, yes},
		{`seniority(lead.nobody) == "other" && jobFunction(lead.nobody) == "other"`, yes},
		{`seniority(lead.empty) == "other"`, unknown},
		{`seniority(lead.missing) == "vp"`, unknown},
		{`seniority(lead.missing) == "vp" || lead.home == "gmail.com"`, yes},
		{`emailKind(lead.work) == "business"`, yes},
		{`emailKind(lead.home) == "free"`, yes},
		{`emailKind(lead.title) == "free"`, unknown},
		{`registrableDomain(lead.work) == "acme.co.uk"`, yes},
		{`registrableDomain(lead.home) == "gmail.com"`, unknown},
		{`countryCode(lead.country) == "DE"`, yes},
		{`region(lead.country) == "europe" && subregion(lead.country) == "western_europe"`, yes},
		{`region(countryCode(lead.country)) == "asia"`, no},
		{`region(lead.nowhere) == "europe"`, unknown},
	} {
		if got, fault := ask(t, test.text, facts); got != test.want || fault != condition.NoFault {
			t.Errorf("%s is %s (%s), want %s", test.text, got, fault, test.want)
		}
	}
	if got, fault := ask(t, `seniority(lead.number) == "vp"`, facts); got != unknown || fault != condition.TypeFault {
		t.Errorf("the seniority of a number is %s (%s)", got, fault)
	}
}

func TestDictionaries(t *testing.T) {
	for text, want := range map[string][]string{
		`lead.country == "DE"`: nil,
		`seniority(lead.title) == "vp" && jobFunction(lead.title) == "it"`:                                 {"titles"},
		`lead.tags.exists(tag, region(tag) == "europe") || emailKind(lead.domain) == "free"`:               {"countries", "disposableMail", "freeMail", "publicSuffixes"},
		`activity.type == "x" ? seniority(lead.title) == "vp" : countryCode(lead.country) in ["DE", "FR"]`: {"countries", "titles"},
	} {
		c, err := condition.Compile(text, all)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Dictionaries(); !slices.Equal(got, want) {
			t.Errorf("%s asks %v, want %v", text, got, want)
		}
	}
}

package traits_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/traits"
)

// reference opens a list that lies beside the repository and is no part of it.
func reference(t testing.TB, name string) *os.File {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.work above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.Open(filepath.Join(dir, "..", "shared", "data", "reference", name))
	if os.IsNotExist(err) {
		t.Skipf("the reference list %s is not beside the repository", name)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestCountry(t *testing.T) {
	for name, want := range map[string]string{
		"DE": "DE", "de": "DE", "deu": "DE", "DEU": "DE", "Germany": "DE", "DEUTSCHLAND": "DE", "Allemagne": "DE", "Alemania": "DE",
		"UK": "GB", "gbr": "GB", "United Kingdom": "GB", "the united kingdom": "GB", "England": "GB",
		"USA": "US", "U.S.A.": "US", "United States of America": "US", "Vereinigte Staaten": "US", "États-Unis": "US",
		"España": "ES", "Espagne": "ES", "Österreich": "AT", "Côte d’Ivoire": "CI", "Ivory Coast": "CI",
		"Türkiye": "TR", "Turkey": "TR", "Czechia": "CZ", "Czech Republic": "CZ", "North Macedonia": "MK",
		"St. Lucia": "LC", "Saint Lucia": "LC", "Trinidad and Tobago": "TT", "Trinidad & Tobago": "TT",
		"South Korea": "KR", "Republic of Korea": "KR", "North Korea": "KP", "Kosovo": "XK",
		"": "", " ": "", "Atlantis": "", "EU": "", "ZZ": "", "Europe": "", "840": "", "I": "",
	} {
		if got := traits.Country(name); got != want {
			t.Errorf("Country(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRegion(t *testing.T) {
	for country, want := range map[string][2]string{
		"DE": {"europe", "western_europe"}, "Poland": {"europe", "eastern_europe"}, "GBR": {"europe", "northern_europe"},
		"US": {"north_america", "northern_america"}, "CA": {"north_america", "northern_america"},
		"MX": {"latin_america", "central_america"}, "Brasil": {"latin_america", "south_america"}, "JM": {"latin_america", "caribbean"},
		"JP": {"asia", "eastern_asia"}, "IN": {"asia", "southern_asia"}, "AE": {"asia", "western_asia"}, "SG": {"asia", "south_eastern_asia"},
		"NG": {"africa", "western_africa"}, "EG": {"africa", "northern_africa"}, "AU": {"oceania", "australia_and_new_zealand"},
		"AQ": {"antarctica", ""}, "Narnia": {"", ""}, "": {"", ""},
	} {
		if got := [2]string{traits.Region(country), traits.Subregion(country)}; got != want {
			t.Errorf("%q is in %q, want %q", country, got, want)
		}
	}
}

// TestCountriesAgreeWithM49 holds all 249 countries of ISO 3166 to UN M49.
func TestCountriesAgreeWithM49(t *testing.T) {
	rows, err := csv.NewReader(reference(t, "iso3166_m49.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, row := range rows[1:] {
		name, alpha2, alpha3, region, sub, finer := row[0], row[1], row[2], row[5], row[6], row[7]
		if got := traits.Country(alpha2); got != alpha2 {
			t.Errorf("Country(%q) = %q", alpha2, got)
		}
		if got := traits.Country(alpha3); got != alpha2 {
			t.Errorf("Country(%q) = %q, want %q", alpha3, got, alpha2)
		}
		if got := traits.Country(name); got == alpha2 {
			named++
		} else {
			t.Errorf("Country(%q) = %q, want %q", name, got, alpha2)
		}
		switch {
		case alpha2 == "AQ", alpha2 == "TW": // M49 puts neither anywhere
			continue
		case sub == "Northern America":
			region = "north_america"
		case region == "Americas":
			region = "latin_america"
		}
		if finer == "" || finer == "Channel Islands" {
			finer = sub
		}
		if got := traits.Region(alpha2); got != word(region) {
			t.Errorf("Region(%s) = %q, want %q", alpha2, got, word(region))
		}
		if got := traits.Subregion(alpha2); got != word(finer) {
			t.Errorf("Subregion(%s) = %q, want %q", alpha2, got, word(finer))
		}
	}
	t.Logf("%d of %d names", named, len(rows)-1)
}

func word(name string) string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(name))
}

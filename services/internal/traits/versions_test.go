package traits_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/traits"
)

// TestVersionsNameTheDictionaries holds versions to data: scores name the versions they
// were made with. When this fails after a change of titles.yaml, raise titlesVersion,
// then write the new hash here.
func TestVersionsNameTheDictionaries(t *testing.T) {
	titles, err := os.ReadFile("titles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(titles)
	if got, want := hex.EncodeToString(hash[:8]), "db9a45df35657ee3"; got != want {
		t.Errorf("titles.yaml is not what version 1 was: its hash is %s, not %s", got, want)
	}
	got := traits.Versions()
	if revision := got[traits.PublicSuffixes]; !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(revision) {
		t.Errorf("the version of the public suffixes is %q, not a revision", revision)
	}
	delete(got, traits.PublicSuffixes) // moves with golang.org/x/net
	want := map[string]string{
		traits.Titles:         "1",
		traits.FreeMail:       "free-email-domains 1.12.6, own 1",
		traits.DisposableMail: "disposable-email-domains-js 1.26.0",
		traits.Countries:      "CLDR 32, own 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

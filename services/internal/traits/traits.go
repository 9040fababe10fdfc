// Package traits derives what a standard wants to know from what a lead says: seniority
// and function from a job title, the kind of a mail domain, the company behind a
// domain, code and region of a country.
//
// Everything here is a pure function of its argument and of dictionaries that are part
// of the program; nothing looks anything up elsewhere. [Versions] names the
// dictionaries, so that scores can say which they were made with. The answer "" means
// that there is nothing to say: the text is empty, or no domain, or no country that
// anybody knows. A title always has an answer, if only [Other].
//
// All functions may be called from many goroutines.
package traits

import (
	"strings"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/language/display"
)

//go:generate go run ./update

// Names of the dictionaries.
const (
	// Titles is our own taxonomy of job titles, titles.yaml.
	Titles = "titles"
	// FreeMail lists domains where anybody gets a mailbox, for years.
	FreeMail = "freeMail"
	// DisposableMail lists domains of mailboxes made to be thrown away.
	DisposableMail = "disposableMail"
	// PublicSuffixes says where registered names begin: under `com`, under `co.uk`.
	PublicSuffixes = "publicSuffixes"
	// Countries has names, codes and regions of countries.
	Countries = "countries"
)

// Versions of our own data. Raise one with any change that could change an answer; a
// test holds them to the data.
const (
	titlesVersion  = "1"
	mailVersion    = "1" // ownFree
	countryVersion = "1" // aliases and regions
)

// Versions returns the version of each dictionary by its name. Two programs with the
// same versions give the same answers.
func Versions() map[string]string {
	return map[string]string{
		Titles:         titlesVersion,
		FreeMail:       domainLists().free.version + ", own " + mailVersion,
		DisposableMail: domainLists().disposable.version,
		PublicSuffixes: suffixVersion(),
		Countries:      "CLDR " + display.CLDRVersion + ", own " + countryVersion,
	}
}

// suffixVersion returns the revision of the list, e.g. `d6c92f1bbb74`, which its
// description ends with: "…, git revision d6c92f1bbb74… (2026-02-06T07:36:33Z)".
func suffixVersion() string {
	described := publicsuffix.List.String()
	_, revision, ok := strings.Cut(described, "git revision ")
	if !ok || len(revision) < 12 {
		return described
	}
	return revision[:12]
}

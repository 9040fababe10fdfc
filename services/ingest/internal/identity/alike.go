package identity

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/assay-hq/assay/services/internal/traits"
)

// Likeness says why two different addresses may be one person's. It is a hint for people:
// addresses that are alike join nobody.
type Likeness int

// The likenesses.
const (
	// Unlike: nothing speaks for it.
	Unlike Likeness = iota
	// SameMailbox: the provider delivers both to one mailbox.
	SameMailbox
	// OneEdit: at one company, one slip of the finger apart, of one family name.
	OneEdit
)

// Addressee is an address, in the form in which it is compared, with the names of whoever
// it was said of, as far as they are known.
type Addressee struct{ Email, GivenName, FamilyName string }

// Alike compares two addresses.
func Alike(a, b Addressee) Likeness {
	if a.Email == b.Email {
		return Unlike
	}
	if mailbox := Mailbox(a.Email); mailbox != "" {
		if mailbox == Mailbox(b.Email) {
			return SameMailbox
		}
		return Unlike
	}
	local, domain, _ := strings.Cut(a.Email, "@")
	other, theirs, _ := strings.Cut(b.Email, "@")
	family := fold(a.FamilyName)
	switch {
	case domain != theirs, !HasFamilyName(a.FamilyName), family != fold(b.FamilyName), traits.RegistrableDomain(domain) == "":
		return Unlike
	case a.GivenName != "" && b.GivenName != "" && fold(a.GivenName) != fold(b.GivenName):
		return Unlike // siblings, or a couple
	case !slipped(local, other):
		return Unlike
	}
	return OneEdit
}

// HasFamilyName reports whether a text may be a family name.
func HasFamilyName(name string) bool {
	return strings.ContainsFunc(name, unicode.IsLetter)
}

func fold(name string) string { return strings.ToLower(strings.TrimSpace(norm.NFC.String(name))) }

// provider is what a mail provider that many use passes over in the part before the @.
type provider struct {
	// domain is the one under which its other names are the same mailbox.
	domain string
	// passesOver are characters without meaning; after a + all is.
	passesOver string
}

var providers = map[string]provider{
	"gmail.com": {"gmail.com", "."}, "googlemail.com": {"gmail.com", "."},
	"icloud.com": {"icloud.com", ""}, "me.com": {"icloud.com", ""}, "mac.com": {"icloud.com", ""},
	"proton.me": {"proton.me", ".-_"}, "protonmail.com": {"proton.me", ".-_"}, "pm.me": {"proton.me", ".-_"},
	"outlook.com": {"outlook.com", ""}, "hotmail.com": {"hotmail.com", ""}, "live.com": {"live.com", ""},
	"fastmail.com": {"fastmail.com", ""},
}

// Mailbox returns where a provider that many use delivers the mail of an address, as an
// address; empty: it is another provider's, of whom nobody knows what it passes over.
func Mailbox(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	p, known := providers[domain]
	if !known {
		return ""
	}
	local, _, _ = strings.Cut(local, "+")
	local = strings.Map(func(r rune) rune {
		if strings.ContainsRune(p.passesOver, r) {
			return -1
		}
		return r
	}, local)
	if local == "" {
		return ""
	}
	return local + "@" + p.domain
}

const (
	// letters may be a slip of the finger; digits tell people apart.
	letters    = "abcdefghijklmnopqrstuvwxyz"
	separators = "._-"
	// shortest is how many letters a word has at least in which a slip is told from another
	// word, or from an initial.
	shortest = 3
	// longest bounds what is tried.
	longest = 64
)

// Neighbours returns the addresses that one edit turns an address into and that may be
// [OneEdit] from it: none if it is at no company or nobody knows the family name.
func Neighbours(a Addressee) (list []string) {
	local, domain, _ := strings.Cut(a.Email, "@")
	if !HasFamilyName(a.FamilyName) || len(local) > longest || strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII }) || traits.RegistrableDomain(domain) == "" {
		return nil
	}
	for other := range edits(local) {
		if slipped(local, other) {
			list = append(list, other+"@"+domain)
		}
	}
	slices.Sort(list)
	return list
}

// edits are all texts that one edit behind the first character makes of a text.
func edits(local string) map[string]bool {
	all := map[string]bool{}
	for i := 1; i <= len(local); i++ {
		head, tail := local[:i], local[i:]
		for _, c := range letters + separators {
			all[head+string(c)+tail] = true
			if tail != "" {
				all[head+string(c)+tail[1:]] = true
			}
		}
		if tail != "" {
			all[head+tail[1:]] = true
		}
		if len(tail) > 1 {
			all[head+tail[1:2]+tail[:1]+tail[2:]] = true
		}
	}
	delete(all, local)
	return all
}

// slipped reports whether one text may be the other with a letter too many, too few,
// wrong or swapped with the next, or with a separator more or less. What begins otherwise
// is another initial, and what differs in a digit or in a short word is meant.
func slipped(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if a == "" || a[0] != b[0] || len(b)-len(a) > 1 {
		return false
	}
	at := 0
	for at < len(a) && a[at] == b[at] {
		at++
	}
	end := 0
	for end < len(a)-at && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	mine, theirs := a[at:len(a)-end], b[at:len(b)-end]
	edited := func(in string) bool { return strings.Trim(mine+theirs, in) == "" }
	switch {
	case mine == "" && len(theirs) == 1 && edited(separators):
		return true
	case !edited(letters):
		return false
	case len(theirs) == 1, len(mine) == 2 && len(theirs) == 2 && mine[0] == theirs[1] && mine[1] == theirs[0]:
		return min(word(a, at), word(b, at)) >= shortest
	}
	return false
}

// word is how many characters the word has in which a place is, or before which.
func word(text string, at int) int {
	apart := func(r rune) bool { return strings.ContainsRune(separators, r) }
	from := strings.LastIndexFunc(text[:at], apart) + 1
	to := strings.IndexFunc(text[at:], apart)
	if to < 0 {
		to = len(text) - at
	}
	return at + to - from
}

// Alikes compares all of some addresses with all of others.
func Alikes(some, others []Addressee) (pairs []AlikePair) {
	for _, a := range some {
		for _, b := range others {
			if l := Alike(a, b); l != Unlike {
				pairs = append(pairs, AlikePair{[2]string{a.Email, b.Email}, l})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b AlikePair) int { return slices.Compare(a.Emails[:], b.Emails[:]) })
	return pairs
}

// AlikePair is two addresses that are alike.
type AlikePair struct {
	Emails   [2]string
	Likeness Likeness
}

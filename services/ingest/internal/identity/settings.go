package identity

import (
	"regexp"
	"slices"
	"strings"
)

// Settings say when a value links nobody. The zero value has the defaults.
type Settings struct {
	// Limits is by how many persons a value of a kind may be claimed and still join
	// them. Default 1: of nobody but one.
	Limits map[Kind]int
	// Blocked are values that say nothing of who somebody is, in lower case, beside
	// those that always are.
	Blocked []string
	// NoCompany says that leads do not belong to the company of their address's domain by
	// themselves.
	NoCompany bool
}

// Limits of settings.
const (
	// DefaultLimit is how many persons may claim a value unless settings say.
	DefaultLimit = 1
	// MaxLimit is the highest limit.
	MaxLimit = 50
	// MaxBlocked is how many values may be blocked.
	MaxBlocked = 1000
)

// Limit returns by how many persons a value of a kind may be claimed.
func (s Settings) Limit(k Kind) int {
	if n := s.Limits[k]; n > 0 {
		return n
	}
	return DefaultLimit
}

// nobody are values that clients send for lack of a better one.
var nobody = regexp.MustCompile(`^([0-]*|-1|null|undefined|anonymous)$`)

// IsBlocked reports whether a value says nothing of who somebody is.
func (s Settings) IsBlocked(i Identity) bool {
	value := strings.ToLower(i.Value)
	return nobody.MatchString(value) || slices.Contains(s.Blocked, value)
}

// Allowed returns those of a list that are not blocked.
func (s Settings) Allowed(list []Identity) []Identity {
	if !slices.ContainsFunc(list, s.IsBlocked) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), s.IsBlocked)
}

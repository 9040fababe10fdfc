// Package pattern matches names with what stands for some of them.
package pattern

import "strings"

// Matches says whether a pattern stands for a name: it is the name, or its beginning and
// a `*`.
func Matches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return pattern == name || open && strings.HasPrefix(name, prefix)
}

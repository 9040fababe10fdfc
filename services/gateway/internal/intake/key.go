package intake

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// maxWriteKey is the longest write key that is looked up.
const maxWriteKey = 512

// headerKeys returns the write keys in the headers of a request: those that are tried before
// the one in the body, and those after. Clients differ:
//
//	Authorization: Basic base64(key + ":")   Segment, RudderStack; some without the colon
//	(the body)                               Segment in browsers, with OAuth
//	X-Write-Key: key:secret                  Jitsu; its key in the body is masked
//	Authorization: Bearer key
func headerKeys(h http.Header) (before, after string) {
	scheme, credentials, _ := strings.Cut(h.Get("Authorization"), " ")
	credentials = strings.TrimSpace(credentials)
	switch {
	case strings.EqualFold(scheme, "basic"):
		before = basicUser(credentials)
	case strings.EqualFold(scheme, "bearer"):
		after = credentials
	}
	if key := h.Get("X-Write-Key"); key != "" {
		// The whole is a key too: those of Assay have a part that is called secret.
		after = key
	}
	return before, after
}

// basicUser returns the user name in credentials of Basic authentication.
func basicUser(credentials string) string {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if plain, err := encoding.DecodeString(credentials); err == nil {
			user, _, _ := strings.Cut(string(plain), ":")
			return user
		}
	}
	return ""
}

// usable reports whether a text can be a write key. A masked one, `abc:***`, says nothing.
func usable(key string) bool {
	return key != "" && len(key) <= maxWriteKey && !strings.HasSuffix(key, "***")
}

// spellings are the keys that a text may stand for: itself, and what stands before a colon.
func spellings(key string) []string {
	if user, _, colon := strings.Cut(key, ":"); colon {
		return []string{user, key}
	}
	return []string{key}
}

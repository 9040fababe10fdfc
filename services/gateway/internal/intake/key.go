package intake

import (
	"net/http"
	"strings"

	"github.com/assay-hq/assay/services/gateway/internal/inlet"
)

// headerKeys returns the write keys in the headers of a request: those that are tried before
// the one in the body, and those after. Clients differ:
//
//	Authorization: Basic base64(key + ":")   Segment, RudderStack; some without the colon
//	(the body)                               Segment in browsers, with OAuth
//	X-Write-Key: key:secret                  Jitsu; its key in the body is masked
//	Authorization: Bearer key
func headerKeys(h http.Header) (before, after string) {
	before, after = inlet.Credentials(h)
	if key := h.Get("X-Write-Key"); key != "" {
		// The whole is a key too: those of Assay have a part that is called secret.
		after = key
	}
	return before, after
}

// usable reports whether a text can be a write key. A masked one, `abc:***`, says nothing.
func usable(key string) bool {
	return key != "" && len(key) <= inlet.MaxKey && !strings.HasSuffix(key, "***")
}

// spellings are the keys that a text may stand for: itself, and what stands before a colon.
func spellings(key string) []string {
	if user, _, colon := strings.Cut(key, ":"); colon {
		return []string{user, key}
	}
	return []string{key}
}

package inlet

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// MaxKey is the longest write key that is looked up.
const MaxKey = 512

// Credentials returns the write key that Authorization has: as the user of Basic
// authentication, or as the token of Bearer.
func Credentials(h http.Header) (user, token string) {
	scheme, credentials, _ := strings.Cut(h.Get("Authorization"), " ")
	credentials = strings.TrimSpace(credentials)
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return "", credentials
	case strings.EqualFold(scheme, "basic"):
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
			if plain, err := encoding.DecodeString(credentials); err == nil {
				user, _, _ = strings.Cut(string(plain), ":")
				return user, ""
			}
		}
	}
	return "", ""
}

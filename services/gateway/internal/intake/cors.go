package intake

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// What pages of other origins may ask for, and read.
const (
	allowMethods  = "GET,POST,OPTIONS"
	allowHeaders  = "authorization,content-type,anonymousid,sentat,x-write-key,x-retry-count,x-ip-policy,x-enable-debug,traceparent"
	exposeHeaders = "retry-after,x-ratelimit-reset,x-rejected,x-request-id,traceresponse"
	maxAge        = "7200"
)

// share lets the page that asks read the answer, errors too: a client that cannot read an
// error takes it for a broken connection and sends again. Which origins may send is decided
// where the key is known; a preflight has none.
func share(w http.ResponseWriter, origin string) {
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", exposeHeaders)
	}
}

// hide takes back what share allowed: pages of this origin may not send.
func hide(w http.ResponseWriter) {
	w.Header().Del("Access-Control-Allow-Origin")
	w.Header().Del("Access-Control-Expose-Headers")
}

// preflight answers what a browser asks before it sends.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Methods", allowMethods)
		h.Set("Access-Control-Allow-Headers", allowed(r.Header.Get("Access-Control-Request-Headers")))
		h.Set("Access-Control-Max-Age", maxAge)
	}
	h.Set("Allow", allowMethods)
	w.WriteHeader(http.StatusNoContent)
}

var headerName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,64}$`)

// maxAsked is how many more headers a page may ask for.
const maxAsked = 20

// allowed returns the headers that a page may send: those of the clients we know, and what it
// asks for. Clients say more when they try again (RudderStack: Rsa-Retry-Attempt), and a header
// gives nobody anything here, since no cookie goes along.
func allowed(asked string) string {
	known := strings.Split(allowHeaders, ",")
	list := slices.Clone(known)
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if headerName.MatchString(name) && !slices.Contains(list, name) && len(list) < len(known)+maxAsked {
			list = append(list, name)
		}
	}
	return strings.Join(list, ",")
}

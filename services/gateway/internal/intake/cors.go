package intake

import "net/http"

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
		h.Set("Access-Control-Allow-Headers", allowHeaders)
		h.Set("Access-Control-Max-Age", maxAge)
	}
	h.Set("Allow", allowMethods)
	w.WriteHeader(http.StatusNoContent)
}

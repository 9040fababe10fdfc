package clients

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/assay-hq/assay/services/test/process"
)

// door is in front of Assay and refuses the first two messages, as a server under load
// and one that is away would.
type door struct {
	url      string
	messages atomic.Int64
}

func openDoor(t *testing.T, assay *process.Assay) *door {
	t.Helper()
	to, err := url.Parse("http://" + assay.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{}
	// The address that the client used is what the settings of its page must name.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			switch d.messages.Add(1) {
			case 1:
				refuse(w, r, http.StatusTooManyRequests)
				return
			case 2:
				refuse(w, r, http.StatusServiceUnavailable)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// refuse answers as Assay does: a page may read it.
func refuse(w http.ResponseWriter, r *http.Request, status int) {
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	}
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(status)
}

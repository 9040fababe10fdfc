package gateway

import (
	"net/http"

	"github.com/assay-hq/assay/services/gateway/internal/intake"
	"github.com/assay-hq/assay/services/gateway/internal/remote"
)

// newIntake makes the door for tracking clients.
func newIntake(d Deps, proxies remote.Proxies) *intake.Door {
	return intake.New(intake.Deps{
		Ingest: d.Conns.Ingest, Sources: d.Keys, Address: proxies.Address,
		Refuse: func(w http.ResponseWriter, r *http.Request, err error) { writeProblem(r.Context(), w, r, err) },
	})
}

// routed names the route of a request of the door's: some of its paths have a key in them.
func routed(door *intake.Door) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nameRoute(r.Context(), r.Method, intake.Route(r.URL.Path))
		door.ServeHTTP(w, r)
	})
}

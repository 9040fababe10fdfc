package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// pages serves what every process serves over HTTP, and REST behind it where there is
// a gateway.
func (a *App) pages(rest http.Handler) http.Handler {
	metrics := a.process.Handler()
	if rest == nil {
		rest = http.NotFoundHandler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			answer(w, nil)
		case "/readyz":
			answer(w, a.checkReady(r.Context()))
		case "/metrics":
			metrics.ServeHTTP(w, r)
		default:
			rest.ServeHTTP(w, r)
		}
	})
}

// checkReady says why the process cannot serve, if so: it starts or stops, or one of
// its databases does not answer.
func (a *App) checkReady(ctx context.Context) error {
	if !a.ready.Load() {
		return errors.New("starting or stopping")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for name, db := range a.dbs {
		if err := db.Read().PingContext(ctx); err != nil {
			return fmt.Errorf("the database of %s does not answer", name)
		}
	}
	return nil
}

func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	text := "ok\n"
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		text = err.Error() + "\n"
	}
	_, _ = io.WriteString(w, text)
}

package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
)

// visit is what the steps of a request learn about it, for its errors and its log line.
type visit struct {
	requestID string
	// route is the pattern of the path; empty until one is found.
	route string
	// forwarded tells that a service was called: it logs the call itself.
	forwarded bool
	// status and reason are those of the error that was answered, if one was.
	status int
	reason string
}

type visitKey struct{}

// visitFrom returns the visit of a request, an empty one outside of requests.
func visitFrom(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// logged writes a line for each request that was refused before any service saw it, or
// that no service answered: else the log would know nothing of it.
func (s *Service) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		v := visitFrom(r.Context())
		away := v.status == http.StatusServiceUnavailable || v.status == http.StatusGatewayTimeout
		if v.status == 0 || v.forwarded && !away {
			return
		}
		level := slog.LevelInfo
		if v.status >= http.StatusInternalServerError {
			level = slog.LevelWarn
		}
		// Paths and queries are the caller's words and may name a person.
		s.log.LogAttrs(r.Context(), level, "refused",
			slog.String("method", knownMethod(r.Method)),
			slog.String("route", orUnmatched(v.route)),
			slog.Int("status", v.status),
			slog.String("reason", v.reason),
			slog.String("request_id", v.requestID))
	})
}

func orUnmatched(route string) string {
	if route == "" {
		return "unmatched"
	}
	return route
}

var httpMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
}

// knownMethod keeps methods that a caller made up out of the log.
func knownMethod(method string) string {
	if slices.Contains(httpMethods, method) {
		return method
	}
	return "other"
}

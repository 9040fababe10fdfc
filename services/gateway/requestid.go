package gateway

import (
	"context"
	"net/http"
	"regexp"

	"github.com/google/uuid"
)

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// withRequestID gives every request an id: the caller's X-Request-Id if it is a short
// plain word, else a new one. It is echoed, stands in every error and in the log.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !requestIDPattern.MatchString(id) {
			id = uuid.NewString()
		}
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, &visit{requestID: id})))
	})
}

func requestID(ctx context.Context) string { return visitFrom(ctx).requestID }

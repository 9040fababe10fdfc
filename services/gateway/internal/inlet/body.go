package inlet

import (
	"errors"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// ReadBody reads a body of at most so many bytes; limit is the same in words.
func ReadBody(w http.ResponseWriter, r *http.Request, most int64, limit string) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &runtime.HTTPStatusError{
			HTTPStatus: http.StatusUnsupportedMediaType,
			Err:        apierr.InvalidField("Content-Encoding", "no encoding: send the plain body"),
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: apierr.TooLarge("", limit)}
	case err != nil:
		return nil, apierr.MalformedBody(apierr.Violation{Expected: "a whole body: the connection broke off"})
	}
	return body, nil
}

package inlet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/assay-hq/assay/services/internal/apierr"
)

const (
	// maxRatio is how many times larger than what was sent a body may become, beyond
	// freeRatio bytes. Batches of like events shrink to a thirtieth.
	maxRatio  = 200
	freeRatio = 64 << 10
	// keepBuffer is the largest buffer that is used again.
	keepBuffer = 1 << 20
)

// buffers hold bodies while they are read.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// GiveBack lets the buffer of a body be used again.
func GiveBack(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

var inflaters = sync.Pool{New: func() any { return new(gzip.Reader) }}

// ReadBody reads a body of at most so many bytes, sent as it is or in gzip; limit is the same
// in words.
func ReadBody(r *http.Request, most int, limit string) ([]byte, error) {
	zipped := false
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		zipped = true
	default:
		return nil, &runtime.HTTPStatusError{
			HTTPStatus: http.StatusUnsupportedMediaType,
			Err:        apierr.InvalidField("Content-Encoding", "gzip or none"),
		}
	}
	tooLarge := &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: apierr.TooLarge("", limit)}
	body, err := read(r, most, tooLarge, func([]byte) bool { return zipped })
	return body.Bytes(), err
}

// ReadSniffed reads a body of at most so many bytes, in a buffer to give back; tooLarge is the
// error of more. Whether it is gzip follows from its first bytes: there are clients that send
// gzip and name it something else. With an error the buffer holds what was read.
func ReadSniffed(r *http.Request, most int, tooLarge error) (*bytes.Buffer, error) {
	return read(r, most, tooLarge, func(sent []byte) bool { return bytes.HasPrefix(sent, []byte{0x1f, 0x8b}) })
}

func read(r *http.Request, most int, tooLarge error, zipped func(sent []byte) bool) (*bytes.Buffer, error) {
	sent := buffers.Get().(*bytes.Buffer)
	if n := r.ContentLength; n > 0 {
		sent.Grow(int(min(n, int64(most))) + bytes.MinRead)
	}
	if err := fill(sent, r.Body, most, tooLarge); err != nil {
		return sent, err
	}
	if !zipped(sent.Bytes()) {
		return sent, nil
	}
	defer GiveBack(sent)
	plain := buffers.Get().(*bytes.Buffer)
	inflater := inflaters.Get().(*gzip.Reader)
	defer inflaters.Put(inflater)
	size := sent.Len()
	if err := inflater.Reset(bytes.NewReader(sent.Bytes())); err != nil {
		return plain, broken("a whole gzip stream")
	}
	most = min(most, max(freeRatio, size*maxRatio))
	if err := fill(plain, inflater, most, tooLarge); err != nil {
		if apierr.Reason(err) == "MALFORMED_BODY" {
			return plain, broken("a whole gzip stream")
		}
		return plain, err
	}
	return plain, nil
}

// fill reads at most so many bytes into a buffer.
func fill(to *bytes.Buffer, from io.Reader, most int, tooLarge error) error {
	n, err := to.ReadFrom(io.LimitReader(from, int64(most)+1))
	switch {
	case n > int64(most):
		to.Truncate(most)
		return tooLarge
	case err != nil && !errors.Is(err, io.EOF):
		return broken("a whole body: the connection broke off")
	}
	return nil
}

func broken(expected string) error {
	return apierr.MalformedBody(apierr.Violation{Expected: expected})
}

package intake

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// Limits of what is read.
const (
	// maxMessage is the most bytes of one message.
	maxMessage = 32 << 10
	// maxBatch is the most bytes of a batch, inflated, unless the source says otherwise.
	maxBatch = 500 << 10
	// maxMessages is how many messages of a batch are taken; the others are rejected.
	maxMessages = 2500
	// maxRatio is how many times larger than what was sent a body may become, beyond
	// freeRatio bytes. Batches of like events shrink to a thirtieth.
	maxRatio  = 200
	freeRatio = 64 << 10
)

// buffers hold bodies while they are read.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBuffer is the largest buffer that is used again.
const keepBuffer = 1 << 20

func giveBack(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

var inflaters = sync.Pool{New: func() any { return new(gzip.Reader) }}

// tooLarge says that a body has more bytes than it may have.
func tooLarge(most int) error {
	words := "32 KiB for one message"
	if most > maxMessage {
		words = "500 KiB for a batch, or what the source says"
	}
	return apierr.TooLarge("", words)
}

// readBody returns the body of a request as plain text, of at most so many bytes, in a buffer
// to give back. What it is follows from its first bytes: clients send gzip and name it
// something else. With an error the buffer holds what was read.
func readBody(r *http.Request, most int) (*bytes.Buffer, error) {
	sent := buffers.Get().(*bytes.Buffer)
	if n := r.ContentLength; n > 0 {
		sent.Grow(int(min(n, int64(most))) + bytes.MinRead)
	}
	if err := fill(sent, r.Body, most); err != nil {
		return sent, err
	}
	if !bytes.HasPrefix(sent.Bytes(), []byte{0x1f, 0x8b}) {
		return sent, nil
	}
	defer giveBack(sent)
	plain := buffers.Get().(*bytes.Buffer)
	inflater := inflaters.Get().(*gzip.Reader)
	defer inflaters.Put(inflater)
	size := sent.Len()
	if err := inflater.Reset(bytes.NewReader(sent.Bytes())); err != nil {
		return plain, broken("a whole gzip stream")
	}
	most = min(most, max(freeRatio, size*maxRatio))
	if err := fill(plain, inflater, most); err != nil {
		if apierr.Reason(err) == "MALFORMED_BODY" {
			return plain, broken("a whole gzip stream")
		}
		return plain, err
	}
	return plain, nil
}

// fill reads at most so many bytes into a buffer.
func fill(to *bytes.Buffer, from io.Reader, most int) error {
	n, err := to.ReadFrom(io.LimitReader(from, int64(most)+1))
	switch {
	case n > int64(most):
		to.Truncate(most)
		return tooLarge(most)
	case err != nil && !errors.Is(err, io.EOF):
		return broken("a whole body: the connection broke off")
	}
	return nil
}

func broken(expected string) error {
	return apierr.MalformedBody(apierr.Violation{Expected: expected})
}

// budget bounds the bytes of all bodies that are held at a time.
type budget struct {
	most int64
	held atomic.Int64
}

// take holds so many bytes, or none if they are too many now.
func (b *budget) take(n int64) bool {
	if b.held.Add(n) > b.most {
		b.held.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.held.Add(-n) }

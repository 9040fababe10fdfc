package inlet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

const maxBatch = 500 << 10

var errLarge = errors.New("too large")

func post(body io.Reader) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/v1/batch", body)
}

// What is inflated stays within the limit, however little was sent, and so does what that costs.
func TestABombCostsNoMoreThanTheLimit(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range 30 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		text, err := ReadSniffed(post(bytes.NewReader(bomb.Bytes())), maxBatch, errLarge)
		if err == nil || text.Len() > maxBatch {
			t.Fatalf("%v, %d bytes", err, text.Len())
		}
		GiveBack(text)
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) / 10; used > 4*maxBatch {
		t.Errorf("%d bytes for each", used)
	}
}

// A batch of like events is no bomb.
func TestLikeEventsMayShrink(t *testing.T) {
	var list strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&list, `{"type":"page","anonymousId":"visitor","messageId":"page-%d","properties":{"path":"/pricing"}},`, i)
	}
	events := list.String()
	var sent bytes.Buffer
	w := gzip.NewWriter(&sent)
	_, _ = io.WriteString(w, events)
	_ = w.Close()
	size := sent.Len()
	text, err := ReadSniffed(post(&sent), maxBatch, errLarge)
	t.Logf("a batch of like events shrinks to 1/%d", len(events)/size)
	if len(events) > maxBatch || err != nil || text.String() != events {
		t.Errorf("%d bytes of %d: %v", text.Len(), len(events), err)
	}
}

func FuzzBody(f *testing.F) {
	var whole bytes.Buffer
	w := gzip.NewWriter(&whole)
	_, _ = io.WriteString(w, `{"batch":[]}`)
	_ = w.Close()
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:15])
	f.Add([]byte(`{"batch":[]}`))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, body []byte) {
		text, err := ReadSniffed(post(bytes.NewReader(body)), 1000, errLarge)
		if text.Len() > 1000 {
			t.Errorf("%d bytes, %v", text.Len(), err)
		}
		GiveBack(text)
	})
}

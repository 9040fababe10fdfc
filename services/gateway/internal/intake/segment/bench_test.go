package segment_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/gateway/internal/intake/segment"
)

// A message as @segment/analytics-node sends it.
const usual = `{"messageId":"node-next-1763792445123-%08d-aaaa-bbbb-cccc","timestamp":"2026-03-01T11:59:58.123Z","type":"track","userId":"user-%d","event":"Content Downloaded","properties":{"path":"/ebooks/scoring","title":"Lead scoring","kind":"ebook","plan":"pro","seats":25,"value":199.5},"context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36"},"integrations":{},"_metadata":{"nodeVersion":"20.20.0","jsRuntime":"node"}}`

// What it costs to read messages and say what they mean, by the event: a body of one, and
// a batch of a hundred.
func BenchmarkCapture(b *testing.B) {
	c := &segment.Circumstances{Received: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Source: "shop"}
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var list []string
			for i := range n {
				list = append(list, fmt.Sprintf(usual, i, i))
			}
			body, kind := []byte(list[0]), segment.Track
			if n > 1 {
				body, kind = []byte(`{"batch":[`+strings.Join(list, ",")+`],"sentAt":"2026-03-01T11:59:59.000Z","writeKey":"k"}`), ""
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				read, err := segment.Read(body, kind)
				if err != nil {
					b.Fatal(err)
				}
				for m, why := range read.Messages() {
					if why != nil {
						b.Fatal(why)
					}
					if _, why := m.Capture(c); why != nil {
						b.Fatal(why)
					}
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

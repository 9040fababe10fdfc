package segment_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/gateway/internal/intake/segment"
)

var typePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)

// Whatever is sent, a capture is a message that can go to ingest: texts in UTF-8, types and
// keys of the form that is asked for, and properties that are one JSON object.
func FuzzCapture(f *testing.F) {
	bodies, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range bodies {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "")
		f.Add(text, "track")
	}
	f.Add([]byte(`{"userId":"u","event":"\ud800","properties":{"\udc00":1},"traits":{"\ud800":"x"}}`), "identify")
	f.Fuzz(func(t *testing.T, text []byte, kind string) {
		body, err := segment.Read(text, segment.KindOf(kind))
		if err != nil {
			return
		}
		c := &segment.Circumstances{Received: received, Source: "site", Browser: len(text)%2 == 0, Address: "203.0.113.7", UserAgent: "UA \xff"}
		for m, why := range body.Messages() {
			if !utf8.ValidString(m.ID) {
				t.Fatalf("id %q", m.ID)
			}
			if why != nil {
				continue
			}
			capture, why := m.Capture(c)
			if why != nil || capture.Lead == nil {
				continue
			}
			if _, err := proto.Marshal(capture.Lead); err != nil {
				t.Fatalf("%v", err)
			}
			if capture.Account != nil {
				if _, err := proto.Marshal(capture.Account); err != nil {
					t.Fatal(err)
				}
			}
			for _, a := range capture.Lead.GetActivities() {
				var object map[string]json.RawMessage
				if p := a.GetPropertiesJson(); p != nil && json.Unmarshal(p, &object) != nil {
					t.Fatalf("properties %q", p)
				}
				if !typePattern.MatchString(a.GetType()) {
					t.Fatalf("type %q", a.GetType())
				}
			}
			for key := range capture.Lead.GetLead().GetAttributes().GetFields() {
				if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`).MatchString(key) {
					t.Fatalf("attribute %q", key)
				}
			}
		}
	})
}

package webhook_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/webhook"
)

var update = flag.Bool("update", false, "write the golden files")

// seen is what a golden file shows of an item.
type seen struct {
	Index    int               `json:"index"`
	Capture  json.RawMessage   `json:"capture,omitempty"`
	Problems []webhook.Problem `json:"problems,omitempty"`
}

// TestPresets maps messages in the shape in which each tool sends them: its sample, and
// those of testdata/<preset>.json, and compares with testdata/<preset>.golden.json.
func TestPresets(t *testing.T) {
	for _, name := range webhook.Presets() {
		t.Run(name, func(t *testing.T) {
			config := &ingestv1.WebhookConfig{Preset: name}
			mapping, wrong := webhook.NewMapping(config)
			if wrong != nil {
				t.Fatal(wrong)
			}
			bodies := []json.RawMessage{json.RawMessage(webhook.Sample(config))}
			more, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var recorded []json.RawMessage
			if err := json.Unmarshal(more, &recorded); err != nil {
				t.Fatal(err)
			}
			var got []any
			for _, body := range append(bodies, recorded...) {
				document, err := webhook.Read(body)
				if err != nil {
					t.Fatal(err)
				}
				result := mapping.Map(document, name, "")
				var items []seen
				for _, item := range result.Items {
					s := seen{Index: item.Index, Problems: item.Problems}
					if item.Capture != nil {
						text, err := protojson.Marshal(item.Capture)
						if err != nil {
							t.Fatal(err)
						}
						s.Capture = text
					}
					items = append(items, s)
				}
				got = append(got, map[string]any{"items": items, "skipped": result.Skipped})
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, text, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden.json")
			if *update {
				if err := os.WriteFile(golden, append(pretty.Bytes(), '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), pretty.String()+"\n"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a source sets itself counts before its preset.
func TestPresetsAreAStart(t *testing.T) {
	config := &ingestv1.WebhookConfig{Preset: "typeform", Mapping: &ingestv1.WebhookMapping{
		Type: `"webinar.requested"`, Properties: map[string]string{"form": `"mine"`}, Attributes: map[string]string{"industry": `"Software"`},
	}}
	mapping, wrong := webhook.NewMapping(config)
	if wrong != nil {
		t.Fatal(wrong)
	}
	document, err := webhook.Read([]byte(webhook.Sample(config)))
	if err != nil {
		t.Fatal(err)
	}
	capture := mapping.Map(document, "forms", "").Items[0].Capture
	activity := capture.GetActivities()[0]
	if activity.GetType() != "webinar.requested" || activity.GetProperties().GetFields()["form"].GetStringValue() != "mine" ||
		activity.GetProperties().GetFields()["form_id"].GetStringValue() != "aBcD12" ||
		capture.GetLead().GetAttributes().GetFields()["industry"].GetStringValue() != "Software" {
		t.Errorf("%v", capture)
	}
}

func TestZoomAsksWhoListens(t *testing.T) {
	w, wrong := webhook.New(&ingestv1.WebhookConfig{Preset: "zoom"}, "zoom-token")
	if wrong != nil {
		t.Fatal(wrong)
	}
	ask := func(body string) string {
		document, err := webhook.Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return string(w.Challenge(document))
	}
	want := `{"encryptedToken":"` + hexOf("zoom-token", "qgg8vlvZRS6UYooatFL8Aw") + `","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`
	if got := ask(`{"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}`); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, body := range []string{webhook.Sample(&ingestv1.WebhookConfig{Preset: "zoom"}), `{"event": "endpoint.url_validation"}`, `[]`, `{"event": 7}`} {
		if got := ask(body); got != "" {
			t.Errorf("%s is answered with %s", body, got)
		}
	}
}

package traces

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/otlp"
	"github.com/assay-hq/assay/services/test/process"
)

// deploy/metrics.txt lists what the dashboard and the alerts may ask for: here a
// running installation is held to it.
func TestTheMetricsThatAlertsAskForAreExported(t *testing.T) {
	wanted, err := os.ReadFile("../../../deploy/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	receiver := otlp.Start(t)
	door := traced(t, process.Modes[0], receiver)
	exported := map[string]bool{}
	for _, name := range regexp.MustCompile(`(?m)^[a-z_]+`).FindAllString(scrape(t, door), -1) {
		exported[name] = true
	}
	for _, name := range strings.Fields(string(wanted)) {
		if !exported[name] {
			t.Errorf("%s is not exported", name)
		}
	}
}

// The histogram of qualification durations leads to the trace of a lead.
func TestTheQualificationHistogramHasExemplars(t *testing.T) {
	receiver := otlp.Start(t)
	door := traced(t, process.Modes[0], receiver)
	for deadline := time.Now().Add(10 * time.Second); ; {
		lines := strings.Split(scrape(t, door), "\n")
		if slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, "assay_qualification_duration_seconds_bucket") && strings.Contains(line, "trace_id=")
		}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no bucket has an exemplar with a trace id")
		}
		time.Sleep(20 * time.Millisecond) // polls another process: there is no signal to wait for
	}
}

func scrape(t *testing.T, a *process.Assay) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+a.HTTP+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	response, err := process.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

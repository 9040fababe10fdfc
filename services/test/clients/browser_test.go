package clients

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/debian"
)

// page opens a page of browser/ in Chromium, from an origin of its own. It stays open
// until the test ends, as a visitor's would.
func page(file, batching string) func(t *testing.T, v visit, url, key string) {
	return func(t *testing.T, v visit, assay, key string) {
		t.Helper()
		chromium := debian.Program(t, "chromium", "chromium")
		install(t)
		site := http.NewServeMux()
		site.Handle("/", http.FileServer(http.Dir("browser")))
		site.Handle("/npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir("node/node_modules"))))
		server := httptest.NewServer(site)
		t.Cleanup(server.Close)

		query := url.Values{"client": {v.client}, "assay": {assay}, "key": {key}, "batching": {batching}}
		ctx, cancel := context.WithCancel(context.Background())
		browser := exec.CommandContext(ctx, chromium,
			"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
			"--disable-background-networking", "--user-data-dir="+t.TempDir(),
			server.URL+"/"+file+"?"+query.Encode())
		browser.WaitDelay = 5 * time.Second
		if err := browser.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			_ = browser.Wait() // it was killed
		})
	}
}

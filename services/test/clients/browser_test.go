package clients

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"testing"

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

		profile, err := os.MkdirTemp("", "assay-browser-")
		if err != nil {
			t.Fatal(err)
		}
		query := url.Values{"client": {v.client}, "assay": {assay}, "key": {key}, "batching": {batching}}
		browser := exec.Command(chromium,
			"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
			"--disable-background-networking", "--user-data-dir="+profile,
			server.URL+"/"+file+"?"+query.Encode())
		// It has processes of its own, which must end with it.
		browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := browser.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(-browser.Process.Pid, syscall.SIGKILL)
			_ = browser.Wait()        // it was killed
			_ = os.RemoveAll(profile) // what the last of them still writes stays
		})
	}
}

package intake

import (
	"net/http"
	"testing"

	"github.com/assay-hq/assay/services/gateway/internal/inlet"
)

func FuzzKeys(f *testing.F) {
	f.Add("Basic c2VydmVyLWtleTo=", "")
	f.Add("Bearer x", "key:secret")
	f.Fuzz(func(t *testing.T, authorization, writeKey string) {
		h := http.Header{"Authorization": {authorization}, "X-Write-Key": {writeKey}}
		before, after := headerKeys(h)
		for _, key := range append(spellings(before), spellings(after)...) {
			if usable(key) && len(key) > inlet.MaxKey {
				t.Errorf("%d bytes", len(key))
			}
		}
	})
}

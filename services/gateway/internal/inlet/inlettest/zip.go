package inlettest

import (
	"bytes"
	"compress/gzip"
)

// Zip returns a text in gzip, so many times in a row.
func Zip(text string, times int) string {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	for range times {
		_, _ = w.Write([]byte(text))
	}
	_ = w.Close()
	return zipped.String()
}

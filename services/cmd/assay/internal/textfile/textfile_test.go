package textfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, "a;b\n1;\xfc\n")
	_ = z.Close()
	for name, c := range map[string]struct{ content, want, err string }{
		"plain.csv":  {"a,b\n1,ü\n", "ü", ""},
		"packed.gz":  {packed.String(), "ü", ""},
		"nozip.gz":   {"a,b\n", "", "expected gzip"},
		"broken.gz":  {packed.String()[:len(packed.String())-9], "", "unexpected EOF"},
		"empty.csv":  {"", "", "expected a header row"},
		"utf-16.csv": {"\xff\xfea\x00;\x00b\x00\n\x001\x00;\x00\xfc\x00\n\x00", "ü", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				if c.err == "" || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			defer f.Close()
			row, err := f.Next()
			if c.err != "" || err != nil || row.Cells[1] != c.want {
				t.Errorf("row %v %v", row, err)
			}
			if _, err := f.Next(); !errors.Is(err, io.EOF) || f.Progress() != 1 {
				t.Errorf("the end: %v, %v read", err, f.Progress())
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

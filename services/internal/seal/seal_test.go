package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func sealer(t *testing.T, first byte) *Sealer {
	t.Helper()
	s, err := New(append([]byte{first}, make([]byte, keySize-1)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASecretOpensWithItsKeyAndInItsPlaceOnly(t *testing.T) {
	s := sealer(t, 1)
	secret := []byte("whsec_hush")
	sealed := s.Seal(secret, "destinations/crm")
	if got, err := s.Open(sealed, "destinations/crm"); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("got %q, %v", got, err)
	}
	if bytes.Contains(sealed, secret) || bytes.Equal(sealed, s.Seal(secret, "destinations/crm")) {
		t.Errorf("sealing shows the secret, or that two are the same")
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1]++
	for name, open := range map[string]func() ([]byte, error){
		"another key":   func() ([]byte, error) { return sealer(t, 2).Open(sealed, "destinations/crm") },
		"another place": func() ([]byte, error) { return s.Open(sealed, "destinations/other") },
		"changed":       func() ([]byte, error) { return s.Open(changed, "destinations/crm") },
		"cut":           func() ([]byte, error) { return s.Open(sealed[:10], "destinations/crm") },
		"nothing":       func() ([]byte, error) { return s.Open(nil, "destinations/crm") },
	} {
		if got, err := open(); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestKeysAreReadAsPeopleWriteThem(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb}, keySize)
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(key), base64.RawStdEncoding.EncodeToString(key),
		base64.URLEncoding.EncodeToString(key), " " + base64.StdEncoding.EncodeToString(key) + "\n",
	} {
		if s, err := Parse(text); err != nil || !bytes.Equal(s.key, key) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, bad := range []string{"", "short", base64.StdEncoding.EncodeToString(key[:31]), "not base64 at all, I am afraid!!"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestTheFolderKeepsOneKey(t *testing.T) {
	folder := t.TempDir()
	var starts sync.WaitGroup
	keys := make([]*Sealer, 8)
	for i := range keys {
		starts.Go(func() {
			s, err := InFolder(folder)
			if err != nil {
				t.Error(err)
			}
			keys[i] = s
		})
	}
	starts.Wait()
	for _, s := range keys {
		if s == nil || !bytes.Equal(s.key, keys[0].key) {
			t.Fatalf("two keys")
		}
	}
	files, _ := os.ReadDir(folder)
	info, err := os.Stat(filepath.Join(folder, fileName))
	if err != nil || info.Mode().Perm() != 0o600 || len(files) != 1 {
		t.Errorf("%d files, mode %v, %v", len(files), info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(folder, fileName), []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := InFolder(folder); err == nil {
		t.Errorf("a broken key passes")
	}
}

func TestKeysOfOtherPurposesDiffer(t *testing.T) {
	s := sealer(t, 1)
	if a, b := s.Key("links"), s.Key("other"); bytes.Equal(a, b) || bytes.Equal(a, s.key) || !bytes.Equal(a, s.Key("links")) {
		t.Errorf("%x and %x", a, b)
	}
}

// Package seal keeps secrets unreadable at rest: what signs webhooks, those sent and those
// received, what logs in to a CRM. They are sealed with AES-256-GCM under one key of the installation, which is not in
// the database, so that a copy of the database tells none of them.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// keySize is the length of a key, in bytes.
const keySize = 32

// version is the first byte of what is sealed, so that another way can follow.
const version = 1

// ErrOpen is what everything that cannot be opened says: another key sealed it, or it was
// changed, or it belongs elsewhere.
var ErrOpen = errors.New("a secret cannot be opened: it was sealed with another key than ASSAY_SECRETS_KEY")

// Sealer seals and opens secrets. It is safe for concurrent use.
type Sealer struct {
	key  []byte
	aead cipher.AEAD
}

// New returns a sealer with a key of 32 bytes.
func New(key []byte) (*Sealer, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("expected a key of %d bytes, found %d", keySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{key: key, aead: aead}, nil
}

// Parse reads a key as people write it: the base64 of 32 bytes.
func Parse(text string) (*Sealer, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		key, err = base64.RawURLEncoding.DecodeString(text)
	}
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("expected the base64 of %d bytes, e.g. of `openssl rand -base64 %d`", keySize, keySize)
	}
	return New(key)
}

// Load returns the sealer of an installation: with a key as people write it, or else that of
// a folder, see [InFolder]; nil without either.
func Load(key, folder string) (*Sealer, error) {
	switch {
	case key != "":
		return Parse(key)
	case folder != "":
		return InFolder(folder)
	}
	return nil, nil
}

// fileName is where an installation on one machine keeps its key.
const fileName = "secrets.key"

// InFolder returns the sealer with the key of a folder, which is made if there is none: a
// file that only its owner may read.
func InFolder(folder string) (*Sealer, error) {
	path := filepath.Join(folder, fileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeKey(folder, path)
	}
	if err != nil {
		return nil, err
	}
	s, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// makeKey makes a key and its file, whole or not at all: half a key would be lost
// secrets.
func makeKey(folder, path string) (*Sealer, error) {
	key := make([]byte, keySize)
	_, _ = rand.Read(key)                          // never fails
	f, err := os.CreateTemp(folder, fileName+".*") // with 0600
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		// Not Rename: of two that start at once, the first one's key stays.
		err = os.Link(f.Name(), path)
	}
	if err := errors.Join(err, os.Remove(f.Name())); errors.Is(err, os.ErrExist) {
		return InFolder(folder)
	} else if err != nil {
		return nil, err
	}
	return New(key)
}

// Seal seals a secret that belongs somewhere, e.g. to `destinations/crm`: it opens only
// there.
func (s *Sealer) Seal(secret []byte, where string) []byte {
	return s.aead.Seal([]byte{version}, nil, secret, []byte(where))
}

// Open opens what was sealed for the same place, or returns ErrOpen.
func (s *Sealer) Open(sealed []byte, where string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, ErrOpen
	}
	secret, err := s.aead.Open(nil, nil, sealed[1:], []byte(where))
	if err != nil {
		return nil, ErrOpen
	}
	return secret, nil
}

// Key derives a key of 32 bytes for another purpose, which tells nothing of this one.
func (s *Sealer) Key(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.key, nil, "assay "+purpose, keySize)
	if err != nil {
		panic(err) // only of lengths that this is not
	}
	return key
}

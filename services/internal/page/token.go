package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// sumSize is enough to tell the queries of one caller apart.
const sumSize = 6

// maxValues bounds what a forged token can ask for.
const maxValues = 16

// encode returns the token of the page after the row with the given key values.
// query is what the pages have in common, as a plain struct or string: filter and
// order, not the page size.
func encode(query any, key ...string) string {
	var values []byte
	for _, v := range key {
		values = binary.AppendUvarint(values, uint64(len(v)))
		values = append(values, v...)
	}
	return base64.RawURLEncoding.EncodeToString(append(sum(query, values), values...))
}

// decode returns the key values of a token, nil for the empty token of the first
// page, or apierr.PageTokenMismatch if it is not a token of this query. The number
// and form of the values are for the caller to check, see [decodeN].
func decode(token string, query any) ([]string, error) {
	if token == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < sumSize || !bytes.Equal(raw[:sumSize], sum(query, raw[sumSize:])) {
		return nil, apierr.PageTokenMismatch()
	}
	key := []string{}
	for rest := raw[sumSize:]; len(rest) > 0; {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) || len(key) == maxValues {
			return nil, apierr.PageTokenMismatch()
		}
		value := string(rest[size : size+int(n)])
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return nil, apierr.PageTokenMismatch() // no key of ours, and PostgreSQL takes no such text
		}
		key = append(key, value)
		rest = rest[size+int(n):]
	}
	return key, nil
}

// decodeN is [decode] for a key of n values: any other number is a mismatch.
func decodeN(token string, query any, n int) ([]string, error) {
	key, err := decode(token, query)
	if err == nil && key != nil && len(key) != n {
		return nil, apierr.PageTokenMismatch()
	}
	return key, err
}

// sum binds the values to the query, and shows a token that was changed on its way.
func sum(query any, values []byte) []byte {
	text, err := json.Marshal(query)
	if err != nil { // a query of channels or functions
		panic(fmt.Sprintf("page: %v", err))
	}
	h := sha256.Sum256(append(binary.AppendUvarint(nil, uint64(len(text))), append(text, values...)...))
	return append([]byte(nil), h[:sumSize]...)
}

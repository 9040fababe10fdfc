package sqldb

import (
	"strconv"
	"strings"
)

// positional writes `?` for `$1`, `$2` … where a statement takes each of its
// parameters once and in order, as inserts of many rows do; any other statement is
// returned as it is. SQLite treats `$1` as a name: the driver looks each one up by a
// walk over all of them, which for a thousand parameters costs more than the insert.
func positional(query string) string {
	var b strings.Builder
	next, from := 1, 0
	for i := 0; i < len(query); i++ {
		switch query[i] {
		case '\'', '"':
			end := strings.IndexByte(query[i+1:], query[i])
			if end < 0 {
				return query
			}
			i += end + 1
		case '-', '/', '`', '[', '?', ':', '@': // comments, other quotes and parameters: not worth it
			if isOperator(query, i) {
				continue
			}
			return query
		case '$':
			name := "$" + strconv.Itoa(next)
			if !strings.HasPrefix(query[i:], name) || (i+len(name) < len(query) && isWord(query[i+len(name)])) {
				return query
			}
			b.WriteString(query[from:i])
			b.WriteByte('?')
			i += len(name) - 1
			from = i + 1
			next++
		}
	}
	if next == 1 {
		return query
	}
	b.WriteString(query[from:])
	return b.String()
}

// isOperator says whether the character is a minus or a slash, and not the beginning
// of a comment.
func isOperator(query string, i int) bool {
	if query[i] != '-' && query[i] != '/' {
		return false
	}
	return i+1 < len(query) && query[i+1] != '-' && query[i+1] != '*'
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80
}

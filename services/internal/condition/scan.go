package condition

// A scanner that finds the parts of JSON that is known to be valid, because ingest
// checked it, a few times faster than a decoder. JSON that is not valid after all is
// either refused or read in some way, but always in the same way, and never past its
// end.

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func skipSpace(data []byte, i int) int {
	for i < len(data) && isSpace(data[i]) {
		i++
	}
	return i
}

// skipString returns the index after the string that begins at i, or -1.
func skipString(data []byte, i int) int {
	if i >= len(data) || data[i] != '"' {
		return -1
	}
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue returns the index after the value that begins at i, or -1.
func skipValue(data []byte, i int) int {
	if i >= len(data) {
		return -1
	}
	switch data[i] {
	case '"':
		return skipString(data, i)
	case '{', '[':
		return skipNested(data, i)
	}
	start := i
	for i < len(data) && !isSpace(data[i]) && data[i] != ',' && data[i] != '}' && data[i] != ']' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func skipNested(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			if i = skipString(data, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return -1
}

// scanObject calls field for each key (with its quotes) and value of an object, until
// field says no. It reports whether the bytes are an object to their end.
func scanObject(data []byte, field func(key, value []byte) bool) bool {
	return scanItems(data, '{', '}', func(i int) int {
		end := skipString(data, i)
		if end < 0 {
			return -1
		}
		key := data[i:end]
		if i = skipSpace(data, end); i >= len(data) || data[i] != ':' {
			return -1
		}
		i = skipSpace(data, i+1)
		if end = skipValue(data, i); end < 0 || !field(key, data[i:end]) {
			return -1
		}
		return end
	})
}

// scanList calls item for each item of a list. It reports whether the bytes are a
// list to their end.
func scanList(data []byte, item func([]byte)) bool {
	return scanItems(data, '[', ']', func(i int) int {
		end := skipValue(data, i)
		if end >= 0 {
			item(data[i:end])
		}
		return end
	})
}

// scanItems walks over items separated by commas; each returns the index after the
// item that begins at i, or -1.
func scanItems(data []byte, open, closing byte, each func(i int) int) bool {
	if len(data) < 2 || data[0] != open {
		return false
	}
	i := skipSpace(data, 1)
	if i < len(data) && data[i] == closing {
		return i+1 == len(data)
	}
	for {
		if i = each(i); i < 0 {
			return false
		}
		if i = skipSpace(data, i); i >= len(data) {
			return false
		}
		switch data[i] {
		case ',':
			i = skipSpace(data, i+1)
		case closing:
			return i+1 == len(data)
		default:
			return false
		}
	}
}

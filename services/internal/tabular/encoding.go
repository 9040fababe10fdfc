package tabular

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Encoding is how the characters of a file are written.
type Encoding string

// The encodings.
const (
	UTF8        Encoding = "utf-8"
	UTF16LE     Encoding = "utf-16le"
	UTF16BE     Encoding = "utf-16be"
	Windows1252 Encoding = "windows-1252"
)

var marks = []struct {
	mark     string
	encoding Encoding
}{{"\xef\xbb\xbf", UTF8}, {"\xff\xfe", UTF16LE}, {"\xfe\xff", UTF16BE}}

// sniffed is how much of the beginning is looked at for the zeros of UTF-16.
const sniffed = 4 << 10

// Sniffer finds out the encoding of what is written to it. The zero value is ready.
type Sniffer struct {
	head    []byte // up to sniffed bytes
	rest    []byte // an unfinished character
	invalid bool   // it is no UTF-8
}

// Write takes in the next bytes of the file. It never fails.
func (s *Sniffer) Write(p []byte) (int, error) {
	if room := sniffed - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	if !s.invalid {
		s.check(p)
	}
	return len(p), nil
}

// check notes what is no UTF-8. A character may stand on both sides of the end of p.
func (s *Sniffer) check(p []byte) {
	for len(s.rest) > 0 && len(p) > 0 {
		s.rest, p = append(s.rest, p[0]), p[1:]
		if utf8.FullRune(s.rest) {
			s.invalid = !utf8.Valid(s.rest)
			s.rest = s.rest[:0]
		}
	}
	whole := len(p)
	for back := 1; back <= min(utf8.UTFMax-1, len(p)); back++ {
		if c := p[len(p)-back]; utf8.RuneStart(c) {
			if !utf8.FullRune(p[len(p)-back:]) {
				whole = len(p) - back
			}
			break
		}
	}
	s.rest = append(s.rest, p[whole:]...)
	s.invalid = s.invalid || !utf8.Valid(p[:whole])
}

// Encoding returns the encoding of all that was written: what the byte order mark says;
// UTF-16 if every other byte of the beginning is mostly zero; else UTF-8 if it is that;
// else Windows-1252, in which Western spreadsheets write what they do not mark.
func (s *Sniffer) Encoding() Encoding {
	for _, m := range marks {
		if bytes.HasPrefix(s.head, []byte(m.mark)) {
			return m.encoding
		}
	}
	zeros := [2]int{}
	for i, c := range s.head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	// Text of other scripts has fewer zeros, but its delimiters and line ends have them.
	switch enough := max(1, len(s.head)/20); {
	case zeros[1] >= enough && zeros[0]*10 <= zeros[1]:
		return UTF16LE
	case zeros[0] >= enough && zeros[1]*10 <= zeros[0]:
		return UTF16BE
	case s.invalid || len(s.rest) > 0:
		return Windows1252
	}
	return UTF8
}

// Decode returns the text of a file as UTF-8 without a byte order mark. What is no
// character of UTF-8 stays as it is, for [Reader] to refuse the row; what is none of
// another encoding becomes U+FFFD. An encoding that is not known is an error.
func Decode(r io.Reader, e Encoding) (io.Reader, error) {
	var d *encoding.Decoder
	switch e {
	case UTF8:
	case UTF16LE:
		d = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	case UTF16BE:
		d = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	case Windows1252:
		d = charmap.Windows1252.NewDecoder()
	default:
		return nil, errors.New("tabular: unknown encoding")
	}
	buffered := bufio.NewReaderSize(r, 64<<10)
	for _, m := range marks {
		if m.encoding != e {
			continue
		}
		if start, _ := buffered.Peek(len(m.mark)); string(start) == m.mark {
			_, _ = buffered.Discard(len(m.mark))
		}
	}
	if d == nil {
		return buffered, nil
	}
	return d.Reader(buffered), nil
}

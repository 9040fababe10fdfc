package canonical

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// Object reads one JSON object and returns it in canonical form. Empty input is
// `{}`. Each key may stand once.
func Object(in []byte) ([]byte, *violation.Violation) {
	p := &parser{in: in, writer: writer{out: make([]byte, 0, len(in))}}
	p.space()
	if p.at == len(in) {
		return []byte("{}"), nil
	}
	if in[p.at] != '{' {
		return nil, violation.New("", "a JSON object")
	}
	if v := p.value(0); v != nil {
		return nil, v
	}
	p.space()
	if p.at != len(in) {
		return nil, violation.New("", "one JSON object and nothing after it")
	}
	return p.out, nil
}

// parser reads JSON in one pass and writes it in canonical form as it goes.
type parser struct {
	in []byte
	at int
	writer
}

func (p *parser) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next returns the next byte that is no white space, 0 at the end.
func (p *parser) next() byte {
	p.space()
	if p.at == len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *parser) value(depth int) *violation.Violation {
	switch c := p.next(); {
	case c == '{':
		return p.object(depth + 1)
	case c == '[':
		return p.list(depth + 1)
	case c == '"':
		s, v := p.readText()
		if v != nil {
			return v
		}
		return p.text(s)
	case c == 't':
		return p.word("true")
	case c == 'f':
		return p.word("false")
	case c == 'n':
		return p.word("null")
	case c == '-' || '0' <= c && c <= '9':
		return p.readNumber()
	}
	return malformed()
}

func (p *parser) object(depth int) *violation.Violation {
	if depth > MaxDepth {
		return tooDeep()
	}
	p.at++
	p.out = append(p.out, '{')
	start := len(p.out)
	var few [16]member
	members := few[:0]
	if p.next() == '}' {
		p.at++
		p.out = append(p.out, '}')
		return nil
	}
	for {
		if p.next() != '"' {
			return malformed()
		}
		key, v := p.readText()
		if v != nil {
			return v
		}
		m := member{key: key, start: len(p.out)}
		if v := p.key(key); v != nil {
			return v
		}
		if p.next() != ':' {
			return malformed()
		}
		p.at++
		if v := p.value(depth); v != nil {
			return v.Under(key)
		}
		m.end = len(p.out)
		members = append(members, m)
		switch p.next() {
		case ',':
			p.at++
			p.out = append(p.out, ',')
		case '}':
			p.at++
			if v := p.sort(start, members); v != nil {
				return v
			}
			p.out = append(p.out, '}')
			return nil
		default:
			return malformed()
		}
	}
}

func (p *parser) list(depth int) *violation.Violation {
	if depth > MaxDepth {
		return tooDeep()
	}
	p.at++
	p.out = append(p.out, '[')
	if p.next() == ']' {
		p.at++
		p.out = append(p.out, ']')
		return nil
	}
	for i := 0; ; i++ {
		if v := p.value(depth); v != nil {
			return v.At("", i)
		}
		switch p.next() {
		case ',':
			p.at++
			p.out = append(p.out, ',')
		case ']':
			p.at++
			p.out = append(p.out, ']')
			return nil
		default:
			return malformed()
		}
	}
}

func (p *parser) word(w string) *violation.Violation {
	if len(p.in)-p.at < len(w) || string(p.in[p.at:p.at+len(w)]) != w {
		return malformed()
	}
	p.at += len(w)
	p.out = append(p.out, w...)
	return nil
}

func (p *parser) digits() bool {
	from := p.at
	for p.at < len(p.in) && '0' <= p.in[p.at] && p.in[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}

func (p *parser) has(c byte) bool {
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) readNumber() *violation.Violation {
	from := p.at
	p.has('-')
	if !p.has('0') && !p.digits() {
		return malformed()
	}
	if p.has('.') && !p.digits() {
		return malformed()
	}
	if p.has('e') || p.has('E') {
		if !p.has('+') {
			p.has('-')
		}
		if !p.digits() {
			return malformed()
		}
	}
	return p.number(p.in[from:p.at])
}

// readText reads a text and its escapes.
func (p *parser) readText() (string, *violation.Violation) {
	p.at++
	from := p.at
	for p.at < len(p.in) {
		switch c := p.in[p.at]; {
		case c == '"':
			s := string(p.in[from:p.at])
			p.at++
			return s, nil
		case c == '\\':
			return p.readEscaped(from)
		case c < ' ':
			return "", violation.New("", "control characters written as escapes")
		}
		p.at++
	}
	return "", malformed()
}

// readEscaped reads the rest of a text that began at from and has its first
// escape here.
func (p *parser) readEscaped(from int) (string, *violation.Violation) {
	s := append([]byte(nil), p.in[from:p.at]...)
	for p.at < len(p.in) {
		c := p.in[p.at]
		p.at++
		switch {
		case c == '"':
			return string(s), nil
		case c < ' ':
			return "", violation.New("", "control characters written as escapes")
		case c != '\\':
			s = append(s, c)
			continue
		}
		if p.at == len(p.in) {
			break
		}
		e := p.in[p.at]
		p.at++
		switch e {
		case '"', '\\', '/':
			s = append(s, e)
		case 'b':
			s = append(s, '\b')
		case 'f':
			s = append(s, '\f')
		case 'n':
			s = append(s, '\n')
		case 'r':
			s = append(s, '\r')
		case 't':
			s = append(s, '\t')
		case 'u':
			r, v := p.unicode()
			if v != nil {
				return "", v
			}
			s = utf8.AppendRune(s, r)
		default:
			return "", malformed()
		}
	}
	return "", malformed()
}

// unicode reads the digits of `\uXXXX`, and the second half of a surrogate pair.
func (p *parser) unicode() (rune, *violation.Violation) {
	r, ok := p.hex4()
	if !ok {
		return 0, malformed()
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.has('\\') && p.has('u') {
		if low, ok := p.hex4(); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, nil
			}
		}
	}
	return 0, violation.New("", "surrogates in pairs")
}

func (p *parser) hex4() (rune, bool) {
	if len(p.in)-p.at < 4 {
		return 0, false
	}
	var r rune
	for range 4 {
		c := p.in[p.at]
		p.at++
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func malformed() *violation.Violation {
	return violation.New("", "well-formed JSON")
}

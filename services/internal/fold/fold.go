// Package fold makes words comparable: without case, accents and punctuation. It is
// the one meaning of "the same word" in conditions and dictionaries.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Words returns the words of a text in their folded form, with one space before each
// and one at the end, so that a phrase is in a text if its words are a part of the
// text's; a text without words is empty. "VP, Sales (Düsseldorf)" becomes
// " vp sales dusseldorf ".
//
// Signs of Chinese and Japanese are words of their own, since they are written without
// spaces. A `+` or `#` behind a letter belongs to the word: "C++" is one, and not "C".
func Words(text string) string {
	if !isASCII(text) {
		text = cases.Fold().String(norm.NFKD.String(text))
	}
	var b strings.Builder
	b.Grow(len(text) + 2)
	inside := false // a word
	for _, r := range text {
		switch {
		case r >= 0x300 && r <= 0x36F: // the accents that NFKD took off
		case standsAlone(r):
			b.WriteByte(' ')
			b.WriteRune(r)
			inside = false
		case isWordRune(r) || (inside && (r == '+' || r == '#')):
			if !inside {
				b.WriteByte(' ')
			}
			inside = true
			writeFolded(&b, r)
		case r == '\'' || r == '’': // "women's" is one word
		default:
			inside = false
		}
	}
	if b.Len() == 0 {
		return ""
	}
	b.WriteByte(' ')
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

func standsAlone(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// writeFolded writes a rune in its folded form, also letters that Unicode does not
// take apart although readers do.
func writeFolded(b *strings.Builder, r rune) {
	switch {
	case 'A' <= r && r <= 'Z':
		b.WriteByte(byte(r) + 'a' - 'A')
	case r < utf8.RuneSelf:
		b.WriteByte(byte(r))
	case r == 'ø':
		b.WriteByte('o')
	case r == 'ł':
		b.WriteByte('l')
	case r == 'đ':
		b.WriteByte('d')
	case r == 'ı':
		b.WriteByte('i')
	case r == 'æ':
		b.WriteString("ae")
	case r == 'œ':
		b.WriteString("oe")
	default:
		b.WriteRune(unicode.ToLower(r)) // Cherokee is folded to capitals, and capitals to small letters
	}
}

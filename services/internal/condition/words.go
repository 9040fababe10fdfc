package condition

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// hasWord(text, word) asks whether a text contains a word or phrase as a whole,
// whatever the case, accents and punctuation: "VP" is in "VP, Sales" and in "vp of
// sales" but not in "SVP"; "directeur general" is in "Directeur Général". hasWord(text,
// [words]) asks for any of them; a text that is a list is asked for each of its items.
//
// Signs of Chinese and Japanese stand for themselves, since they are written without
// spaces: "部長" is in "営業部長". A `+` or `#` behind a letter belongs to the word, so
// that "C" is not in "C++".

// words are normalised words or phrases to look for, each with a space on both sides.
type words []string

// in reports whether one of the words is in the text.
func (w words) in(text string) bool {
	spaced := normalise(text)
	for _, word := range w {
		if strings.Contains(spaced, word) {
			return true
		}
	}
	return false
}

// normalise returns the words of a text in their folded form, with one space before
// each and one at the end; a text without words is empty.
func normalise(text string) string {
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
		b.WriteRune(r)
	}
}

// wordsOf normalises what to look for: a text or a list of texts. A word without a
// letter or digit is nowhere.
func wordsOf(v ref.Val) (words, bool) {
	switch v := v.(type) {
	case types.String:
		if spaced := normalise(string(v)); spaced != "" {
			return words{spaced}, true
		}
		return nil, true
	case traits.Lister:
		var all words
		n, _ := v.Size().(types.Int)
		for i := types.Int(0); i < n; i++ {
			item, ok := v.Get(i).(types.String)
			if !ok {
				return nil, false
			}
			if spaced := normalise(string(item)); spaced != "" {
				all = append(all, spaced)
			}
		}
		return all, true
	default:
		return nil, false
	}
}

// match asks for words in a text or a list of texts.
func match(w interface{ in(text string) bool }, text ref.Val) ref.Val {
	switch text := text.(type) {
	case types.String:
		return types.Bool(w.in(string(text)))
	case traits.Lister:
		n, _ := text.Size().(types.Int)
		for i := types.Int(0); i < n; i++ {
			if item, ok := text.Get(i).(types.String); ok && w.in(string(item)) {
				return types.True
			}
		}
		return types.False
	default:
		return types.MaybeNoSuchOverloadErr(text)
	}
}

func hasWord(text, word ref.Val) ref.Val {
	if l, ok := word.(*List); ok {
		return match(l, text)
	}
	w, ok := wordsOf(word)
	if !ok {
		return types.MaybeNoSuchOverloadErr(word)
	}
	return match(w, text)
}

// prepareWords normalises words that are literals once, when a condition is planned.
func prepareWords(node interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := node.(interpreter.InterpretableCall)
	if !ok || call.Function() != "hasWord" || len(call.Args()) != 2 {
		return node, nil
	}
	literal, ok := call.Args()[1].(interpreter.InterpretableConst)
	if !ok {
		return node, nil
	}
	w, ok := wordsOf(literal.Value())
	if !ok {
		return node, nil
	}
	return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
		if len(args) != 2 {
			return types.NoSuchOverloadErr()
		}
		return match(w, args[0])
	}), nil
}

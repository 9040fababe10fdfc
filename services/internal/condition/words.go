package condition

import (
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/assay-hq/assay/services/internal/fold"
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
	spaced := fold.Words(text)
	for _, word := range w {
		if strings.Contains(spaced, word) {
			return true
		}
	}
	return false
}

// wordsOf normalises what to look for: a text or a list of texts. A word without a
// letter or digit is nowhere.
func wordsOf(v ref.Val) (words, bool) {
	switch v := v.(type) {
	case types.String:
		if spaced := fold.Words(string(v)); spaced != "" {
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
			if spaced := fold.Words(string(item)); spaced != "" {
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

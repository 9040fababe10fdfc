package traits

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/assay-hq/assay/services/internal/fold"
)

// rung is a step of the ladder of seniority, from what counts first.
type rung uint8

const (
	rungUnsaid rung = iota // the phrase says nothing about seniority
	rungIntern
	rungOwner
	rungCLevel
	rungVP
	rungDirector
	rungJunior
	rungManager
	rungLead
	rungSenior
	rungStaff
	rungNone // the phrase says that its words mean no rung
)

var rungNames = map[rung]string{
	rungIntern: "intern", rungOwner: "owner", rungCLevel: "c_level", rungVP: "vp", rungDirector: "director",
	rungJunior: "junior", rungManager: "manager", rungLead: "lead", rungSenior: "senior", rungStaff: "staff",
}

func stronger(a, b rung) rung { return min(a, b) }

// strength says how much a phrase tells about the function.
type strength uint8

const (
	nothing    strength = iota
	open                // a word of many functions, "manager of operations"
	about               // a field: "marketing"
	profession          // somebody's: "recruiter"
)

// Kinds of words that the grammar of titles knows.
const (
	wordTo      uint8 = 1 << iota // what follows names somebody else
	wordOf                        // the same behind an aide
	wordAide                      // works for somebody: "assistant"
	wordChief                     // begins "chief … officer"
	wordOfficer                   // ends it
)

// entry is what a phrase means.
type entry struct {
	rung     rung
	weak     bool // the rung counts only if nothing else in the title says anything
	function string
	strength strength
}

type step struct{ node, token int32 }

// titleDictionary is the taxonomy, ready to read titles: a trie of phrases over words.
type titleDictionary struct {
	vocabulary map[string]int32
	kinds      []uint8 // by token
	next       map[step]int32
	entries    []*entry // by node
	tails      []string // last parts of German compounds
}

// titlesFile is titles.yaml.
type titlesFile struct {
	Seniority map[string]struct {
		Words []string `yaml:"words"`
		Weak  []string `yaml:"weak"`
	} `yaml:"seniority"`
	Functions map[string]struct {
		Professions []string `yaml:"professions"`
		Fields      []string `yaml:"fields"`
		Open        []string `yaml:"open"`
	} `yaml:"functions"`
	Phrases []struct {
		Words     []string `yaml:"words"`
		Seniority string   `yaml:"seniority"`
		Function  string   `yaml:"function"`
	} `yaml:"phrases"`
	Aides struct {
		Words []string `yaml:"words"`
		Of    []string `yaml:"of"`
	} `yaml:"aides"`
	Compounds []string `yaml:"compounds"`
}

func parseTitles(text []byte) (*titleDictionary, error) {
	var file titlesFile
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	return file.dictionary()
}

func (file *titlesFile) dictionary() (*titleDictionary, error) {
	d := &titleDictionary{vocabulary: map[string]int32{}, kinds: []uint8{0}, next: map[step]int32{}, entries: []*entry{nil}}
	rungs := map[string]rung{"none": rungNone}
	for r, name := range rungNames {
		rungs[name] = r
	}
	for name, level := range file.Seniority {
		r, ok := rungs[name]
		if !ok || r == rungNone {
			return nil, fmt.Errorf("%q is no rung", name)
		}
		for weak, phrases := range map[bool][]string{false: level.Words, true: level.Weak} {
			if err := d.add(phrases, entry{rung: r, weak: weak}); err != nil {
				return nil, err
			}
		}
	}
	for name, function := range file.Functions {
		for s, phrases := range map[strength][]string{profession: function.Professions, about: function.Fields, open: function.Open} {
			if err := d.add(phrases, entry{function: name, strength: s}); err != nil {
				return nil, err
			}
		}
	}
	for _, group := range file.Phrases {
		e := entry{rung: rungs[group.Seniority], function: group.Function}
		if group.Seniority != "" && e.rung == rungUnsaid {
			return nil, fmt.Errorf("%q is no rung", group.Seniority)
		}
		switch _, known := file.Functions[group.Function]; {
		case known:
			e.strength = about
		case group.Function == "none":
			e.strength, e.function = about, ""
		case group.Function != "":
			return nil, fmt.Errorf("%q is no function", group.Function)
		}
		if err := d.add(group.Words, e); err != nil {
			return nil, err
		}
	}
	d.mark(wordTo, "to")
	d.mark(wordChief, "chief")
	d.mark(wordOfficer, "officer")
	d.mark(wordAide, file.Aides.Words...)
	d.mark(wordOf, file.Aides.Of...)
	for _, tail := range listed(file.Compounds) {
		for _, form := range forms(tail) {
			d.tails = append(d.tails, form[0])
		}
	}
	d.complete()
	return d, nil
}

// complete gives words of the dictionary what the forms of other words would have given
// them if they were not listed: one that stands only in phrases ("commerciale") the
// meaning of its plain form, a German compound that says only a rung ("Verkaufsleiter")
// or only a function ("Personalleiter") what its parts say besides.
func (d *titleDictionary) complete() {
	words := slices.Sorted(maps.Keys(d.vocabulary))
	for _, word := range words {
		if d.single(d.vocabulary[word]) == nil {
			if plain := d.single(d.inflected(word)); plain != nil {
				d.set(d.vocabulary[word], *plain)
			}
		}
	}
	for _, word := range words {
		known := d.single(d.vocabulary[word])
		if known == nil {
			continue
		}
		head, tail := d.split(word)
		if last := d.single(tail); last != nil && known.rung == rungUnsaid {
			known.rung = last.rung
		}
		if first := d.single(head); first != nil && known.strength == nothing {
			known.function, known.strength = first.function, first.strength
		}
	}
}

// single returns what a word means by itself; nil for nothing.
func (d *titleDictionary) single(token int32) *entry {
	if node, ok := d.next[step{0, token}]; ok {
		return d.entries[node]
	}
	return nil
}

func (d *titleDictionary) set(token int32, e entry) {
	at := step{0, token}
	node, ok := d.next[at]
	if !ok {
		node = int32(len(d.entries))
		d.entries = append(d.entries, nil)
		d.next[at] = node
	}
	d.entries[node] = &e
}

// add puts phrases into the trie, in each way they are written.
func (d *titleDictionary) add(phrases []string, e entry) error {
	for _, phrase := range listed(phrases) {
		for _, form := range forms(phrase) {
			node := int32(0)
			for _, word := range form {
				at := step{node, d.token(word)}
				next, ok := d.next[at]
				if !ok {
					next = int32(len(d.entries))
					d.entries = append(d.entries, nil)
					d.next[at] = next
				}
				node = next
			}
			if node == 0 {
				return fmt.Errorf("%q has no words", phrase)
			}
			if err := d.mean(node, e); err != nil {
				return fmt.Errorf("%q %w", phrase, err)
			}
		}
	}
	return nil
}

// mean gives a phrase its meaning, besides what it already means.
func (d *titleDictionary) mean(node int32, e entry) error {
	known := d.entries[node]
	if known == nil {
		d.entries[node] = &e
		return nil
	}
	if e.rung != rungUnsaid {
		if known.rung != rungUnsaid && (known.rung != e.rung || known.weak != e.weak) {
			return fmt.Errorf("is both %s and %s", rungNames[known.rung], rungNames[e.rung])
		}
		known.rung, known.weak = e.rung, e.weak
	}
	if e.strength != nothing {
		if known.strength != nothing && known.function != e.function {
			return fmt.Errorf("is both %s and %s", known.function, e.function)
		}
		known.function, known.strength = e.function, max(e.strength, known.strength)
	}
	return nil
}

func (d *titleDictionary) mark(kind uint8, words ...string) {
	for _, word := range listed(words) {
		for _, form := range forms(word) {
			if len(form) == 1 {
				d.kinds[d.token(form[0])] |= kind
			}
		}
	}
}

func (d *titleDictionary) is(token int32, kind uint8) bool { return d.kinds[token]&kind != 0 }

func (d *titleDictionary) token(word string) int32 {
	token, ok := d.vocabulary[word]
	if !ok {
		token = int32(len(d.kinds))
		d.vocabulary[word] = token
		d.kinds = append(d.kinds, 0)
	}
	return token
}

var umlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue")

// listed splits the lines of titles.yaml, which hold several phrases each.
func listed(lines []string) []string {
	var phrases []string
	for _, line := range lines {
		for phrase := range strings.SplitSeq(line, ",") {
			if phrase = strings.TrimSpace(phrase); phrase != "" {
				phrases = append(phrases, phrase)
			}
		}
	}
	return phrases
}

// forms returns the words of a phrase in each way it is written: umlauts also as two
// letters, an abbreviation also with points, as in V.P.
func forms(phrase string) [][]string {
	words := phraseWords(phrase)
	all := [][]string{words}
	if other := umlauts.Replace(phrase); other != phrase {
		all = append(all, phraseWords(other))
	}
	if len(words) == 1 && len(words[0]) > 1 && len(words[0]) <= 4 {
		all = append(all, strings.Split(words[0], ""))
	}
	return all
}

// phraseWords folds a phrase as a title is.
func phraseWords(phrase string) []string {
	var words []string
	for word := range strings.FieldsSeq(fold.Words(unelided(phrase))) {
		switch word {
		case "and", "und", "et", "y", "the", "a", "an", "la", "le", "les", "el", "los", "las":
		default:
			words = append(words, word)
		}
	}
	return words
}

// unelided writes out what French elides: "chef d'équipe" is chef de équipe, and
// "l'équipe" is équipe.
func unelided(text string) string {
	if !strings.ContainsAny(text, "'’") {
		return text
	}
	out := make([]byte, 0, len(text)+8)
	first, last := ' ', ' ' // the two runes before
	for _, r := range text {
		begins := !unicode.IsLetter(first) && !unicode.IsMark(first)
		switch {
		case r != '\'' && r != '’' || !begins:
			out = utf8.AppendRune(out, r)
		case last == 'd' || last == 'D':
			out = append(out, "e "...)
		case last == 'l' || last == 'L':
			out[len(out)-1] = ' '
		default:
			out = utf8.AppendRune(out, r)
		}
		first, last = last, r
	}
	return string(out)
}

// resolve returns the token of a word, or the two of a German compound; 0 for a word
// that is not in the vocabulary in any form.
func (d *titleDictionary) resolve(word string) (first, second int32) {
	if token, ok := d.vocabulary[word]; ok {
		return token, 0
	}
	if token := d.inflected(word); token != 0 {
		return token, 0
	}
	head, tail := d.split(word)
	if head == 0 {
		return tail, 0
	}
	return head, tail
}

// inflected returns the token of the word that a word is the plural or the feminine of;
// 0 if there is none.
func (d *titleDictionary) inflected(word string) int32 {
	if len(word) < 4 {
		return 0
	}
	stem := word[:len(word)-1]
	switch word[len(word)-1] {
	case 's', 'e':
		if token := d.vocabulary[stem]; token != 0 {
			return token
		}
	case 'a':
		if token := d.vocabulary[stem]; token != 0 {
			return token
		}
		if token := d.vocabulary[stem+"o"]; token != 0 {
			return token
		}
	case 'n':
		if token := d.vocabulary[strings.TrimSuffix(word, "in")]; token != 0 {
			return token
		}
	}
	return 0
}

// split takes a German compound apart: its last part, and the part before it if that is
// a word we know. It is for words that are long enough to be one.
func (d *titleDictionary) split(word string) (head, tail int32) {
	if len(word) < 8 {
		return 0, 0
	}
	for _, last := range d.tails {
		before, ok := strings.CutSuffix(word, last)
		if !ok {
			before, ok = strings.CutSuffix(word, last+"in")
		}
		if !ok || len(before) < 2 {
			continue
		}
		for _, joint := range []string{"", "s", "n", "es", "en"} {
			if inner, ok := strings.CutSuffix(before, joint); ok && d.vocabulary[inner] != 0 {
				return d.vocabulary[inner], d.vocabulary[last]
			}
		}
		return d.vocabulary[before+"e"], d.vocabulary[last] // Schulleiter
	}
	return 0, 0
}

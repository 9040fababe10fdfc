package traits

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/assay-hq/assay/services/internal/fold"
)

// Other is the answer for a title that says neither a seniority, or function, we know.
const Other = "other"

//go:embed titles.yaml
var titlesText []byte

// taxonomy is parsed when first asked for: it takes some milliseconds.
var taxonomy = sync.OnceValue(func() *titleDictionary {
	dictionary, err := parseTitles(titlesText)
	if err != nil {
		panic("traits: titles.yaml: " + err.Error()) // part of the program; its test reads it
	}
	return dictionary
})

// Seniority returns the rung of a title: `owner`, `c_level`, `vp`, `director`, `manager`,
// `lead`, `senior`, `staff`, `junior`, `intern`, or [Other] if nothing in it says one;
// "" for a title without words. Of several rungs the first counts of: intern, owner,
// c_level, vp, director, junior, manager, lead, senior, staff.
func Seniority(title string) string {
	var r reading
	if !taxonomy().read(title, &r) {
		return ""
	}
	return r.seniority()
}

// Function returns what a title is about, in a word of titles.yaml, as `marketing` or
// `engineering`; [Other] if nothing in it says so, "" for a title without words.
//
// The profession counts before the field, and both before a word that leaves it open:
// an "engineering recruiter" is `hr`, a "marketing coordinator" is `marketing`. Of
// several the first counts, but of fields side by side the last, as in "software sales
// director".
func Function(title string) string {
	var r reading
	if !taxonomy().read(title, &r) {
		return ""
	}
	return r.function()
}

// maxTokens is how many words of a title are read; those behind say no more.
const maxTokens = 40

// reading is a title being read.
type reading struct {
	dictionary *titleDictionary
	tokens     [maxTokens]int32 // words of the vocabulary; 0 is any other word
	breaks     uint64           // by token: it stands behind punctuation or a conjunction
	n          int
	matches    [96]match // phrases found, from the longest
	found      int
}

// match is a phrase of the dictionary in a title.
type match struct {
	entry         *entry
	start, length uint8
}

func (m match) mask() uint64 { return (1<<m.length - 1) << m.start }

// breaking is the punctuation between parts of a title.
const breaking = ",;:/|()[]{}&+\n\t–—•·"

// read takes a title apart and finds its phrases. It reports whether there are words.
func (d *titleDictionary) read(title string, r *reading) bool {
	r.dictionary = d
	if len(title) > 1000 {
		title = strings.ToValidUTF8(title[:1000], "")
	}
	words := false
	for rest := title; rest != "" && r.n < maxTokens; {
		part := rest
		if at := nextBreak(rest); at >= 0 {
			part, rest = rest[:at], strings.TrimLeft(rest[at:], breaking+"- ")
		} else {
			rest = ""
		}
		more, company := r.part(part)
		words = words || more
		if company {
			break
		}
	}
	r.find()
	return words
}

// nextBreak returns where the first part of a title ends; -1 if it has only one.
func nextBreak(title string) int {
	at := strings.IndexAny(title, breaking)
	if dash := strings.Index(title, " - "); dash >= 0 && (at < 0 || dash < at) {
		at = dash
	}
	return at
}

// part reads the words of a part of a title. What follows "at" is a company.
func (r *reading) part(part string) (words, company bool) {
	folded := fold.Words(unelided(part))
	broken := true
	for r.n < maxTokens && len(folded) > 1 {
		word := folded[1:]
		end := strings.IndexByte(word, ' ')
		word, folded = word[:end], folded[end+1:]
		words = true
		switch word {
		case "at", "bei", "chez":
			if r.n > 0 {
				return words, true
			}
		case "and", "und", "et", "y":
			broken = true
			continue
		case "the", "a", "an", "la", "le", "les", "el", "los", "las":
			continue
		}
		if broken {
			r.breaks |= 1 << r.n
			broken = false
		}
		first, second := r.dictionary.resolve(word)
		r.tokens[r.n] = first
		r.n++
		if second != 0 && r.n < maxTokens {
			r.tokens[r.n] = second
			r.n++
		}
	}
	return words, false
}

// find collects the phrases of the title, the longest first, then from the left.
func (r *reading) find() {
	d := r.dictionary
	for start := range r.n {
		node := int32(0)
		for end := start; end < r.n && r.tokens[end] != 0; end++ {
			next, ok := d.next[step{node, r.tokens[end]}]
			if !ok {
				break
			}
			node = next
			if e := d.entries[node]; e != nil && r.found < len(r.matches) {
				m := match{e, uint8(start), uint8(end - start + 1)}
				at := r.found
				for at > 0 && r.matches[at-1].length < m.length {
					r.matches[at] = r.matches[at-1]
					at--
				}
				r.matches[at] = m
				r.found++
			}
		}
	}
}

// seniority tells the rung. A phrase takes its words away from shorter ones.
func (r *reading) seniority() string {
	own := r.own()
	taken := r.spans(own)
	best := rungNone
	if taken != 0 {
		best = rungCLevel
	}
	weak, person, field := rungNone, false, false
	for _, m := range r.matches[:r.found] {
		if m.mask()&^own != 0 {
			continue
		}
		person = person || m.entry.strength == profession
		field = field || m.entry.strength == about
		if m.entry.rung == rungUnsaid || m.mask()&taken != 0 {
			continue
		}
		taken |= m.mask()
		switch {
		case m.entry.weak:
			weak = stronger(weak, m.entry.rung)
		case r.belongsToAide(m):
		default:
			best = stronger(best, m.entry.rung)
		}
	}
	switch {
	case best != rungNone:
		return rungNames[best]
	case person:
		return rungNames[rungStaff]
	case weak != rungNone && !field:
		return rungNames[weak]
	default:
		return Other
	}
}

// own returns the words that are the title's own. Those behind "to" name somebody else,
// as in "assistant to the CEO", and so do those behind an aide and its preposition, as
// in "Assistentin des Vorstands", if they name a rung.
func (r *reading) own() uint64 {
	d := r.dictionary
	end := r.n
	for i := 1; i < r.n && end == r.n; i++ {
		if d.is(r.tokens[i], wordTo) || d.is(r.tokens[i], wordOf) && d.is(r.tokens[i-1], wordAide) {
			for _, m := range r.matches[:r.found] {
				if int(m.start) > i && m.entry.rung > rungUnsaid && m.entry.rung < rungStaff {
					end = i
				}
			}
		}
	}
	return 1<<end - 1
}

// belongsToAide reports whether an aide stands behind the phrase: in "director assistant"
// there is no director.
func (r *reading) belongsToAide(m match) bool {
	behind := int(m.start + m.length)
	return behind < r.n && r.breaks&(1<<behind) == 0 && m.entry.rung > rungIntern && m.entry.rung < rungLead &&
		r.dictionary.is(r.tokens[behind], wordAide)
}

// spans finds "chief … officer" and returns its two words.
func (r *reading) spans(own uint64) uint64 {
	d := r.dictionary
	for i := range r.n {
		if !d.is(r.tokens[i], wordChief) {
			continue
		}
		for j := i + 1; j < r.n && j <= i+6; j++ {
			if mask := uint64(1)<<i | uint64(1)<<j; d.is(r.tokens[j], wordOfficer) && mask&^own == 0 {
				return mask
			}
		}
	}
	return 0
}

// function tells what the title is about.
func (r *reading) function() string {
	own := r.own()
	var taken uint64
	var best match
	for _, m := range r.matches[:r.found] {
		if m.entry.strength == nothing || m.mask()&taken != 0 || m.mask()&^own != 0 {
			continue
		}
		taken |= m.mask()
		if m.entry.function != "" && !r.belongsToAide(m) && (best.entry == nil || r.saysMore(m, best)) {
			best = m
		}
	}
	if best.entry == nil {
		return Other
	}
	return best.entry.function
}

// saysMore reports whether a phrase tells the function rather than another one.
func (r *reading) saysMore(m, than match) bool {
	if m.entry.strength != than.entry.strength {
		return m.entry.strength > than.entry.strength
	}
	first, second := m, than
	if second.start < first.start {
		first, second = second, first
	}
	compound := m.entry.strength == about && first.start+first.length == second.start && r.breaks&(1<<second.start) == 0
	return (m == second) == compound
}

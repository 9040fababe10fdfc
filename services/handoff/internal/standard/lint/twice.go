package lint

import (
	"fmt"
	"slices"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// twice finds activities that several rules give points for. Rules that say so
// (`beside`), that are mere stand-ins (`onlyIf` the other did not match), or of which
// only the best counts (`combine`) are silent.
func (l *linter) twice() {
	for i, a := range l.rules {
		var sure, maybe []string
		for _, b := range l.rules[i+1:] {
			both, overlap := overlapping(a, b)
			if !overlap || !possible(both, a.claim, b.claim) {
				continue
			}
			surely := follows(all(both, a.claim), b.claim) || follows(all(both, b.claim), a.claim)
			if surely || sameTerms(a.claim, b.claim) {
				sure = append(sure, l.named(b.GetId()))
			} else {
				maybe = append(maybe, l.named(b.GetId()))
			}
		}
		if len(sure) > 0 {
			l.warn("scored-twice", a.path, "%s and %s give points for the same activity; if that is meant, name them in `beside`",
				l.named(a.GetId()), listed(sure))
		}
		if len(maybe) > 0 {
			l.info("scored-twice", a.path, "an activity can be %s and %s at once and gets the points of each; if that is meant, name them in `beside`",
				l.named(a.GetId()), listed(maybe))
		}
	}
}

// overlapping says whether two rules are for the same activities and nothing keeps them
// apart, and claims what type those have.
func overlapping(a, b *rule) (condition.Claim, bool) {
	if !happens(a) || !happens(b) || slices.Contains(a.GetBeside(), b.GetId()) || slices.Contains(b.GetBeside(), a.GetId()) ||
		standsIn(a, b) || standsIn(b, a) || a.group == b.group && a.group.GetCombine() > typev1.Combine_COMBINE_SUM {
		return condition.Claim{}, false
	}
	var types []string
	for _, p := range a.GetActivities() {
		for _, q := range b.GetActivities() {
			wideP, isWideP := strings.CutSuffix(p, "*")
			wideQ, isWideQ := strings.CutSuffix(q, "*")
			switch {
			case isWideP && isWideQ && (strings.HasPrefix(wideP, wideQ) || strings.HasPrefix(wideQ, wideP)):
				return all(), true
			case isWideP && strings.HasPrefix(q, wideP):
				types = append(types, q)
			case isWideQ && strings.HasPrefix(p, wideQ), p == q:
				types = append(types, p)
			}
		}
	}
	return oneOf("activity.type", types...), len(types) > 0
}

// happens says whether a rule gives points for activities.
func happens(r *rule) bool {
	least, most := r.points()
	return len(r.GetActivities()) > 0 && r.GetInactivity() == nil && r.GetSequence() == nil && len(r.GetAfter()) == 0 &&
		(least != 0 || most != 0)
}

// standsIn says whether a rule only acts where another one did not.
func standsIn(r, other *rule) bool {
	found := false
	gatesIn(r.GetOnlyIf(), func(g *typev1.Gate) { found = found || g.GetNot().GetActivity().GetRule() == other.GetId() })
	return found
}

// sameTerms says whether two claims ask about the same things.
func sameTerms(a, b condition.Claim) bool {
	of := func(c condition.Claim) []string {
		return slices.DeleteFunc(terms(c), func(term string) bool { return term == "activity.type" })
	}
	return len(of(a)) > 0 && slices.Equal(of(a), of(b))
}

// scorer gives points for what a lead is.
type scorer struct {
	id, path string
	claim    condition.Claim
	points   float64
	beside   []string
	// single: it is the whole criterion, and rule the rule it is of, nil for the fit.
	single bool
	rule   *rule
}

func (l *linter) scorers() []scorer {
	var found []scorer
	for _, c := range l.criteria {
		if c.GetWhen() != "" {
			found = append(found, scorer{c.GetId(), c.path, l.claim(c.GetWhen()), c.GetPoints(), c.GetBeside(), true, nil})
		}
		before := all()
		for i, choice := range c.GetChoices() {
			claim := l.claim(choice.GetWhen())
			found = append(found, scorer{
				c.GetId(), index(c.path+".choices", i), all(claim, before), choice.GetPoints(), c.GetBeside(), false, nil,
			})
			before.Of = append(slices.Clone(before.Of), not(claim))
		}
	}
	for _, r := range l.rules {
		if len(r.GetAttributes()) > 0 || r.GetSchedule() != nil {
			found = append(found, scorer{r.GetId(), r.path, r.claim, r.GetPoints(), r.GetBeside(), true, r})
		}
	}
	return found
}

// contradictions finds two criteria that look for words in the same text: that give and
// take points for one and the same lead, or that ask the same with different words.
func (l *linter) contradictions() {
	scorers := l.scorers()
	for i, a := range scorers {
		for _, b := range scorers[i+1:] {
			if a.id == b.id {
				continue
			}
			idle := l.dead[a.id] || l.dead[b.id]
			declared := slices.Contains(a.beside, b.id) || slices.Contains(b.beside, a.id)
			for _, term := range shared(a.claim, b.claim) {
				switch {
				case a.points*b.points < 0 && !idle:
					l.contradiction(a, b, term, declared)
				case a.points*b.points > 0 && a.single && b.single:
					l.implemented(a, b, term, declared)
				}
			}
		}
	}
	for _, r := range l.rules {
		for _, other := range l.rules {
			if standsIn(r, other) && len(shared(r.claim, other.claim)) == 0 && (len(r.GetAttributes()) > 0 || r.GetSchedule() != nil) {
				l.info("implemented-twice", r.path, "%s is a second way to what %s is for; the guard in `onlyIf` keeps it from counting twice",
					l.named(r.GetId()), l.named(other.GetId()))
			}
		}
	}
}

// shared are the terms in which two claims look for words.
func shared(a, b condition.Claim) []string {
	var found []string
	for term := range wordsOf(a) {
		if _, ok := wordsOf(b)[term]; ok {
			found = append(found, term)
		}
	}
	slices.Sort(found)
	return found
}

// wordsOf are the words that a claim looks for, by term; those that must not stand there
// left out.
func wordsOf(claim condition.Claim) map[string][]string {
	found := map[string][]string{}
	var walk func(c condition.Claim, negated bool)
	walk = func(c condition.Claim, negated bool) {
		if c.Test == condition.TestWords && !negated {
			found[c.Term] = append(found[c.Term], c.Texts...)
		}
		for _, part := range c.Of {
			walk(part, negated != (c.Test == condition.TestNot))
		}
	}
	walk(claim, false)
	return found
}

// maxWords bounds the words that are tried with each other.
const maxWords = 60

// contradiction looks for a text that both fit: a word of one with a word of the other.
func (l *linter) contradiction(a, b scorer, term string, declared bool) {
	for _, v := range first(wordsOf(a.claim)[term]) {
		for _, w := range first(wordsOf(b.claim)[term]) {
			text := strings.TrimSpace(v) + " " + strings.TrimSpace(w)
			if !possible(a.claim, b.claim, oneOf(term, text)) {
				continue
			}
			say := l.warn
			if declared {
				say = l.info
			}
			say("contradiction", b.path, "%s gives %s and %s gives %s for one and the same %s, e.g. “%s”",
				l.named(a.id), number(a.points), l.named(b.id), number(b.points), plain(term), text)
			return
		}
	}
}

func first(words []string) []string { return words[:min(len(words), maxWords)] }

// plain is a term in words: `lead.job_title` is job title.
func plain(term string) string {
	_, name, _ := strings.Cut(term, ".")
	return strings.ReplaceAll(name, "_", " ")
}

func (l *linter) implemented(a, b scorer, term string, declared bool) {
	av, bv := wordsOf(a.claim)[term], wordsOf(b.claim)[term]
	common := 0
	for _, word := range av {
		if slices.Contains(bv, word) {
			common++
		}
	}
	if common < 2 || 2*common < min(len(av), len(bv)) {
		return
	}
	guarded := a.rule != nil && b.rule != nil && (standsIn(a.rule, b.rule) || standsIn(b.rule, a.rule))
	var differ []string
	for _, side := range []struct {
		id         string
		has, lacks []string
	}{{a.id, av, bv}, {b.id, bv, av}} {
		var own []string
		for _, word := range side.has {
			if !slices.Contains(side.lacks, word) {
				own = append(own, strings.TrimSpace(word))
			}
		}
		if len(own) > 0 {
			differ = append(differ, fmt.Sprintf("only %s knows %s", l.named(side.id), listed(own[:min(len(own), 10)])))
		}
	}
	switch {
	case len(differ) > 0:
		l.warn("implemented-twice", b.path, "%s and %s ask the same of the %s with different words: %s",
			l.named(a.id), l.named(b.id), plain(term), strings.Join(differ, ", "))
	case !guarded && !declared:
		l.warn("implemented-twice", b.path, "%s and %s ask the same of the %s: who fits gets both points",
			l.named(a.id), l.named(b.id), plain(term))
	}
}

package engagement

import (
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/points"
)

// act is what a trigger does, in the order in which one fact does it.
type act uint8

const (
	// quietAct: an inactivity has ended.
	quietAct act = iota
	// stageAct: the lead moves to another stage.
	stageAct
	// endAct and beginAct: a suspension.
	endAct
	beginAct
	// rememberAct: a memory.
	rememberAct
	// resetAct: a reset.
	resetAct
	// countAct: a signal.
	countAct
	// giveAct: a rule.
	giveAct
	// followAct: a rule that happens when others have.
	followAct
	// dropAct and setAct: an override.
	dropAct
	setAct
)

// trigger is something that facts are matched against, and what happens when one does.
type trigger struct {
	act act
	// of is the rule, the reset, … that it is for.
	of int
	// types of activities, and attributes, that it is for.
	types, attributes []string
	when              *when
	// gate must hold as well; nil: always.
	gate *gate
	// points of a match, unless choices or an amount say them.
	points  points.Points
	choices []choiceWhen
	amount  *perUnit
	// value and distinct are what gates can be told of a match.
	value, distinct *expression
	// keys are the values that limits are counted apart for.
	keys []*expression
	// schedule says when it happens by itself, or it waits for a quiet.
	schedule *compiledSchedule
	waits    bool
	quiet    int
	// sources are the rules that it follows; sequence is its sequence, if it is one's.
	sources  []int
	sequence int
}

// choiceWhen is points by a condition.
type choiceWhen struct {
	when   *when
	points points.Points
}

// says reports whether a match says more than its points.
func (t *trigger) says() bool {
	return t.value != nil || t.distinct != nil || len(t.keys) > 0 || t.gate != nil && t.gate.readsProfile()
}

// reads calls do with all that the trigger's conditions and expressions read.
func (t *trigger) reads(do func(*reads)) {
	if t.when != nil {
		do(&t.when.reads)
	}
	for i := range t.choices {
		if w := t.choices[i].when; w != nil {
			do(&w.reads)
		}
	}
	expressions := append([]*expression{t.value, t.distinct}, t.keys...)
	if t.amount != nil {
		expressions = append(expressions, t.amount.value)
	}
	for _, e := range expressions {
		if e != nil {
			do(&e.reads)
		}
	}
	if t.gate != nil {
		do(&reads{attributes: t.gate.attributes, readsFit: t.gate.readsFit, readsProfile: t.gate.readsProfile(), readsNow: t.gate.readsNow})
	}
}

// candidates are the triggers that a fact may match.
type candidates struct {
	triggers []int
	// readsProfile: some condition among them reads lead or fit.
	readsProfile bool
	// properties (sorted) and campaign that their conditions read of the activity.
	properties []string
	campaign   bool
}

// index puts the triggers in the order of the fold, makes the way from a fact to its
// candidates, and collects what conditions read.
func (b *compiler) index() {
	out := &b.out
	slices.SortStableFunc(out.triggers, func(a, b trigger) int { return int(a.act) - int(b.act) })
	b.alone()
	b.collect()
	if in := b.model.Consent; in != nil {
		at, _ := slices.BinarySearch(out.attributes, ConsentPrefix+in.Category)
		out.consent = &compiledConsent{attribute: at, unknownWithholds: in.UnknownWithholds}
	}
	out.exact, out.below = map[string]*candidates{}, map[string]*candidates{}
	for i := range out.triggers {
		for _, t := range out.triggers[i].types {
			if prefix, wild := strings.CutSuffix(t, ".*"); wild {
				out.below[prefix] = nil
			} else if t != "*" {
				out.exact[t] = nil
			}
		}
	}
	for t := range out.exact {
		found := b.byType(func(pattern string) bool { return matchesType(pattern, t) })
		out.exact[t] = &found
		out.types = append(out.types, t)
	}
	slices.Sort(out.types)
	for prefix := range out.below {
		found := b.byType(func(pattern string) bool {
			at, wild := strings.CutSuffix(pattern, ".*")
			return pattern == "*" && ordinary(prefix+".") || wild && (at == prefix || strings.HasPrefix(prefix, at+"."))
		})
		out.below[prefix] = &found
	}
	out.rest = b.byType(func(pattern string) bool { return pattern == "*" })
	if slices.ContainsFunc(out.triggers, func(t trigger) bool { return len(t.attributes) > 0 }) {
		out.changes = make([]candidates, len(out.attributes))
		for i, name := range out.attributes {
			out.changes[i] = b.candidates(func(t *trigger) bool { return slices.Contains(t.attributes, name) })
		}
	}
}

// collect gathers what conditions read of the profile.
func (b *compiler) collect() {
	out := &b.out
	add := func(r *reads) {
		out.attributes = append(out.attributes, r.attributes...)
		out.readsFit = out.readsFit || r.readsFit
		out.readsPast = out.readsPast || r.readsPast
	}
	for i := range out.triggers {
		out.triggers[i].reads(add)
		out.attributes = append(out.attributes, out.triggers[i].attributes...)
	}
	for _, w := range b.whens {
		add(&w.reads)
	}
	for _, g := range b.gates {
		out.attributes = append(out.attributes, g.attributes...)
		out.readsFit = out.readsFit || g.readsFit
	}
	for i := range out.alone {
		if a := out.alone[i].schedule; a != nil && a.zone != "" {
			out.attributes = append(out.attributes, a.zone)
		}
	}
	if in := b.model.Consent; in != nil {
		out.attributes = append(out.attributes, ConsentPrefix+in.Category)
	}
	slices.Sort(out.attributes)
	out.attributes = slices.Compact(out.attributes)
}

func (b *compiler) byType(matches func(pattern string) bool) candidates {
	return b.candidates(func(t *trigger) bool { return slices.ContainsFunc(t.types, matches) })
}

func (b *compiler) candidates(matches func(t *trigger) bool) candidates {
	found := candidates{readsProfile: b.out.consent != nil}
	for i := range b.out.triggers {
		t := &b.out.triggers[i]
		if !matches(t) {
			continue
		}
		found.triggers = append(found.triggers, i)
		t.reads(func(r *reads) {
			found.readsProfile = found.readsProfile || r.readsProfile
			found.campaign = found.campaign || r.readsCampaign
			found.properties = append(found.properties, r.properties...)
		})
	}
	slices.Sort(found.properties)
	found.properties = slices.Compact(found.properties)
	return found
}

// matchesType says whether a pattern stands for an activity type.
func matchesType(pattern, t string) bool {
	if pattern == "*" {
		return ordinary(t)
	}
	prefix, wild := strings.CutSuffix(pattern, ".*")
	if !wild {
		return pattern == t
	}
	return len(t) > len(prefix)+1 && t[len(prefix)] == '.' && t[:len(prefix)] == prefix
}

// ordinary says that a type is none of sales or of the lifecycle.
func ordinary(t string) bool {
	return !strings.HasPrefix(t, "lifecycle.") && !strings.HasPrefix(t, "sales.")
}

// candidates returns the triggers that an activity of this type may match.
func (c *Compiled) candidates(t string) *candidates {
	if found, ok := c.exact[t]; ok {
		return found
	}
	if len(c.below) > 0 {
		for end := strings.LastIndexByte(t, '.'); end > 0; end = strings.LastIndexByte(t[:end], '.') {
			if found, ok := c.below[t[:end]]; ok {
				return found
			}
		}
	}
	if len(c.rest.triggers) > 0 && ordinary(t) {
		return &c.rest
	}
	return &nothing
}

var nothing candidates

package engagement

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/points"
)

// Bounds of a model.
const (
	maxDays  = 3650
	maxRules = 5000
)

// Compiled is a model ready to score with. It is immutable and safe for concurrent
// use.
type Compiled struct {
	groups []compiledGroup
	rules  []compiledRule // the rules in order, then the signals
	scoring
	suspensionIDs []string
	windows       []int64
	calendar      *calendar
	// exact and below find the rules an activity is a candidate of: by its type, else
	// by the longest prefix of it that some rule names with `*`.
	exact, below map[string]candidates
	// types are the names in exact, sorted: the ledger writes them as numbers.
	types []string
	// attributes that conditions read, sorted.
	attributes []string
	readsFit   bool
	segments   []segment
}

// candidates are the rules that an activity type may match.
type candidates struct {
	rules []int
	// readsProfile: some condition among them reads lead or fit.
	readsProfile bool
	// properties (sorted) and campaign that their conditions read of the activity.
	properties []string
	campaign   bool
}

type compiledGroup struct {
	id, description string
	// parent is the group it is in; -1: none. after is behind the last group inside it.
	parent, after int
	// first and end are its own rules.
	first, end int
	bounds     bounds
	criteria   []criterion
	combine    Combine
	chosen     string
}

type compiledRule struct {
	id, description string
	signal          bool
	words           [Capped + 1]string
	points          points.Points
	when            *when
	limit           *Limit
	cap             *points.Points
	fade            fade
	// counted in days: how far back matches are counted. horizon in days, at least as
	// long: how far back buckets may be kept.
	counted, horizon int64
}

// Problem is one thing that is wrong with a model.
type Problem struct {
	// Path of the field in the model, e.g. `groups[0].rules[2].when`.
	Path string
	// Expected says what was expected.
	Expected string
}

// Problems is everything that is wrong with a model.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Path + ": " + problem.Expected
	}
	return strings.Join(lines, "\n")
}

var (
	idPattern   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	typePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$`)
)

// Compile checks a model and makes it ready. The error is Problems and lists
// everything that is wrong.
func Compile(m Model) (*Compiled, error) {
	b := newCompiler(m)
	b.compile()
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return &b.out, nil
}

func newCompiler(m Model) *compiler {
	return &compiler{model: &m, ids: map[string]string{}, fades: map[string]fade{}, whens: map[string]*when{}}
}

type compiler struct {
	model    *Model
	out      Compiled
	problems Problems
	ids      map[string]string // id → path of its first use
	fades    map[string]fade   // by what the decay says
	whens    map[string]*when
	byRule   [][]string // activity types, in step with out.rules
	// lookups are done when all rules and segments are known.
	lookups []func()
	// gates of the model, in the order they were compiled.
	gates []*gate
	// asked are attributes that gates and segments ask.
	asked []string
}

// later does what needs all rules and segments.
func (b *compiler) later(do func()) { b.lookups = append(b.lookups, do) }

func (b *compiler) problem(path, format string, args ...any) {
	b.problems = append(b.problems, Problem{Path: path, Expected: fmt.Sprintf(format, args...)})
}

func (b *compiler) compile() {
	m := b.model
	if n := len(m.Signals); n > maxRules {
		b.problem("signals", "must be at most %d, are %d", maxRules, n)
		return
	}
	b.windows()
	zone, err := newCalendar(m.TimeZone)
	if err != nil {
		b.problem("timeZone", "%v", err)
	}
	b.out.calendar = zone
	for g := range m.Groups {
		b.group(fmt.Sprintf("groups[%d]", g), &m.Groups[g], -1, Decay{})
		if len(b.out.rules) > maxRules {
			b.problem("groups", "must have at most %d rules together", maxRules)
			return
		}
	}
	for s, signal := range m.Signals {
		path := fmt.Sprintf("signals[%d]", s)
		b.id(path+".id", signal.ID)
		b.activities(path+".activities", signal.Activities)
		b.out.rules = append(b.out.rules, compiledRule{
			id: signal.ID, signal: true, when: b.when(path+".when", signal.When), fade: fade{never: true},
			counted: b.countHorizon(), horizon: b.countHorizon(),
		})
	}
	for i, segm := range m.Segments {
		path := fmt.Sprintf("segments[%d]", i)
		if w := b.question(path+".when", segm.When); w != nil {
			b.out.segments = append(b.out.segments, segment{id: segm.ID, when: w})
		}
	}
	for _, sus := range m.Suspensions {
		b.out.suspensionIDs = append(b.out.suspensionIDs, sus.ID)
	}
	b.score()
	for _, do := range b.lookups {
		do()
	}
	b.index()
}

func (b *compiler) windows() {
	for i, days := range b.model.CountWindows {
		path := fmt.Sprintf("countWindowDays[%d]", i)
		switch {
		case days < 1 || days > maxDays:
			b.problem(path, "must be from 1 to %d days, is %d", maxDays, days)
		case i > 0 && days <= b.model.CountWindows[i-1]:
			b.problem(path, "must be more than the window before it, is %d", days)
		}
		b.out.windows = append(b.out.windows, int64(days))
	}
}

func (b *compiler) group(path string, g *Group, parent int, decay Decay) {
	b.id(path+".id", g.ID)
	b.checkDecay(path+".decay", g.Decay)
	if g.Decay.String() != "" {
		decay = g.Decay
	}
	at := len(b.out.groups)
	b.out.groups = append(b.out.groups, compiledGroup{
		id: g.ID, description: named(g.Description, g.ID), parent: parent, first: len(b.out.rules),
	})
	for r := range g.Rules {
		b.rule(fmt.Sprintf("%s.rules[%d]", path, r), &g.Rules[r], decay)
	}
	b.out.groups[at].end = len(b.out.rules)
	b.groupScore(path, g, at)
	for i := range g.Groups {
		b.group(fmt.Sprintf("%s.groups[%d]", path, i), &g.Groups[i], at, decay)
	}
	b.out.groups[at].after = len(b.out.groups)
}

func (b *compiler) rule(path string, r *Rule, decay Decay) {
	b.id(path+".id", r.ID)
	b.activities(path+".activities", r.Activities)
	if r.Points > points.Max || r.Points < -points.Max {
		b.problem(path+".points", "must be from -1e9 to 1e9, is %v", r.Points)
	}
	if r.Decay != nil {
		decay = *r.Decay
		b.checkDecay(path+".decay", decay)
	}
	name := named(r.Description, r.ID)
	out := compiledRule{
		id: r.ID, description: name, points: r.Points,
		when: b.when(path+".when", r.When), limit: b.limit(path+".limit", r.Limit), fade: b.fade(decay),
	}
	b.ruleScore(path, r, decay, &out)
	out.counted = b.countHorizon()
	out.horizon = max(out.fade.horizon, out.counted)
	b.out.rules = append(b.out.rules, out)
}

func (b *compiler) id(path, id string) {
	if !idPattern.MatchString(id) {
		b.problem(path, "must be a lower-case letter and then letters, digits or _, is %q", id)
		return
	}
	if id == Total {
		b.problem(path, "must not be %q, which is the line of the total", Total)
		return
	}
	if first, taken := b.ids[id]; taken {
		b.problem(path, "must be unique, %q is also %s", id, first)
		return
	}
	b.ids[id] = path
}

func (b *compiler) activities(path string, types []string) {
	if len(types) == 0 {
		b.problem(path, "must name at least one activity type")
	}
	for i, t := range types {
		if !typePattern.MatchString(t) {
			b.problem(fmt.Sprintf("%s[%d]", path, i),
				"must be a dotted lower-case type such as content.downloaded or form.*, is %q", t)
		}
	}
	b.byRule = append(b.byRule, types)
}

func (b *compiler) limit(path string, l *Limit) *Limit {
	if l == nil {
		return nil
	}
	out := Limit{Count: max(l.Count, 1), Per: l.Per, Every: max(l.Every, 1)}
	if l.Count < 0 || l.Count > 1_000_000 {
		b.problem(path+".count", "must be from 0 to 1000000, is %d", l.Count)
	}
	if l.Every < 0 || l.Every > 3660 {
		b.problem(path+".every", "must be from 0 to 3660, is %d", l.Every)
	}
	if l.Per > PerMonth {
		b.problem(path+".per", "must be a known period, is %d", l.Per)
	}
	if l.Per == PerLead && l.Every > 1 {
		b.problem(path+".every", "must not be given without `per`, is %d", l.Every)
	}
	return &out
}

// String says the limit in words, e.g. `2 in 3 days`.
func (l *Limit) String() string {
	unit, known := map[Per]string{PerHour: "hour", PerDay: "day", PerWeek: "week", PerMonth: "month"}[l.Per]
	switch {
	case !known && l.Count == 1:
		return "counts"
	case !known:
		return fmt.Sprintf("%d count", l.Count)
	case l.Every == 1:
		return fmt.Sprintf("%d in a %s", l.Count, unit)
	default:
		return fmt.Sprintf("%d in %d %ss", l.Count, l.Every, unit)
	}
}

func (b *compiler) countHorizon() int64 {
	if n := len(b.model.CountWindows); n > 0 {
		return int64(b.model.CountWindows[n-1])
	}
	return 0
}

// index makes the way from an activity's type to its candidates, and collects what
// conditions read.
func (b *compiler) index() {
	out := &b.out
	out.exact, out.below = map[string]candidates{}, map[string]candidates{}
	for _, types := range b.byRule {
		for _, t := range types {
			if prefix, wild := strings.CutSuffix(t, ".*"); wild {
				out.below[prefix] = candidates{}
			} else {
				out.exact[t] = candidates{}
			}
		}
	}
	for t := range out.exact {
		out.exact[t] = b.candidates(func(pattern string) bool { return matchesType(pattern, t) })
		out.types = append(out.types, t)
	}
	slices.Sort(out.types)
	for prefix := range out.below {
		out.below[prefix] = b.candidates(func(pattern string) bool {
			at, wild := strings.CutSuffix(pattern, ".*")
			return wild && (at == prefix || strings.HasPrefix(prefix, at+"."))
		})
	}
	for i := range out.rules {
		if w := out.rules[i].when; w != nil {
			out.attributes = append(out.attributes, w.attributes...)
			out.readsFit = out.readsFit || w.readsFit
		}
	}
	out.attributes = append(out.attributes, b.asked...)
	for _, g := range b.gates {
		out.attributes = append(out.attributes, g.attributes...)
		out.readsFit = out.readsFit || g.readsFit
	}
	slices.Sort(out.attributes)
	out.attributes = slices.Compact(out.attributes)
}

func (b *compiler) candidates(matches func(pattern string) bool) candidates {
	var found candidates
	for i, types := range b.byRule {
		if !slices.ContainsFunc(types, matches) {
			continue
		}
		found.rules = append(found.rules, i)
		if w := b.out.rules[i].when; w != nil {
			found.readsProfile = found.readsProfile || w.readsProfile
			found.campaign = found.campaign || w.readsCampaign
			found.properties = append(found.properties, w.properties...)
		}
	}
	slices.Sort(found.properties)
	found.properties = slices.Compact(found.properties)
	return found
}

// matchesType says whether a pattern stands for an activity type.
func matchesType(pattern, t string) bool {
	prefix, wild := strings.CutSuffix(pattern, ".*")
	if !wild {
		return pattern == t
	}
	return len(t) > len(prefix)+1 && t[len(prefix)] == '.' && t[:len(prefix)] == prefix
}

// candidates returns the rules that an activity of this type may match.
func (c *Compiled) candidates(t string) candidates {
	if found, ok := c.exact[t]; ok {
		return found
	}
	if len(c.below) == 0 {
		return candidates{}
	}
	for end := strings.LastIndexByte(t, '.'); end > 0; end = strings.LastIndexByte(t[:end], '.') {
		if found, ok := c.below[t[:end]]; ok {
			return found
		}
	}
	return candidates{}
}

func named(description, id string) string {
	if description != "" {
		return description
	}
	return id
}

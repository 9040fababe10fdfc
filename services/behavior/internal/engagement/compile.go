package engagement

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Bounds of a model.
const (
	maxDays   = 3650
	maxRules  = 5000
	maxGroups = 1000
	maxDepth  = 5
)

// Compiled is a model ready to score with. It is immutable and safe for concurrent
// use.
type Compiled struct {
	groups []compiledGroup // each before those inside it
	rules  []compiledRule  // the rules in order, then the signals
	scoring
	windows  []int64
	calendar *calendar
	segments []segment
	consent  *compiledConsent // nil: activities need none

	limits      []compiledLimit
	resets      []compiledReset
	memories    []compiledMemory
	suspensions []compiledSuspension
	overrides   int
	sequences   []compiledSequence
	quiets      []compiledQuiet
	// lifting are the floors, inner before outer: what one lifts, the next one sees.
	lifting []int

	// triggers are all that facts are matched against, in the order in which a fact does
	// what it does.
	triggers []trigger
	// alone are the triggers that happen by themselves; followers those that happen when
	// others have.
	alone     []aloneTrigger
	followers []int

	// exact, below and rest find the triggers an activity is a candidate of: by its type,
	// else by the longest prefix of it that some trigger names with `*`, else by `*`.
	exact, below map[string]*candidates
	rest         candidates
	// changes are the triggers of an attribute that gets another value, by its position
	// in attributes; nil if there are none.
	changes []candidates
	// types are the names in exact, sorted: the ledger writes them as numbers.
	types []string
	// attributes that conditions read or wait for, sorted.
	attributes []string
	readsFit   bool
	readsPast  bool
	// readsKnown: something depends on the instant of the lead's first fact.
	readsKnown bool
	// asksAlone: what happens by itself reads the profile; stepReadsProfile: a step does,
	// for scores that halt, lift or freeze.
	asksAlone, stepReadsProfile bool
	// fades: some points fade.
	fades bool
}

type compiledGroup struct {
	id, description string
	// parent is the group it is in; -1: none. after is behind the last group inside it.
	parent, after int
	// first and end are its own rules.
	first, end int
	stop       *Stop
	bounds     bounds
	criteria   []criterion
	combine    Combine
	chosen     string
}

type compiledRule struct {
	id, description string
	signal          bool
	points          points.Points
	// each is what a plain match adds to a bucket: nothing unless its points fade.
	each points.Points
	// repeat are the points of the first match, the second, ….
	repeat []points.Points
	// limits it is under, its own first.
	limits []ruleLimit
	// own says that the first of them is its own.
	own bool
	// pause in microseconds begins another visit; visits says that anybody asks.
	pause  int64
	visits bool
	// value and distinct: matches say a value.
	value, distinct bool
	// group it is in, and the groups whose stops halt it.
	group int
	stops []int
	// suspensions that withhold it.
	suspensions []ruleSuspension
	// steps of sequences that it is.
	steps []sequenceStep

	words [Capped + 1]string
	cap   *points.Points
	fade  fade
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
	typePattern = regexp.MustCompile(`^(\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?)$`)
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
	b := &compiler{
		model: &m, ids: map[string]string{}, fades: map[string]fade{}, whens: map[asked]*when{},
		lists: map[string]*condition.List{},
	}
	for id, values := range m.Lists {
		b.lists[id] = condition.NewList(values)
	}
	return b
}

type compiler struct {
	model    *Model
	out      Compiled
	problems Problems
	ids      map[string]string // id → path of its first use
	fades    map[string]fade   // by what the decay says
	whens    map[asked]*when
	lists    map[string]*condition.List
	// lookups are done when all rules and segments are known.
	lookups []func()
	// gates of the model, in the order they were compiled.
	gates []*gate
	// following are the rules that follow others, by the position of the rule.
	following []following
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
	b.consent()
	zone, err := newCalendar(m.TimeZone)
	if err != nil {
		b.problem("timeZone", "%v", err)
	}
	b.out.calendar = zone
	for g := range m.Groups {
		if !b.group(fmt.Sprintf("groups[%d]", g), &m.Groups[g], -1, 1, Decay{}) {
			return
		}
	}
	for s := range m.Signals {
		b.signal(fmt.Sprintf("signals[%d]", s), &m.Signals[s])
	}
	b.sharedLimits()
	b.segments()
	b.memories()
	b.resets()
	b.suspensions()
	b.overrides()
	b.score()
	b.order()
	b.out.stepReadsProfile = b.out.asks && b.scoresInStep()
	for i := 0; i < len(b.lookups); i++ { // one may ask for another
		b.lookups[i]()
	}
	b.stage()
	if len(b.problems) > 0 {
		return
	}
	b.follow()
	b.measures()
	b.index()
}

// scoresInStep says that the fold reads scores: to halt, to lift, to freeze.
func (b *compiler) scoresInStep() bool {
	return len(b.out.floors) > 0 || len(b.out.freezes) > 0 ||
		slices.ContainsFunc(b.out.groups, func(g compiledGroup) bool { return g.stop != nil })
}

func (b *compiler) segments() {
	for i, in := range b.model.Segments {
		if w := b.question(fmt.Sprintf("segments[%d].when", i), in.When); w != nil {
			b.out.segments = append(b.out.segments, segment{id: in.ID, when: w})
		}
	}
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

func (b *compiler) types(path string, types []string) {
	for i, t := range types {
		if !typePattern.MatchString(t) {
			b.problem(fmt.Sprintf("%s[%d]", path, i),
				"must be a dotted lower-case type such as content.downloaded, form.* or *, is %q", t)
		}
	}
}

// within returns the rules that ids of rules or groups stand for, in order.
func (b *compiler) within(path string, ids []string) []int {
	var rules []int
	for i, id := range ids {
		rules = append(rules, b.rulesOf(fmt.Sprintf("%s[%d]", path, i), id)...)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// rulesOf returns the rules that the id of a rule or group stands for.
func (b *compiler) rulesOf(path, id string) (rules []int) {
	g := slices.IndexFunc(b.out.groups, func(g compiledGroup) bool { return g.id == id })
	for r := range b.out.rules {
		rule := &b.out.rules[r]
		if !rule.signal && (rule.id == id || g >= 0 && rule.group >= g && rule.group < b.out.groups[g].after) {
			rules = append(rules, r)
		}
	}
	if g < 0 && len(rules) == 0 {
		b.problem(path, "must be the id of a rule or group, is %q", id)
	}
	return rules
}

// measures finds how far back the matches of each rule must be told apart by day, and
// what else of them is asked.
func (b *compiler) measures() {
	windows := b.countHorizon()
	for i := range b.out.rules {
		b.out.rules[i].counted = windows
	}
	asked := slices.Clone(b.out.watched)
	for _, g := range b.gates {
		asked = append(asked, g.activity...)
	}
	for _, a := range asked {
		rule := &b.out.rules[a.rule]
		rule.counted = max(rule.counted, a.withinDays)
		rule.visits = rule.visits || a.inVisit
		b.out.readsKnown = b.out.readsKnown || a.measure == MeasureDaysSince
	}
	for i := range b.out.rules {
		rule := &b.out.rules[i]
		rule.horizon = rule.counted
		if !rule.fade.never {
			rule.horizon = max(rule.fade.horizon, rule.counted)
			b.out.fades = true
			if rule.repeat == nil {
				rule.each = rule.points
			}
		}
	}
}

func (b *compiler) countHorizon() int64 {
	if n := len(b.model.CountWindows); n > 0 {
		return int64(b.model.CountWindows[n-1])
	}
	return 0
}

func named(description, id string) string {
	if description != "" {
		return description
	}
	return id
}

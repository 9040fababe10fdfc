package engagement

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// oracle says what a history gives, from the words of the contract and with nothing of
// the fold: it keeps every match there was and goes through all of them for every
// question. What it cannot say, sayable leaves out of the models.
type oracle struct {
	model Model
	zone  *time.Location
	facts []Fact
	// values of the facts that are attributes.
	values []condition.Value
	fit    []FitPoint
	// rules in the order of the model, then the signals as rules without points.
	rules []*toldRule
	// first is when the lead was first heard of.
	first int64
	// now is the instant of what happens, done the facts that were folded by then.
	now  int64
	step int
	done []Fact
	// took are the matches of the fact that is folded.
	took map[string]points.Points
	// remembered by memory and rule.
	remembered map[string]map[string]points.Points
	resets     map[string][]used
	// shared are the steps from which on matches count for shared limits.
	shared    map[string]int
	suspended map[string]bool
	fired     map[string]int64
}

// toldRule is a rule and all that ever came of it.
type toldRule struct {
	Rule
	signal bool
	groups []*Group // around it, the innermost last
	decay  Decay
	// matches and what they gave, by day.
	matches []toldMatch
	lines   map[Line]points.Points
	days    map[int64]points.Points
	// since is the step from which on matches count for limits and measures: resets forget.
	since int
}

// toldMatch is one match.
type toldMatch struct {
	micros   int64
	step     int // which fact or instant it was of
	counted  bool
	points   points.Points // that counted
	free     bool          // neither suspended nor stopped: it met the limits
	value    float64
	distinct string
	apart    map[string]string // values of limits that count apart, by expression
}

// used is a match as a limit sees it.
type used struct {
	micros  int64
	points  points.Points
	counted bool
	value   string
}

func newOracle(m Model, facts []Fact, fit []FitPoint) *oracle {
	o := &oracle{
		model: m, fit: fit, first: never, remembered: map[string]map[string]points.Points{},
		resets: map[string][]used{}, shared: map[string]int{}, suspended: map[string]bool{}, fired: map[string]int64{},
	}
	o.zone, _ = time.LoadLocation(m.TimeZone)
	rank := func(f Fact) int {
		switch {
		case f.Kind == Attribute:
			return 0
		case strings.HasPrefix(f.Type, "lifecycle."):
			return 2
		default:
			return 3
		}
	}
	o.facts = slices.Clone(facts)
	slices.SortFunc(o.facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.Micros, b.Micros), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	})
	for _, f := range o.facts {
		if !strings.HasPrefix(f.Name, "account.") { // an account is older than its leads
			o.first = min(o.first, f.Micros)
		}
		value, _ := condition.ParseValue(f.Value)
		o.values = append(o.values, value)
	}
	var walk func(g *Group, around []*Group)
	walk = func(g *Group, around []*Group) {
		around = append(slices.Clone(around), g)
		for _, rule := range g.Rules {
			told := &toldRule{Rule: rule, groups: around, decay: g.Decay}
			for i := len(around) - 1; i >= 0 && told.decay.never(); i-- {
				told.decay = around[i].Decay
			}
			if rule.Decay != nil {
				told.decay = *rule.Decay
			}
			o.rules = append(o.rules, told)
		}
		for i := range g.Groups {
			walk(&g.Groups[i], around)
		}
	}
	for i := range m.Groups {
		walk(&o.model.Groups[i], nil)
	}
	for _, s := range m.Signals {
		o.rules = append(o.rules, &toldRule{signal: true, Rule: Rule{
			ID: s.ID, Activities: s.Activities, Attributes: s.Attributes, When: s.When, Value: s.Value, Distinct: s.Distinct, VisitMinutes: s.VisitMinutes,
		}})
	}
	for _, rule := range o.rules {
		rule.lines, rule.days = map[Line]points.Points{}, map[int64]points.Points{}
	}
	return o
}

func (d Decay) never() bool {
	return d.HalfLife == 0 && d.Window == 0 && d.Linear == 0 && len(d.Steps) == 0
}

// run lets everything happen up to an instant.
func (o *oracle) run(at int64) {
	for i := 0; ; {
		next := never
		if i < len(o.facts) {
			next = o.facts[i].Micros
		}
		if alone := o.nextAlone(); alone <= next && alone <= at {
			o.now = alone
			o.happen(nil, nil, alone)
			continue
		}
		if next > at {
			break
		}
		o.now = next
		if o.facts[i].Kind == Activity {
			o.done = append(o.done, o.facts[i])
			o.happen(&o.facts[i], nil, never)
			i++
			continue
		}
		// All changes of one instant are one fact.
		before, changed := o.profile(next-1), []string(nil)
		for ; i < len(o.facts) && o.facts[i].Micros == next && o.facts[i].Kind == Attribute; i++ {
			o.done = append(o.done, o.facts[i])
		}
		after := o.profile(next)
		for name, value := range after {
			if was, ok := before[name]; !ok || was != value {
				changed = append(changed, name)
			}
		}
		for name := range before {
			if _, still := after[name]; !still {
				changed = append(changed, name) // to be unknown again is another value
			}
		}
		o.happen(nil, changed, never)
	}
	o.now = at
}

// profile is the attributes as they are at an instant.
func (o *oracle) profile(micros int64) condition.AttributeMap {
	known := condition.AttributeMap{}
	for i, f := range o.facts {
		if f.Kind == Attribute && f.Micros <= micros {
			if o.values[i].Known() {
				known[f.Name] = o.values[i]
			} else {
				delete(known, f.Name)
			}
		}
	}
	return known
}

func (o *oracle) fitNow() *FitPoint {
	var fit *FitPoint
	for i := range o.fit {
		if p := &o.fit[i]; p.Micros <= o.now && (fit == nil || p.Micros >= fit.Micros) {
			fit = p
		}
	}
	return fit
}

// asked is what conditions read at the instant.
func (o *oracle) asked(f *Fact, changed []string) *condition.Facts {
	asked := &condition.Facts{Lead: o.profile(o.now), Now: time.UnixMicro(o.now), Zone: o.zone}
	if f != nil {
		asked.Activity = &condition.Activity{Type: f.Type, Source: f.Source, Campaign: f.Campaign, Properties: f.Properties}
	}
	if changed != nil {
		asked.Before = o.profile(o.now - 1)
	}
	if fit := o.fitNow(); fit != nil && fit.Scored {
		asked.Fit = &condition.Fit{Score: fit.Points.Float(), Class: fit.Class, Persona: fit.Persona}
	}
	return asked
}

var compiledForOracle sync.Map

const everything = condition.LeadVar | condition.ActivityVar | condition.FitVar | condition.NowVar | condition.BeforeVar

func asks(text string, facts *condition.Facts) condition.Truth {
	if text == "" {
		return condition.True
	}
	c, ok := compiledForOracle.Load(text)
	if !ok {
		compiled, err := condition.Compile(text, everything)
		if err != nil {
			panic(err)
		}
		compiledForOracle.Store(text, compiled)
		c = compiled
	}
	answer, _ := c.(*condition.Condition).Eval(facts)
	return answer
}

func says(text string, facts *condition.Facts) condition.Value {
	e, ok := compiledForOracle.Load("= " + text)
	if !ok {
		compiled, err := condition.CompileValue(text, condition.Options{Vars: everything})
		if err != nil {
			panic(err)
		}
		compiledForOracle.Store("= "+text, compiled)
		e = compiled
	}
	v, _ := e.(*condition.Expression).Eval(facts)
	return v
}

// saysText tells values apart; empty: unknown.
func saysText(text string, facts *condition.Facts) string {
	v := says(text, facts)
	if s, ok := v.AsText(); ok {
		return "text " + s
	}
	if n, ok := v.AsNumber(); ok {
		return "number " + strconv.FormatFloat(n, 'g', -1, 64)
	}
	return ""
}

func isOf(patterns []string, kind string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		switch {
		case p == "*":
			return !strings.HasPrefix(kind, "lifecycle.") && !strings.HasPrefix(kind, "sales.")
		case strings.HasSuffix(p, "*"):
			return strings.HasPrefix(kind, p[:len(p)-1])
		default:
			return p == kind
		}
	})
}

// happen does what a fact does, a change of attributes, or an instant by itself.
func (o *oracle) happen(f *Fact, changed []string, alone int64) {
	asked := o.asked(f, changed)
	o.step++
	o.took = map[string]points.Points{}
	if f != nil {
		for _, s := range o.model.Suspensions {
			switch on := o.suspended[s.ID]; {
			case on && isOf(s.Until, f.Type) && asks(s.UntilWhen, asked) == condition.True:
				o.suspended[s.ID] = false
			case !on && isOf(s.From, f.Type) && asks(s.FromWhen, asked) == condition.True:
				o.suspended[s.ID] = true
			}
		}
		for _, m := range o.model.Memories {
			if _, remembered := o.remembered[m.ID]; remembered && m.First {
				continue
			}
			if isOf(m.Activities, f.Type) && asks(m.When, asked) == condition.True && o.gate(m.OnlyIf, asked) == condition.True {
				o.remembered[m.ID] = map[string]points.Points{}
				for _, rule := range o.rules {
					o.remembered[m.ID][rule.ID] = o.left(rule)
				}
			}
		}
	}
	for i := range o.model.Resets {
		r := &o.model.Resets[i]
		as := Rule{ID: r.ID, Activities: r.Activities, Attributes: r.Attributes, Schedule: r.Schedule, Inactivity: r.Inactivity}
		if o.happens(&as, f, changed, alone) && asks(r.When, asked) == condition.True && o.gate(r.OnlyIf, asked) == condition.True {
			o.reset(r)
		}
	}
	follows := func(r *toldRule) bool { return r.After != nil || r.Sequence != nil }
	for _, pass := range []func(*toldRule) bool{
		func(r *toldRule) bool { return r.signal },
		func(r *toldRule) bool { return !r.signal && !follows(r) },
		func(r *toldRule) bool { return !r.signal && follows(r) },
	} {
		for _, rule := range o.rules {
			if pass(rule) && o.happens(&rule.Rule, f, changed, alone) && asks(rule.When, asked) == condition.True && o.gate(rule.OnlyIf, asked) == condition.True {
				o.match(rule, asked)
			}
		}
	}
	if alone != never {
		for _, t := range o.aloneOnes() {
			if o.aloneAt(t) <= alone {
				o.fired[t.ID] = alone
			}
		}
	}
}

// happens says whether a rule happens, its conditions aside.
func (o *oracle) happens(r *Rule, f *Fact, changed []string, alone int64) bool {
	switch {
	case r.Schedule != nil || r.Inactivity != nil:
		return alone != never && o.aloneAt(r) == alone
	case r.Attributes != nil:
		return slices.ContainsFunc(r.Attributes, func(a string) bool { return slices.Contains(changed, a) })
	case r.After != nil:
		return slices.ContainsFunc(o.within(r.After), func(of *toldRule) bool { return o.took[of.ID] > 0 })
	case r.Sequence != nil:
		return o.completed(r.Sequence)
	default:
		return f != nil && isOf(r.Activities, f.Type)
	}
}

// within are the rules that ids of rules and groups stand for; none given: all.
func (o *oracle) within(ids []string) []*toldRule {
	var rules []*toldRule
	for _, rule := range o.rules {
		if !rule.signal && (ids == nil || slices.Contains(ids, rule.ID) ||
			slices.ContainsFunc(rule.groups, func(g *Group) bool { return slices.Contains(ids, g.ID) })) {
			rules = append(rules, rule)
		}
	}
	return rules
}

func (o *oracle) rule(id string) *toldRule {
	for _, rule := range o.rules {
		if rule.ID == id {
			return rule
		}
	}
	panic("no rule " + id)
}

// match counts a match and gives its points.
func (o *oracle) match(rule *toldRule, asked *condition.Facts) {
	match := toldMatch{micros: o.now, step: o.step, apart: map[string]string{}}
	given := rule.Points
	switch {
	case rule.Choices != nil:
		i := slices.IndexFunc(rule.Choices, func(c RuleChoice) bool { return asks(c.When, asked) == condition.True })
		if i < 0 {
			return
		}
		given = rule.Choices[i].Points
	case rule.PerUnit != nil:
		n, ok := says(rule.PerUnit.Value, asked).AsNumber()
		if !ok {
			return
		}
		given = defineAmount(rule.PerUnit, n)
	}
	if rule.Value != "" {
		match.value, _ = says(rule.Value, asked).AsNumber()
	}
	if rule.Distinct != "" {
		match.distinct = saysText(rule.Distinct, asked)
	}
	type pool struct {
		limit *Limit
		rules []*toldRule
		since int // the step from which on matches count
	}
	var pools []pool
	if rule.Limit != nil {
		pools = append(pools, pool{rule.Limit, []*toldRule{rule}, rule.since})
	}
	for i := range o.model.SharedLimits {
		s := &o.model.SharedLimits[i]
		if of := o.within(s.Rules); slices.Contains(of, rule) {
			pools = append(pools, pool{&s.Limit, of, o.shared[s.ID]})
		}
	}
	uses := func(p pool) []used {
		var uses []used
		for _, of := range p.rules {
			for _, m := range of.matches {
				if m.free && m.step >= p.since {
					uses = append(uses, used{micros: m.micros, points: m.points, counted: m.counted, value: m.apart[p.limit.PerValue]})
				}
			}
		}
		slices.SortStableFunc(uses, func(a, b used) int { return cmp.Compare(a.micros, b.micros) })
		return uses
	}
	for _, p := range pools {
		if p.limit.PerValue != "" {
			match.apart[p.limit.PerValue] = saysText(p.limit.PerValue, asked)
		}
	}
	if rule.RepeatPoints != nil {
		nth := 0
		limit := rule.Limit
		if limit == nil {
			limit = &Limit{}
		}
		for _, u := range o.inPeriod(limit, uses(pool{limit, []*toldRule{rule}, rule.since}), match.apart[limit.PerValue], rule.VisitMinutes) {
			if u.counted {
				nth++
			}
		}
		given = rule.RepeatPoints[min(nth, len(rule.RepeatPoints)-1)]
	}
	counted := given
	rule.lines[Given] += given
	switch {
	case o.isSuspended(rule, given):
		rule.lines[Suspended] -= given
		counted = 0
	case given > 0 && o.isStopped(rule): // a deduction does not give
		rule.lines[Stopped] -= given
		counted = 0
	default:
		match.free, match.counted = true, true
		for _, p := range pools {
			room, ok := o.room(p.limit, uses(p), match.apart[p.limit.PerValue], counted, rule.VisitMinutes)
			counted, match.counted = room, match.counted && ok
			if !ok {
				counted = 0
			}
		}
		rule.lines[Limited] -= given - counted
	}
	match.points = counted
	rule.matches = append(rule.matches, match)
	rule.days[o.day(o.now)] += counted
	o.took[rule.ID] += counted
}

// inPeriod is what met a limit in the period that the instant lies in.
func (o *oracle) inPeriod(l *Limit, uses []used, value string, visitMinutes int) []used {
	every := max(l.Every, 1)
	now := time.UnixMicro(o.now).In(o.zone)
	uses = slices.DeleteFunc(uses, func(u used) bool { return u.value != value })
	if l.Per == PerVisit {
		pause := int64(cmp.Or(visitMinutes, 30)) * hour / 60
		from, last := len(uses), o.now
		for from > 0 && last-uses[from-1].micros < pause {
			from--
			last = uses[from].micros
		}
		return uses[from:]
	}
	return slices.DeleteFunc(uses, func(u used) bool {
		if l.Per == PerLead {
			return false
		}
		if !l.Rolling {
			return definePeriod(l, time.UnixMicro(u.micros).In(o.zone)) != definePeriod(l, now)
		}
		var since int64
		switch l.Per {
		case PerHour:
			since = o.now - int64(every)*hour
		case PerDay:
			since = o.now - int64(every)*24*hour
		case PerWeek:
			since = o.now - int64(every)*7*24*hour
		case PerMonth:
			since = monthsBack(now, every).UnixMicro()
		default:
			since = monthsBack(now, 12*every).UnixMicro()
		}
		return u.micros <= since
	})
}

// monthsBack goes back on the calendar, to the last day of a month that is too short.
func monthsBack(t time.Time, n int) time.Time {
	back := t.AddDate(0, -n, 0)
	if back.Day() != t.Day() {
		back = back.AddDate(0, 0, -back.Day())
	}
	return back
}

// room is how much of an amount still counts.
func (o *oracle) room(l *Limit, uses []used, value string, amount points.Points, visitMinutes int) (points.Points, bool) {
	var count int
	var sum points.Points
	for _, u := range o.inPeriod(l, uses, value, visitMinutes) {
		if u.counted {
			count++
			sum += max(u.points, -u.points)
		}
	}
	most := l.Count
	if most == 0 && l.Points == nil {
		most = 1
	}
	if most > 0 && count >= most {
		return 0, false
	}
	if l.Points != nil {
		left := *l.Points - sum
		if left <= 0 && amount != 0 {
			return 0, false
		}
		amount = max(min(amount, left), -left)
	}
	return amount, true
}

func (o *oracle) isSuspended(rule *toldRule, given points.Points) bool {
	for _, s := range o.model.Suspensions {
		if o.suspended[s.ID] && (s.Of == nil && given > 0 || s.Of != nil && slices.Contains(o.within(s.Of), rule)) {
			return true
		}
	}
	return false
}

func (o *oracle) isStopped(rule *toldRule) bool {
	for _, g := range rule.groups {
		if s := g.Stop; s != nil && s.Engagement != nil {
			if total, _ := o.score(); total >= *s.Engagement {
				return true
			}
		} else if s != nil && s.Group != nil {
			if p, _ := o.group(g, map[lineOf]points.Points{}); p >= *s.Group {
				return true
			}
		}
	}
	return false
}

// completed says that the fact is the last of the steps, after the others.
func (o *oracle) completed(s *Sequence) bool {
	last := len(s.Steps) - 1
	if _, now := o.took[s.Steps[last]]; !now {
		return false
	}
	// The latest way to begin that still leads here: backwards, each as late as it can be.
	before := o.step
	for i := last - 1; i >= 0; i-- {
		matches := o.rule(s.Steps[i]).matches
		at := len(matches) - 1
		for at >= 0 && matches[at].step >= before {
			at--
		}
		if at < 0 || i == 0 && s.Within > 0 && o.now-matches[at].micros > s.Within.Microseconds() {
			return false
		}
		before = matches[at].step
	}
	return true
}

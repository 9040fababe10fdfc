package fit_test

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/points"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// naive computes a fit in the plainest way, from the words of FitModel: for each
// instant it looks for the latest value of each attribute and asks everything again.
// It can make mistakes on purpose; each must be caught by a law.
type naive struct {
	arrivalOrder   bool // the value that came last counts, not the one that is true last
	doubleCount    bool // a fact that comes twice counts twice
	dropCapLines   bool // caps lower the score, and no line says so
	ignoreCaps     bool // lines say what a cap withheld, and the score does not
	unknownIsFalse bool // a condition that cannot be answered does not hold
	seesTheFuture  bool // facts after the instant count
	keepsFirst     bool // with facts brought in one by one, the first value stays
	utc            bool // days are those of UTC, whatever the model says
	forgets        bool // conditions that look back see what is true now
	foldsLate      bool // what the time alone changes shows when the next fact comes
}

func (n naive) assess(spec fit.Spec, facts []fit.Fact, asOf time.Time) fit.Assessment {
	var a fit.Assessment
	a.Result = n.at(spec, facts, asOf)
	read := attributes(spec)
	for _, at := range n.instants(spec, facts, asOf) {
		known := func(key string) bool {
			return slices.Contains(read, key) && n.value(facts, key, at).Known()
		}
		if len(a.Timeline) == 0 && !slices.ContainsFunc(keys, known) {
			continue
		}
		r := n.at(spec, facts, at)
		p := fit.Point{EffectiveTime: at, Status: r.Status, Score: r.Score, Class: r.Class, Persona: r.Persona}
		if last := len(a.Timeline) - 1; last >= 0 {
			before := a.Timeline[last]
			if before.EffectiveTime = at; before == p {
				continue
			}
		}
		a.Timeline = append(a.Timeline, p)
	}
	a.Review = n.review(spec, facts, asOf, a.Result)
	return a
}

// review returns when the result becomes another although nothing happens; that is
// looked for within 30 days.
func (n naive) review(spec fit.Spec, facts []fit.Fact, asOf time.Time, now fit.Result) time.Time {
	known := slices.DeleteFunc(slices.Clone(facts), func(f fit.Fact) bool { return f.EffectiveTime.After(asOf) })
	var instants []time.Time
	timed := false
	for _, r := range asked(spec) {
		timed = timed || r.ReadsTime()
		for _, past := range r.Past() {
			for _, f := range known {
				if at := f.EffectiveTime.AddDate(0, 0, past.Days); f.Key == past.Attribute && at.After(asOf) {
					instants = append(instants, at)
				}
			}
		}
	}
	var last time.Time
	if timed {
		begins := n.days(spec, asOf, asOf.AddDate(0, 0, 32))[:30]
		instants, last = append(instants, begins...), begins[29]
	}
	slices.SortFunc(instants, time.Time.Compare)
	for _, at := range instants {
		then := n.at(spec, known, at)
		if lawtest.Diff(now, then, cmpopts.EquateEmpty()) != "" {
			return at
		}
	}
	return last
}

// days returns the beginnings of days after an instant, up to another.
func (n naive) days(spec fit.Spec, after, until time.Time) (begins []time.Time) {
	zone := n.zone(spec)
	for at := after.Truncate(30 * time.Minute); !at.After(until); at = at.Add(30 * time.Minute) {
		if at.After(after) && at.In(zone).Day() != at.Add(-30*time.Minute).In(zone).Day() {
			begins = append(begins, at)
		}
	}
	return begins
}

// instants returns the instants at which the timeline may have a point.
func (n naive) instants(spec fit.Spec, facts []fit.Fact, asOf time.Time) []time.Time {
	var instants []time.Time
	add := func(at time.Time) {
		if !at.After(asOf) && !slices.Contains(instants, at) {
			instants = append(instants, at)
		}
	}
	timed := false
	for _, r := range asked(spec) {
		timed = timed || r.ReadsTime()
		for _, past := range r.Past() {
			for _, f := range facts {
				if f.Key == past.Attribute && !n.foldsLate {
					add(f.EffectiveTime.AddDate(0, 0, past.Days))
				}
			}
		}
	}
	var first time.Time
	read := attributes(spec)
	for _, f := range facts {
		if !slices.Contains(read, f.Key) {
			continue
		}
		add(f.EffectiveTime)
		if first.IsZero() || f.EffectiveTime.Before(first) {
			first = f.EffectiveTime
		}
	}
	if timed && !first.IsZero() && !n.foldsLate {
		for _, at := range n.days(spec, first, asOf) {
			add(at)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	return instants
}

func (n naive) zone(spec fit.Spec) *time.Location {
	zone, err := time.LoadLocation(spec.TimeZone)
	if err != nil {
		panic(err)
	}
	if n.utc {
		return time.UTC
	}
	return zone
}

// text is a condition or a value.
type text interface {
	Attributes() []string
	Past() []condition.Past
	ReadsTime() bool
}

// texts returns the conditions and values of a group and those in it.
func texts(g fit.Group) (all []text) {
	for _, c := range g.Criteria {
		if c.Value != "" {
			all = append(all, value(c.Value))
		}
		for _, ch := range choicesOf(c) {
			all = append(all, compiled(ch.When))
		}
	}
	for _, inside := range g.Groups {
		all = append(all, texts(inside)...)
	}
	return all
}

// asked returns all conditions and values of a model.
func asked(spec fit.Spec) (all []text) {
	for _, g := range spec.Groups {
		all = append(all, texts(g)...)
	}
	for _, r := range slices.Concat(spec.Segments, spec.Personas, spec.Flags) {
		all = append(all, compiled(r.When))
	}
	for _, o := range spec.Overrides {
		all = append(all, compiled(o.When))
	}
	for _, r := range spec.Ladder {
		if r.When != "" {
			all = append(all, compiled(r.When))
		}
	}
	if spec.ICP != "" {
		all = append(all, compiled(spec.ICP))
	}
	return all
}

// attributes returns the keys that a model reads.
func attributes(spec fit.Spec) (read []string) {
	for _, t := range asked(spec) {
		read = append(read, t.Attributes()...)
	}
	return append(read, spec.Required...)
}

var (
	compiledOnce = map[string]*condition.Condition{}
	valueOnce    = map[string]*condition.Expression{}
	language     = condition.Options{
		Vars:  condition.LeadVar | condition.NowVar | condition.PastVar,
		Lists: map[string]*condition.List{"near": condition.NewList([]string{"DE", "FR"})},
	}
)

func compiled(text string) *condition.Condition {
	if compiledOnce[text] == nil {
		c, err := condition.CompileWith(text, language)
		if err != nil {
			panic(err)
		}
		compiledOnce[text] = c
	}
	return compiledOnce[text]
}

func value(text string) *condition.Expression {
	if valueOnce[text] == nil {
		e, err := condition.CompileValue(text, language)
		if err != nil {
			panic(err)
		}
		valueOnce[text] = e
	}
	return valueOnce[text]
}

func choicesOf(c fit.Criterion) []fit.Choice {
	if c.When != "" {
		return []fit.Choice{{When: c.When, Points: c.Points, Steps: c.Steps}}
	}
	return c.Choices
}

// value returns what is known of an attribute at an instant.
func (n naive) value(facts []fit.Fact, key string, at time.Time) condition.Value {
	var best *fit.Fact
	for i := range facts {
		f := &facts[i]
		if f.Key != key || (f.EffectiveTime.After(at) && !n.seesTheFuture) {
			continue
		}
		if best == nil || n.arrivalOrder || (!n.keepsFirst && later(f, best)) {
			best = f
		}
	}
	if best == nil {
		return condition.Value{}
	}
	v, err := condition.ParseValue(best.Value)
	if err != nil {
		return condition.Value{}
	}
	return v
}

func later(a, b *fit.Fact) bool {
	if !a.EffectiveTime.Equal(b.EffectiveTime) {
		return a.EffectiveTime.After(b.EffectiveTime)
	}
	if a.Source != b.Source {
		return a.Source > b.Source
	}
	return a.ID > b.ID
}

func (n naive) profile(facts []fit.Fact, at time.Time) condition.AttributeMap {
	profile := condition.AttributeMap{}
	for _, key := range keys {
		profile[key] = n.value(facts, key, at)
	}
	return profile
}

// moment is a lead at an instant.
type moment struct {
	naive
	spec    fit.Spec
	stated  []fit.Fact
	facts   condition.Facts
	segment string
	result  fit.Result
	known   int
	steps   int
}

func (n naive) at(spec fit.Spec, facts []fit.Fact, at time.Time) fit.Result {
	m := moment{naive: n, spec: spec, stated: facts}
	m.facts = condition.Facts{Lead: n.profile(facts, at), Now: at, Zone: n.zone(spec), Past: func(days int) condition.Attributes {
		if n.forgets {
			days = 0
		}
		return n.profile(facts, at.AddDate(0, 0, -days))
	}}
	m.segment, m.result.Persona = m.first(spec.Segments), m.first(spec.Personas)
	for _, f := range spec.Flags {
		if m.holds(f.When) == condition.True {
			m.result.Flags = append(m.result.Flags, f.ID)
		}
	}
	if spec.ICP != "" {
		m.result.ICP = m.holds(spec.ICP)
	}
	total, lines := m.groups(spec.Groups)
	for _, key := range spec.Required {
		if v, ok := m.facts.Lead.Attribute(key); !ok || !v.Known() {
			m.result.Missing = append(m.result.Missing, key)
		}
	}
	if m.known < spec.MinKnown || len(m.result.Missing) > 0 {
		m.result.Status = fit.InsufficientData
		return m.result
	}
	least := spec.MinPoints
	if least == nil {
		least = new(float64)
	}
	total, held := n.hold(total, least, spec.MaxPoints, fit.Line{Rule: fit.Total})
	m.result.Lines = append(lines, held...)
	for _, o := range spec.Overrides {
		if m.holds(o.When) == condition.True {
			shown := hundredths(o.Points)
			m.result.Lines = append(m.result.Lines, fit.Line{Rule: o.ID, Kind: fit.Shown, Points: shown - total})
			if shown != total {
				underlying := total
				m.result.Underlying = &underlying
			}
			total = shown
			break
		}
	}
	m.result.Status, m.result.Score = fit.Scored, total
	m.result.Class = m.class()
	return m.result
}

func (m *moment) holds(text string) condition.Truth {
	truth, _ := compiled(text).Eval(&m.facts)
	if truth == condition.Unknown && m.unknownIsFalse {
		return condition.False
	}
	return truth
}

// first returns the first that holds.
func (m *moment) first(rules []fit.Rule) string {
	for _, r := range rules {
		if m.holds(r.When) == condition.True {
			return r.ID
		}
	}
	return ""
}

func (m *moment) class() string {
	if g := m.spec.Grade; g != nil {
		at := slices.Index(g.Labels, g.Start) + m.steps
		return g.Labels[max(0, min(at, len(g.Labels)-1))]
	}
	for _, rung := range m.spec.Ladder {
		if rung.When == "" || m.holds(rung.When) == condition.True {
			return rung.Label
		}
	}
	edges := m.spec.Classes
	for _, of := range m.spec.ClassesBySegment {
		if of.Segment == m.segment {
			edges = of.Edges
		}
	}
	for _, edge := range edges {
		if m.result.Score.Float() >= edge.AtLeast {
			return edge.Label
		}
	}
	return ""
}

func (m *moment) groups(groups []fit.Group) (total points.Points, lines []fit.Line) {
	for _, g := range groups {
		sum, of := m.group(g)
		total, lines = total+sum, append(lines, of...)
	}
	return total, lines
}

func (m *moment) group(g fit.Group) (points.Points, []fit.Line) {
	var members []points.Points
	var lines []fit.Line
	for _, c := range g.Criteria {
		line, counts := m.criterion(c)
		if line.Kind == 0 {
			continue
		}
		line.Group = g.ID
		for range m.times() {
			if lines = append(lines, line); counts {
				members = append(members, line.Points)
			}
		}
	}
	for _, inside := range g.Groups {
		sum, of := m.group(inside)
		members, lines = append(members, sum), append(lines, of...)
	}
	var sum points.Points
	for _, p := range members {
		sum += p
	}
	if len(members) > 0 && g.Combine != fit.Sum {
		best := slices.Max(members)
		if g.Combine == fit.Min {
			best = slices.Min(members)
		}
		if best != sum {
			lines = append(lines, fit.Line{Rule: g.ID, Group: g.ID, Kind: fit.Combined, Points: best - sum})
		}
		sum = best
	}
	sum, held := m.hold(sum, g.MinPoints, g.MaxPoints, fit.Line{Rule: g.ID, Group: g.ID})
	return sum, append(lines, held...)
}

// criterion returns the line of a criterion, if it has one, and whether it is a member
// of its group.
func (m *moment) criterion(c fit.Criterion) (fit.Line, bool) {
	unknown := func() (fit.Line, bool) {
		m.result.Unknown = append(m.result.Unknown, c.ID)
		p := weighted(c.UnknownPoints, c.WeightPercent)
		return fit.Line{Rule: c.ID, Kind: fit.Unanswered, Points: p}, p != 0
	}
	if len(c.Personas) > 0 && !slices.Contains(c.Personas, m.result.Persona) {
		for _, p := range m.spec.Personas {
			if m.result.Persona == "" && slices.Contains(c.Personas, p.ID) && m.holds(p.When) == condition.Unknown {
				return unknown()
			}
		}
		return fit.Line{}, false
	}
	holds, answer := m.answer(c)
	if holds == nil {
		if answer == condition.Unknown {
			return unknown()
		}
		m.known++
		m.steps += c.UnmatchedSteps
		if c.UnmatchedSteps != 0 {
			return fit.Line{Rule: c.ID, Kind: fit.Given}, false
		}
		return fit.Line{}, false
	}
	m.known++
	m.steps += holds.Steps
	return fit.Line{Rule: c.ID, Kind: fit.Given, Points: weighted(holds.Points, c.WeightPercent)}, true
}

// answer returns what holds of a criterion; nil: nothing, or it is unknown.
func (m *moment) answer(c fit.Criterion) (*fit.Choice, condition.Truth) {
	if c.Value != "" {
		v, _ := value(c.Value).Eval(&m.facts)
		number, ok := v.AsNumber()
		if !ok {
			if m.unknownIsFalse {
				return nil, condition.False
			}
			return nil, condition.Unknown
		}
		for _, b := range c.Bands {
			r := b.Range
			if own, ok := r.BySegment[m.segment]; ok {
				r = own
			}
			if (r.AtLeast == nil || number >= *r.AtLeast) && (r.Over == nil || number > *r.Over) &&
				(r.Below == nil || number < *r.Below) && (r.AtMost == nil || number <= *r.AtMost) {
				return &fit.Choice{Points: b.Points, Steps: b.Steps}, condition.True
			}
		}
		return nil, condition.False
	}
	otherwise := condition.False
	for _, ch := range choicesOf(c) {
		truth := m.holds(ch.When)
		if truth == condition.True {
			return &ch, truth
		}
		if truth == condition.Unknown {
			otherwise = truth
			if !c.SkipUnknown {
				break
			}
		}
	}
	return nil, otherwise
}

// times is how often a criterion counts: once, whatever comes twice.
func (m *moment) times() int {
	if m.doubleCount {
		for i := range m.stated {
			for j := range i {
				if m.stated[i].ID == m.stated[j].ID && bytes.Equal(m.stated[i].Value, m.stated[j].Value) {
					return 2
				}
			}
		}
	}
	return 1
}

func (n naive) hold(sum points.Points, least, most *float64, line fit.Line) (points.Points, []fit.Line) {
	held := sum
	if most != nil && held > hundredths(*most) {
		held, line.Kind = hundredths(*most), fit.Withheld
	}
	if least != nil && held < hundredths(*least) {
		held, line.Kind = hundredths(*least), fit.Lifted
	}
	if held == sum {
		return sum, nil
	}
	line.Points = held - sum
	lines := []fit.Line{line}
	if n.dropCapLines {
		lines = nil
	}
	if n.ignoreCaps {
		return sum, lines
	}
	return held, lines
}

// weighted returns points times percent, rounded half away from zero; a percentage
// here has at most two decimals.
func weighted(f float64, percent *float64) points.Points {
	p := hundredths(f)
	if percent == nil {
		return p
	}
	product := int64(p) * int64(hundredths(*percent)) // in millionths
	sign := int64(1)
	if product < 0 {
		sign = -1
	}
	return points.Points(sign * ((sign*product + 5000) / 10000))
}

func hundredths(f float64) points.Points {
	p, err := points.FromFloat(f)
	if err != nil {
		panic(err)
	}
	return p
}

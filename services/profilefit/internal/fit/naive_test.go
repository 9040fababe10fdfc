package fit_test

import (
	"bytes"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
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
}

func (n naive) assess(spec fit.Spec, facts []fit.Fact, asOf time.Time) fit.Assessment {
	var a fit.Assessment
	a.Result = n.at(spec, facts, asOf)
	var instants []time.Time
	for _, f := range facts {
		if reads(spec, f.Key) && !f.EffectiveTime.After(asOf) && !slices.Contains(instants, f.EffectiveTime) {
			instants = append(instants, f.EffectiveTime)
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	for _, at := range instants {
		known := func(key string) bool { return reads(spec, key) && n.value(facts, key, at).Known() }
		if len(a.Timeline) == 0 && !slices.ContainsFunc(keys, known) {
			continue
		}
		r := n.at(spec, facts, at)
		p := fit.Point{EffectiveTime: at, Status: r.Status, Score: r.Score, Class: r.Class}
		if last := len(a.Timeline) - 1; last < 0 || a.Timeline[last].Score != p.Score || a.Timeline[last].Status != p.Status || a.Timeline[last].Class != p.Class {
			a.Timeline = append(a.Timeline, p)
		}
	}
	return a
}

func reads(spec fit.Spec, key string) bool {
	for _, g := range spec.Groups {
		for _, c := range g.Criteria {
			for _, ch := range choicesOf(c) {
				if slices.Contains(compiled(ch.When).Attributes(), key) {
					return true
				}
			}
		}
	}
	return false
}

var compiledOnce = map[string]*condition.Condition{}

func compiled(text string) *condition.Condition {
	if compiledOnce[text] == nil {
		c, err := condition.Compile(text, condition.LeadVar)
		if err != nil {
			panic(err)
		}
		compiledOnce[text] = c
	}
	return compiledOnce[text]
}

func choicesOf(c fit.Criterion) []fit.Choice {
	if c.When != "" {
		return []fit.Choice{{When: c.When, Points: c.Points}}
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

func (n naive) at(spec fit.Spec, facts []fit.Fact, at time.Time) fit.Result {
	profile := condition.AttributeMap{}
	for _, key := range keys {
		profile[key] = n.value(facts, key, at)
	}
	var r fit.Result
	known := 0
	var total points.Points
	for _, g := range spec.Groups {
		var sum points.Points
		for _, c := range g.Criteria {
			line, isKnown := n.criterion(c, profile)
			if isKnown {
				known++
			} else {
				r.Unknown = append(r.Unknown, c.ID)
			}
			if line.Kind != 0 {
				line.Group = g.ID
				for range n.times(spec, c, facts) {
					sum += line.Points
					r.Lines = append(r.Lines, line)
				}
			}
		}
		total += n.hold(&r, sum, nil, g.MaxPoints, fit.Line{Rule: g.ID, Group: g.ID, Kind: fit.Withheld})
	}
	if known < spec.MinKnown {
		return fit.Result{Status: fit.InsufficientData, Unknown: r.Unknown}
	}
	zero := 0.0
	r.Status, r.Score = fit.Scored, n.hold(&r, total, &zero, spec.MaxPoints, fit.Line{Rule: fit.Total, Kind: fit.Withheld})
	for _, edge := range spec.Classes {
		if r.Score.Float() >= edge.AtLeast {
			r.Class = edge.Label
			break
		}
	}
	return r
}

func (n naive) criterion(c fit.Criterion, profile condition.AttributeMap) (fit.Line, bool) {
	for _, ch := range choicesOf(c) {
		truth, _ := compiled(ch.When).Eval(&condition.Facts{Lead: profile})
		if truth == condition.True {
			return fit.Line{Rule: c.ID, Kind: fit.Given, Points: hundredths(ch.Points)}, true
		}
		if truth == condition.Unknown && !n.unknownIsFalse {
			return fit.Line{Rule: c.ID, Kind: fit.Unanswered, Points: hundredths(c.UnknownPoints)}, false
		}
	}
	return fit.Line{}, true
}

// times is how often a criterion counts: once, whatever comes twice.
func (n naive) times(spec fit.Spec, c fit.Criterion, facts []fit.Fact) int {
	if n.doubleCount {
		for i := range facts {
			for j := range i {
				if facts[i].ID == facts[j].ID && bytes.Equal(facts[i].Value, facts[j].Value) {
					return 2
				}
			}
		}
	}
	return 1
}

func (n naive) hold(r *fit.Result, sum points.Points, from, to *float64, line fit.Line) points.Points {
	held := sum
	if from != nil && held < hundredths(*from) {
		held = hundredths(*from)
	}
	if to != nil && held > hundredths(*to) {
		held = hundredths(*to)
	}
	if held == sum {
		return sum
	}
	if held > sum {
		line.Kind = fit.Lifted
	}
	if line.Points = held - sum; !n.dropCapLines {
		r.Lines = append(r.Lines, line)
	}
	if n.ignoreCaps {
		return sum
	}
	return held
}

func hundredths(f float64) points.Points {
	p, err := points.FromFloat(f)
	if err != nil {
		panic(err)
	}
	return p
}

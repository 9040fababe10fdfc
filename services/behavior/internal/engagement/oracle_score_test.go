package engagement

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// lineOf names a line of a score.
type lineOf struct {
	of   string
	line Line
}

func (o *oracle) day(micros int64) int64 { return defineDay(o.zone, micros) }

// rounded is a fraction, half away from zero.
func rounded(r *big.Rat) points.Points {
	half := big.NewRat(1, 2)
	if r.Sign() < 0 {
		return -rounded(new(big.Rat).Neg(r))
	}
	r = new(big.Rat).Add(r, half)
	return points.Points(new(big.Int).Quo(r.Num(), r.Denom()).Int64())
}

func ratio(p points.Points, num, denom int64) points.Points {
	return rounded(new(big.Rat).Mul(big.NewRat(int64(p), 1), big.NewRat(num, denom)))
}

// defineAmount is the points of an amount.
func defineAmount(u *PerUnit, n float64) points.Points {
	// Units are written in decimals: millionths are exact.
	units := new(big.Rat).Quo(big.NewRat(int64(math.Round(n*1e6)), 1), big.NewRat(int64(math.Round(u.Unit*1e6)), 1))
	if u.Whole {
		units.SetInt(new(big.Int).Div(units.Num(), units.Denom()))
	}
	p := rounded(units.Mul(units, big.NewRat(int64(u.Points), 1)))
	if u.Min != nil {
		p = max(p, *u.Min)
	}
	if u.Max != nil {
		p = min(p, *u.Max)
	}
	return p
}

// faded is what is left of the points of a day.
func faded(d Decay, p points.Points, age int64) points.Points {
	if len(d.Steps) > 0 {
		share := int64(10000)
		for _, s := range d.Steps {
			if age >= int64(s.After) {
				share = int64(s.Percent)
			}
		}
		return ratio(p, share, 10000)
	}
	if age = max(0, age-int64(d.After)); age == 0 {
		return p
	}
	switch {
	case d.Window > 0:
		if age < int64(d.Window) {
			return p
		}
		return 0
	case d.Linear > 0:
		return ratio(p, max(0, int64(d.Linear)-age), int64(d.Linear))
	case d.HalfLife > 0:
		halves := big.NewRat(age*int64(24*time.Hour), int64(d.HalfLife))
		if halves.Cmp(big.NewRat(halfLives, 1)) >= 0 {
			return 0
		}
		if halves.IsInt() {
			return ratio(p, 1, 1<<halves.Num().Int64())
		}
		f, _ := halves.Float64()
		return points.Points(math.Round(float64(p) * math.Exp2(-f)))
	default:
		return p
	}
}

// left is what is left of a rule's points, before its cap.
func (o *oracle) left(rule *toldRule) points.Points {
	var sum points.Points
	for day, p := range rule.days {
		sum += faded(rule.decay, p, o.day(o.now)-day)
	}
	return sum
}

// group is what a group gives.
func (o *oracle) group(g *Group, lines map[lineOf]points.Points) (points.Points, bool) {
	var parts []points.Points
	for _, rule := range o.rules {
		if rule.signal || rule.groups[len(rule.groups)-1] != g || len(rule.matches) == 0 && rule.lines[Restored] == 0 {
			continue
		}
		var sum points.Points
		for line, p := range rule.lines {
			lines[lineOf{rule.ID, line}] += p
			sum += p
		}
		left := o.left(rule)
		lines[lineOf{rule.ID, Faded}] += left - sum
		held := left
		if rule.Cap != nil {
			held = max(min(left, *rule.Cap), -*rule.Cap)
		}
		lines[lineOf{rule.ID, Capped}] += held - left
		parts = append(parts, held)
	}
	for i := range g.Criteria {
		if p, answered := o.criterion(&g.Criteria[i]); answered {
			lines[lineOf{g.Criteria[i].ID, Given}] += p
			parts = append(parts, p)
		}
	}
	for i := range g.Groups {
		if p, gave := o.group(&g.Groups[i], lines); gave {
			parts = append(parts, p)
		}
	}
	var sum points.Points
	for _, p := range parts {
		sum += p
	}
	if len(parts) > 0 && g.Combine != CombineSum {
		one := slices.Max(parts)
		if g.Combine == CombineMin {
			one = slices.Min(parts)
		}
		lines[lineOf{g.ID, Chosen}] += one - sum
		sum = one
	}
	held := bounded(g.ID, g.Cap, g.Least, sum, lines)
	return held, len(parts) > 0 || held != sum
}

func bounded(id string, most, least *points.Points, sum points.Points, lines map[lineOf]points.Points) points.Points {
	if most != nil && sum > *most {
		lines[lineOf{id, Capped}] += *most - sum
		sum = *most
	}
	if least != nil && sum < *least {
		lines[lineOf{id, Shown}] += *least - sum
		sum = *least
	}
	return sum
}

// score is the engagement score and its lines, at the instant.
func (o *oracle) score() (points.Points, map[lineOf]points.Points) {
	lines := map[lineOf]points.Points{}
	var sum points.Points
	for i := range o.model.Groups {
		p, _ := o.group(&o.model.Groups[i], lines)
		sum += p
	}
	return bounded(Total, o.model.Cap, o.model.Least, sum, lines), lines
}

// criterion gives the points of the first choice that holds.
func (o *oracle) criterion(c *Criterion) (points.Points, bool) {
	asked := o.asked(nil, nil)
	for i := range c.Choices {
		if o.gate(&c.Choices[i].If, asked) == condition.True {
			return ratio(c.Choices[i].Points, int64(c.WeightPercent), 10000), true
		}
	}
	return 0, false
}

// gate answers a gate at the instant.
func (o *oracle) gate(g *Gate, asked *condition.Facts) condition.Truth {
	fit := o.fitNow()
	scored := fit != nil && fit.Scored
	switch {
	case g == nil:
		return condition.True
	case g.All != nil:
		return o.atLeast(len(g.All), g.All, asked)
	case g.Any != nil:
		return o.atLeast(1, g.Any, asked)
	case g.AtLeast != nil:
		return o.atLeast(g.AtLeast.Count, g.AtLeast.Of, asked)
	case g.Not != nil:
		return [...]condition.Truth{condition.Unknown: condition.Unknown, condition.False: condition.True, condition.True: condition.False}[o.gate(g.Not, asked)]
	case g.Activity != nil:
		return truth(inEdges(o.measure(g.Activity), g.Activity))
	case g.When != "":
		return asks(g.When, asked)
	case g.Known != nil:
		known := 0
		for _, a := range g.Known.Attributes {
			if _, ok := asked.Lead.Attribute(a); ok {
				known++
			}
		}
		return truth(known >= cmp.Or(g.Known.Count, len(g.Known.Attributes)))
	case g.Stage != nil:
		stage := ""
		for _, f := range o.done {
			if kind, ok := strings.CutPrefix(f.Type, "lifecycle."); ok {
				stage = strings.ToUpper(kind)
			}
		}
		return truth(slices.Contains(g.Stage, stage))
	case g.FitScore != nil && scored:
		r := *g.FitScore
		for _, s := range o.model.Segments {
			if asks(s.When, asked) == condition.True {
				if own, ok := r.BySegment[s.ID]; ok {
					r = own
				}
				break
			}
		}
		return truth((r.AtLeast == nil || fit.Points >= *r.AtLeast) && (r.Over == nil || fit.Points > *r.Over) &&
			(r.AtMost == nil || fit.Points <= *r.AtMost) && (r.Below == nil || fit.Points < *r.Below))
	case g.FitClass != nil && scored:
		return truth(slices.Contains(g.FitClass, fit.Class))
	default:
		return condition.Unknown
	}
}

func truth(holds bool) condition.Truth {
	if holds {
		return condition.True
	}
	return condition.False
}

// atLeast is true when enough are true, and false when enough never can be.
func (o *oracle) atLeast(count int, of []Gate, asked *condition.Facts) condition.Truth {
	yes, maybe := 0, 0
	for i := range of {
		switch o.gate(&of[i], asked) {
		case condition.True:
			yes++
			maybe++
		case condition.Unknown:
			maybe++
		}
	}
	switch {
	case yes >= count:
		return condition.True
	case maybe < count:
		return condition.False
	default:
		return condition.Unknown
	}
}

func inEdges(n float64, a *ActivityGate) bool {
	if a.AtLeast == nil && a.AtMost == nil && a.Over == nil && a.Below == nil {
		return n >= 1
	}
	return (a.AtLeast == nil || n >= *a.AtLeast) && (a.Over == nil || n > *a.Over) && (a.AtMost == nil || n <= *a.AtMost) && (a.Below == nil || n < *a.Below)
}

// remembered are the matches that no reset has forgotten.
func (r *toldRule) remembered() []toldMatch {
	from := slices.IndexFunc(r.matches, func(m toldMatch) bool { return m.step >= r.since })
	if from < 0 {
		return nil
	}
	return r.matches[from:]
}

// measure measures the matches of a rule or signal.
func (o *oracle) measure(a *ActivityGate) float64 {
	rule := o.rule(a.Rule)
	remembered := rule.remembered()
	of := slices.Clone(remembered)
	if a.InVisit {
		pause := int64(cmp.Or(rule.VisitMinutes, 30)) * hour / 60
		from := len(of)
		for from > 0 && (from == len(of) || of[from].micros-of[from-1].micros < pause) {
			from--
		}
		of = of[from:]
	}
	if a.WithinDays > 0 {
		of = slices.DeleteFunc(of, func(m toldMatch) bool { return o.day(o.now)-o.day(m.micros) >= int64(a.WithinDays) })
	}
	days, values := map[int64]bool{}, map[string]bool{}
	var sum, counted float64
	for _, m := range of {
		days[o.day(m.micros)] = true
		sum += m.value
		if m.distinct != "" {
			values[m.distinct] = true
		}
		if m.counted {
			counted++
		}
	}
	switch a.Measure {
	case MeasureDays:
		return float64(len(days))
	case MeasureSum:
		return sum
	case MeasureDistinct:
		return float64(len(values))
	case MeasureCounted:
		return counted
	case MeasureDaysSince:
		since := o.first
		if len(remembered) > 0 {
			since = remembered[len(remembered)-1].micros
		}
		return float64(o.day(o.now) - o.day(since))
	default:
		return float64(len(of))
	}
}

// reset takes points away, and gives back what was remembered.
func (o *oracle) reset(r *Reset) {
	if r.Limit != nil {
		if _, ok := o.room(r.Limit, slices.Clone(o.resets[r.ID]), "", 0, 0); !ok {
			return
		}
	}
	o.resets[r.ID] = append(o.resets[r.ID], used{micros: o.now, counted: true})
	of := o.within(r.Of)
	for _, s := range o.model.SharedLimits {
		// One of which other rules are goes on.
		if r.Forget && !slices.ContainsFunc(o.within(s.Rules), func(rule *toldRule) bool { return !slices.Contains(of, rule) }) {
			o.shared[s.ID] = o.step
		}
	}
	for _, rule := range of {
		keep := int64(r.Keep)
		if r.Restore != "" {
			keep = 0
		}
		var taken points.Points
		if rule.decay.never() {
			var sum points.Points
			for _, p := range rule.days {
				sum += p
			}
			taken = sum - ratio(sum, keep, 10000)
			rule.days = map[int64]points.Points{o.day(o.now): sum - taken}
		} else {
			for day, p := range rule.days {
				rule.days[day] = ratio(p, keep, 10000)
				taken += p - rule.days[day]
			}
		}
		rule.lines[TakenAway] -= taken
		if r.Restore != "" {
			back := o.remembered[r.Restore][rule.ID]
			rule.lines[Restored] += back
			rule.days[o.day(o.now)] += back
		}
		if r.Forget {
			rule.since = o.step
		}
	}
}

// aloneOnes are the rules and resets that happen by themselves.
func (o *oracle) aloneOnes() (alone []*Rule) {
	for i := range o.model.Resets {
		if r := &o.model.Resets[i]; r.Schedule != nil || r.Inactivity != nil {
			alone = append(alone, &Rule{ID: r.ID, Activities: r.Activities, Schedule: r.Schedule, Inactivity: r.Inactivity})
		}
	}
	for _, rule := range o.rules {
		if rule.Schedule != nil || rule.Inactivity != nil {
			alone = append(alone, &rule.Rule)
		}
	}
	return alone
}

// nextAlone is the next instant at which something happens by itself.
func (o *oracle) nextAlone() int64 {
	next := never
	for _, r := range o.aloneOnes() {
		next = min(next, o.aloneAt(r))
	}
	return next
}

// aloneAt is the next instant at which a rule happens by itself.
func (o *oracle) aloneAt(r *Rule) int64 {
	if o.first == never {
		return never
	}
	last, fired := o.fired[r.ID]
	if !fired {
		last = o.first // what happens by itself comes before the facts of its instant
	}
	if s := r.Schedule; s != nil {
		for day := o.day(last) - 1; day < o.day(last)+800; day++ {
			date := time.Unix(day*86400, 0).UTC()
			weekday := (int(date.Weekday())+6)%7 + 1
			if s.Weekdays != nil && !slices.Contains(s.Weekdays, weekday) || s.MonthDays != nil && !slices.Contains(s.MonthDays, date.Day()) {
				continue
			}
			next := never
			for _, at := range s.At {
				clock, _ := time.Parse("15:04", at)
				if t := time.Date(date.Year(), date.Month(), date.Day(), clock.Hour(), clock.Minute(), 0, 0, o.zone).UnixMicro(); t > last {
					next = min(next, t)
				}
			}
			if next != never {
				return next
			}
		}
		return never
	}
	quiet := o.first
	kinds := r.Activities
	if kinds == nil {
		kinds = []string{"*"}
	}
	for _, f := range o.done {
		if f.Kind == Activity && isOf(kinds, f.Type) {
			quiet = max(quiet, f.Micros)
		}
	}
	// What is due too soon after the first fact waits.
	const micro = int64(time.Microsecond)
	for at := max(quiet+int64(r.Inactivity.After)/micro, o.first+int64(r.Inactivity.NotBefore)/micro); ; at += int64(r.Inactivity.Repeat) / micro {
		if at > last {
			return at
		}
		if r.Inactivity.Repeat == 0 {
			return never
		}
	}
}

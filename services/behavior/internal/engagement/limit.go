package engagement

import (
	"fmt"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

const (
	// maxValues is how many values a limit or a measure tells apart.
	maxValues = 1000
	// maxRolling is how many matches count in a period that rolls.
	maxRolling = 1000
	// maxCount is how many matches a limit may let count in a period.
	maxCount = 1_000_000
)

// compiledLimit is a limit ready to be asked.
type compiledLimit struct {
	// Limit with its defaults filled in; Count is 0 if only points are limited.
	Limit
	perValue bool
	// period is the length of one that rolls by the clock; 0: by months on the calendar.
	period int64
	months int64
}

// ruleLimit is a limit that a rule is under.
type ruleLimit struct {
	// limit is its position in Compiled.limits.
	limit int
	// key is the position of its value in the keys of a match.
	key int
}

// limitState is how much of a limit is used up.
type limitState struct {
	// began and last are of the visit that goes on; for a limit per visit.
	began, last int64
	met         bool
	// all is the tally without values.
	all tally
	// values are those met latest, the latest last.
	values []tally
}

// tally is what counted in one period, for one value.
type tally struct {
	key uint64
	// period that used and points belong to.
	period, used int64
	points       points.Points
	// recent is what counted in a period that rolls, the oldest first.
	recent []counted
}

// counted is a match that counted.
type counted struct {
	micros int64
	points points.Points
}

func (l *limitState) empty() bool {
	return !l.met && l.all.empty() && len(l.values) == 0
}

func (t *tally) empty() bool { return t.used == 0 && len(t.recent) == 0 }

// meet notes a match for a limit per visit, whether it counts or not.
func (l *limitState) meet(micros, pause int64) {
	if !l.met || micros-l.last >= pause {
		l.began, l.met = micros, true
	}
	l.last = micros
}

// of returns the tally of a value, which is then the one met latest.
func (l *limitState) of(limit *compiledLimit, key uint64) *tally {
	if !limit.perValue {
		return &l.all
	}
	v := l.values
	for i := len(v) - 1; i >= 0; i-- {
		if v[i].key == key {
			t := v[i]
			copy(v[i:], v[i+1:])
			v[len(v)-1] = t
			return &v[len(v)-1]
		}
	}
	if len(v) == maxValues {
		v = v[:copy(v, v[1:])]
	}
	l.values = append(v, tally{key: key})
	return &l.values[len(l.values)-1]
}

// room moves a tally to the period of an instant, and returns how much of an amount
// still counts in it; false: nothing more counts, not even no points.
func (c *Compiled) room(limit *compiledLimit, l *limitState, t *tally, micros int64, p points.Points) (points.Points, bool) {
	switch {
	case limit.Rolling:
		t.leave(c.calendar.back(limit, micros))
	case limit.Per == PerVisit:
		t.enter(l.began)
	default:
		t.enter(c.calendar.period(&limit.Limit, micros))
	}
	if limit.Count > 0 && t.used >= int64(limit.Count) {
		return 0, false
	}
	if limit.Points == nil {
		return p, true
	}
	left := *limit.Points - t.points
	held := max(min(p, left), -left)
	return held, held != 0 || p == 0
}

// enter makes a period the tally's.
func (t *tally) enter(period int64) {
	if t.used == 0 || t.period != period {
		t.period, t.used, t.points = period, 0, 0
	}
}

// leave lets go of what counted at an instant or before.
func (t *tally) leave(micros int64) {
	n := 0
	for n < len(t.recent) && t.recent[n].micros <= micros {
		n++
	}
	if n > 0 {
		for _, one := range t.recent[:n] {
			t.used--
			t.points -= size(one.points)
		}
		t.recent = t.recent[:copy(t.recent, t.recent[n:])]
	}
}

// use notes a match that counted.
func (t *tally) use(limit *compiledLimit, micros int64, p points.Points) {
	t.used++
	t.points += size(p)
	if limit.Rolling {
		t.recent = append(t.recent, counted{micros, p})
	}
}

// size is an amount without its sign.
func size(p points.Points) points.Points { return max(p, -p) }

// limit checks a limit and adds it to the model's; nil is none.
func (b *compiler) limit(path string, l *Limit) (index int, given bool) {
	if l == nil {
		return 0, false
	}
	out := compiledLimit{Limit: *l, perValue: l.PerValue != ""}
	out.Every = max(l.Every, 1)
	if l.Count == 0 {
		switch {
		case l.Points == nil:
			out.Count = 1
		case l.Rolling:
			out.Count = maxRolling
		}
	}
	most := maxCount
	if l.Rolling {
		most = maxRolling
	}
	if l.Count < 0 || l.Count > most {
		b.problem(path+".count", "must be from 0 to %d, is %d", most, l.Count)
	}
	if l.Every < 0 || l.Every > 3660 {
		b.problem(path+".every", "must be from 0 to 3660, is %d", l.Every)
	}
	if l.Points != nil && *l.Points < 0 {
		b.problem(path+".points", "must not be negative, is %v", *l.Points)
	}
	if l.Per > PerVisit {
		b.problem(path+".per", "must be a known period, is %d", l.Per)
	}
	if (l.Per == PerLead || l.Per == PerVisit) && l.Every > 1 {
		b.problem(path+".every", "must not be given for a visit or without `per`, is %d", l.Every)
	}
	if (l.Per == PerLead || l.Per == PerVisit) && l.Rolling {
		b.problem(path+".rolling", "must not be given for a visit or without `per`")
	}
	every := int64(out.Every)
	switch l.Per {
	case PerHour:
		out.period = every * secondsPerHour * microsPerSecond
	case PerDay:
		out.period = every * microsPerDay
	case PerWeek:
		out.period = every * 7 * microsPerDay
	case PerMonth:
		out.months = every
	case PerYear:
		out.months = 12 * every
	}
	b.out.limits = append(b.out.limits, out)
	return len(b.out.limits) - 1, true
}

// String says the limit in words, e.g. `2 in 3 days`.
func (l *Limit) String() string {
	unit, known := map[Per]string{
		PerHour: "hour", PerDay: "day", PerWeek: "week", PerMonth: "month", PerYear: "year", PerVisit: "visit",
	}[l.Per]
	var amount string
	switch {
	case l.Points != nil && l.Count > 0:
		amount = fmt.Sprintf("%d and %v points", l.Count, *l.Points)
	case l.Points != nil:
		amount = fmt.Sprintf("%v points", *l.Points)
	default:
		amount = fmt.Sprint(l.Count)
	}
	each := ""
	if l.PerValue != "" {
		each = " for each value"
	}
	switch {
	case !known && l.Count == 1 && l.Points == nil:
		return "counts" + each
	case !known && l.Points == nil:
		return amount + " count" + each
	case !known:
		return amount + each
	case l.Every <= 1:
		return fmt.Sprintf("%s in a %s%s", amount, unit, each)
	default:
		return fmt.Sprintf("%s in %d %ss%s", amount, l.Every, unit, each)
	}
}

// back returns the instant at which the last period before another began: what counted
// then or before lies outside of it.
func (c *calendar) back(l *compiledLimit, micros int64) int64 {
	if l.months == 0 {
		return micros - l.period
	}
	wall := c.wall(micros)
	date := time.Unix(wall, 0).UTC()
	month := int64(date.Year())*12 + int64(date.Month()) - 1 - l.months
	year, day := int(floorDiv(month, 12)), date.Day()
	of := time.Month(month-12*floorDiv(month, 12)) + 1
	// A month that has no such day ends before: its last day stands for it.
	if last := time.Date(year, of+1, 0, 0, 0, 0, 0, time.UTC).Day(); day > last {
		day = last
	}
	began := time.Date(year, of, day, date.Hour(), date.Minute(), date.Second(), 0, c.zone)
	return began.Unix()*microsPerSecond + (micros - floorDiv(micros, microsPerSecond)*microsPerSecond)
}

// metValue is a value that a measure tells apart, and when it was met last.
type metValue struct {
	key    uint64
	micros int64
}

// meetValue notes that a value was met.
func meetValue(met []metValue, key uint64, micros int64) []metValue {
	i := slices.IndexFunc(met, func(m metValue) bool { return m.key == key })
	switch {
	case i >= 0:
		copy(met[i:], met[i+1:])
		met = met[:len(met)-1]
	case len(met) == maxValues:
		met = met[:copy(met, met[1:])]
	}
	return append(met, metValue{key, micros})
}

// settle lets go of what no instant from one on can read, so that equal histories leave
// equal bytes.
func (l *limitState) settle(c *Compiled, limit *compiledLimit, micros int64) {
	if !limit.Rolling {
		return
	}
	back := c.calendar.back(limit, micros)
	l.all.leave(back)
	for i := range l.values {
		l.values[i].leave(back)
	}
}

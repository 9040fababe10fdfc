package engagement

import (
	"slices"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Levels are the numbers that the gates of a standard compare a score with, each list
// ascending.
type Levels struct {
	// Engagement and Combined are those of the scores.
	Engagement, Combined []points.Points
	// Watched are those of each question of the model's watch, in their order.
	Watched [][]float64
}

const (
	// lookAhead is how far Review looks for something that goes on for ever by itself, in
	// microseconds; and maxHappenings how many times it lets it happen. Past them it
	// answers with the instant it came to: whoever comes back then looks on.
	lookAhead     = 400 * microsPerDay
	maxHappenings = 500
)

// Review returns the earliest instant after another, which is not before the head, at
// which time alone moves a score or the answer to a question of the watch to the other
// side of one of its levels, or onto it, or changes a band or a flag; false if it never
// does.
//
// Between two happenings nothing moves but what fades, once a day. There it does not
// read the score of each day: a score lies between what is left of the points above
// zero later and of those below it now, and the other way round; days on which neither
// bound comes to a level are passed over at once, and the others are cut in half.
func (c *Compiled) Review(s *State, profile *Profile, micros int64, levels *Levels) (int64, bool) {
	if !c.asks && !c.fades && len(c.alone) == 0 {
		return 0, false
	}
	s, m := c.at(s, profile, micros)
	if len(c.alone) > 0 {
		copied := s.clone()
		s = &copied
	}
	w := review{c: c, s: s, m: m, levels: levels}
	w.base = w.sides(micros)
	for now, n := micros, 0; ; n++ {
		next := w.next(now)
		if day, moved := w.fading(now, next, w.lastFaded()); moved {
			return c.calendar.start(day), true
		}
		if next == never {
			return 0, false
		}
		c.Advance(s, next, m)
		if sides := w.sides(next); sides.differ(&w.base) || next-micros >= lookAhead || n == maxHappenings {
			return next, true
		}
		now = next
	}
}

// review looks ahead from a state.
type review struct {
	c      *Compiled
	s      *State
	m      *Matcher
	levels *Levels
	base   sides
}

// sides are where scores and answers stand among their levels.
type sides struct {
	engagement, combined scoreSide
	watched              []int
	flags                []bool
}

// scoreSide is where a score stands.
type scoreSide struct {
	place int
	band  string
}

// place says between which levels, or on which, a number stands.
func place[N points.Points | float64](levels []N, n N) int {
	i, on := slices.BinarySearch(levels, n)
	if on {
		return 2*i + 1
	}
	return 2 * i
}

func (a *sides) differ(b *sides) bool {
	return a.engagement != b.engagement || a.combined != b.combined ||
		!slices.Equal(a.watched, b.watched) || !slices.Equal(a.flags, b.flags)
}

// sides reads where everything stands at an instant.
func (w *review) sides(micros int64) sides {
	var out sides
	r := w.read(micros)
	out.engagement, out.combined = w.scores(r)
	for i, g := range w.c.watched {
		out.watched = append(out.watched, place(w.levels.watched(i), g.value(r.present)))
	}
	for i := range w.c.flags {
		out.flags = append(out.flags, r.present.holds(w.c.flags[i].gate))
	}
	return out
}

func (w *review) read(micros int64) *reading { return w.c.read(w.s, &w.m.view, micros) }

func (l *Levels) watched(i int) []float64 {
	if i >= len(l.Watched) {
		return nil
	}
	return l.Watched[i]
}

// scores says where the shown scores of a reading stand.
func (w *review) scores(r *reading) (engagement, combined scoreSide) {
	shown, _ := r.shown(r.engagement(), true, false)
	engagement = scoreSide{place(w.levels.Engagement, shown), r.band(shown)}
	if w.c.combined == nil {
		return engagement, scoreSide{}
	}
	sum, known := r.combined(shown)
	if sum, known = r.shown(sum, known, true); !known {
		return engagement, scoreSide{place: -1}
	}
	return engagement, scoreSide{place(w.levels.Combined, sum), w.c.combined.bands.band(sum, r.present)}
}

// next returns the next instant after another at which something happens by itself, an
// attribute or the fit that is known already takes effect, or the answer of a gate may
// change; never, if nothing does.
func (w *review) next(micros int64) int64 {
	next := w.c.nextEvent(w.s, w.m)
	profile := w.m.view.profile
	for i := range profile.attributes {
		next = min(next, profile.changesAfter(i, micros))
	}
	for _, point := range profile.fit {
		if point.Micros > micros {
			next = min(next, point.Micros)
			break
		}
	}
	today := w.c.day(micros)
	day := never
	for i, g := range w.c.watched {
		day = min(day, w.answers(g, w.levels.watched(i), today))
	}
	for _, g := range w.c.timed {
		day = min(day, w.answers(g, g.in.levels(), today))
	}
	if day != never {
		next = min(next, w.c.calendar.start(day))
	}
	for _, q := range w.c.clocked {
		next = min(next, w.turns(q, micros, next))
	}
	return next
}

// moves says that the answer changes by time alone.
func (g *activityGate) moves() bool { return g.withinDays > 0 || g.measure == MeasureDaysSince }

// levels of a range are its edges, ascending.
func (r *span) levels() []float64 {
	var out []float64
	for _, edge := range []*float64{r.atLeast, r.over, r.atMost, r.below} {
		if edge != nil {
			out = append(out, *edge)
		}
	}
	return out
}

// answers returns the first day after today on which the answer to an activity gate
// stands elsewhere among levels; never, if it stays.
func (w *review) answers(g *activityGate, levels []float64, today int64) int64 {
	if !g.moves() || len(levels) == 0 || len(w.s.rules) == 0 && g.measure != MeasureDaysSince {
		return never
	}
	if g.measure == MeasureDaysSince {
		return daysUntil(levels, w.c.daysSince(w.s, g.rule, w.m.view.micros), today)
	}
	rule, m := &w.c.rules[g.rule], &w.s.rules[g.rule].measured
	if g.measure == MeasureDistinct {
		left := w.c.distinct(m, g.withinDays, g.inVisit, w.m.view.micros)
		stands := place(levels, float64(left))
		for i := len(m.distinct) - left; i < len(m.distinct); i++ { // the oldest leaves first
			gone := w.c.calendar.day(m.distinct[i].micros) + g.withinDays
			if left--; i+1 < len(m.distinct) && w.c.calendar.day(m.distinct[i+1].micros)+g.withinDays == gone {
				continue // with others of its day
			}
			if place(levels, float64(left)) != stands {
				return gone
			}
		}
		return never
	}
	// What is behind the day on which the visit began is of it; of that day what remains.
	began := int64(-1 << 63)
	if g.inVisit {
		began = w.c.calendar.day(m.visit.began)
	}
	var in, later visit
	w.within(g, rule, today, func(k *bucket) {
		if k.day >= began {
			in.add(k, 1)
		}
		if k.day > began {
			later.add(k, 1)
		}
	})
	if g.inVisit && today-began < g.withinDays {
		in = m.visit
	}
	stands := place(levels, in.measure(g.measure))
	first := never
	w.within(g, rule, today, func(k *bucket) {
		switch {
		case k.day < began:
			return
		case k.day == began:
			in = later
		default:
			in.add(k, -1)
		}
		if first == never && place(levels, in.measure(g.measure)) != stands {
			first = k.day + g.withinDays
		}
	})
	return first
}

// within calls do with the buckets that a gate counts, the oldest first.
func (w *review) within(g *activityGate, rule *compiledRule, today int64, do func(*bucket)) {
	w.s.rules[g.rule].buckets.all(rule.each, func(k *bucket) {
		if today-k.day < g.withinDays && k.matches > 0 {
			do(k)
		}
	})
}

// add counts a bucket in, or out with -1.
func (v *visit) add(k *bucket, times int64) {
	v.matches += times * k.matches
	v.counted += times * k.counted
	v.days += times
	v.sum = v.sum.plus(k.sum * amount(times))
}

// daysUntil returns the first day on which a number that grows by one a day stands
// elsewhere among levels; never, if it is past them all.
func daysUntil(levels []float64, n float64, today int64) int64 {
	i, on := slices.BinarySearch(levels, n)
	switch {
	case on:
		return today + 1
	case i == len(levels):
		return never
	}
	days := int64(levels[i] - n)
	if n+float64(days) < levels[i] {
		days++
	}
	return today + days
}

// turns returns the instant, after one and not after another, at which the answer to a
// condition that reads the time changes; never, if it has the same on each day. An
// answer that changes twice on one day is not seen.
func (w *review) turns(q *when, micros, until int64) int64 {
	asks := func(at int64) condition.Truth {
		w.m.stand(at)
		truth, _ := q.condition.Eval(&w.m.facts)
		return truth
	}
	defer w.m.stand(micros)
	stands := asks(micros)
	until = min(until, micros+lookAhead)
	for low := micros; low < until; {
		high := min(w.c.calendar.start(w.c.day(low)+1), until)
		if asks(high) == stands {
			low = high
			continue
		}
		for low+1 < high {
			if mid := low + (high-low)/2; asks(mid) == stands {
				low = mid
			} else {
				high = mid
			}
		}
		return high
	}
	if until == micros+lookAhead {
		return until // and look on from there
	}
	return never
}

// lastFaded is the day on which the last points of the state fade.
func (w *review) lastFaded() int64 {
	last := -never
	for i := range w.s.rules {
		if b := &w.s.rules[i].buckets; b.some && !w.c.rules[i].fade.never {
			last = max(last, b.newest.day+w.c.rules[i].fade.horizon)
		}
	}
	return last
}

// remains are what is left of the points of each rule on a day, those above zero and
// those below it apart. Each only shrinks.
type remains struct{ above, below []points.Points }

func (w *review) remains(day int64) remains {
	n := w.c.signals()
	room := make([]points.Points, 2*n)
	out := remains{room[:n], room[n:]}
	for i := range n {
		rule, state := &w.c.rules[i], &w.s.rules[i]
		if rule.fade.never {
			out.above[i] = state.sum()
			continue
		}
		out.above[i], out.below[i] = state.buckets.remain(rule, day)
	}
	return out
}

// remain returns what is left on a day of the points above zero and of those below.
func (s *buckets) remain(rule *compiledRule, day int64) (above, below points.Points) {
	above = s.settled
	d := decoder{data: s.closed}
	add := func(k bucket) {
		if left := rule.fade.left(k.points, day-k.day); left > 0 {
			above += left
		} else {
			below += left
		}
	}
	for at := s.oldest; d.left() > 0; {
		k, gap := d.closed(at, rule.each)
		add(k)
		at += gap
	}
	if s.some {
		add(s.newest)
	}
	return above, below
}

// fading returns the first day that begins after an instant and before another on which
// what fades moves a score.
func (w *review) fading(micros, until, last int64) (int64, bool) {
	first := w.c.day(micros)
	if until != never {
		last = min(last, w.c.day(until-1))
	}
	if last <= first {
		return 0, false
	}
	r := w.read(micros)
	r.fixed = make([]points.Points, w.c.signals())
	// What moves soon is found soon.
	before := w.remains(first)
	for stride := int64(1); first < last; stride *= 2 {
		next := min(first+stride, last)
		after := w.remains(next)
		if day, moved := w.between(r, first, next, before, after); moved {
			return day, true
		}
		first, before = next, after
	}
	return 0, false
}

// between is fading over the days after one up to another, on which so much is left.
func (w *review) between(r *reading, first, last int64, before, after remains) (int64, bool) {
	if last == first+1 {
		return last, w.moved(r, after, after)
	}
	if !w.moved(r, after, before) && !w.moved(r, before, after) {
		return 0, false
	}
	middle := first + (last-first)/2
	half := w.remains(middle)
	if day, moved := w.between(r, first, middle, before, half); moved {
		return day, true
	}
	return w.between(r, middle, last, half, after)
}

// moved says that a score stands elsewhere with so much above and below zero.
func (w *review) moved(r *reading, above, below remains) bool {
	for i := range r.fixed {
		r.fixed[i] = above.above[i] + below.below[i]
	}
	engagement, combined := w.scores(r)
	return engagement != w.base.engagement || combined != w.base.combined
}

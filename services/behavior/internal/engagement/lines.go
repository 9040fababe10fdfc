package engagement

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/assay-hq/assay/services/internal/points"
)

// ActivityLine is what one activity gives under one rule at an instant. The lines of a
// rule sum, kind by kind, to what its contributions say.
type ActivityLine struct {
	// Key is the activity's place in the fold, Type its type. What happens by itself has
	// an instant, and neither source, id nor type.
	Key  Key
	Type string
	// Rule is the id of the rule.
	Rule string
	// Given before anything is withheld.
	Given points.Points
	// Points left before caps: what was given, and all that is withheld but the cap.
	Points points.Points
	// Void says why it does not count: it gives nothing, and nothing is withheld.
	Void Void
	// Withheld says what took points away, or gave them back, in the order of the lines
	// of a rule.
	Withheld []Withheld
}

// Withheld is points that are taken from an activity, or given back to it.
type Withheld struct {
	Line Line
	// Points that it adds; negative takes away.
	Points points.Points
}

// lines folds entries from the first and says what each gives. What a fact gave, or had
// withheld, is how the sums of the rules differ before and after it; what a reset takes,
// what fades and what a cap holds back is divided among the activities before it.
func (c *Compiled) lines(p *Profile, entries []Entry, micros int64) []ActivityLine {
	l := ledger{c: c, state: State{known: p.known}, m: c.NewMatcher(p), byRule: make([][]int, c.signals())}
	c.prepare(&l.state)
	l.sums = make([]ruleSums, len(l.byRule))
	for i := range entries {
		e := &entries[i]
		if e.Key.Micros > micros {
			break
		}
		l.alone(e.Key.Micros)
		c.Step(&l.state, e, l.m)
		l.note(e.Key, e.Type)
	}
	l.alone(micros)
	today := c.day(micros)
	for i := range l.byRule {
		l.fade(i, today)
		l.cap(i, today)
	}
	return l.lines
}

// ledger is the lines of a lead's activities while its history is folded.
type ledger struct {
	c     *Compiled
	state State
	m     *Matcher
	sums  []ruleSums
	lines []ActivityLine
	// byRule are the lines of each rule, by their position in lines.
	byRule [][]int
}

// ruleSums are those of a rule that only grow.
type ruleSums struct {
	count    int64
	voided   [voids]int64
	given    points.Points
	withheld [reasons]points.Points
	taken    points.Points
	restored points.Points
}

func (s *ruleState) sums() ruleSums {
	out := ruleSums{count: s.count, given: s.given, taken: s.taken, restored: s.restored}
	for i := range s.withheld {
		out.withheld[i] = s.withheld[i].points
	}
	if s.voided != nil {
		for i := range s.voided {
			out.voided[i] = s.voided[i].count
		}
	}
	return out
}

// void returns why the match since before does not count.
func (s *ruleSums) void(before *ruleSums) Void {
	for why := range s.voided {
		if s.voided[why] != before.voided[why] {
			return Void(why)
		}
	}
	return NotVoid
}

// alone lets happen what happens by itself up to an instant.
func (l *ledger) alone(micros int64) {
	for next := l.c.nextEvent(&l.state, l.m); next <= micros && next != never; next = l.c.nextEvent(&l.state, l.m) {
		l.c.Advance(&l.state, next, l.m)
		l.note(Key{Micros: next}, "")
	}
}

// note adds lines for what changed since the last time.
func (l *ledger) note(key Key, kind string) {
	for i := range l.sums {
		before, now := l.sums[i], l.state.rules[i].sums()
		if before == now {
			continue
		}
		l.sums[i] = now
		if void := now.void(&before); void != NotVoid {
			l.lines = append(l.lines, ActivityLine{Key: key, Type: kind, Rule: l.c.rules[i].id, Void: void})
			continue
		}
		if taken := now.taken - before.taken; taken != 0 {
			l.take(i, taken)
		}
		if now.count == before.count && now.restored == before.restored {
			continue
		}
		line := ActivityLine{Key: key, Type: kind, Rule: l.c.rules[i].id, Given: now.given - before.given}
		line.Points = line.Given
		for why, as := range withheldAs {
			line.withhold(as, before.withheld[why]-now.withheld[why])
		}
		line.withhold(Restored, now.restored-before.restored)
		l.byRule[i] = append(l.byRule[i], len(l.lines))
		l.lines = append(l.lines, line)
	}
}

// withhold adds what is withheld, if anything is.
func (a *ActivityLine) withhold(line Line, p points.Points) {
	if p == 0 {
		return
	}
	if line != Capped {
		a.Points += p
	}
	for i := range a.Withheld {
		if a.Withheld[i].Line == line {
			a.Withheld[i].Points += p
			return
		}
	}
	a.Withheld = append(a.Withheld, Withheld{line, p})
	slices.SortFunc(a.Withheld, func(a, b Withheld) int { return cmp.Compare(a.Line, b.Line) })
}

// take divides what a reset took among the activities that counted.
func (l *ledger) take(rule int, taken points.Points) {
	l.divide(rule, TakenAway, -taken, func(line *ActivityLine) points.Points { return line.Points })
}

// fade divides what is left of a rule among its activities: those of a day fade
// together, each keeps its own part rounded down, and the hundredths that remain go to
// those with the largest rest, the earlier first.
func (l *ledger) fade(rule int, today int64) {
	fade := &l.c.rules[rule].fade
	if fade.never || len(l.byRule[rule]) == 0 {
		return
	}
	left := l.c.left(&l.state, rule, today)
	for rest := l.byRule[rule]; len(rest) > 0; {
		day := l.c.day(l.lines[rest[0]].Key.Micros)
		n := slices.IndexFunc(rest, func(i int) bool { return l.c.day(l.lines[i].Key.Micros) != day })
		if n < 0 {
			n = len(rest)
		}
		fade.share(l.lines, slices.Clone(rest[:n]), today-day)
		rest = rest[n:]
	}
	// What was rounded when a reset kept a share of whole days.
	for _, i := range l.byRule[rule] {
		left -= l.lines[i].Points
	}
	last := l.byRule[rule][len(l.byRule[rule])-1]
	l.lines[last].withhold(Faded, left)
}

// share divides what is left of a bucket among its activities.
func (f *fade) share(lines []ActivityLine, of []int, age int64) {
	var sum points.Points
	for _, i := range of {
		sum += lines[i].Points
	}
	rests := make(map[int]uint64, len(of))
	remain := f.left(sum, age)
	left := make(map[int]points.Points, len(of))
	for _, i := range of {
		left[i], rests[i] = f.floor(lines[i].Points, age)
		remain -= left[i]
	}
	counted := slices.DeleteFunc(slices.Clone(of), func(i int) bool { return lines[i].Points == 0 })
	slices.SortStableFunc(counted, func(a, b int) int { return cmp.Compare(rests[b], rests[a]) })
	for _, i := range counted[:remain] {
		left[i]++
	}
	for _, i := range of {
		lines[i].withhold(Faded, left[i]-lines[i].Points)
	}
}

// cap divides what the cap of a rule holds back.
func (l *ledger) cap(rule int, today int64) {
	limit := l.c.rules[rule].cap
	if limit == nil || len(l.byRule[rule]) == 0 {
		return
	}
	left := l.c.left(&l.state, rule, today)
	l.divide(rule, Capped, max(min(left, *limit), -*limit)-left, func(line *ActivityLine) points.Points { return line.Points })
}

// divide withholds an amount from the lines of a rule in proportion to a weight; what
// does not divide goes hundredth by hundredth to the first of them.
func (l *ledger) divide(rule int, as Line, amount points.Points, weight func(*ActivityLine) points.Points) {
	of := l.byRule[rule]
	if amount == 0 || len(of) == 0 {
		return
	}
	weights := make([]points.Points, len(of))
	var sum points.Points
	for i, at := range of {
		weights[i] = weight(&l.lines[at])
		sum += weights[i]
	}
	rest := amount
	for i, at := range of {
		if sum == 0 {
			break
		}
		part := new(big.Int).Mul(big.NewInt(int64(weights[i])), big.NewInt(int64(amount)))
		share := points.Points(part.Quo(part, big.NewInt(int64(sum))).Int64())
		l.lines[at].withhold(as, share)
		rest -= share
	}
	one := points.Points(cmp.Compare(rest, 0))
	for i := 0; rest != 0; i = (i + 1) % len(of) {
		if sum == 0 {
			l.lines[of[len(of)-1]].withhold(as, rest) // nothing is left of any of them
			return
		}
		if weights[i] != 0 {
			l.lines[of[i]].withhold(as, one)
			rest -= one
		}
	}
}

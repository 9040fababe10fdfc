package engagement

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A rule follows others when it happens because they have: `after` they gave, or as
// the end of a sequence. It is a candidate of every fact that they are candidates of,
// and asks the same fact; whether it really happens shows in the step.

// following is a rule that follows others, while it is compiled.
type following struct {
	rule    int
	path    string
	sources []int
}

// compiledSequence is matches one after the other.
type compiledSequence struct {
	// steps are rules or signals.
	steps  []int
	within int64 // microseconds; 0: no limit
}

// sequenceStep is a step that a rule is.
type sequenceStep struct{ sequence, step int }

func (b *compiler) after(path string, ids []string, t *trigger) {
	t.sequence = -1
	rule := t.of
	b.later(func() {
		b.following = append(b.following, following{rule: rule, path: path, sources: b.within(path, ids)})
	})
}

func (b *compiler) sequence(path string, q *Sequence, t *trigger) {
	const least, most = 2, 20
	if n := len(q.Steps); n < least || n > most {
		b.problem(path+".steps", "must be from %d to %d, are %d", least, most, n)
		return
	}
	if q.Within < 0 || q.Within > maxDays*day {
		b.problem(path+".withinDays", "must be from 0 to %d days, is %s", maxDays, inDays(q.Within))
	}
	t.sequence = len(b.out.sequences)
	b.out.sequences = append(b.out.sequences, compiledSequence{within: int64(q.Within / time.Microsecond)})
	rule, sequence := t.of, t.sequence
	b.later(func() {
		out := &b.out.sequences[sequence]
		for i, id := range q.Steps {
			step := slices.IndexFunc(b.out.rules, func(r compiledRule) bool { return r.id == id })
			if step < 0 {
				b.problem(fmt.Sprintf("%s.steps[%d]", path, i), "must be the id of a rule or signal, is %q", id)
				continue
			}
			out.steps = append(out.steps, step)
			b.out.rules[step].steps = append(b.out.rules[step].steps, sequenceStep{sequence, i})
		}
		b.following = append(b.following, following{rule: rule, path: path + ".steps", sources: out.steps})
	})
}

// follow puts the rules that follow others behind them, and makes them candidates of
// what those are candidates of. It refuses rules that follow themselves.
func (b *compiler) follow() {
	by := map[int]*following{}
	for i := range b.following {
		by[b.following[i].rule] = &b.following[i]
	}
	triggers := map[int]*trigger{} // by rule
	for i := range b.out.triggers {
		if t := &b.out.triggers[i]; t.act == countAct || t.act == giveAct || t.act == followAct {
			triggers[t.of] = t
		}
	}
	const open, done = 1, 2
	state := map[int]int{}
	var ordered []int
	var visit func(rule int) bool
	visit = func(rule int) bool {
		f := by[rule]
		if f == nil || state[rule] == done {
			return true
		}
		if state[rule] == open {
			b.problem(f.path, "must not follow itself, %q does over the rules it names", b.out.rules[rule].id)
			return false
		}
		state[rule] = open
		t := triggers[rule]
		for _, source := range f.sources {
			if !visit(source) {
				return false
			}
			if t.sequence < 0 || source == f.sources[len(f.sources)-1] { // only the last makes it happen
				t.types = append(t.types, triggers[source].types...)
				t.attributes = append(t.attributes, triggers[source].attributes...)
			}
		}
		slices.Sort(t.types)
		t.types = slices.Compact(t.types)
		slices.Sort(t.attributes)
		t.attributes = slices.Compact(t.attributes)
		t.sources = f.sources
		state[rule] = done
		ordered = append(ordered, rule)
		return true
	}
	slices.SortFunc(b.following, func(a, c following) int { return cmp.Compare(a.rule, c.rule) })
	for i := range b.following {
		by[b.following[i].rule] = &b.following[i]
	}
	for i := range b.following {
		if !visit(b.following[i].rule) {
			return
		}
	}
	// Each stands behind those it follows.
	slices.SortStableFunc(b.out.triggers, func(a, c trigger) int {
		if a.act != followAct || c.act != followAct {
			return cmp.Compare(a.act, c.act)
		}
		return cmp.Compare(slices.Index(ordered, a.of), slices.Index(ordered, c.of))
	})
}

// follows says that the rules that a rule follows have just made it happen.
func (c *Compiled) follows(s *State, t *trigger) bool {
	if t.sequence >= 0 {
		q := &c.sequences[t.sequence]
		last := len(q.steps) - 1
		if s.rules[q.steps[last]].matchedIn != s.now.number {
			return false
		}
		// What this fact is itself does not count for the steps before.
		way := s.sequences[t.sequence][last-1]
		return way.known && (q.within == 0 || s.now.micros-way.micros <= q.within)
	}
	return slices.ContainsFunc(t.sources, func(rule int) bool { return s.rules[rule].gaveIn == s.now.number })
}

// stepped notes that steps of sequences were taken.
func (c *Compiled) stepped(s *State, rule *compiledRule) {
	now := &s.now
	if now.stepped == nil {
		now.stepped = make([]uint32, len(c.sequences))
	}
	for _, at := range rule.steps {
		now.stepped[at.sequence] |= 1 << at.step
	}
	now.some = true
}

// walk goes on along each sequence by the steps that were taken. Of the ways that lead
// to a step the one that began latest is kept: it ends within a limit if any does. One
// fact is one step.
func (c *Compiled) walk(s *State) {
	now := &s.now
	now.some = false
	for q, taken := range now.stepped {
		if taken == 0 {
			continue
		}
		now.stepped[q] = 0
		ways := s.sequences[q]
		for k := len(ways) - 1; k >= 0; k-- {
			switch {
			case taken&(1<<k) == 0:
			case k == 0:
				ways[0] = instant{known: true, micros: now.micros}
			case ways[k-1].known && (!ways[k].known || ways[k-1].micros > ways[k].micros):
				ways[k] = ways[k-1]
			}
		}
	}
}

// lifecycle is what the types of stage moves begin with.
const lifecycle = "lifecycle."

// stage waits for stage moves, if a gate asks for the stage.
func (b *compiler) stage() {
	for _, g := range b.gates {
		if g.asksStage {
			b.out.triggers = append(b.out.triggers, trigger{act: stageAct, types: []string{lifecycle + "*"}})
			return
		}
	}
}

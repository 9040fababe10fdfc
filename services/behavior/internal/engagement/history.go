package engagement

import (
	"fmt"
	"math/bits"
	"slices"
)

// History is what is kept of one lead under one model, so that facts may arrive in
// any order and any number of times. It has two parts: a Record, small and read on
// every arrival, and Chunks, read when something is late.
//
// A fact in order steps the state and is appended to the tail; when the tail has
// chunkEntries it is sealed. A late fact folds the entries again from the newest
// sealed chunk before it whose state is kept; so does a late attribute or a changed
// fit, which also asks the conditions on the profile again, and only those. What is
// stored is the same bytes as if all had come in order.
type History struct {
	compiled *Compiled
	state    State
	profile  Profile
	tail     []byte
	tailed   int
	sealed   int
}

// chunkEntries is how many entries are sealed together: what one late fact folds
// again at most, beyond the distance to a kept state.
const chunkEntries = 64

// Record is a History at rest.
type Record struct {
	// State, Profile and Tail are encodings; see AppendState and its like.
	State, Profile, Tail []byte
	// Tailed is the number of entries in the tail.
	Tailed int
	// Sealed is the number of sealed chunks.
	Sealed int
}

// Chunk is entries that follow each other.
type Chunk struct {
	// Seq numbers the chunks of a history from 1.
	Seq int
	// LastMicros is the instant of the last entry.
	LastMicros int64
	// Data are the entries.
	Data []byte
	// After is the state after the last entry; nil where it is no longer kept.
	After []byte
}

// Load returns sealed chunks in order: from the newest with a state whose entries are
// all before the instant, or else from the first, to the last.
type Load func(before int64) ([]Chunk, error)

// Change is what Apply did that must be stored beside the Record.
type Change struct {
	// Sealed chunks are new or replaced.
	Sealed []Chunk
	// Thinned are the numbers of chunks whose state is no longer kept.
	Thinned []int
	// Late says that something came late and the history was folded again.
	Late bool
	// Steps is how many entries were folded, and Touched how many buckets visited.
	Steps, Touched int
	// Unknown and Faults are counted as by Matcher.
	Unknown, Faults int
}

// NewHistory returns a history without facts.
func (c *Compiled) NewHistory() *History { return &History{compiled: c} }

// OpenHistory reads a history at rest. ErrCorrupt: start over from the facts.
func (c *Compiled) OpenHistory(r Record) (*History, error) {
	h := &History{compiled: c, tail: r.Tail, tailed: r.Tailed, sealed: r.Sealed}
	var err error
	if h.state, err = c.DecodeState(r.State); err != nil {
		return nil, err
	}
	if h.profile, err = c.DecodeProfile(r.Profile); err != nil {
		return nil, err
	}
	h.state.known = h.profile.known
	return h, nil
}

// Record puts the history to rest.
func (h *History) Record() Record {
	h.compiled.settle(&h.state)
	r := Record{Profile: AppendProfile(nil, &h.profile), Tail: h.tail, Tailed: h.tailed, Sealed: h.sealed}
	if h.state.folded {
		r.State = h.compiled.AppendState(nil, &h.state)
	}
	return r
}

// Head is the instant of the latest fact that the score knows of.
func (h *History) Head() int64 { return h.state.Head.Micros }

// Apply folds facts in, in whatever order they come, repeated or not. fit is the fit
// over time and replaces the one before. After an error the history must be dropped.
func (h *History) Apply(facts []Fact, fit []FitPoint, load Load) (Change, error) {
	c := h.compiled
	ordered := inOrder(facts)
	changed := h.profile.setFit(c, fit)
	earlier := false
	for _, f := range ordered {
		earlier = h.profile.meet(c, f) || earlier
		if f.Kind == Attribute && len(c.attributes) > 0 {
			changed = min(changed, h.profile.put(c, f))
		}
	}
	again := h.profile.answersChange(changed) || h.wasRead(changed)
	if earlier && h.state.folded {
		// Whatever counts from the lead's first fact counts from another.
		again, changed = true, min(changed, h.profile.known.micros)
	}
	h.state.known, h.state.next = h.profile.known, nil
	matcher := c.NewMatcher(&h.profile)
	entries := h.match(ordered, changed, matcher)
	before := h.state.touched
	var change Change
	var err error
	switch {
	case again:
		change, err = h.refold(entries, changed, matcher, load)
	case len(entries) > 0 && h.state.folded && entries[0].Key.Compare(h.state.Head) <= 0:
		change, err = h.refold(entries, never, matcher, load)
	default:
		change = h.append(entries, matcher)
	}
	change.Touched = h.state.touched - before
	change.Unknown, change.Faults = matcher.Unknown, matcher.Faults
	return change, err
}

// wasRead says that the fold itself has read the profile from an instant on: it waits for
// changes of attributes, or asks what happens by itself and what scores are.
func (h *History) wasRead(from int64) bool {
	c := h.compiled
	return (c.changes != nil || c.asksAlone || c.stepReadsProfile) && h.state.folded && from <= h.state.Head.Micros
}

// match makes entries of facts, and of the changes of attributes from an instant on.
func (h *History) match(ordered []*Fact, changed int64, matcher *Matcher) []Entry {
	entries := make([]Entry, 0, len(ordered))
	if changed != never && h.compiled.changes != nil {
		for _, micros := range h.profile.changes(h.compiled, changed) {
			if e, useful := matcher.Change(micros); useful {
				entries = append(entries, e)
			}
		}
	}
	changes := len(entries)
	for _, f := range ordered {
		if e, useful := matcher.Match(f); useful {
			entries = append(entries, e)
			if e.Inputs != nil {
				h.profile.ask(e.Key.Micros)
			}
		}
	}
	if changes > 0 && changes < len(entries) {
		slices.SortFunc(entries, func(a, b Entry) int { return a.Key.Compare(b.Key) })
	}
	return entries
}

// append steps entries that all come after the head.
func (h *History) append(entries []Entry, matcher *Matcher) (change Change) {
	old := h.sealed
	for i := range entries {
		h.step(&entries[i], matcher)
		if h.tailed == chunkEntries {
			change.Sealed = append(change.Sealed, h.seal())
		}
	}
	change.Steps = len(entries)
	h.thin(&change, old)
	return change
}

func (h *History) step(e *Entry, matcher *Matcher) {
	h.compiled.Step(&h.state, e, matcher)
	h.tail = h.compiled.AppendEntry(h.tail, e)
	h.tailed++
}

// seal makes a chunk of the tail.
func (h *History) seal() Chunk {
	h.sealed++
	h.compiled.settle(&h.state)
	chunk := Chunk{
		Seq: h.sealed, LastMicros: h.state.Head.Micros, Data: h.tail, After: h.compiled.AppendState(nil, &h.state),
	}
	h.tail, h.tailed = nil, 0
	return chunk
}

// thin gives up states of chunks, so that a history keeps few of them and most of
// them young: late facts are seldom very late.
func (h *History) thin(change *Change, old int) {
	rewritten := h.sealed + 1
	for i := range change.Sealed {
		chunk := &change.Sealed[i]
		rewritten = min(rewritten, chunk.Seq)
		if !kept(chunk.Seq, h.sealed) {
			chunk.After = nil
		}
	}
	if h.sealed == old {
		return
	}
	for seq := 1; seq < min(rewritten, old+1); seq++ {
		if kept(seq, old) && !kept(seq, h.sealed) {
			change.Thinned = append(change.Thinned, seq)
		}
	}
}

// kept says whether the state after a chunk is kept when there are n chunks: the last
// four are, and further back two for each doubling of the distance. What is given up
// is never wanted again: a state kept with n chunks was kept with fewer.
func kept(seq, n int) bool {
	distance := n - seq
	if distance < 4 {
		return true
	}
	spacing := 1 << (bits.Len(uint(distance)) - 2)
	return seq%spacing == 0
}

// refold merges entries into the history and folds it again from the newest kept
// state before them. From the instant changed on, conditions on the profile are asked
// again.
func (h *History) refold(entries []Entry, changed int64, matcher *Matcher, load Load) (Change, error) {
	from := changed
	if len(entries) > 0 {
		from = min(from, entries[0].Key.Micros)
	}
	base, sealed, stored, err := h.since(from, load)
	if err != nil {
		return Change{}, err
	}
	if changed != never {
		// What attributes changed is asked anew as a whole.
		stored = slices.DeleteFunc(stored, func(e Entry) bool { return e.Key.Rank == RankAttribute && e.Key.Micros >= changed })
	}
	merged := merge(stored, entries)
	if len(merged) == len(stored) && changed == never {
		return Change{}, nil // all of them were known
	}
	for i := range merged {
		if e := &merged[i]; e.Inputs != nil && e.Key.Micros >= changed {
			matcher.Rematch(e)
		}
	}
	touched, old := h.state.touched, h.sealed
	h.state, h.tail, h.tailed, h.sealed = base, nil, 0, sealed
	h.state.touched = touched
	change := h.append(merged, matcher)
	change.Thinned = nil
	h.thin(&change, old)
	change.Late = true
	return change, nil
}

// since returns the newest kept state before an instant, how many chunks it covers,
// and the entries after it.
func (h *History) since(micros int64, load Load) (base State, sealed int, entries []Entry, err error) {
	c := h.compiled
	var chunks []Chunk
	if h.sealed > 0 {
		if chunks, err = load(micros); err != nil {
			return base, 0, nil, err
		}
	}
	if len(chunks) > 0 && chunks[0].After != nil && chunks[0].LastMicros < micros {
		if base, err = c.DecodeState(chunks[0].After); err != nil {
			return base, 0, nil, err
		}
		sealed, chunks = chunks[0].Seq, chunks[1:]
	}
	base.known = h.profile.known
	for i := range chunks {
		if chunks[i].Seq != sealed+i+1 {
			return base, 0, nil, fmt.Errorf("%w: chunk %d is missing", ErrCorrupt, sealed+i+1)
		}
		if entries, err = c.DecodeEntries(entries, chunks[i].Data); err != nil {
			return base, 0, nil, err
		}
	}
	if sealed+len(chunks) != h.sealed {
		return base, 0, nil, fmt.Errorf("%w: %d chunks are missing", ErrCorrupt, h.sealed-sealed-len(chunks))
	}
	entries, err = c.DecodeEntries(entries, h.tail)
	return base, sealed, entries, err
}

// merge returns entries of both in order; of two with one key the stored one.
func merge(stored, entries []Entry) []Entry {
	merged := make([]Entry, 0, len(stored)+len(entries))
	for len(entries) > 0 {
		n, known := slices.BinarySearchFunc(stored, entries[0].Key, func(e Entry, k Key) int { return e.Key.Compare(k) })
		merged = append(merged, stored[:n]...)
		stored = stored[n:]
		if !known {
			merged = append(merged, entries[0])
		}
		entries = entries[1:]
	}
	return append(merged, stored...)
}

// Score returns the score at an instant. Before the head it counts what was true by
// then, which takes reading chunks.
func (h *History) Score(micros int64, load Load) (Score, error) {
	state, _, err := h.stateAt(micros, load)
	if err != nil {
		return Score{}, err
	}
	return h.compiled.Score(state, &h.profile, micros), nil
}

// Review returns when time alone moves a score or an answer over a level, after an
// instant; see Compiled.Review. A fact of a later instant moves it at the latest.
func (h *History) Review(micros int64, levels *Levels, load Load) (at int64, moves bool, err error) {
	state, next, err := h.stateAt(micros, load)
	if err != nil {
		return 0, false, err
	}
	at, moves = h.compiled.Review(state, &h.profile, micros, levels)
	if next != never && (!moves || next < at) {
		return next, true, nil
	}
	return at, moves, nil
}

// stateAt returns the state of what was true by an instant, and the instant of the first
// entry after it; never, if there is none.
func (h *History) stateAt(micros int64, load Load) (*State, int64, error) {
	c := h.compiled
	if micros >= h.state.Head.Micros || !h.state.folded {
		return &h.state, never, nil
	}
	state, _, entries, err := h.since(micros, load)
	if err != nil {
		return nil, never, err
	}
	matcher := c.NewMatcher(&h.profile)
	for i := range entries {
		if entries[i].Key.Micros > micros {
			return &state, entries[i].Key.Micros, nil
		}
		c.Step(&state, &entries[i], matcher)
	}
	return &state, never, nil
}

// Lines returns what each activity gives under each rule at an instant.
func (h *History) Lines(micros int64, load Load) ([]ActivityLine, error) {
	_, _, entries, err := h.since(firstInstant, load)
	if err != nil {
		return nil, err
	}
	return h.compiled.lines(&h.profile, entries, micros), nil
}

// firstInstant is before any fact.
const firstInstant = -1 << 63

// Over returns a load of the chunks that there will be once the change is stored.
func (change *Change) Over(load Load) Load {
	if len(change.Sealed) == 0 {
		return load
	}
	first := change.Sealed[0].Seq
	return func(before int64) ([]Chunk, error) {
		chunks, err := load(before)
		if err == nil && len(chunks) > 0 && chunks[0].Seq >= first && first > 1 {
			chunks, err = load(firstInstant) // it began at a chunk that is replaced
		}
		if err != nil {
			return nil, err
		}
		n := slices.IndexFunc(chunks, func(c Chunk) bool { return c.Seq >= first })
		if n < 0 {
			n = len(chunks)
		}
		return append(chunks[:n:n], change.Sealed...), nil
	}
}

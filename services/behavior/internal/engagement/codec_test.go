package engagement

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/points"
)

var unexported = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty(),
	// What is not kept at rest.
	cmpopts.IgnoreFields(State{}, "touched", "now", "next", "due", "clock", "known"),
	cmpopts.IgnoreFields(ruleState{}, "left", "leftDay", "leftNow", "matchedIn", "gaveIn"),
	cmpopts.IgnoreFields(suspensionState{}, "endedIn"),
}

// What is put to rest comes back, and the same bytes again.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenarios.Draw(t, "scenario")
		e := resting(s.compiled, s.model).(*restingEngine)
		for _, batch := range s.batches {
			e.apply(batch, s.fit)
		}
		h := e.open()
		if diff := lawtest.Diff(e.record, h.Record(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("other bytes: %s", diff)
		}
		back, err := s.compiled.DecodeState(e.record.State)
		if diff := lawtest.Diff(h.state, back, unexported); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		entries, err := s.compiled.DecodeEntries(nil, h.tail)
		if err != nil || len(entries) != h.tailed {
			t.Fatalf("%d entries, %v; want %d", len(entries), err, h.tailed)
		}
		var again []byte
		for i := range entries {
			again = s.compiled.AppendEntry(again, &entries[i])
		}
		if !bytes.Equal(again, h.tail) {
			t.Fatal("other bytes of entries")
		}
	})
}

// What is stored does not depend on the order of arrival either.
func TestStoredBytesAreOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenarios.Draw(t, "scenario")
		shuffled, once := resting(s.compiled, s.model).(*restingEngine), resting(s.compiled, s.model).(*restingEngine)
		for _, batch := range s.batches {
			shuffled.apply(batch, s.fit)
		}
		once.apply(s.facts, s.fit)
		if diff := lawtest.Diff(once.record, shuffled.record, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		if len(once.chunks) != len(shuffled.chunks) {
			t.Fatalf("%d chunks and %d", len(once.chunks), len(shuffled.chunks))
		}
		for seq, chunk := range once.chunks {
			if diff := lawtest.Diff(chunk, shuffled.chunks[seq]); diff != "" {
				t.Fatalf("chunk %d: %s", seq, diff)
			}
		}
	})
}

// Lines of activities sum to what the rule's contributions say, kind by kind.
func TestActivityLinesSumToTheirRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenarios.Draw(t, "scenario")
		e := resting(s.compiled, s.model).(*restingEngine)
		for _, batch := range s.batches {
			e.apply(batch, s.fit)
		}
		for _, at := range s.instants {
			type kind struct {
				rule string
				line Line
			}
			want, got := map[kind]points.Points{}, map[kind]points.Points{}
			for _, l := range e.score(at).Contributions {
				if slices.ContainsFunc(s.compiled.rules, func(r compiledRule) bool { return r.id == l.Rule }) && l.Points != 0 {
					want[kind{l.Rule, l.Line}] += l.Points
				}
			}
			lines, err := e.open().Lines(at, e.load)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if l.Given != 0 {
					got[kind{l.Rule, Given}] += l.Given
				}
				left := l.Given
				for _, w := range l.Withheld {
					if got[kind{l.Rule, w.Line}] += w.Points; w.Line != Capped {
						left += w.Points
					}
				}
				if left != l.Points {
					t.Fatalf("%v are left: %+v", left, l)
				}
			}
			for k, p := range got {
				if p == 0 {
					delete(got, k) // one gained by a rounding what another lost
				}
			}
			if diff := lawtest.Diff(want, got); diff != "" {
				t.Fatalf("rules (-) and their activities (+), kind by kind: %s", diff)
			}
		}
	})
}

// No harm to a stored state goes unnoticed: not a bit, not a missing end.
func TestHarmedStatesAreNotRead(t *testing.T) {
	s := newScenario(40, 1)
	e := resting(s.compiled, s.model).(*restingEngine)
	e.apply(s.facts, s.fit)
	whole := e.record.State
	for at := range len(whole) {
		for bit := range 8 {
			harmed := slices.Clone(whole)
			harmed[at] ^= 1 << bit
			if _, err := s.compiled.DecodeState(harmed); err == nil {
				t.Errorf("bit %d of byte %d of %d is not noticed", bit, at, len(whole))
			}
		}
		if _, err := s.compiled.DecodeState(whole[:at]); err == nil && at > 0 {
			t.Errorf("the first %d of %d bytes are taken for all", at, len(whole))
		}
	}
}

// What was read is never written to: a record can be opened again.
func TestOpeningLeavesTheRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenarios.Draw(t, "scenario")
		e := resting(s.compiled, s.model).(*restingEngine)
		for _, batch := range s.batches {
			before := bytes.Clone(e.record.State)
			read := e.record.State
			e.apply(batch, s.fit)
			if !bytes.Equal(before, read) {
				t.Fatal("the bytes that were read have changed")
			}
		}
	})
}

// A state is bounded by its model: however long the history, no more than a bucket
// for each rule and day back to the horizon.
func TestStateIsBounded(t *testing.T) {
	c, err := Compile(Model{CountWindows: []int{7}, Groups: []Group{{ID: "g", Rules: []Rule{
		{ID: "never", Activities: []string{"a"}, Points: 100},
		{ID: "half", Activities: []string{"a"}, Points: 100, Decay: &Decay{HalfLife: day}},
		{ID: "window", Activities: []string{"a"}, Points: 100, Decay: &Decay{Window: 30}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	var state State
	var size, kept int
	for i := range 20_000 {
		c.Step(&state, &Entry{
			Key:     Key{Micros: int64(i) * hour * 6, Source: "web", ID: "id"},
			Matches: []Match{{Trigger: 0, Points: 100}, {Trigger: 1, Points: 100}, {Trigger: 2, Points: 100}},
		}, nil)
		size = max(size, len(c.AppendState(nil, &state)))
		days := 0
		for i := range state.rules {
			days += daysOf(c, &state, i)
		}
		kept = max(kept, days)
	}
	// Four points a day that halve daily are nothing after ten days.
	if kept != 7+10+30 {
		t.Errorf("%d buckets, want a bucket for each day of 7, 10 and 30", kept)
	}
	if size > 400 {
		t.Errorf("%d bytes", size)
	}
}

// daysOf counts the buckets of a rule.
func daysOf(c *Compiled, s *State, rule int) (n int) {
	b := &s.rules[rule].buckets
	if b.newest.matches > 0 {
		n++
	}
	for d := (decoder{data: b.closed}); d.left() > 0; n++ {
		d.closed(0, c.rules[rule].points)
	}
	return n
}

// Few states are kept, the young ones densely, and none that was given up is missed.
func TestKeptStates(t *testing.T) {
	before := map[int]bool{}
	for n := 1; n <= 2000; n++ {
		now := map[int]bool{}
		for seq := 1; seq <= n; seq++ {
			if !kept(seq, n) {
				continue
			}
			now[seq] = true
			if seq < n && !before[seq] {
				t.Fatalf("with %d chunks the state of %d is wanted again", n, seq)
			}
		}
		if most := 40; len(now) > most {
			t.Fatalf("%d of %d states kept, want at most %d", len(now), n, most)
		}
		before = now
	}
}

func TestUUIDsComeBackAsTheyWere(t *testing.T) {
	for _, id := range []string{
		"01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dxac96-774b-bcce-b302099a8057",
		"", "x", "00000000-0000-0000-0000-00000000000g", "héllo\x00",
	} {
		c, _ := Compile(Model{})
		b := c.AppendEntry(nil, &Entry{Key: Key{ID: id}, Type: "a"})
		entries, err := c.DecodeEntries(nil, b)
		if err != nil || len(entries) != 1 || entries[0].Key.ID != id {
			t.Errorf("%q came back as %+v, %v", id, entries, err)
		}
	}
}

// fuzzed is a model to decode for, and histories under it.
var fuzzed = sync.OnceValues(func() (*Compiled, []*restingEngine) {
	var with []*restingEngine
	var c *Compiled
	for seed := range uint64(40) {
		s := newScenario(30, seed)
		if c == nil && s.rich && len(s.model.Resets) > 0 && s.compiled.readsFit {
			c = s.compiled
		}
		if c == nil {
			continue
		}
		e := resting(c, s.model).(*restingEngine)
		e.apply(s.facts, s.fit)
		with = append(with, e)
	}
	return c, with
})

// unsummed and summed take the checksum off a state and put the right one on, so that
// fuzzing gets past it.
func unsummed(b []byte) []byte { return b[:max(len(b)-4, 0)] }

func summed(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return binary.LittleEndian.AppendUint32(slices.Clone(b), checksum(b))
}

func FuzzDecodeState(f *testing.F) {
	c, seeds := fuzzed()
	for _, e := range seeds {
		f.Add(unsummed(e.record.State))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := c.DecodeState(summed(b))
		if err != nil || len(b) == 0 {
			return
		}
		again, err := c.DecodeState(c.AppendState(nil, &s))
		if diff := lawtest.Diff(s, again, unexported); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		c.Score(&s, &Profile{}, s.Head.Micros)
	})
}

func FuzzDecodeEntries(f *testing.F) {
	c, seeds := fuzzed()
	for _, e := range seeds {
		f.Add(e.record.Tail)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := c.DecodeEntries(nil, b)
		if err != nil {
			return
		}
		var out []byte
		for i := range entries {
			out = c.AppendEntry(out, &entries[i])
		}
		again, err := c.DecodeEntries(nil, out)
		if diff := lawtest.Diff(entries, again, unexported); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

func FuzzDecodeProfile(f *testing.F) {
	c, seeds := fuzzed()
	for _, e := range seeds {
		f.Add(e.record.Profile)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := c.DecodeProfile(b)
		if err != nil {
			return
		}
		again, err := c.DecodeProfile(AppendProfile(nil, &p))
		if diff := lawtest.Diff(p, again, unexported); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

// FuzzHistory opens whatever is stored and goes on with it: an error or a score.
func FuzzHistory(f *testing.F) {
	c, seeds := fuzzed()
	for _, e := range seeds {
		f.Add(unsummed(e.record.State), e.record.Profile, e.record.Tail, e.record.Tailed, e.record.Sealed)
	}
	facts := newScenario(30, 1).facts
	f.Fuzz(func(t *testing.T, state, profile, tail []byte, tailed, sealed int) {
		state = summed(state)
		h, err := c.OpenHistory(Record{State: state, Profile: profile, Tail: slices.Clone(tail), Tailed: tailed, Sealed: sealed})
		if err != nil {
			return
		}
		load := func(int64) ([]Chunk, error) {
			return []Chunk{{Seq: 1, Data: tail, After: state}}, nil
		}
		if _, err := h.Apply(facts, nil, load); err != nil {
			return
		}
		h.Record()
		h.Lines(never, load) // an error will do
	})
}

func ExampleCompiled_Fold() {
	c, err := Compile(Model{Groups: []Group{{ID: "content", Rules: []Rule{{
		ID: "ebook", Activities: []string{"content.downloaded"}, When: `activity.properties.kind == "ebook"`,
		Points: 20 * points.One, Decay: &Decay{HalfLife: 30 * day},
	}}}}})
	if err != nil {
		panic(err)
	}
	facts := Facts{Facts: []Fact{{ID: "1", Source: "web", Type: "content.downloaded", Properties: []byte(`{"kind": "ebook"}`)}}}
	score := c.Fold(facts, 30*24*hour)
	for _, line := range score.Contributions {
		fmt.Println(line.Rule, line.Points)
	}
	fmt.Println("score", score.Points)
	// Output:
	// ebook 20
	// ebook -10
	// score 10
}

package fit

import (
	"maps"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Model is a compiled spec. It is immutable and may be used from many goroutines.
type Model struct {
	groups    []group
	criteria  []criterion // of all groups, in the order they are explained
	least     points.Points
	atLeast   string // the floor of the total in words
	maxPoints *points.Points
	atMost    string // the cap of the total in words
	minKnown  int
	required  []string // each has a slot
	zone      *time.Location

	classes   []classEdge
	bySegment [][]classEdge // segment → its edges; nil: the model's
	rungs     []string      // labels of the ladder
	grade     *grade
	personas  []string
	flags     []string
	overrides []override

	// questions are all that is asked, in the order in which one needs the answer of
	// another: the segment, the personas, the criteria in their order, the override, the
	// row of the ladder, the ICP, the flags. at says where each begins.
	questions []question
	at        struct{ segment, personas, criteria, override, ladder, icp, flags int }

	keys    map[string]int // attributes the model reads → slot
	readers [][]int        // slot → questions that read it as it is now
	past    []past         // by days
	timed   []int          // questions that read the time
	// followsTime: one of them may change the timeline.
	followsTime bool
	// bySegments are the questions whose bands depend on the segment.
	bySegments []int
}

type group struct {
	id                    string
	maxPoints, minPoints  *points.Points
	atMost, atLeast, only string // cap, floor and combination in words
	combine               Combine
	first, end            int // its own criteria
	groups                []group
}

// criterion is a criterion as it is added up; what it asks is a question.
type criterion struct {
	id, group string
	outcomes  []outcome // by answer
	unknown   outcome
	unmatched outcome
	personas  []bool // persona → it is asked for it; nil: for everybody
}

// outcome is what an answer gives.
type outcome struct {
	points      points.Points
	steps       int
	description string
}

type classEdge struct {
	label   string
	atLeast points.Points
}

type grade struct {
	labels []string
	start  int
}

type override struct {
	id, description string
	points          points.Points
}

// past says what is read of the attributes as they were so many days of 24 hours ago.
type past struct {
	days    int
	readers map[int][]int // slot → questions
}

func (p *past) span() time.Duration { return time.Duration(p.days) * 24 * time.Hour }

// Attributes returns the keys of the attributes the model reads, sorted.
func (m *Model) Attributes() []string { return slices.Sorted(maps.Keys(m.keys)) }

// Reads reports whether the model reads an attribute.
func (m *Model) Reads(key string) bool {
	_, ok := m.keys[key]
	return ok
}

// never is later than any instant that is asked about.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Settled returns the instant from which on the assessment of a history does not change
// by itself: usually that of its latest fact; later where conditions look back, and
// practically never where they read the time. Zero for no facts.
func (m *Model) Settled(h History) time.Time {
	if len(m.timed) > 0 {
		return never
	}
	settled := h.Latest()
	for i := range m.past {
		p := &m.past[i]
		for j := len(h) - 1; j >= 0; j-- {
			if p.readers[m.keys[h[j].Key]] == nil {
				continue
			}
			if at := h[j].EffectiveTime.Add(p.span()); at.After(settled) {
				settled = at
			}
			break
		}
	}
	return settled
}

// slot returns the slot of an attribute, which from now on the model reads.
func (m *Model) slot(key string) int {
	slot, known := m.keys[key]
	if !known {
		slot = len(m.readers)
		m.keys[key] = slot
		m.readers = append(m.readers, nil)
	}
	return slot
}

// reads is what a condition or a value reads.
type reads interface {
	Reads() []string
	Past() []condition.Past
	ReadsTime() bool
	Attributes() []string
}

// index notes that a question reads what a condition or a value reads, so that a change
// asks only those again that it may change.
func (m *Model) index(question int, r reads) {
	for _, key := range r.Attributes() {
		slot := m.slot(key)
		if !slices.Contains(m.readers[slot], question) {
			m.readers[slot] = append(m.readers[slot], question)
		}
	}
	for _, read := range r.Past() {
		i, found := slices.BinarySearchFunc(m.past, read.Days, func(p past, days int) int { return p.days - days })
		if !found {
			m.past = slices.Insert(m.past, i, past{days: read.Days, readers: map[int][]int{}})
		}
		slot := m.slot(read.Attribute)
		if of := m.past[i].readers; !slices.Contains(of[slot], question) {
			of[slot] = append(of[slot], question)
		}
	}
	if r.ReadsTime() && !slices.Contains(m.timed, question) {
		m.timed = append(m.timed, question)
	}
}

package engagement

import (
	"slices"

	"github.com/assay-hq/assay/services/internal/points"
)

// State is the fold of entries up to its head, and of what happened by itself. Its size
// is bounded by the model: per rule a few sums, and one bucket for each day back to the
// rule's horizon; per limit the values and matches that it tells apart.
type State struct {
	// Head is the key of the last entry folded; the zero Key before the first.
	Head Key
	// folded says that there is a head.
	folded bool
	rules  []ruleState
	limits []limitState
	// lifted is what each floor has given.
	lifted      []points.Points
	memories    []memoryState
	suspensions []suspensionState
	overrides   []overrideState
	// steps are the instants at which the latest way through the first steps of each
	// sequence began.
	sequences [][]instant
	// quiet is what each rule of inactivity waits for.
	quiet []quietState
	// stage is the part after `lifecycle.` of the latest lifecycle fact.
	stage string

	// known is the instant of the lead's first fact. Profile keeps it.
	known instant
	// clock is the instant up to which everything has happened by itself.
	clock instant
	// next are the instants at which something may happen by itself, in step with
	// Compiled.alone, and due is the first; nil until they are needed.
	next []int64
	due  int64
	now  happening
	// touched counts buckets visited, to hold the engine to its promise on growth.
	touched int
}

// ruleState is what is known of one rule or signal.
type ruleState struct {
	// count of all matches and of what they gave, ever.
	count int64
	given points.Points
	// last is the instant of the latest match.
	last int64
	// withheld by reason.
	withheld [reasons]withheld
	// voided is what does not count, by why; nil if all does.
	voided *[voids]voided
	// taken by resets, and restored by them.
	taken, restored points.Points
	// lastTaken and lastRestored are when they last did.
	lastTaken, lastRestored int64
	// measured is what gates can be told; a reset may forget it.
	measured measured
	// buckets by day, within the rule's horizon of the head.
	buckets buckets

	// left are the points that are left on a day, once they have been asked for.
	left    points.Points
	leftDay int64
	leftNow bool
	// matchedIn and gaveIn are the numbers of the happenings in which the rule matched
	// and gave more than 0 points last.
	matchedIn, gaveIn uint64
}

// reason is why points of a match are withheld.
type reason uint8

// The reasons. Of several the first counts.
const (
	bySuspension reason = iota
	byStop
	byLimit
	reasons
	notWithheld = reasons
)

// withheld is what was withheld for one reason.
type withheld struct {
	count  int64
	points points.Points
	last   int64
}

// measured is what was counted of a rule or signal since it began, or was forgotten.
type measured struct {
	// matches, and those that counted: not withheld.
	matches, counted int64
	// days with a match, and the sum of the values of the matches.
	days int64
	sum  amount
	last int64
	// visit is the latest one.
	visit visit
	// distinct are the values met latest, the latest last.
	distinct []metValue
}

// visit is matches without a pause.
type visit struct {
	began                  int64
	matches, counted, days int64
	sum                    amount
}

// memoryState is what a memory remembers.
type memoryState struct {
	known  bool
	micros int64
	// points by rule, and by floor.
	points, lifted []points.Points
}

// suspensionState is a suspension that is on, or not.
type suspensionState struct {
	on    bool
	since int64
	// frozen are the scores that were shown when it began.
	frozen, frozenCombined points.Points
	frozenKnown            bool
	// endedIn is the number of the happening that ended it.
	endedIn uint64
}

// overrideState is an override by activity that is on, or not.
type overrideState struct {
	on     bool
	points points.Points
	last   int64
}

// quietState is an inactivity that is waited for.
type quietState struct {
	// ended is the latest activity that ends it; happened is when it last happened since.
	ended, happened instant
}

// happening is one fact, or what happens by itself at one instant, while it is folded.
type happening struct {
	number  uint64
	micros  int64
	day     int64
	matcher *Matcher
	// stepped are the steps of sequences that were taken, a bit for each.
	stepped []uint32
	some    bool
	// moved says that points were given or taken.
	moved bool
}

// prepare makes room for what the model knows.
func (c *Compiled) prepare(s *State) {
	if s.rules == nil {
		s.rules = make([]ruleState, len(c.rules))
		s.limits = make([]limitState, len(c.limits))
		s.lifted = make([]points.Points, len(c.floors))
		s.memories = make([]memoryState, len(c.memories))
		s.suspensions = make([]suspensionState, len(c.suspensions))
		s.overrides = make([]overrideState, c.overrides)
		s.quiet = make([]quietState, len(c.quiets))
		s.sequences = make([][]instant, len(c.sequences))
		for i := range s.sequences {
			s.sequences[i] = make([]instant, len(c.sequences[i].steps)-1)
		}
	}
}

// clone returns a copy that can go on by itself.
func (s *State) clone() State {
	out := *s
	out.rules = slices.Clone(s.rules)
	for i := range out.rules {
		r := &out.rules[i]
		r.measured.distinct = slices.Clone(r.measured.distinct)
		if r.voided != nil {
			of := *r.voided
			r.voided = &of
		}
		r.buckets.closed = slices.Clip(r.buckets.closed)
	}
	out.limits = slices.Clone(s.limits)
	for i := range out.limits {
		l := &out.limits[i]
		l.all.recent = slices.Clone(l.all.recent)
		l.values = slices.Clone(l.values)
		for j := range l.values {
			l.values[j].recent = slices.Clone(l.values[j].recent)
		}
	}
	out.lifted = slices.Clone(s.lifted)
	out.memories = slices.Clone(s.memories) // what is remembered is not changed, only replaced
	out.suspensions = slices.Clone(s.suspensions)
	out.overrides = slices.Clone(s.overrides)
	out.sequences = slices.Clone(s.sequences)
	for i := range out.sequences {
		out.sequences[i] = slices.Clone(out.sequences[i])
	}
	out.quiet = slices.Clone(s.quiet)
	out.next = slices.Clone(s.next)
	out.now = happening{number: s.now.number}
	return out
}

// sum is what counted of a rule, before anything of it faded.
func (r *ruleState) sum() points.Points {
	sum := r.given - r.taken + r.restored
	for i := range r.withheld {
		sum -= r.withheld[i].points
	}
	return sum
}

// left returns what is left of the points of a rule on a day, caps aside.
func (c *Compiled) left(s *State, rule int, day int64) points.Points {
	if len(s.rules) == 0 {
		return 0
	}
	r := &s.rules[rule]
	if c.rules[rule].fade.never {
		return r.sum()
	}
	if !r.leftNow || r.leftDay != day {
		r.left, r.leftDay, r.leftNow = r.buckets.read(&c.rules[rule], day, nil, nil), day, true
	}
	return r.left
}

// settle forgets what no instant from the head on can read. A state is stored settled, so
// that equal histories are equal bytes.
func (c *Compiled) settle(s *State) {
	today := c.calendar.day(s.Head.Micros)
	for i := range s.rules {
		s.touched += s.rules[i].buckets.prune(&c.rules[i], today)
	}
	for i := range s.limits {
		s.limits[i].settle(c, &c.limits[i], s.Head.Micros)
	}
}

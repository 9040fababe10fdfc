package fit

import (
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
)

// maxQuiet bounds the days for which a timeline follows what the time alone changes,
// counted from the latest fact.
const maxQuiet = condition.MaxDays

// sweep goes over a history from instant to instant. An instant is one at which a fact
// becomes true, or at which it became true so many days ago as a condition looks back;
// where conditions read the time also each beginning of a day in the model's calendar.
type sweep struct {
	model   *Model
	history History
	taken   int // facts that are true by now
	profile profile
	past    []pastProfile
	facts   condition.Facts

	answers []answer
	due     []bool // questions to ask again

	begun    bool      // something is or was known
	midnight time.Time // the next beginning of a day; zero: of no interest
	quiet    int       // beginnings of days since the latest fact
	timeline []Point
	faults   map[condition.Fault]int
}

// profile holds the attributes as they are at an instant.
type profile struct {
	keys   map[string]int
	values []condition.Value
}

// Attribute implements condition.Attributes.
func (p *profile) Attribute(key string) (condition.Value, bool) {
	slot, ok := p.keys[key]
	if !ok {
		return condition.Value{}, false
	}
	return p.values[slot], p.values[slot].Known()
}

// pastProfile holds the attributes as they were some days before.
type pastProfile struct {
	*past
	profile
	taken int
}

func newSweep(m *Model, h History) *sweep {
	s := &sweep{
		model: m, history: h,
		profile: profile{keys: m.keys, values: make([]condition.Value, len(m.readers))},
		answers: make([]answer, len(m.questions)),
		due:     make([]bool, len(m.questions)),
	}
	for i := range s.due {
		s.due[i] = true
		s.answers[i] = notKnown
	}
	s.facts = condition.Facts{Lead: &s.profile, Zone: m.zone}
	if len(m.past) > 0 {
		s.past = make([]pastProfile, len(m.past))
		for i := range s.past {
			s.past[i] = pastProfile{past: &m.past[i], profile: profile{keys: m.keys, values: make([]condition.Value, len(m.readers))}}
		}
		s.facts.Past = s.ago
	}
	return s
}

func (s *sweep) ago(days int) condition.Attributes {
	for i := range s.past {
		if s.past[i].days == days {
			return &s.past[i].profile
		}
	}
	return nil
}

// until goes over all instants up to one, and stands there at the end.
func (s *sweep) until(asOf time.Time) {
	for {
		at, byTime, ok := s.next()
		if !ok || at.After(asOf) {
			break
		}
		s.instant(at, byTime)
	}
	s.facts.Now = asOf
	s.mark(s.model.timed)
}

// next returns the next instant, and whether nothing but the time makes it one.
func (s *sweep) next() (at time.Time, byTime, ok bool) {
	if s.taken < len(s.history) {
		at, ok = s.history[s.taken].EffectiveTime, true
	}
	for i := range s.past {
		p := &s.past[i]
		for p.taken < len(s.history) && p.readers[s.model.keys[s.history[p.taken].Key]] == nil {
			p.taken++
		}
		if p.taken >= len(s.history) {
			continue
		}
		if then := s.history[p.taken].EffectiveTime.Add(p.span()); !ok || then.Before(at) {
			at, ok = then, true
		}
	}
	if !s.midnight.IsZero() && (!ok || s.midnight.Before(at)) {
		return s.midnight, true, true
	}
	return at, false, ok
}

func (s *sweep) instant(at time.Time, byTime bool) {
	s.facts.Now = at
	s.takeIn(at)
	if !s.begun {
		if !slices.ContainsFunc(s.profile.values, condition.Value.Known) {
			return // that nothing is known is no beginning
		}
		s.begun = true
	}
	if s.model.followsTime {
		s.mark(s.model.timed)
		if s.quiet++; !byTime {
			s.quiet = 0
		}
		s.midnight = time.Time{}
		if s.quiet < maxQuiet {
			s.midnight = nextDay(at, s.model.zone)
		}
	}
	if !s.ask(s.model.at.icp, byTime) && byTime {
		return // as it was yesterday
	}
	var r Result
	s.tally(&r, false)
	point := Point{EffectiveTime: at, Status: r.Status, Score: r.Score, Class: r.Class, Persona: r.Persona}
	if n := len(s.timeline); n == 0 || !point.same(s.timeline[n-1]) {
		s.timeline = append(s.timeline, point)
	}
}

// nextDay returns the beginning of the next day of a calendar. Some days begin an hour
// late, and some evenings have an hour twice.
func nextDay(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Date()
	next := time.Date(year, month, day+1, 0, 0, 0, 0, zone)
	for !next.After(at) || next.Day() == day {
		next = next.Add(15 * time.Minute)
	}
	return next.UTC()
}

// takeIn takes in the facts that are true at an instant, now and for those who look
// back.
func (s *sweep) takeIn(at time.Time) {
	for s.taken < len(s.history) && !s.history[s.taken].EffectiveTime.After(at) {
		f := &s.history[s.taken]
		slot := s.model.keys[f.Key]
		value, err := condition.ParseValue(f.Value)
		if err != nil {
			s.fault(condition.TypeFault)
		}
		s.profile.values[slot] = value
		s.mark(s.model.readers[slot])
		s.taken++
	}
	for i := range s.past {
		p := &s.past[i]
		for p.taken < len(s.history) && !s.history[p.taken].EffectiveTime.Add(p.span()).After(at) {
			f := &s.history[p.taken]
			slot := s.model.keys[f.Key]
			if readers := p.readers[slot]; readers != nil {
				p.values[slot], _ = condition.ParseValue(f.Value) // a fault was counted when it became true
				s.mark(readers)
			}
			p.taken++
		}
	}
}

func (s *sweep) mark(questions []int) {
	for _, i := range questions {
		s.due[i] = true
	}
}

// ask asks the questions that are due, up to one, and reports whether an answer changed.
// What the time alone asks again is counted as a fault once, when a fact asked it.
func (s *sweep) ask(end int, byTime bool) (changed bool) {
	fault := s.fault
	if byTime {
		fault = func(condition.Fault) {}
	}
	m := s.model
	segment := s.segment()
	for i := range end {
		if !s.due[i] {
			continue
		}
		if c := i - m.at.criteria; c >= 0 && c < len(m.criteria) && s.asked(&m.criteria[c]) != asked {
			continue // it stays due until it is asked
		}
		s.due[i] = false
		answer := m.questions[i].ask(&s.facts, segment, fault)
		changed = changed || answer != s.answers[i]
		s.answers[i] = answer
		if i < m.at.personas && answer != segment {
			segment = answer
			s.mark(m.bySegments)
		}
	}
	return changed
}

// segment returns the segment of the lead; none and notKnown are both none.
func (s *sweep) segment() answer {
	if s.model.at.personas > s.model.at.segment {
		return s.answers[s.model.at.segment]
	}
	return none
}

// persona returns the persona of the lead: the first that is known to hold.
func (s *sweep) persona() answer {
	for i := range s.model.personas {
		if s.answers[s.model.at.personas+i] == 0 {
			return answer(i)
		}
	}
	return none
}

// askedFor says whether a criterion is asked for the persona of the lead.
type askedFor uint8

const (
	asked    askedFor = iota
	notAsked          // the lead is or may be of another persona
	open              // its persona is not known
)

func (s *sweep) asked(c *criterion) askedFor {
	if c.personas == nil {
		return asked
	}
	if p := s.persona(); p >= 0 {
		if c.personas[p] {
			return asked
		}
		return notAsked
	}
	for i, is := range c.personas {
		if is && s.answers[s.model.at.personas+i] == notKnown {
			return open
		}
	}
	return notAsked
}

func (s *sweep) fault(f condition.Fault) {
	if s.faults == nil {
		s.faults = map[condition.Fault]int{}
	}
	s.faults[f]++
}

package engagement

import (
	"encoding/binary"

	"github.com/assay-hq/assay/services/internal/points"
)

// What a rule has beside its matches; most rules have none of it.
const (
	hasSuspended = 1 << iota
	hasStopped
	hasLimited
	hasTaken
	hasRestored
	hasForgotten // its measures are not those of all its matches
	hasUncounted // not all of the matches counted
	hasSum
	hasVisit
	hasDistinct
	hasVoided
)

// used says that there is anything to say of a rule.
func (r *ruleState) used() bool { return r.count > 0 || r.voided != nil }

func (r *ruleState) append(b []byte, rule *compiledRule, micros, head int64) []byte {
	of := &r.measured
	has := uint64(0)
	for why := range r.withheld {
		if r.withheld[why].count > 0 {
			has |= hasSuspended << why
		}
	}
	flag := func(is bool, flag uint64) {
		if is {
			has |= flag
		}
	}
	flag(r.taken != 0 || r.lastTaken != 0, hasTaken)
	flag(r.restored != 0 || r.lastRestored != 0, hasRestored)
	flag(of.matches != r.count || of.last != r.last, hasForgotten)
	flag(of.counted != of.matches, hasUncounted)
	flag(of.sum != 0, hasSum)
	flag(of.visit.matches > 0, hasVisit)
	flag(len(of.distinct) > 0, hasDistinct)
	flag(r.voided != nil, hasVoided)
	b = binary.AppendUvarint(b, has)
	b = binary.AppendUvarint(b, uint64(r.count))
	b = binary.AppendVarint(b, int64(r.given))
	last := r.last
	if r.count == 0 { // there is none
		last = micros
	}
	b = binary.AppendUvarint(b, uint64(micros-last))
	b = binary.AppendUvarint(b, uint64(of.days))
	for why := range r.withheld {
		if w := &r.withheld[why]; w.count > 0 {
			b = binary.AppendUvarint(b, uint64(w.count))
			b = binary.AppendVarint(b, int64(w.points))
			b = binary.AppendUvarint(b, uint64(micros-w.last))
		}
	}
	if has&hasTaken != 0 {
		b = binary.AppendVarint(b, int64(r.taken))
		b = binary.AppendVarint(b, micros-r.lastTaken)
	}
	if has&hasRestored != 0 {
		b = binary.AppendVarint(b, int64(r.restored))
		b = binary.AppendVarint(b, micros-r.lastRestored)
	}
	if has&hasForgotten != 0 {
		b = binary.AppendUvarint(b, uint64(of.matches))
		b = binary.AppendVarint(b, micros-of.last)
	}
	if has&hasUncounted != 0 {
		b = binary.AppendUvarint(b, uint64(of.counted))
	}
	if has&hasSum != 0 {
		b = binary.AppendVarint(b, int64(of.sum))
	}
	if has&hasVisit != 0 {
		v := &of.visit
		b = binary.AppendUvarint(b, uint64(micros-v.began))
		b = binary.AppendUvarint(b, uint64(v.matches))
		b = binary.AppendUvarint(b, uint64(v.counted))
		b = binary.AppendUvarint(b, uint64(v.days))
		b = binary.AppendVarint(b, int64(v.sum))
	}
	if has&hasDistinct != 0 {
		b = binary.AppendUvarint(b, uint64(len(of.distinct)))
		for i := range of.distinct {
			b = binary.LittleEndian.AppendUint64(b, of.distinct[i].key)
			b = binary.AppendUvarint(b, uint64(micros-of.distinct[i].micros))
		}
	}
	if r.voided != nil {
		for why := Bot; why < voids; why++ {
			v := &r.voided[why]
			if b = binary.AppendUvarint(b, uint64(v.count)); v.count > 0 {
				b = binary.AppendUvarint(b, uint64(micros-v.last))
			}
		}
	}
	return r.buckets.append(b, rule.each, head)
}

func (d *decoder) rule(r *ruleState, rule *compiledRule, micros, head int64) {
	has := d.uint()
	r.count, r.given, r.last = d.natural(), points.Points(d.int()), micros-d.natural()
	if r.count == 0 {
		r.last = 0
		if has&hasVoided == 0 {
			d.fail()
		}
	}
	of := &r.measured
	of.days = d.natural()
	for why := range r.withheld {
		if has&(hasSuspended<<why) != 0 {
			r.withheld[why] = withheld{count: d.positive(), points: points.Points(d.int()), last: micros - d.natural()}
		}
	}
	if has&hasTaken != 0 {
		r.taken, r.lastTaken = points.Points(d.int()), micros-d.int()
	}
	if has&hasRestored != 0 {
		r.restored, r.lastRestored = points.Points(d.int()), micros-d.int()
	}
	of.matches, of.last = r.count, r.last
	if has&hasForgotten != 0 {
		of.matches, of.last = d.natural(), micros-d.int()
	}
	of.counted = of.matches
	if has&hasUncounted != 0 {
		of.counted = d.natural()
	}
	if has&hasSum != 0 {
		of.sum = amount(d.int())
	}
	if has&hasVisit != 0 {
		of.visit = visit{began: micros - d.natural(), matches: d.positive(), counted: d.natural(), days: d.natural(), sum: amount(d.int())}
	}
	if has&hasDistinct != 0 {
		of.distinct = make([]metValue, d.count(9))
		for i := range of.distinct {
			of.distinct[i] = metValue{key: d.fixed(), micros: micros - d.natural()}
		}
	}
	if has&hasVoided != 0 {
		r.voided = new([voids]voided)
		for why := Bot; why < voids; why++ {
			if n := d.natural(); n > 0 {
				r.voided[why] = voided{count: n, last: micros - d.natural()}
			}
		}
	}
	r.buckets = d.buckets(rule.each, head)
	if has >= hasVoided<<1 {
		d.fail()
	}
}

// appendLimits appends what is used up of limits; those that are not are left out.
func (s *State) appendLimits(b []byte, c *Compiled) []byte {
	used := 0
	for i := range s.limits {
		if !s.limits[i].empty() {
			used++
		}
	}
	b = binary.AppendUvarint(b, uint64(used))
	for i := range s.limits {
		l, limit := &s.limits[i], &c.limits[i]
		if l.empty() {
			continue
		}
		b = binary.AppendUvarint(b, uint64(i))
		if limit.Per == PerVisit {
			b = append(b, bit(l.met))
			b = binary.AppendVarint(b, l.began)
			b = binary.AppendVarint(b, l.last)
		}
		if !limit.perValue {
			b = l.all.append(b, limit)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(l.values)))
		for j := range l.values {
			b = binary.LittleEndian.AppendUint64(b, l.values[j].key)
			b = l.values[j].append(b, limit)
		}
	}
	return b
}

func (t *tally) append(b []byte, limit *compiledLimit) []byte {
	if limit.Rolling {
		b = binary.AppendUvarint(b, uint64(len(t.recent)))
		for i := range t.recent {
			b = binary.AppendVarint(b, t.recent[i].micros)
			b = binary.AppendVarint(b, int64(t.recent[i].points))
		}
		return b
	}
	b = binary.AppendUvarint(b, uint64(t.used))
	if t.used > 0 {
		b = binary.AppendVarint(b, t.period)
		b = binary.AppendVarint(b, int64(t.points))
	}
	return b
}

func (d *decoder) limits(s *State, c *Compiled) {
	next := uint64(0)
	for range d.count(2) {
		i := d.uint()
		if d.failed || i < next || i >= uint64(len(c.limits)) {
			d.fail()
			return
		}
		next = i + 1
		l, limit := &s.limits[i], &c.limits[i]
		if limit.Per == PerVisit {
			l.met, l.began, l.last = d.byte() == 1, d.int(), d.int()
		}
		if !limit.perValue {
			d.tally(&l.all, limit)
			continue
		}
		l.values = make([]tally, min(d.count(9), maxValues))
		for j := range l.values {
			l.values[j].key = d.fixed()
			d.tally(&l.values[j], limit)
		}
	}
}

func (d *decoder) tally(t *tally, limit *compiledLimit) {
	if limit.Rolling {
		t.recent = make([]counted, d.count(2))
		for i := range t.recent {
			one := counted{micros: d.int(), points: points.Points(d.int())}
			t.recent[i] = one
			t.used++
			t.points += size(one.points)
		}
		return
	}
	if t.used = d.natural(); t.used > 0 {
		t.period, t.points = d.int(), points.Points(d.int())
	}
}

// appendStanding appends what stands beside rules and limits. How much of it there is
// follows from the model.
func (s *State) appendStanding(b []byte) []byte {
	for _, p := range s.lifted {
		b = binary.AppendVarint(b, int64(p))
	}
	for i := range s.memories {
		m := &s.memories[i]
		b = append(b, bit(m.known))
		if !m.known {
			continue
		}
		b = binary.AppendVarint(b, m.micros)
		b = appendPoints(b, m.points)
		b = appendPoints(b, m.lifted)
	}
	for i := range s.suspensions {
		p := &s.suspensions[i]
		b = append(b, bit(p.on))
		if p.on {
			b = binary.AppendVarint(b, p.since)
			b = binary.AppendVarint(b, int64(p.frozen))
			b = binary.AppendVarint(b, int64(p.frozenCombined))
			b = append(b, bit(p.frozenKnown))
		}
	}
	for i := range s.overrides {
		o := &s.overrides[i]
		b = append(b, bit(o.on))
		if o.on {
			b = binary.AppendVarint(b, int64(o.points))
			b = binary.AppendVarint(b, o.last)
		}
	}
	for _, ways := range s.sequences {
		for _, way := range ways {
			b = appendInstant(b, way)
		}
	}
	for i := range s.quiet {
		b = appendInstant(b, s.quiet[i].ended)
		b = appendInstant(b, s.quiet[i].happened)
	}
	return b
}

func (d *decoder) standing(s *State) {
	for i := range s.lifted {
		s.lifted[i] = points.Points(d.int())
	}
	for i := range s.memories {
		if !d.bool() {
			continue
		}
		s.memories[i] = memoryState{known: true, micros: d.int(), points: d.points(), lifted: d.points()}
		if m := &s.memories[i]; len(m.points) > len(s.rules) || len(m.lifted) != len(s.lifted) {
			d.fail()
		}
	}
	for i := range s.suspensions {
		if d.bool() {
			s.suspensions[i] = suspensionState{
				on: true, since: d.int(), frozen: points.Points(d.int()), frozenCombined: points.Points(d.int()), frozenKnown: d.bool(),
			}
		}
	}
	for i := range s.overrides {
		if d.bool() {
			s.overrides[i] = overrideState{on: true, points: points.Points(d.int()), last: d.int()}
		}
	}
	for _, ways := range s.sequences {
		for i := range ways {
			ways[i] = d.instant()
		}
	}
	for i := range s.quiet {
		s.quiet[i] = quietState{ended: d.instant(), happened: d.instant()}
	}
}

// appendPoints appends the points of rules, most of which have none.
func appendPoints(b []byte, of []points.Points) []byte {
	b = binary.AppendUvarint(b, uint64(len(of)))
	for _, p := range of {
		b = binary.AppendVarint(b, int64(p))
	}
	return b
}

func (d *decoder) points() []points.Points {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	of := make([]points.Points, n)
	for i := range of {
		of[i] = points.Points(d.int())
	}
	return of
}

// append appends what a match of a trigger says.
func (s *said) append(b []byte, t *trigger) []byte {
	if t.value != nil {
		b = binary.AppendVarint(b, int64(s.value))
	}
	if t.distinct != nil {
		b = binary.LittleEndian.AppendUint64(b, s.distinct)
	}
	for i := range t.keys {
		b = binary.LittleEndian.AppendUint64(b, s.keys[i])
	}
	if t.gate != nil && t.gate.readsProfile() {
		b = binary.AppendUvarint(b, s.leaves.known)
		b = binary.AppendUvarint(b, s.leaves.holds)
	}
	return b
}

func (d *decoder) said(t *trigger) *said {
	s := &said{}
	if t.value != nil {
		s.value = max(min(amount(d.int()), maxAmount), -maxAmount)
	}
	if t.distinct != nil {
		s.distinct = d.fixed()
	}
	for i := range t.keys {
		s.keys[i] = d.fixed()
	}
	if t.gate != nil && t.gate.readsProfile() {
		s.leaves = leaves{known: d.uint(), holds: d.uint()}
	}
	return s
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (d *decoder) bool() bool {
	b := d.byte()
	if b > 1 {
		d.fail()
	}
	return b == 1
}

// fixed reads a number of eight bytes.
func (d *decoder) fixed() uint64 {
	b := d.bytes(8)
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

package engagement

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/points"
)

// Version of the encodings below. Bytes of another version do not decode: what is
// stored is derived, and whoever reads it asks for the history again.
const codecVersion = 3

// ErrCorrupt is returned for bytes that are no encoding of this version and model.
var ErrCorrupt = errors.New("engagement: stored bytes are not of this version and model")

// usualBytes of a rule without its closed buckets, and of what comes before the rules:
// how much room to make.
const usualBytes = 40

// AppendState appends the encoding of a state. Equal states are equal bytes. It costs
// a few bytes for each rule that matched and for each of its days.
func (c *Compiled) AppendState(b []byte, s *State) []byte {
	matched, size := 0, usualBytes+len(s.Head.Source)+len(s.Head.ID)
	for i := range s.rules {
		if r := &s.rules[i]; r.used() {
			matched++
			size += usualBytes + len(r.buckets.closed)
		}
	}
	first := len(b)
	b = slices.Grow(b, size)
	b = append(b, codecVersion)
	b = appendKey(b, &s.Head)
	b = appendText(b, s.stage)
	b = binary.AppendUvarint(b, uint64(matched))
	head := c.calendar.day(s.Head.Micros)
	for i := range s.rules {
		if r := &s.rules[i]; r.used() {
			b = binary.AppendUvarint(b, uint64(i))
			b = r.append(b, &c.rules[i], s.Head.Micros, head)
		}
	}
	b = s.appendLimits(b, c)
	b = s.appendStanding(b)
	return binary.LittleEndian.AppendUint32(b, checksum(b[first:]))
}

// checksum of a state. Most of a state is copied from one encoding to the next without
// being looked at, so whatever harms its bytes would be noticed by nothing else.
func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DecodeState reads what AppendState wrote. No bytes are the state before any entry.
// The state shares the bytes, and never writes to them.
func (c *Compiled) DecodeState(b []byte) (State, error) {
	if len(b) == 0 {
		return State{}, nil
	}
	body := b[:max(len(b)-crc32.Size, 0)]
	d := decoder{data: body}
	if d.byte() != codecVersion || binary.LittleEndian.Uint32(b[len(body):]) != checksum(body) {
		return State{}, ErrCorrupt
	}
	s := State{Head: d.key(), folded: true}
	c.prepare(&s)
	s.stage = d.string()
	head := c.calendar.day(s.Head.Micros)
	next := 0
	for range d.count(5) {
		i := d.uint()
		if d.failed || i < uint64(next) || i >= uint64(len(c.rules)) {
			return State{}, ErrCorrupt
		}
		next = int(i) + 1
		d.rule(&s.rules[i], &c.rules[i], s.Head.Micros, head)
	}
	d.limits(&s, c)
	d.standing(&s)
	if !d.done() {
		return State{}, ErrCorrupt
	}
	return s, nil
}

// Flags of an encoded entry.
const (
	flagUUID    = 1 << iota // the id is a UUID in 16 bytes
	flagInputs              // inputs follow
	flagNumber              // the type is a number in Compiled.types
	flagMatches             // matches follow
	flagPoints              // the matches say their points: they are not the triggers'
	flagVoid                // why it does not count follows
)

// AppendEntry appends the encoding of an entry. Encodings can be laid end to end.
func (c *Compiled) AppendEntry(b []byte, e *Entry) []byte {
	at := len(b)
	b = append(b, 0)
	var flags byte
	b = binary.AppendVarint(b, e.Key.Micros)
	b = append(b, byte(e.Key.Rank))
	b = appendText(b, e.Key.Source)
	if id, ok := uuidBytes(e.Key.ID); ok {
		flags |= flagUUID
		b = append(b, id[:]...)
	} else {
		b = appendText(b, e.Key.ID)
	}
	if i, ok := slices.BinarySearch(c.types, e.Type); ok {
		flags |= flagNumber
		b = binary.AppendUvarint(b, uint64(i))
	} else {
		b = appendText(b, e.Type)
	}
	if e.Void != NotVoid {
		flags |= flagVoid
		b = append(b, byte(e.Void))
	}
	if len(e.Matches) > 0 {
		flags |= flagMatches
		for i := range e.Matches {
			if e.Matches[i].Points != c.triggers[e.Matches[i].Trigger].points {
				flags |= flagPoints
			}
		}
		b = binary.AppendUvarint(b, uint64(len(e.Matches)))
		for i := range e.Matches {
			m := &e.Matches[i]
			b = binary.AppendUvarint(b, uint64(m.Trigger))
			if flags&flagPoints != 0 {
				b = binary.AppendVarint(b, int64(m.Points))
			}
			if m.said != nil {
				b = m.said.append(b, &c.triggers[m.Trigger])
			}
		}
	}
	if e.Inputs != nil {
		flags |= flagInputs
		b = appendText(b, e.Inputs.Campaign)
		b = binary.AppendUvarint(b, uint64(len(e.Inputs.Properties)))
		b = append(b, e.Inputs.Properties...)
	}
	b[at] = flags
	return b
}

// DecodeEntries appends the entries that were encoded end to end. Their texts share
// one copy of the bytes.
func (c *Compiled) DecodeEntries(entries []Entry, b []byte) ([]Entry, error) {
	d := decoder{data: b, text: string(b)}
	for d.left() > 0 {
		entries = append(entries, d.entry(c))
	}
	if d.failed {
		return nil, ErrCorrupt
	}
	return entries, nil
}

func (d *decoder) entry(c *Compiled) (e Entry) {
	flags := d.byte()
	e.Key = Key{Micros: d.int(), Rank: Rank(d.byte()), Source: d.string()}
	if flags&flagUUID != 0 {
		e.Key.ID = uuidText(d.bytes(16))
	} else {
		e.Key.ID = d.string()
	}
	if flags&flagNumber != 0 {
		i := d.uint()
		if i >= uint64(len(c.types)) {
			d.fail()
			return e
		}
		e.Type = c.types[i]
	} else {
		e.Type = d.string()
	}
	if flags&flagVoid != 0 {
		if e.Void = Void(d.byte()); e.Void == NotVoid || e.Void >= voids {
			d.fail()
			return e
		}
	}
	if flags&flagMatches != 0 {
		e.Matches = make([]Match, d.count(1))
		next := uint64(0)
		for i := range e.Matches {
			at := d.uint()
			if at < next || at >= uint64(len(c.triggers)) {
				d.fail()
				return e
			}
			next = at + 1
			t := &c.triggers[at]
			e.Matches[i] = Match{Trigger: int(at), Points: t.points}
			if flags&flagPoints != 0 {
				e.Matches[i].Points = points.Points(d.int())
			}
			if t.says() {
				e.Matches[i].said = d.said(t)
			}
		}
	}
	if flags&flagInputs != 0 {
		e.Inputs = &Inputs{Campaign: d.string()}
		if n := d.count(1); n > 0 {
			e.Inputs.Properties = bytes.Clone(d.bytes(n))
		}
	}
	if e.Key.Rank > RankActivity || !c.makesSense(&e) {
		d.fail()
	}
	return e
}

// makesSense says that the type of an entry is one its matches can be of.
func (c *Compiled) makesSense(e *Entry) bool {
	for i := range e.Matches {
		if c.triggers[e.Matches[i].Trigger].act == stageAct && !strings.HasPrefix(e.Type, lifecycle) {
			return false
		}
	}
	return true
}

// AppendProfile appends the encoding of a profile. An empty profile is no bytes.
func AppendProfile(b []byte, p *Profile) []byte {
	if p.empty() {
		return b
	}
	b = append(b, codecVersion)
	b = appendInstant(b, p.asked)
	b = appendInstant(b, p.known)
	b = binary.AppendUvarint(b, uint64(len(p.attributes)))
	for _, values := range p.attributes {
		b = binary.AppendUvarint(b, uint64(len(values)))
		for i := range values {
			v := &values[i]
			b = binary.AppendVarint(b, v.micros)
			b = appendText(b, v.source)
			b = appendText(b, v.id)
			b = binary.AppendUvarint(b, uint64(len(v.value)))
			b = append(b, v.value...)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(p.fit)))
	for i := range p.fit {
		f := &p.fit[i]
		b = binary.AppendVarint(b, f.Micros)
		b = appendText(b, f.Persona)
		if !f.Scored {
			b = append(b, 0)
			continue
		}
		b = append(b, 1)
		b = binary.AppendVarint(b, int64(f.Points))
		b = appendText(b, f.Class)
	}
	return b
}

// DecodeProfile reads what AppendProfile wrote.
func (c *Compiled) DecodeProfile(b []byte) (Profile, error) {
	var p Profile
	if len(b) == 0 {
		return p, nil
	}
	d := decoder{data: b, text: string(b)}
	if d.byte() != codecVersion {
		return p, ErrCorrupt
	}
	p.asked, p.known = d.instant(), d.instant()
	if n := d.count(1); n != 0 {
		if n != len(c.attributes) {
			return p, ErrCorrupt
		}
		p.attributes = make([][]attributeValue, n)
	}
	for i := range p.attributes {
		values := make([]attributeValue, d.count(4))
		for j := range values {
			v := &values[j]
			v.micros, v.source, v.id = d.int(), d.string(), d.string()
			if n := d.count(1); n > 0 {
				v.value = bytes.Clone(d.bytes(n))
			}
			if j > 0 && values[j-1].compare(v) >= 0 {
				d.fail()
			}
		}
		if len(values) > 0 {
			p.attributes[i] = values
		}
	}
	for i := range d.count(3) {
		f := FitPoint{Micros: d.int(), Persona: d.string(), Scored: d.byte() == 1}
		if f.Scored {
			f.Points, f.Class = points.Points(d.int()), d.string()
		}
		if i > 0 && p.fit[i-1].Micros >= f.Micros {
			d.fail()
		}
		p.fit = append(p.fit, f)
	}
	if !d.done() {
		return Profile{}, ErrCorrupt
	}
	return p, nil
}

func appendKey(b []byte, k *Key) []byte {
	b = binary.AppendVarint(b, k.Micros)
	b = append(b, byte(k.Rank))
	b = appendText(b, k.Source)
	return appendText(b, k.ID)
}

func appendInstant(b []byte, i instant) []byte {
	if !i.known {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), i.micros)
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// uuidBytes returns the bytes of a UUID as it is usually written, in lower case.
func uuidBytes(s string) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	var digits [32]byte
	copy(digits[:8], s[:8])
	copy(digits[8:12], s[9:13])
	copy(digits[12:16], s[14:18])
	copy(digits[16:20], s[19:23])
	copy(digits[20:], s[24:])
	for _, c := range digits {
		if c >= 'A' && c <= 'F' { // would come back in lower case
			return id, false
		}
	}
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}

func uuidText(id []byte) string {
	if len(id) != 16 {
		return ""
	}
	var s [36]byte
	hex.Encode(s[:8], id[:4])
	hex.Encode(s[9:13], id[4:6])
	hex.Encode(s[14:18], id[6:8])
	hex.Encode(s[19:23], id[8:10])
	hex.Encode(s[24:], id[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// decoder reads an encoding. After the first thing that is wrong it has failed and
// answers zero values: it never panics and never makes more than there are bytes for.
type decoder struct {
	data   []byte
	at     int
	text   string // data as text, so that strings need no copies of their own; or empty
	failed bool
}

func (d *decoder) fail() {
	d.failed = true
	d.at = len(d.data)
}

func (d *decoder) left() int { return len(d.data) - d.at }

// done reports whether all was read and nothing was wrong.
func (d *decoder) done() bool { return !d.failed && d.at == len(d.data) }

func (d *decoder) byte() byte {
	if d.at == len(d.data) {
		d.fail()
		return 0
	}
	d.at++
	return d.data[d.at-1]
}

func (d *decoder) uint() uint64 {
	if d.at < len(d.data) && d.data[d.at] < 0x80 { // most are small
		d.at++
		return uint64(d.data[d.at-1])
	}
	return d.long()
}

func (d *decoder) long() uint64 {
	v, n := binary.Uvarint(d.data[d.at:])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.at += n
	return v
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// natural reads a number from 0.
func (d *decoder) natural() int64 {
	v := d.uint()
	if v > 1<<62 {
		d.fail()
		return 0
	}
	return int64(v)
}

// positive reads a number from 1.
func (d *decoder) positive() int64 {
	v := d.natural()
	if v == 0 {
		d.fail()
	}
	return v
}

// count reads how many things follow, each of at least so many bytes.
func (d *decoder) count(bytesEach int) int {
	n := d.uint()
	if n > uint64(d.left()/bytesEach) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(n int) []byte {
	if n > d.left() {
		d.fail()
		return nil
	}
	d.at += n
	return d.data[d.at-n : d.at]
}

func (d *decoder) string() string {
	b := d.bytes(d.count(1))
	if d.text != "" {
		return d.text[d.at-len(b) : d.at]
	}
	return string(b)
}

func (d *decoder) instant() instant {
	if d.byte() == 0 {
		return instant{}
	}
	return instant{known: true, micros: d.int()}
}

func (d *decoder) key() Key {
	k := Key{Micros: d.int(), Rank: Rank(d.byte()), Source: d.string(), ID: d.string()}
	if k.Rank > RankActivity {
		d.fail()
	}
	return k
}

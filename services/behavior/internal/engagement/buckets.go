package engagement

import (
	"encoding/binary"

	"github.com/assay-hq/assay/services/internal/points"
)

// buckets are the matches of one rule by UTC day, within the rule's horizon.
//
// Only the newest can still change, so all before it stay as they are stored: to open
// a state and put it to rest copies them, and only a score reads them, once. That is
// what keeps one more fact cheap on a long history.
type buckets struct {
	// newest is the bucket of the latest day; without matches there is no bucket at all.
	newest bucket
	// oldest is the day of the first bucket.
	oldest int64
	// closed are the buckets before the newest, encoded end to end from the oldest: a
	// queue of days that the front leaves by slicing and the back joins by appending.
	closed []byte
}

// bucket is the matches of one rule on one UTC day.
type bucket struct {
	day     int64
	matches int64
	// counted points, what the limit withheld aside.
	counted points.Points
}

// on returns the bucket of a day, which is not before the newest.
func (s *buckets) on(day int64, each points.Points) *bucket {
	switch {
	case s.newest.matches == 0:
		s.newest.day, s.oldest = day, day
	case s.newest.day != day:
		s.closed = s.newest.append(s.closed, each)
		s.closed = binary.AppendUvarint(s.closed, uint64(day-s.newest.day))
		s.newest = bucket{day: day}
	}
	return &s.newest
}

// prune forgets the oldest buckets that no later instant can read, and returns how
// many.
func (s *buckets) prune(rule *compiledRule, today int64) (forgotten int) {
	d := decoder{data: s.closed}
	for d.left() > 0 {
		at := d.at
		k, gap := d.closed(s.oldest, rule.points)
		if !rule.forgets(&k, today) {
			// Sliced, not moved down: the bytes may be those that were read.
			s.closed = s.closed[at:]
			return forgotten
		}
		s.oldest += gap
		forgotten++
	}
	s.closed = nil
	if s.newest.matches > 0 && rule.forgets(&s.newest, today) {
		*s = buckets{}
		forgotten++
	}
	return forgotten
}

// forgets says that no later instant can read a bucket: it is older than the horizon,
// or has faded to nothing and is too old to be counted. What is nothing after its day
// stays nothing, so it does not matter when it is forgotten.
func (rule *compiledRule) forgets(k *bucket, today int64) bool {
	age := today - k.day
	return age >= 1 && age >= rule.counted && (age >= rule.horizon || rule.fade.left(k.counted, age) == 0)
}

// read returns what is left of the counted points on a day, and adds the matches in
// each window, given in ascending order, to its count.
func (s *buckets) read(rule *compiledRule, today int64, windows, counts []int64) (left points.Points) {
	d := decoder{data: s.closed}
	for day := s.oldest; d.left() > 0; {
		k, gap := d.closed(day, rule.points)
		left += rule.fade.left(k.counted, today-day)
		if today-day < rule.counted {
			k.count(today, windows, counts)
		}
		day += gap
	}
	s.newest.count(today, windows, counts)
	return left + rule.fade.left(s.newest.counted, today-s.newest.day)
}

// count adds the matches to the count of each window that the day is in.
func (k *bucket) count(today int64, windows, counts []int64) {
	for w := len(windows) - 1; w >= 0 && today-k.day < windows[w]; w-- {
		counts[w] += k.matches
	}
}

// append appends the encoding of the matches and points, the day aside.
func (k *bucket) append(b []byte, each points.Points) []byte {
	// Most days every match counted: then the points need no saying.
	if k.counted == points.Points(k.matches)*each {
		return binary.AppendUvarint(b, uint64(k.matches)<<1)
	}
	b = binary.AppendUvarint(b, uint64(k.matches)<<1|1)
	return binary.AppendVarint(b, int64(k.counted))
}

// bucket reads what bucket.append wrote.
func (d *decoder) bucket(day int64, each points.Points) bucket {
	matches := d.uint()
	k := bucket{day: day, matches: int64(matches >> 1), counted: points.Points(matches>>1) * each}
	if matches&1 != 0 {
		k.counted = points.Points(d.int())
	}
	return k
}

// closed reads a closed bucket and how many days later the next one is.
func (d *decoder) closed(day int64, each points.Points) (k bucket, gap int64) {
	if rest := d.data[d.at:]; len(rest) > 1 && (rest[0]|rest[1]) < 0x80 && rest[0]&1 == 0 {
		d.at += 2 // as nearly all are, and a score reads very many
		n := int64(rest[0] >> 1)
		return bucket{day: day, matches: n, counted: points.Points(n) * each}, int64(rest[1])
	}
	return d.bucket(day, each), int64(d.uint())
}

// append appends the encoding of buckets, as of the day of the head.
func (s *buckets) append(b []byte, each points.Points, head int64) []byte {
	b = s.newest.append(b, each)
	if s.newest.matches == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(head-s.newest.day))
	b = binary.AppendUvarint(b, uint64(s.newest.day-s.oldest))
	b = binary.AppendUvarint(b, uint64(len(s.closed)))
	return append(b, s.closed...)
}

// buckets reads what buckets.append wrote. The closed ones share the bytes and are not
// looked at: the checksum of the state vouches for them.
func (d *decoder) buckets(each points.Points, head int64) (s buckets) {
	s.newest = d.bucket(head, each)
	if s.newest.matches == 0 {
		if s.newest.counted != 0 {
			d.fail()
		}
		return buckets{}
	}
	s.newest.day = head - d.natural()
	s.oldest = s.newest.day - d.natural()
	closed := d.bytes(d.count(1))
	s.closed = closed[:len(closed):len(closed)] // appending must not write over what follows
	return s
}

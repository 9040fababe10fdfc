package engagement

import (
	"encoding/binary"

	"github.com/assay-hq/assay/services/internal/points"
)

// buckets are the matches of one rule by day of the model's calendar, within the rule's
// horizon.
//
// Only the newest can still change, so all before it stay as they are stored: to open
// a state and put it to rest copies them, and only a score reads them, once. That is
// what keeps one more fact cheap on a long history. A reset is the exception: it
// writes them anew.
type buckets struct {
	// some: there is a bucket.
	some bool
	// newest is the bucket of the latest day.
	newest bucket
	// oldest is the day of the first bucket.
	oldest int64
	// closed are the buckets before the newest, encoded end to end from the oldest: a
	// queue of days that the front leaves by slicing and the back joins by appending.
	closed []byte
	// settled is what is left for ever of the buckets that were forgotten.
	settled points.Points
}

// bucket is the matches of one rule on one day.
type bucket struct {
	day int64
	// matches, and those that counted: not withheld.
	matches, counted int64
	// sum of the values of the matches.
	sum amount
	// points that counted and were not taken since.
	points points.Points
}

// on returns the bucket of a day, which is not before the newest.
func (s *buckets) on(day int64, each points.Points) *bucket {
	switch {
	case !s.some:
		s.some, s.newest, s.oldest = true, bucket{day: day}, day
	case s.newest.day != day:
		s.closed = s.newest.append(s.closed, each)
		s.closed = binary.AppendUvarint(s.closed, uint64(day-s.newest.day))
		s.newest = bucket{day: day}
	}
	return &s.newest
}

// prune forgets the oldest buckets whose matches no later instant can read and whose
// points change no more, and returns how many.
func (s *buckets) prune(rule *compiledRule, today int64) (forgotten int) {
	d := decoder{data: s.closed}
	for d.left() > 0 {
		at := d.at
		k, gap := d.closed(s.oldest, rule.each)
		if !rule.forgets(&k, today) {
			// Sliced, not moved down: the bytes may be those that were read.
			s.closed = s.closed[at:]
			return forgotten
		}
		s.settled += rule.fade.left(k.points, today-k.day)
		s.oldest += gap
		forgotten++
	}
	s.closed = nil
	if s.some && rule.forgets(&s.newest, today) {
		*s = buckets{settled: s.settled + rule.fade.left(s.newest.points, today-s.newest.day)}
		forgotten++
	}
	return forgotten
}

// forgets says that no later instant can read a bucket: it is too old to be counted, and
// past its horizon or faded to nothing. What is nothing after its day stays nothing, so
// it does not matter when it is forgotten.
func (rule *compiledRule) forgets(k *bucket, today int64) bool {
	age := today - k.day
	return age >= 1 && age >= rule.counted && (age >= rule.horizon || rule.fade.left(k.points, age) == 0)
}

// all calls do with each bucket, the oldest first.
func (s *buckets) all(each points.Points, do func(k *bucket)) {
	d := decoder{data: s.closed}
	var k bucket // one for all: it is handed out
	var gap int64
	for day := s.oldest; d.left() > 0; day += gap {
		k, gap = d.closed(day, each)
		do(&k)
	}
	if s.some {
		do(&s.newest)
	}
}

// read returns what is left of the counted points on a day, and adds the matches in
// each window, given in ascending order, to its count.
func (s *buckets) read(rule *compiledRule, today int64, windows, counts []int64) (left points.Points) {
	left = s.settled
	d := decoder{data: s.closed}
	for day := s.oldest; d.left() > 0; {
		k, gap := d.closed(day, rule.each)
		left += rule.fade.left(k.points, today-day)
		if today-day < rule.counted {
			k.count(today, windows, counts)
		}
		day += gap
	}
	if s.some {
		s.newest.count(today, windows, counts)
		left += rule.fade.left(s.newest.points, today-s.newest.day)
	}
	return left
}

// count adds the matches to the count of each window that the day is in.
func (k *bucket) count(today int64, windows, counts []int64) {
	for w := len(windows) - 1; w >= 0 && today-k.day < windows[w]; w-- {
		counts[w] += k.matches
	}
}

// keep leaves a share of the points of each bucket, in hundredths of a percent, and
// returns how much of the points of all buckets is gone.
func (s *buckets) keep(share, each points.Points) (gone points.Points) {
	before := *s
	*s = buckets{settled: portion(before.settled, share)}
	gone = before.settled - s.settled
	before.all(each, func(k *bucket) {
		kept := portion(k.points, share)
		gone += k.points - kept
		*s.on(k.day, each) = bucket{day: k.day, matches: k.matches, counted: k.counted, sum: k.sum, points: kept}
	})
	return gone
}

// forget lets go of what was counted and keeps the points.
func (s *buckets) forget(each points.Points) {
	before := *s
	*s = buckets{settled: before.settled}
	before.all(each, func(k *bucket) {
		if k.points != 0 {
			s.on(k.day, each).points = k.points
		}
	})
}

// portion is a share of an amount, in hundredths of a percent, rounded half away from
// zero.
func portion(p, share points.Points) points.Points {
	const whole = 100 * points.One
	if share == 0 || share == whole {
		return p * (share / whole)
	}
	return timesOver(int64(share), p, uint64(whole))
}

// A bucket in which every match counted, gave the points of the rule and has no value
// needs no more than the number of its matches.
func (k *bucket) plain(each points.Points) bool {
	return k.points == points.Points(k.matches)*each && k.counted == k.matches && k.sum == 0
}

// append appends the encoding of a bucket, the day aside.
func (k *bucket) append(b []byte, each points.Points) []byte {
	if k.plain(each) {
		return binary.AppendUvarint(b, uint64(k.matches)<<1)
	}
	b = binary.AppendUvarint(b, uint64(k.matches)<<1|1)
	b = binary.AppendVarint(b, int64(k.points))
	b = binary.AppendUvarint(b, uint64(k.matches-k.counted))
	return binary.AppendVarint(b, int64(k.sum))
}

// bucket reads what bucket.append wrote.
func (d *decoder) bucket(day int64, each points.Points) bucket {
	head := d.uint()
	n := int64(head >> 1)
	k := bucket{day: day, matches: n, counted: n, points: points.Points(n) * each}
	if head&1 != 0 {
		k.points = points.Points(d.int())
		k.counted = n - d.natural()
		k.sum = amount(d.int())
	}
	return k
}

// closed reads a closed bucket and how many days later the next one is.
func (d *decoder) closed(day int64, each points.Points) (k bucket, gap int64) {
	if rest := d.data[d.at:]; len(rest) > 1 && (rest[0]|rest[1]) < 0x80 && rest[0]&1 == 0 {
		d.at += 2 // as nearly all are, and a score reads very many
		n := int64(rest[0] >> 1)
		return bucket{day: day, matches: n, counted: n, points: points.Points(n) * each}, int64(rest[1])
	}
	return d.bucket(day, each), int64(d.uint())
}

// append appends the encoding of buckets, as of the day of the head.
func (s *buckets) append(b []byte, each points.Points, head int64) []byte {
	b = binary.AppendVarint(b, int64(s.settled))
	if !s.some {
		return append(b, 0)
	}
	b = append(b, 1)
	b = s.newest.append(b, each)
	b = binary.AppendUvarint(b, uint64(head-s.newest.day))
	b = binary.AppendUvarint(b, uint64(s.newest.day-s.oldest))
	b = binary.AppendUvarint(b, uint64(len(s.closed)))
	return append(b, s.closed...)
}

// buckets reads what buckets.append wrote. The closed ones share the bytes and are not
// looked at: the checksum of the state vouches for them.
func (d *decoder) buckets(each points.Points, head int64) (s buckets) {
	s.settled = points.Points(d.int())
	switch d.byte() {
	case 0:
		return s
	case 1:
	default:
		d.fail()
		return s
	}
	s.some = true
	s.newest = d.bucket(head, each)
	s.newest.day = head - d.natural()
	s.oldest = s.newest.day - d.natural()
	closed := d.bytes(d.count(1))
	s.closed = closed[:len(closed):len(closed)] // appending must not write over what follows
	return s
}

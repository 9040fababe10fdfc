package tabular

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// TimeFormat is how the times of a column are written. A time of day may follow each
// date: `15:04`, `15:04:05`, with fractions, with AM or PM, with an offset.
type TimeFormat string

// The formats.
const (
	YearFirst   TimeFormat = "YYYY-MM-DD"        // also 2026/05/04, and RFC 3339
	DotDayFirst TimeFormat = "DD.MM.YYYY"        // also 4.5.26
	DayFirst    TimeFormat = "DD/MM/YYYY"        // also 4-5-26
	MonthFirst  TimeFormat = "MM/DD/YYYY"        // also 5-4-26
	DayMonth    TimeFormat = "D Month YYYY"      // 4 May 2026, 04-May-26
	MonthDay    TimeFormat = "Month D, YYYY"     // May 4, 2026
	Unix        TimeFormat = "Unix seconds"      // 1777852800
	UnixMillis  TimeFormat = "Unix milliseconds" // 1777852800000
)

// TimeFormats are all formats that are known.
func TimeFormats() []TimeFormat {
	return []TimeFormat{YearFirst, DotDayFirst, DayFirst, MonthFirst, DayMonth, MonthDay, Unix, UnixMillis}
}

// Parse reads a time, which is in the place where it has no offset of its own. False if
// the cell is none in this format.
func (f TimeFormat) Parse(cell string, place *time.Location) (time.Time, bool) {
	if f == Unix || f == UnixMillis {
		return unix(cell, f)
	}
	y, m, d, rest, ok := f.date(cell)
	if !ok {
		return time.Time{}, false
	}
	clock, zone, ok := clockOf(rest, place)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if y < 1 || t.Day() != d || t.Month() != m { // 31 February
		return time.Time{}, false
	}
	h, minute, second := int(clock/time.Hour), int(clock/time.Minute%60), int(clock/time.Second%60)
	return time.Date(y, m, d, h, minute, second, int(clock%time.Second), zone), true
}

func unix(cell string, f TimeFormat) (time.Time, bool) {
	n, err := strconv.ParseInt(cell, 10, 64)
	// Seconds from 1973 to 2286 have nine or ten digits; milliseconds three more.
	switch {
	case err != nil || n < 0:
	case f == Unix && (len(cell) == 9 || len(cell) == 10):
		return time.Unix(n, 0).UTC(), true
	case f == UnixMillis && (len(cell) == 12 || len(cell) == 13):
		return time.UnixMilli(n).UTC(), true
	}
	return time.Time{}, false
}

// date reads the date that a cell begins with and returns the rest.
func (f TimeFormat) date(cell string) (y int, m time.Month, d int, rest string, ok bool) {
	switch f {
	case YearFirst:
		a, b, c, rest, ok := numbers(cell, "-/")
		return a, time.Month(b), c, rest, ok && a > 999
	case DotDayFirst, DayFirst:
		between := "/-"
		if f == DotDayFirst {
			between = "."
		}
		a, b, c, rest, ok := numbers(cell, between)
		y, fits := year(c)
		return y, time.Month(b), a, rest, ok && fits
	case MonthFirst:
		a, b, c, rest, ok := numbers(cell, "/-")
		y, fits := year(c)
		return y, time.Month(a), b, rest, ok && fits
	case DayMonth:
		d, rest := digits(cell)
		m, rest := month(strings.TrimLeft(strings.TrimPrefix(rest, "."), " -/"))
		c, rest := digits(strings.TrimLeft(rest, " -/.,"))
		y, fits := year(c)
		return y, m, d, rest, d > 0 && m > 0 && fits
	case MonthDay:
		m, rest := month(cell)
		d, rest := digits(strings.TrimLeft(rest, " -."))
		c, rest := digits(strings.TrimLeft(rest, " -,"))
		y, fits := year(c)
		return y, m, d, rest, d > 0 && m > 0 && fits
	}
	return 0, 0, 0, "", false
}

// numbers reads three numbers with one of the bytes between each two.
func numbers(cell, between string) (a, b, c int, rest string, ok bool) {
	a, rest = digits(cell)
	if a < 0 || rest == "" || strings.IndexByte(between, rest[0]) < 0 {
		return 0, 0, 0, "", false
	}
	sep := rest[0]
	b, rest = digits(rest[1:])
	if b < 1 || rest == "" || rest[0] != sep {
		return 0, 0, 0, "", false
	}
	c, rest = digits(rest[1:])
	return a, b, c, rest, c >= 0
}

// digits reads up to four digits, -1 if there is none.
func digits(s string) (n int, rest string) {
	i := 0
	for i < len(s) && i < 4 && s[i] >= '0' && s[i] <= '9' {
		n, i = n*10+int(s[i]-'0'), i+1
	}
	if i == 0 {
		return -1, s
	}
	return n, s[i:]
}

// year takes two digits for one of the hundred years around now: 1970 to 2069.
func year(n int) (int, bool) {
	switch {
	case n < 0 || n > 99 && n < 1000:
		return 0, false
	case n < 70:
		return 2000 + n, true
	case n < 100:
		return 1900 + n, true
	}
	return n, true
}

var months = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// month reads the English name of a month, or its first three letters.
func month(s string) (time.Month, string) {
	i := 0
	for i < len(s) && (s[i]|0x20) >= 'a' && (s[i]|0x20) <= 'z' {
		i++
	}
	name := strings.ToLower(s[:i])
	at := slices.IndexFunc(months, func(m string) bool { return name == m || name == m[:3] || name == "sept" && m[:3] == "sep" })
	return time.Month(at + 1), s[i:]
}

// clockOf reads the time of day after a date, midnight if there is none.
func clockOf(s string, place *time.Location) (clock time.Duration, zone *time.Location, ok bool) {
	if s == "" {
		return 0, place, true
	}
	switch s[0] {
	case 'T', 't', ' ', ',':
		s = strings.TrimLeft(s[1:], " ")
	default:
		return 0, nil, false
	}
	if s, zone, ok = zoneOf(s, place); !ok {
		return 0, nil, false
	}
	half, s := halfOf(s)
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, nil, false
	}
	h, rest := digits(parts[0])
	minute, more := digits(parts[1])
	if rest != "" || more != "" || h < 0 || minute < 0 || minute > 59 || len(parts[1]) != 2 || len(parts[0]) > 2 {
		return 0, nil, false
	}
	switch {
	case half < 0 && h > 23, half >= 0 && (h < 1 || h > 12):
		return 0, nil, false
	case half >= 0:
		h = h%12 + half
	}
	clock = time.Duration(h)*time.Hour + time.Duration(minute)*time.Minute
	if len(parts) == 3 {
		seconds, err := time.ParseDuration(strings.Replace(parts[2], ",", ".", 1) + "s")
		if err != nil || strings.Trim(parts[2], "0123456789.,") != "" || seconds >= time.Minute {
			return 0, nil, false
		}
		clock += seconds
	}
	return clock, zone, true
}

// halfOf takes AM or PM off: the hours to add, -1 if neither stands there.
func halfOf(s string) (int, string) {
	for i, half := range []string{"am", "pm"} {
		if n := len(s) - 2; n > 0 && strings.EqualFold(s[n:], half) {
			return 12 * i, strings.TrimRight(s[:n], " ")
		}
	}
	return -1, s
}

// zoneOf takes an offset off: Z, UTC, +02:00, +0200, +02.
func zoneOf(s string, place *time.Location) (string, *time.Location, bool) {
	for _, utc := range []string{"Z", "z", " UTC", " GMT"} {
		if rest, found := strings.CutSuffix(s, utc); found {
			return rest, time.UTC, true
		}
	}
	i := strings.LastIndexAny(s, "+-")
	if i < 0 {
		return s, place, true
	}
	offset := strings.Replace(s[i+1:], ":", "", 1)
	if len(offset) == 2 {
		offset += "00"
	}
	n, rest := digits(offset)
	if len(offset) != 4 || rest != "" || n > 1800 || n%100 > 59 {
		return "", nil, false
	}
	seconds := (n/100*60 + n%100) * 60
	if s[i] == '-' {
		seconds = -seconds
	}
	return strings.TrimRight(s[:i], " "), time.FixedZone("", seconds), true
}

package handoff

import (
	"strconv"
	"time"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/pagetoken"
)

// list is a list of the API that is read page by page.
type list[Row any] struct {
	// query is what its pages have in common: a token is good for no other.
	query any
	// numbers and texts are how many of each a place has, numbers first.
	numbers, texts int
	// read returns at most limit rows after a place.
	read func(after place, limit int) ([]Row, error)
	// at is the place of a row.
	at func(Row) place
}

// paged is a request for a page.
type paged interface {
	GetPageSize() int32
	GetPageToken() string
}

// page returns the rows of a page and the token of the next, empty on the last.
func (l list[Row]) page(in paged) ([]Row, string, error) {
	after, err := placeOf(in.GetPageToken(), l.query, l.numbers, l.numbers+l.texts)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(in.GetPageSize())
	rows, err := l.read(after, size+1)
	if err != nil || len(rows) <= size {
		return rows, "", err
	}
	return rows[:size], pagetoken.Encode(l.query, l.at(rows[size-1]).key()...), nil
}

func pageSize(given int32) int {
	if given <= 0 {
		return 50
	}
	return int(min(given, 1000))
}

// place is where a row stands in a list: what it is sorted by, numbers as int64 before
// texts. The place before the first row is nil.
type place []any

// placeOf is the place that a page token stands for, numbers and then texts, n in all.
func placeOf(pageToken string, query any, numbers, n int) (place, error) {
	key, err := pagetoken.DecodeN(pageToken, query, n)
	if err != nil || key == nil {
		return nil, err
	}
	p := make(place, n)
	for i, v := range key {
		p[i] = v
	}
	for i := range numbers {
		if p[i], err = strconv.ParseInt(key[i], 10, 64); err != nil {
			return nil, apierr.PageTokenMismatch()
		}
	}
	return p, nil
}

func (p place) key() []string {
	key := make([]string, len(p))
	for i, v := range p {
		switch v := v.(type) {
		case int64:
			key[i] = strconv.FormatInt(v, 10)
		case string:
			key[i] = v
		}
	}
	return key
}

// text is a text of the place; empty before the first row.
func (p place) text(i int) string {
	if p == nil {
		return ""
	}
	return p[i].(string)
}

// number is a number of the place; 0 before the first row.
func (p place) number(i int) int64 {
	if p == nil {
		return 0
	}
	return p[i].(int64)
}

// time is a number of the place as a time, in microseconds; zero before the first row.
func (p place) time(i int) time.Time {
	if p == nil {
		return time.Time{}
	}
	return time.UnixMicro(p.number(i))
}

// created is the place of what is sorted by the time of its creation and its id.
func created(at time.Time, id string) place { return place{at.UnixMicro(), id} }

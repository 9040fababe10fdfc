// Package page reads the lists of the API page by page.
//
// Lists are keyset-paged: the next page begins after the place of the last row, so that rows
// that come and go between pages shift nothing. The token of a page holds that place and is
// bound to its query. It hides nothing and is not signed: a place has only what the caller
// may see and may set, and never personal data.
package page

import (
	"strconv"
	"time"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// List is a list of the API that is read page by page.
type List[Row any] struct {
	// Query is what its pages have in common: a token is good for no other. A plain struct, a
	// list or a text: filter and order, not the size of the page.
	Query any
	// Numbers and Texts are how many of each a place has, numbers first.
	Numbers, Texts int
	// Read returns at most limit rows after a place.
	Read func(after Place, limit int) ([]Row, error)
	// At is the place of a row.
	At func(Row) Place
}

// Request asks for a page.
type Request interface {
	GetPageSize() int32
	GetPageToken() string
}

// Page returns the rows of a page, and the token of the next, empty on the last.
func (l List[Row]) Page(in Request) ([]Row, string, error) {
	after, err := placeOf(in.GetPageToken(), l.Query, l.Numbers, l.Numbers+l.Texts)
	if err != nil {
		return nil, "", err
	}
	size := Size(in.GetPageSize())
	rows, err := l.Read(after, size+1)
	if err != nil || len(rows) <= size {
		return rows, "", err
	}
	return rows[:size], encode(l.Query, l.At(rows[size-1]).key()...), nil
}

// Size is the size of a page: 50 unless given, at most 1000.
func Size(given int32) int {
	if given <= 0 {
		return 50
	}
	return int(min(given, 1000))
}

// Place is where a row stands in a list: what it is sorted by, numbers as int64 before
// texts. The place before the first row is nil.
type Place []any

// placeOf is the place that a page token stands for, numbers and then texts, n in all.
func placeOf(pageToken string, query any, numbers, n int) (Place, error) {
	key, err := decodeN(pageToken, query, n)
	if err != nil || key == nil {
		return nil, err
	}
	p := make(Place, n)
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

func (p Place) key() []string {
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

// Text is a text of the place; empty before the first row.
func (p Place) Text(i int) string {
	if p == nil {
		return ""
	}
	return p[i].(string)
}

// Number is a number of the place; 0 before the first row.
func (p Place) Number(i int) int64 {
	if p == nil {
		return 0
	}
	return p[i].(int64)
}

// Time is a number of the place as a time, in microseconds; zero before the first row.
func (p Place) Time(i int) time.Time {
	if p == nil {
		return time.Time{}
	}
	return time.UnixMicro(p.Number(i))
}

// Created is the place of what is sorted by the time of its creation and its id.
func Created(at time.Time, id string) Place { return Place{at.UnixMicro(), id} }

package pending

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLinks bounds the trace contexts that are kept.
const maxLinks = 16

// Captures sums up captures that wait for a decision. The zero value has none.
type Captures struct {
	// Accepted is when the oldest became durable, in microseconds since 1970.
	Accepted int64
	// Took is how long that one took from request to durable.
	Took time.Duration
	// Facts and Bytes are how much they brought together.
	Facts, Bytes int64
	// Historical says that all of them are.
	Historical bool
	// Trace is the trace context of the oldest that has one; Links those of others.
	Trace string
	Links []string
}

// Add takes in later captures.
func (c *Captures) Add(later Captures) {
	switch {
	case later.Accepted == 0:
		return
	case c.Accepted == 0:
		*c = later
		return
	}
	c.Facts += later.Facts
	c.Bytes += later.Bytes
	c.Historical = c.Historical && later.Historical
	c.link(later.Trace)
	for _, l := range later.Links {
		c.link(l)
	}
}

func (c *Captures) link(trace string) {
	switch {
	case trace == "" || trace == c.Trace:
	case c.Trace == "":
		c.Trace = trace
	case len(c.Links) < maxLinks && !slices.Contains(c.Links, trace):
		// Clipped, since a copy of the row shares the array.
		c.Links = append(slices.Clip(c.Links), trace)
	}
}

// String is how captures are stored: numbers and trace contexts with spaces
// between them, empty when there are none.
func (c Captures) String() string {
	if c.Accepted == 0 {
		return ""
	}
	b := make([]byte, 0, 128)
	for _, n := range []int64{c.Accepted, c.Took.Microseconds(), c.Facts, c.Bytes} {
		b = strconv.AppendInt(b, n, 10)
		b = append(b, ' ')
	}
	if c.Historical {
		b = append(b, 'h')
	} else {
		b = append(b, 'l')
	}
	if c.Trace != "" {
		b = append(b, ' ')
		b = append(b, c.Trace...)
	}
	for _, l := range c.Links {
		b = append(b, ' ')
		b = append(b, l...)
	}
	return string(b)
}

// ParseCaptures reads what String wrote.
func ParseCaptures(s string) (Captures, error) {
	if s == "" {
		return Captures{}, nil
	}
	bad := fmt.Errorf("pending: stored captures %q", s)
	var n [4]int64
	for i := range n {
		field, rest, ok := strings.Cut(s, " ")
		v, err := strconv.ParseInt(field, 10, 64)
		if !ok || err != nil {
			return Captures{}, bad
		}
		n[i], s = v, rest
	}
	kind, traces, _ := strings.Cut(s, " ")
	if kind != "h" && kind != "l" || n[0] <= 0 {
		return Captures{}, bad
	}
	c := Captures{Accepted: n[0], Took: time.Duration(n[1]) * time.Microsecond, Facts: n[2], Bytes: n[3], Historical: kind == "h"}
	c.Trace, traces, _ = strings.Cut(traces, " ")
	if traces != "" {
		c.Links = strings.Split(traces, " ")
	}
	return c, nil
}

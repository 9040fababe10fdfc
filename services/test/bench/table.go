package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// figure is a line of the table.
type figure struct {
	store, what, load string
	value             quantity
	processor         time.Duration // used by this process for each item, load included; zero: not measured
	baseline          quantity      // zero: there is none
	beside            string        // what the baseline is
	aim               string
	note              string // printed below the table
}

// quantity is a number with its unit.
type quantity struct {
	n    float64
	unit string
}

func perSecond(n float64, what string) quantity { return quantity{n, what + "/s"} }
func lasting(d time.Duration) quantity          { return quantity{d.Seconds() * 1000, "ms"} }
func mebibytes(n float64) quantity              { return quantity{n, "MiB"} }

func (q quantity) String() string {
	if q.n == 0 {
		return ""
	}
	digits := 0
	switch {
	case q.n < 10:
		digits = 2
	case q.n < 100:
		digits = 1
	}
	return thousands(strconv.FormatFloat(q.n, 'f', digits, 64)) + " " + q.unit
}

// thousands puts commas into a number.
func thousands(number string) string {
	whole, fraction, _ := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

func (f *figure) cells() []string {
	ratio := ""
	if f.baseline.n > 0 {
		ratio = fmt.Sprintf("%.2f", f.value.n/f.baseline.n)
		if r := f.value.n / f.baseline.n; r >= 10 {
			ratio = strconv.Itoa(int(math.Round(r)))
		}
	}
	baseline := f.baseline.String()
	if baseline != "" {
		baseline += " " + f.beside
	}
	processor := ""
	if f.processor > 0 {
		processor = quantity{f.processor.Seconds() * 1e6, "µs"}.String()
	}
	return []string{f.store, f.what, f.load, f.value.String(), processor, baseline, ratio, f.aim}
}

var (
	heads    = []string{"store", "what", "load", "figure", "CPU each", "baseline of this run", "ratio", "aim"}
	toRight  = []bool{false, false, false, true, true, false, true, false}
	markdown = func(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }
	plain    = func(cells []string) string { return strings.TrimRight(strings.Join(cells, "  "), " ") }
)

// print writes the table, as Markdown if asked, with the notes below.
func print(w io.Writer, figures []figure, asMarkdown bool) {
	line, rows := plain, [][]string{heads}
	if asMarkdown {
		line = markdown
	}
	for i := range figures {
		rows = append(rows, figures[i].cells())
	}
	widths := make([]int, len(heads))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		rule := make([]string, len(row))
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			rule[i] = strings.Repeat("-", widths[i])
			if row[i] = cell + space; toRight[i] {
				row[i] = space + cell
			}
		}
		_, _ = fmt.Fprintln(w, line(row))
		if n == 0 {
			_, _ = fmt.Fprintln(w, line(rule))
		}
	}
	_, _ = fmt.Fprintln(w)
	for i := range figures {
		if f := &figures[i]; f.note != "" {
			_, _ = fmt.Fprintf(w, "- %s %s: %s\n", f.store, f.what, f.note)
		}
	}
}

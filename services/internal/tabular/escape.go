package tabular

import (
	"encoding/csv"
	"io"
)

// dangerous reports whether a spreadsheet would take a cell for a formula, or whether
// it looks as if it were escaped.
func dangerous(cell string) bool {
	return cell != "" && (formula(cell[0]) || cell[0] == '\'' && len(cell) > 1 && (formula(cell[1]) || cell[1] == '\''))
}

func formula(c byte) bool {
	switch c {
	case '=', '+', '-', '@', '\t', '\r':
		return true
	}
	return false
}

// Escape returns a cell in the form in which no spreadsheet takes it for a formula:
// with a ' before it if need be.
func Escape(cell string) string {
	if dangerous(cell) {
		return "'" + cell
	}
	return cell
}

// Unescape returns the cell that was escaped.
func Unescape(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && (formula(cell[1]) || cell[1] == '\'') {
		return cell[1:]
	}
	return cell
}

// Writer writes rows with commas in UTF-8, each cell escaped.
type Writer struct{ csv *csv.Writer }

// NewWriter returns a writer.
func NewWriter(w io.Writer) *Writer { return &Writer{csv.NewWriter(w)} }

// Write writes a row.
func (w *Writer) Write(cells ...string) error {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = Escape(c)
	}
	return w.csv.Write(escaped)
}

// Flush writes what is held back.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

package tabular

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Columns that a file of rejected rows begins with.
const (
	LineColumn   = "line"
	ReasonColumn = "reason"
)

// Table reads the rows of a file under its header. A file of rejected rows, which begins
// with the columns `line` and `reason` and whose cells are escaped, is read as the file
// that they are from.
type Table struct {
	// Header are the names of the columns.
	Header []string

	rows    *Reader
	rejects bool
	surplus int // columns without a name at the end
}

// NewTable reads the header. The error says what is wrong with it: the file is empty, it
// has too many columns, or two of one name.
func NewTable(r io.Reader, delimiter byte) (*Table, error) {
	t := &Table{rows: NewReader(r, delimiter)}
	row, err := t.rows.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("expected a header row, found an empty file")
	case err != nil:
		return nil, err
	case row.Err != nil:
		return nil, fmt.Errorf("the header row cannot be read: %w", row.Err)
	}
	for i, name := range row.Cells {
		row.Cells[i] = strings.TrimSpace(name)
	}
	t.Header = row.Cells
	if len(t.Header) > 2 && t.Header[0] == LineColumn && t.Header[1] == ReasonColumn {
		t.rejects = true
		t.Header = t.Header[2:]
		for i, name := range t.Header {
			t.Header[i] = Unescape(name)
		}
	}
	for len(t.Header) > 1 && t.Header[len(t.Header)-1] == "" {
		t.Header, t.surplus = t.Header[:len(t.Header)-1], t.surplus+1
	}
	for i, name := range t.Header {
		switch {
		case name == "":
			return nil, fmt.Errorf("column %d has no name", i+1)
		case slices.Contains(t.Header[:i], name):
			return nil, fmt.Errorf("column %q stands in the file twice", name)
		}
	}
	return t, nil
}

// Next returns the next row, io.EOF after the last.
func (t *Table) Next() (Row, error) {
	row, err := t.rows.Next()
	if err != nil || row.Err != nil {
		return row, err
	}
	if t.rejects {
		row.Cells = row.Cells[min(2, len(row.Cells)):]
		for i, cell := range row.Cells {
			row.Cells[i] = Unescape(cell)
		}
	}
	// Spreadsheets write delimiters for columns that have nothing.
	for n := t.surplus; n > 0 && len(row.Cells) > len(t.Header) && row.Cells[len(row.Cells)-1] == ""; n-- {
		row.Cells = row.Cells[:len(row.Cells)-1]
	}
	return row, nil
}

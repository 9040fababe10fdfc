package tabular

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// What a file may have.
const (
	// MaxColumns is how many cells a row may have.
	MaxColumns = 200
	// MaxCell is how long a cell may be, in bytes of UTF-8.
	MaxCell = 32 << 10
	// MaxRow is how long a row may be, in bytes of UTF-8.
	MaxRow = 1 << 20
)

// Row is one row of a file.
type Row struct {
	// Line is the line it begins on, from 1.
	Line int
	// Cells are its cells, quotes removed. They stay valid. Of a row that cannot be
	// read, its line as one cell, at most MaxCell bytes of it.
	Cells []string
	// Err says what is wrong with it, nil if it can be read. It names no cell's text.
	Err error
}

// Reader reads rows of UTF-8 text. Cells are quoted with ", a quote in them is doubled,
// and quoted cells may hold line breaks; lines end with LF, CR LF or CR. Rows without
// any text are left out. It holds at most a few MaxRow in memory.
type Reader struct {
	r         io.Reader
	delimiter byte

	window []byte // what was read and not yet given out
	end    error  // why nothing more can be read
	line   int    // of the beginning of the window
	first  bool
}

// NewReader returns a reader of rows whose cells stand between delimiters. A first line
// `sep=;`, as spreadsheets write it, is left out.
func NewReader(r io.Reader, delimiter byte) *Reader {
	return &Reader{r: r, delimiter: delimiter, line: 1, first: true}
}

// Errors of rows.
var (
	errBareQuote = errors.New("expected a cell with a quote in it to stand in quotes, with that quote doubled")
	errNoEnd     = errors.New("expected the quote that opens a cell to be closed")
	errTooLong   = fmt.Errorf("expected a row of at most %d bytes", MaxRow)
)

// Next returns the next row, io.EOF at the end. Any other error is of the file itself,
// which can be read no further.
func (r *Reader) Next() (Row, error) {
	for {
		if err := r.fill(1); err != nil {
			return Row{}, err
		}
		if r.first {
			r.first = false
			if r.skipSep() {
				continue
			}
		}
		row, size, lines, err := r.row()
		if err != nil {
			return Row{}, err
		}
		r.window, r.line = r.window[size:], r.line+lines
		if row.Err == nil && blank(row.Cells) {
			continue
		}
		return row, nil
	}
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// fill reads until the window has n bytes, or all there is: io.EOF only if it is empty.
func (r *Reader) fill(n int) error {
	for len(r.window) < n && r.end == nil {
		const step = 64 << 10
		if cap(r.window)-len(r.window) < step {
			r.window = append(make([]byte, 0, 2*len(r.window)+2*step), r.window...)
		}
		got, err := r.r.Read(r.window[len(r.window) : len(r.window)+step])
		r.window = r.window[:len(r.window)+got]
		r.end = err
	}
	if r.end != nil && !errors.Is(r.end, io.EOF) {
		return fmt.Errorf("the file cannot be read further: %w", r.end)
	}
	if len(r.window) == 0 {
		return io.EOF
	}
	return nil
}

func (r *Reader) skipSep() bool {
	_ = r.fill(8)
	for _, end := range []string{"\r\n", "\n", "\r"} {
		if line := "sep=" + string(r.delimiter) + end; strings.HasPrefix(strings.ToLower(string(r.window[:min(8, len(r.window))])), line) {
			r.window, r.line = r.window[len(line):], r.line+1
			return true
		}
	}
	return false
}

// row reads the row at the beginning of the window and returns its bytes and line ends.
func (r *Reader) row() (Row, int, int, error) {
	p := parser{reader: r}
	switch err := p.parse(); {
	case err == nil:
		row := Row{Line: r.line, Cells: p.cells}
		row.Err = check(p.cells)
		return row, p.at, p.lines, nil
	case errors.Is(err, errBareQuote), errors.Is(err, errNoEnd), errors.Is(err, errTooLong):
		text, size, failed := r.physicalLine()
		return Row{Line: r.line, Cells: []string{text}, Err: err}, size, 1, failed
	default:
		return Row{}, 0, 0, err
	}
}

// check says what is wrong with cells that could be told apart.
func check(cells []string) error {
	if len(cells) > MaxColumns {
		return fmt.Errorf("expected at most %d columns, found %d", MaxColumns, len(cells))
	}
	for i, c := range cells {
		switch {
		case len(c) > MaxCell:
			return &CellError{i, fmt.Sprintf("expected at most %d bytes", MaxCell)}
		case !utf8.ValidString(c):
			return &CellError{i, "expected UTF-8"}
		case strings.IndexByte(c, 0) >= 0:
			return &CellError{i, "expected text without NUL"}
		}
	}
	return nil
}

// CellError says what is wrong with one cell of a row.
type CellError struct {
	// Column is the position of the cell, from 0.
	Column int
	// Expected says what was expected.
	Expected string
}

// Error says it with the number of the column, from 1.
func (e *CellError) Error() string { return fmt.Sprintf("column %d: %s", e.Column+1, e.Expected) }

// physicalLine returns the beginning of the first line of the window and how long the
// line is, with its end; of one that is longer than a row may be, what is in the window
// after the rest was thrown away.
func (r *Reader) physicalLine() (text string, size int, err error) {
	for at := 0; ; {
		if i := bytes.IndexAny(r.window[at:], "\r\n"); i >= 0 {
			end := at + i
			if err := r.fill(end + 2); err != nil {
				return "", 0, err
			}
			size = end + 1
			if r.window[end] == '\r' && size < len(r.window) && r.window[size] == '\n' {
				size++
			}
			if text == "" {
				text = printable(r.window[:end])
			}
			return text, size, nil
		}
		if at = len(r.window); at > MaxRow {
			if text == "" {
				text = printable(r.window)
			}
			r.window, at = r.window[:0], 0
		}
		switch err := r.fill(at + 1); {
		case errors.Is(err, io.EOF):
			return text, 0, nil
		case err != nil:
			return "", 0, err
		case len(r.window) == at: // the end of the file is the end of the line
			if text == "" {
				text = printable(r.window)
			}
			return text, at, nil
		}
	}
}

// printable returns a line, or the beginning of a long one, as text.
func printable(line []byte) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(line[:min(len(line), MaxCell)]), "\uFFFD"), "\x00", "\uFFFD")
}

// parser reads one row from the beginning of a reader's window.
type parser struct {
	reader *Reader
	at     int // how far it is in the window
	lines  int // line ends it passed
	cells  []string
}

// peek returns the next byte, false at the end of the file.
func (p *parser) peek() (byte, bool, error) {
	if p.at >= len(p.reader.window) {
		if p.at > MaxRow {
			return 0, false, errTooLong
		}
		if err := p.reader.fill(p.at + 1); err != nil && !errors.Is(err, io.EOF) {
			return 0, false, err
		}
		if p.at >= len(p.reader.window) {
			return 0, false, nil
		}
	}
	return p.reader.window[p.at], true, nil
}

// parse reads cells up to the end of the row, which it passes.
func (p *parser) parse() error {
	for {
		cell, err := p.cell()
		if err != nil {
			return err
		}
		p.cells = append(p.cells, cell)
		c, more, err := p.peek()
		switch {
		case err != nil:
			return err
		case !more:
			return nil
		case c == p.reader.delimiter:
			p.at++
		default:
			return p.passLineEnd(c)
		}
		if p.at > MaxRow {
			return errTooLong
		}
	}
}

func (p *parser) passLineEnd(c byte) error {
	p.at++
	p.lines++
	if c != '\r' {
		return nil
	}
	next, more, err := p.peek()
	if more && next == '\n' {
		p.at++
	}
	return err
}

// cell reads one cell and stops at what ends it.
func (p *parser) cell() (string, error) {
	c, more, err := p.peek()
	if err != nil || !more {
		return "", err
	}
	if c == '"' {
		return p.quoted()
	}
	for begin := p.at; ; {
		rest := p.reader.window[p.at:]
		i := 0
		for i < len(rest) && rest[i] != p.reader.delimiter && rest[i] != '\n' && rest[i] != '\r' && rest[i] != '"' {
			i++
		}
		p.at += i
		c, more, err := p.peek()
		switch {
		case err != nil:
			return "", err
		case !more, c == p.reader.delimiter, c == '\n', c == '\r':
			return string(p.reader.window[begin:p.at]), nil
		case c == '"':
			return "", errBareQuote
		}
	}
}

// quoted reads a cell in quotes. Its line breaks become LF.
func (p *parser) quoted() (string, error) {
	p.at++
	var text []byte
	for {
		rest := p.reader.window[p.at:]
		i := 0
		for i < len(rest) && rest[i] != '"' && rest[i] != '\n' && rest[i] != '\r' {
			i++
		}
		text = append(text, rest[:i]...)
		p.at += i
		c, more, err := p.peek()
		switch {
		case err != nil:
			return "", err
		case !more:
			return "", errNoEnd
		case c == '\n', c == '\r':
			if err := p.passLineEnd(c); err != nil {
				return "", err
			}
			text = append(text, '\n')
			continue
		case c != '"':
			continue // the window was longer than it seemed
		}
		p.at++
		switch c, more, err = p.peek(); {
		case err != nil:
			return "", err
		case more && c == '"':
			p.at++
			text = append(text, '"')
		case !more, c == p.reader.delimiter, c == '\n', c == '\r':
			return string(text), nil
		default:
			return "", errBareQuote
		}
	}
}

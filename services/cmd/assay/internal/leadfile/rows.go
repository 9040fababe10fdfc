package leadfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
)

// Rows reads a CSV file row by row: UTF-8 with or without a byte order mark,
// commas, quoted cells that may hold line breaks.
type Rows struct {
	// Header is the first row.
	Header []string

	csv   *csv.Reader
	input *countingReader
	close []io.Closer
	size  int64
}

// Open opens a .csv or .csv.gz file and reads its header.
func Open(path string) (*Rows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	counter := &countingReader{r: f}
	rows, err := read(counter, strings.HasSuffix(path, ".gz"))
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	rows.input, rows.size = counter, size
	rows.close = append(rows.close, f)
	return rows, nil
}

// NewRows reads rows from a plain or a gzipped stream.
func NewRows(r io.Reader, gzipped bool) (*Rows, error) {
	counter := &countingReader{r: r}
	rows, err := read(counter, gzipped)
	if err != nil {
		return nil, err
	}
	rows.input = counter
	return rows, nil
}

func read(r io.Reader, gzipped bool) (*Rows, error) {
	rows := &Rows{}
	if gzipped {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("expected gzip: %w", err)
		}
		rows.close = append(rows.close, z)
		r = z
	}
	buffered := bufio.NewReaderSize(r, 64<<10)
	if start, _ := buffered.Peek(3); bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3)
	}
	rows.csv = csv.NewReader(buffered)
	rows.csv.FieldsPerRecord = -1 // Capture names the row that has too few or too many
	header, err := rows.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("expected a header row, found an empty file")
	case err != nil:
		return nil, fmt.Errorf("the header row cannot be read: %w", err)
	}
	for i, column := range header {
		if msg := checkCell(column); msg != "" {
			return nil, fmt.Errorf("the name of column %d: %s", i+1, msg)
		}
		header[i] = strings.TrimSpace(column)
	}
	rows.Header = slices.Clone(header)
	return rows, nil
}

// Row is one row of the file.
type Row struct {
	// Line is the line the row starts on, from 1.
	Line int
	// Cells are its cells; for a row that cannot be read, those found so far.
	Cells []string
	// Err says why the row cannot be read, if so. The rows after it still can.
	Err error
}

// Next returns the next row, or io.EOF at the end. Any other error means that the
// file itself can be read no further.
func (r *Rows) Next() (Row, error) {
	cells, err := r.csv.Read()
	if err == nil {
		line, _ := r.csv.FieldPos(0)
		return Row{Line: line, Cells: cells}, nil
	}
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return Row{Line: parse.StartLine, Cells: cells, Err: &RowError{Expected: rowTrouble(parse)}}, nil
	}
	if errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	}
	return Row{}, fmt.Errorf("the file cannot be read further: %w", err)
}

func rowTrouble(e *csv.ParseError) string {
	if errors.Is(e.Err, csv.ErrQuote) || errors.Is(e.Err, csv.ErrBareQuote) {
		return fmt.Sprintf("expected cells with a quote in them to be quoted and closed (line %d, byte %d)", e.Line, e.Column)
	}
	return e.Err.Error()
}

// Progress returns which part of the file was read, from 0 to 1; 0 when its size is
// not known. It may be called while another goroutine reads.
func (r *Rows) Progress() float64 {
	if r.size <= 0 {
		return 0
	}
	return min(1, float64(r.input.n.Load())/float64(r.size))
}

// Close closes the file.
func (r *Rows) Close() error {
	var errs []error
	for _, c := range r.close {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

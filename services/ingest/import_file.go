package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/leadfile"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/tabular"
)

// survey is what was found of a file when it was read once.
type survey struct {
	header []string
	cells  []tabular.Column
	rows   int
}

// headBytes is how much of a file is looked at to find its delimiter.
const headBytes = 64 << 10

// table opens the file of an import, in the format that is said or found.
func (s *Service) table(ctx context.Context, id string, format *ingestv1.FileFormat) (*tabular.Table, error) {
	text, err := tabular.Decode(s.store.ImportFile(ctx, id), tabular.Encoding(format.GetEncoding()))
	if err != nil {
		return nil, err
	}
	if format.GetDelimiter() == "" {
		head := make([]byte, headBytes)
		n, err := io.ReadFull(text, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		format.Delimiter = string(tabular.Delimiter(string(head[:n])))
		text = io.MultiReader(strings.NewReader(string(head[:n])), text)
	}
	return tabular.NewTable(text, format.GetDelimiter()[0])
}

// survey reads a file as a whole. What makes it no file of rows is the caller's error.
func (s *Service) survey(ctx context.Context, id string, about *ingestv1.Import) (*survey, error) {
	t, err := s.table(ctx, id, about.GetFormat())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, badFile(err.Error())
	}
	for i, h := range t.Header {
		if local, domain, ok := strings.Cut(h, "@"); ok && local != "" && strings.Contains(domain, ".") {
			return nil, badFile(fmt.Sprintf("expected a first row with the names of the columns: column %d is an address", i+1))
		}
	}
	f := &survey{header: t.Header, cells: make([]tabular.Column, len(t.Header))}
	for {
		row, err := t.Next()
		switch {
		case errors.Is(err, io.EOF) && f.rows == 0:
			return nil, badFile("expected rows under the header, found none")
		case errors.Is(err, io.EOF):
			return f, nil
		case err != nil:
			return nil, err
		}
		if f.rows++; f.rows > maxRows {
			return nil, apierr.TooLarge("", "500,000 rows")
		}
		if row.Err != nil || len(row.Cells) != len(f.cells) {
			continue // rejected when it runs
		}
		for i, cell := range row.Cells {
			f.cells[i].Add(strings.TrimSpace(cell))
		}
	}
}

func badFile(what string) error {
	if expected, ok := strings.CutPrefix(what, "expected "); ok {
		return apierr.InvalidField("file", expected)
	}
	return apierr.InvalidField("file", "a file that can be read: "+what)
}

// ambiguous is how the times of a column read whose days cannot be told from its months.
const ambiguous = tabular.DayFirst + " or " + tabular.MonthFirst

// describe says in about what the columns of the file are: as somebody said, else as
// their headers suggest.
func (f *survey) describe(about *ingestv1.Import, said map[string]string) error {
	for i, c := range about.GetColumns() {
		if !slices.Contains(f.header, c.GetHeader()) {
			return apierr.InvalidField(fmt.Sprintf("import.columns[%d].header", i), "a column of the file")
		}
	}
	for header := range said {
		if !slices.Contains(f.header, header) {
			return apierr.InvalidField("import.columns", "columns of the file")
		}
	}
	about.Warnings = nil
	if about.GetMapping() != "" {
		return f.describeMapped(about)
	}
	if about.GetKind() == ingestv1.Import_KIND_UNSPECIFIED {
		about.Kind = ingestv1.Import_KIND_LEADS
		if leadfile.IsActivities(f.header) {
			about.Kind = ingestv1.Import_KIND_ACTIVITIES
		}
	}
	about.Columns = nil
	for i, c := range leadfile.Suggest(f.header, f.cells, about.GetKind() == ingestv1.Import_KIND_ACTIVITIES, said) {
		column := &ingestv1.ImportColumn{Header: c.Header, Field: c.Field, ReadsAs: c.Type}
		switch c.Field {
		case leadfile.FieldTime, leadfile.FieldActivityTime:
			column.ReadsAs = f.readTimes(about, i)
		case "":
			column.ReadsAs = ""
		}
		about.Columns = append(about.Columns, column)
	}
	if _, err := bindingOf(about); err != nil {
		about.Warnings = append(about.Warnings, words(err)...)
	}
	return nil
}

// describeMapped does so for a file with a mapping, which must fit it.
func (f *survey) describeMapped(about *ingestv1.Import) error {
	b, m, err := mapped(about, f.header)
	if err != nil {
		return err
	}
	about.Source = m.Source
	if about.GetKind() == ingestv1.Import_KIND_UNSPECIFIED {
		about.Kind = ingestv1.Import_KIND_LEADS
	}
	about.Columns = nil
	times := b.Times()
	for i, h := range f.header {
		column := &ingestv1.ImportColumn{Header: h}
		if slices.Contains(times, h) {
			column.ReadsAs = f.readTimes(about, i)
		}
		about.Columns = append(about.Columns, column)
	}
	if _, err := bindingOf(about); err != nil {
		about.Warnings = append(about.Warnings, words(err)...)
	}
	return nil
}

// readTimes says how the times of a column are written.
func (f *survey) readTimes(about *ingestv1.Import, column int) string {
	format, unclear := f.cells[column].TimeFormat()
	switch order := about.GetFormat().GetDateOrder(); {
	case format == "":
		return string(tabular.YearFirst)
	case format != tabular.DayFirst && format != tabular.MonthFirst:
		return string(format)
	case order == "dmy":
		return string(tabular.DayFirst)
	case order == "mdy":
		return string(tabular.MonthFirst)
	case order == "ymd":
		return string(tabular.YearFirst)
	case unclear:
		return string(ambiguous)
	}
	return string(format)
}

// mapped is the mapping of an import that has one, fitted to the header.
func mapped(about *ingestv1.Import, header []string) (*leadfile.Binding, *leadfile.Mapping, error) {
	m, err := leadfile.Decode([]byte(about.GetMapping()))
	if err != nil {
		return nil, nil, problems("import.mapping", err)
	}
	b, err := m.Bind(header)
	if err != nil {
		return nil, nil, problems("import.mapping", err)
	}
	return b, m, nil
}

// problems are all that is wrong with a mapping, as one error of the API.
func problems(field string, err error) error {
	list := leadfile.Problems{err.Error()}
	errors.As(err, &list)
	violations := make([]apierr.Violation, len(list))
	for i, p := range list {
		violations[i] = apierr.Violation{Field: field, Expected: "one that fits the file: " + p}
		if path, expected, ok := strings.Cut(p, ": expected "); ok {
			violations[i] = apierr.Violation{Field: field + "." + path, Expected: expected}
		}
	}
	return apierr.InvalidFields(violations...)
}

// words are the violations of an error.
func words(err error) (list []string) {
	for _, v := range apierr.Violations(err) {
		list = append(list, v.Field+": expected "+v.Expected)
	}
	return list
}

// bindingOf returns how the rows of an import are read, or why they cannot be read: an
// error of the API that names what is to be said of it.
func bindingOf(about *ingestv1.Import) (*leadfile.Binding, error) {
	header := make([]string, len(about.GetColumns()))
	columns := make([]leadfile.Column, len(header))
	for i, c := range about.GetColumns() {
		header[i] = c.GetHeader()
		columns[i] = leadfile.Column{Header: c.GetHeader(), Field: c.GetField()}
		if c.GetReadsAs() == "number" || c.GetReadsAs() == "boolean" {
			columns[i].Type = c.GetReadsAs()
		}
	}
	var b *leadfile.Binding
	var err error
	if about.GetMapping() != "" {
		if b, _, err = mapped(about, header); err != nil {
			return nil, err
		}
	} else {
		m, err := leadfile.Of(about.GetSource(), columns, about.GetKind() == ingestv1.Import_KIND_ACTIVITIES, about.GetActivityType())
		if err != nil {
			return nil, problems("import", err)
		}
		if b, err = m.Bind(header); err != nil {
			return nil, problems("import", err)
		}
	}
	for _, column := range b.Times() {
		c := about.GetColumns()[slices.Index(header, column)]
		if c.GetReadsAs() == string(ambiguous) {
			return nil, apierr.InvalidField("import.format.dateOrder",
				fmt.Sprintf("dmy or mdy: the dates in column %q can be read with the day or with the month first", column))
		}
		b.ReadTimes(column, tabular.TimeFormat(c.GetReadsAs()))
	}
	return b, nil
}

// How many values of a column are shown, and how long.
const (
	maxSamples      = 3
	maxSampleLength = 100
	sampledRows     = 50
)

// addSamples adds some values of each column. They are read from the file, and kept
// nowhere else.
func (a *importAPI) addSamples(ctx context.Context, id string, m *ingestv1.Import) error {
	t, err := a.table(ctx, id, m.GetFormat())
	for range sampledRows {
		var row tabular.Row
		if err == nil {
			row, err = t.Next()
		}
		if err != nil { // the end, or the file is gone since
			return ctx.Err()
		}
		for i, c := range m.GetColumns() {
			if row.Err != nil || i >= len(row.Cells) || len(c.GetSamples()) >= maxSamples {
				continue
			}
			value := strings.TrimSpace(row.Cells[i])
			if len(value) > maxSampleLength {
				value = strings.ToValidUTF8(value[:maxSampleLength], "") + "…"
			}
			if value != "" && !slices.Contains(c.GetSamples(), value) {
				c.Samples = append(c.Samples, value)
			}
		}
	}
	return nil
}

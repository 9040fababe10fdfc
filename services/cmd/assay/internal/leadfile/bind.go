package leadfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// maxCell is the longest cell that is read, in bytes; a longer one rejects its row.
const maxCell = 32 << 10

// Binding is a mapping that fits a header.
type Binding struct {
	mapping *Mapping
	index   map[string]int
	missing map[string]bool
	header  []string
}

// Bind checks the mapping against a file's header: every column must be named by
// the mapping, and every column that the mapping names must be there. The error is
// Problems and lists them all.
func (m *Mapping) Bind(header []string) (*Binding, error) {
	var p Problems
	index := make(map[string]int, len(header))
	for i, column := range header {
		switch _, twice := index[column]; {
		case column == "":
			p.add("column %d has no name", i+1)
		case twice:
			p.add("column %q stands in the file twice", column)
		}
		index[column] = i
	}
	used := m.columns()
	for _, column := range header {
		if column != "" && !used[column] && !slices.Contains(m.Ignored, column) {
			p.add("column %q of the file is not in the mapping: map it or list it under `ignored`", column)
		}
	}
	var absent []string
	for column := range used {
		absent = append(absent, column)
	}
	for _, column := range append(absent, m.Ignored...) {
		if _, ok := index[column]; !ok {
			p.add("column %q of the mapping is not in the file", column)
		}
	}
	slices.Sort(p)
	if err := slices.Compact(p).err(); err != nil {
		return nil, err
	}
	missing := make(map[string]bool, len(m.Missing))
	for _, cell := range m.Missing {
		missing[strings.TrimSpace(cell)] = true
	}
	return &Binding{mapping: m, index: index, missing: missing, header: slices.Clone(header)}, nil
}

// RowError says what is wrong with one row. It names the column, never the cell.
type RowError struct {
	// Column is the column, if one is to blame.
	Column string
	// Expected says what was expected.
	Expected string
}

// Error names the column and what was expected.
func (e *RowError) Error() string {
	if e.Column == "" {
		return e.Expected
	}
	return fmt.Sprintf("column %q: %s", e.Column, e.Expected)
}

// Capture turns a row into a capture. The error is a *RowError.
func (b *Binding) Capture(row []string) (*ingestv1.CaptureLeadRequest, error) {
	if len(row) != len(b.header) {
		return nil, &RowError{Expected: fmt.Sprintf("expected %d cells, found %d", len(b.header), len(row))}
	}
	for i, column := range b.header {
		if err := checkCell(row[i]); err != "" {
			return nil, &RowError{Column: column, Expected: err}
		}
	}
	r := rowReader{binding: b, row: row}
	req := &ingestv1.CaptureLeadRequest{
		Lead:   &ingestv1.Lead{Identities: r.identities()},
		Source: b.mapping.Source,
	}
	if len(req.Lead.Identities) == 0 {
		return nil, &RowError{Column: b.mapping.Identities[0].Column, Expected: "expected a value: the row names no one"}
	}
	req.Lead.Attributes = r.attributes()
	req.Lead.LeadSource = r.leadSource()
	if t := b.mapping.OccurredTime; t != nil {
		req.DefaultTime = r.time(t.Column)
	}
	key := rowKey(req.Lead.Identities[0])
	for _, rule := range b.mapping.Activities {
		if a := r.activity(rule); a != nil {
			a.Id = key + "/" + rule.ID
			req.Activities = append(req.Activities, a)
		}
	}
	if a := r.outcome(); a != nil {
		a.Id = key + "/outcome"
		req.Activities = append(req.Activities, a)
	}
	if r.err != nil {
		return nil, r.err
	}
	return req, nil
}

func checkCell(cell string) string {
	switch {
	case len(cell) > maxCell:
		return fmt.Sprintf("expected at most %d bytes", maxCell)
	case !utf8.ValidString(cell):
		return "expected UTF-8"
	case strings.ContainsRune(cell, 0):
		return "expected text without NUL"
	}
	return ""
}

// rowKey is the stable part of a row's activity ids. It is no address: an email, or
// a value too long for an id, stands there as a hash.
func rowKey(id *ingestv1.Identity) string {
	if id.GetKind() != ingestv1.Identity_KIND_EMAIL && len(id.GetValue()) <= 120 {
		return id.GetValue()
	}
	sum := sha256.Sum256([]byte(strings.ToLower(id.GetValue())))
	return hex.EncodeToString(sum[:16])
}

// rowReader reads cells and keeps the first thing that is wrong with them.
type rowReader struct {
	binding *Binding
	row     []string
	err     error
}

func (r *rowReader) fail(column, expected string) {
	if r.err == nil {
		r.err = &RowError{Column: column, Expected: expected}
	}
}

// cell returns the trimmed cell and whether it says anything.
func (r *rowReader) cell(column string) (string, bool) {
	cell := strings.TrimSpace(r.row[r.binding.index[column]])
	return cell, !r.binding.missing[cell]
}

// typed returns the cell as a value, nil when it is missing or cannot be read.
func (r *rowReader) typed(column, typ string) *structpb.Value {
	cell, ok := r.cell(column)
	if !ok {
		return nil
	}
	switch typ {
	case "number":
		n, ok := r.number(column, cell)
		if !ok {
			return nil
		}
		return structpb.NewNumberValue(n)
	case "boolean":
		switch strings.ToLower(cell) {
		case "yes", "true", "1":
			return structpb.NewBoolValue(true)
		case "no", "false", "0":
			return structpb.NewBoolValue(false)
		}
		r.fail(column, "expected Yes or No, true or false, 1 or 0")
		return nil
	}
	return structpb.NewStringValue(cell)
}

func (r *rowReader) number(column, cell string) (float64, bool) {
	n, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		r.fail(column, "expected a number")
		return 0, false
	}
	return n, true
}

func (r *rowReader) value(v Value) *structpb.Value {
	if v.Column != "" {
		return r.typed(v.Column, v.Type)
	}
	return scalarValue(v.Value)
}

func scalarValue(v any) *structpb.Value {
	out, err := structpb.NewValue(v)
	if err != nil {
		return nil // Decode lets no other value through
	}
	return out
}

func (r *rowReader) text(v *Value) string {
	if v == nil {
		return ""
	}
	if v.Column == "" {
		return fmt.Sprint(v.Value)
	}
	cell, ok := r.cell(v.Column)
	if !ok {
		return ""
	}
	return cell
}

func (r *rowReader) identities() []*ingestv1.Identity {
	var ids []*ingestv1.Identity
	for _, id := range r.binding.mapping.Identities {
		if cell, ok := r.cell(id.Column); ok && cell != "" {
			ids = append(ids, &ingestv1.Identity{Kind: identityKinds[id.Kind], Value: cell})
		}
	}
	return ids
}

func (r *rowReader) attributes() *structpb.Struct {
	fields := map[string]*structpb.Value{}
	for key, v := range r.binding.mapping.Constants {
		fields[key] = scalarValue(v)
	}
	for _, a := range r.binding.mapping.Attributes {
		if v := r.typed(a.Column, a.Type); v != nil {
			fields[a.Key] = v
		}
	}
	return &structpb.Struct{Fields: fields}
}

func (r *rowReader) leadSource() *ingestv1.LeadSource {
	from := r.binding.mapping.LeadSource
	s := &ingestv1.LeadSource{Channel: r.text(from.Channel), Campaign: r.text(from.Campaign), Detail: r.text(from.Detail)}
	if s.Channel == "" && s.Campaign == "" && s.Detail == "" {
		return nil
	}
	return s
}

func (r *rowReader) activity(rule ActivityRule) *ingestv1.Activity {
	typ := rule.Type
	if rule.Column != "" {
		cell, ok := r.cell(rule.Column)
		if !ok {
			return nil
		}
		if typ = rule.Types[cell]; typ == "" {
			typ = rule.Otherwise
		}
		if typ == "" {
			r.fail(rule.Column, "expected one of the cells that the mapping lists under `types`")
			return nil
		}
	}
	if rule.When != nil && !r.holds(*rule.When) {
		return nil
	}
	a := &ingestv1.Activity{Type: typ, Source: r.binding.mapping.Source}
	for key, from := range rule.Properties {
		if v := r.value(from); v != nil {
			if a.Properties == nil {
				a.Properties = &structpb.Struct{Fields: map[string]*structpb.Value{}}
			}
			a.Properties.Fields[key] = v
		}
	}
	a.OccurredTime = r.occurred(rule.OccurredTime)
	return a
}

func (r *rowReader) occurred(own *TimeColumn) *timestamppb.Timestamp {
	if own == nil {
		own = r.binding.mapping.OccurredTime
	}
	if own == nil {
		return nil
	}
	return r.time(own.Column)
}

func (r *rowReader) holds(c Condition) bool {
	cell, ok := r.cell(c.Column)
	if !ok {
		return false
	}
	if c.Equals != nil {
		return cell == *c.Equals
	}
	n, ok := r.number(c.Column, cell)
	return ok && n > *c.Above
}

func (r *rowReader) outcome() *ingestv1.Activity {
	o := r.binding.mapping.Outcome
	if o == nil {
		return nil
	}
	cell, ok := r.cell(o.Column)
	if !ok {
		return nil
	}
	var typ string
	switch {
	case slices.Contains(o.Won, cell):
		typ = "sales.won"
	case slices.Contains(o.Lost, cell):
		typ = "sales.lost"
	case o.Otherwise == "none":
		return nil
	default:
		r.fail(o.Column, "expected one of the cells that the mapping lists under `won` and `lost`")
		return nil
	}
	return &ingestv1.Activity{Type: typ, Source: r.binding.mapping.Source, OccurredTime: r.occurred(nil)}
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

func (r *rowReader) time(column string) *timestamppb.Timestamp {
	cell, ok := r.cell(column)
	if !ok {
		return nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, cell); err == nil && t.Year() >= 1 {
			return timestamppb.New(t.UTC())
		}
	}
	r.fail(column, "expected a time, e.g. 2026-05-04T10:00:00Z or 2026-05-04")
	return nil
}

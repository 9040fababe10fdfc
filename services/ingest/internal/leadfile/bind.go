package leadfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/tabular"
)

// Binding is a mapping that fits a header.
type Binding struct {
	mapping *Mapping
	index   map[string]int
	missing map[string]bool
	header  []string
	times   map[string]tabular.TimeFormat
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

// Times are the columns that the mapping reads times from.
func (b *Binding) Times() (columns []string) {
	for column := range b.mapping.times() {
		if _, ok := b.index[column]; ok {
			columns = append(columns, column)
		}
	}
	slices.Sort(columns)
	return columns
}

// ReadTimes says how the times of a column are written. Default: YYYY-MM-DD.
func (b *Binding) ReadTimes(column string, f tabular.TimeFormat) {
	if b.times == nil {
		b.times = map[string]tabular.TimeFormat{}
	}
	b.times[column] = f
}

// Trouble is what is wrong with a row that could not be read, with the name of the
// column if one is to blame.
func (b *Binding) Trouble(err error) error {
	var cell *tabular.CellError
	if errors.As(err, &cell) && cell.Column < len(b.header) {
		return &RowError{Column: b.header[cell.Column], Expected: cell.Expected}
	}
	return err
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
	req.Account = r.account()
	if t := b.mapping.OccurredTime; t != nil {
		req.DefaultTime = r.time(t.Column)
	}
	key := rowKey(req.Lead.Identities[0])
	for _, rule := range b.mapping.Activities {
		if a := r.activity(rule); a != nil {
			a.Id = r.activityID(rule, key, a)
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

// rowKey is the stable part of a row's activity ids. It is no address: an email, or
// a value too long for an id, stands there as a hash.
func rowKey(id *ingestv1.Identity) string {
	if id.GetKind() != ingestv1.Identity_KIND_EMAIL && len(id.GetValue()) <= 120 {
		return id.GetValue()
	}
	return digest(strings.ToLower(id.GetValue()))
}

// activityID is the id of an activity: the one its row gives it; else it follows from
// who did it and the id of the rule, or from all that the row says of it where one
// person has many rows. The file that is imported again has the same.
func (r *rowReader) activityID(rule ActivityRule, key string, a *ingestv1.Activity) string {
	if rule.IDColumn != "" {
		if cell, ok := r.cell(rule.IDColumn); ok && cell != "" {
			if len(cell) <= 120 && !strings.Contains(cell, "@") {
				return cell
			}
			return digest(cell)
		}
	}
	if !rule.byContent {
		return key + "/" + rule.ID
	}
	at := ""
	if a.GetOccurredTime() != nil {
		at = a.GetOccurredTime().AsTime().Format(time.RFC3339Nano)
	}
	said := []string{key, a.GetType(), at, a.GetCampaign()}
	for _, name := range slices.Sorted(maps.Keys(a.GetProperties().GetFields())) {
		said = append(said, name, fmt.Sprint(a.GetProperties().GetFields()[name].AsInterface()))
	}
	return digest(said...)
}

func digest(said ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(said, "\x00")))
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
		if value, ok := tabular.Boolean(cell); ok {
			return structpb.NewBoolValue(value)
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

func (r *rowReader) account() *ingestv1.AccountIdentity {
	from := r.binding.mapping.Account
	if from == nil {
		return nil
	}
	cell, ok := r.cell(from.Column)
	if !ok || cell == "" {
		return nil
	}
	return &ingestv1.AccountIdentity{Kind: accountKinds[from.Kind], Value: cell}
}

func (r *rowReader) activity(rule ActivityRule) *ingestv1.Activity {
	typ := rule.Type
	if rule.Column != "" {
		cell, ok := r.cell(rule.Column)
		if !ok {
			return nil
		}
		switch typ = rule.Types[cell]; {
		case typ != "":
		case rule.cellIsType():
			if typ = TypeOf(cell); typ == "" {
				r.fail(rule.Column, "expected a type of activity, e.g. page.viewed, that is none of lifecycle.*")
				return nil
			}
		case rule.Otherwise == "":
			r.fail(rule.Column, "expected one of the cells that the mapping lists under `types`")
			return nil
		default:
			typ = rule.Otherwise
		}
	}
	if rule.When != nil && !r.holds(*rule.When) {
		return nil
	}
	a := &ingestv1.Activity{Type: typ, Source: r.binding.mapping.Source, Campaign: r.text(rule.Campaign)}
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

func (r *rowReader) time(column string) *timestamppb.Timestamp {
	cell, ok := r.cell(column)
	if !ok {
		return nil
	}
	format := r.binding.times[column]
	if format == "" {
		format = tabular.YearFirst
	}
	if t, ok := format.Parse(cell, time.UTC); ok {
		return timestamppb.New(t.UTC())
	}
	expected := "expected a time, e.g. 2026-05-04T10:00:00Z or 2026-05-04"
	if format != tabular.YearFirst {
		expected = "expected a time as in the other rows: " + string(format)
	}
	r.fail(column, expected)
	return nil
}

package store

import (
	"strconv"
	"strings"
)

// Term is one condition of a list: a column and the value it must have.
type Term struct {
	Column Column
	Value  any
}

// Column is a column that lists can be filtered by.
type Column string

// Columns of the lists of qualifications and of handoffs.
const (
	StageColumn    Column = "stage"
	VerdictColumn  Column = "verdict"
	FitClassColumn Column = "fit_class"
	BandColumn     Column = "engagement_band"
	TrackColumn    Column = "track"
	StandardColumn Column = "standard_id"
	StateColumn    Column = "state"
	QueueColumn    Column = "queue"
	OwnerColumn    Column = "owner"
	LeadColumn     Column = "lead_id"
)

// where is the condition of the terms and of the place to go on from.
type where struct {
	conditions []string
	args       []any
}

func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) terms(terms []Term) {
	for _, t := range terms {
		if several, ok := t.Value.([]string); ok {
			w.among(string(t.Column), several)
			continue
		}
		w.conditions = append(w.conditions, string(t.Column)+" = "+w.arg(t.Value))
	}
}

// among asks that a column has one of some values.
func (w *where) among(column string, values []string) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.arg(v)
	}
	w.conditions = append(w.conditions, column+" IN ("+strings.Join(marks, ", ")+")")
}

// from goes on beyond a place in an order of columns, e.g. `(a, b) < ($1, $2)`.
func (w *where) from(columns, operator string, place []any) {
	if len(place) == 0 {
		return
	}
	marks := make([]string, len(place))
	for i, v := range place {
		marks[i] = w.arg(v)
	}
	w.conditions = append(w.conditions, "("+columns+") "+operator+" ("+strings.Join(marks, ", ")+")")
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

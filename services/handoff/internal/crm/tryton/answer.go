package tryton

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
)

// mostDepth is the deepest nesting of an answer that is read. What Tryton answers to our
// calls has no more than eight levels; its errors may carry whole schemas.
const mostDepth = 64

// read reads an answer into out, or the error it stands for.
func read(answer []byte, writes bool, out any) error {
	garbled := func(what string) error {
		return &crm.Error{Effect: unread(writes), Reason: "Tryton's answer cannot be read: " + what}
	}
	if len(answer) > mostBytes {
		return garbled("it is too long")
	}
	if tooDeep(answer) {
		return garbled("it is nested too deeply")
	}
	var envelope struct {
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return garbled("it is not JSON")
	}
	if len(envelope.Error) > 0 {
		return refusal(envelope.Error)
	}
	if out == nil {
		return nil
	}
	if len(envelope.Result) == 0 {
		return garbled("it has no result")
	}
	if err := json.Unmarshal(envelope.Result, out); err != nil {
		return garbled("it is not what was asked for")
	}
	return nil
}

// tooDeep says whether objects and lists are nested deeper than mostDepth.
func tooDeep(answer []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(answer); i++ {
		switch c := answer[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > mostDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// refusal reads `["UserError", ["words", …]]` or `["words", "trace"]`. Tryton rolls back
// what it refuses, so nothing was done.
func refusal(raw json.RawMessage) error {
	e := &crm.Error{Effect: crm.Refused, Reason: "Tryton refused the call"}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || len(parts) == 0 {
		return e
	}
	var kind string
	if json.Unmarshal(parts[0], &kind) != nil {
		return e
	}
	if kind == "ConcurrencyException" {
		return &crm.Error{Effect: crm.Away, Reason: "somebody else was changing the record in Tryton"}
	}
	e.Reason += ": " + crm.Plain(kind)
	if len(parts) < 2 {
		return e
	}
	var words []json.RawMessage
	var first string
	if json.Unmarshal(parts[1], &words) == nil && len(words) > 0 && json.Unmarshal(words[0], &first) == nil {
		e.Reason += ": " + crm.Plain(first)
	}
	return e
}

// login is `[user id, session]`.
type login struct {
	user  int64
	token string
}

var errShape = errors.New("another shape than expected")

// UnmarshalJSON reads the pair.
func (l *login) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return errShape
	}
	if err := json.Unmarshal(parts[0], &l.user); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[1], &l.token); err != nil {
		return err
	}
	if l.user <= 0 || !sessionToken.MatchString(l.token) {
		return errShape
	}
	return nil
}

var sessionToken = regexp.MustCompile(`^[0-9A-Za-z_-]{1,256}$`)

// preferences of the user, as far as we need them.
type preferences struct {
	Company  int64 `json:"company"`
	Employee int64 `json:"employee"`
}

// ids are the ids of records.
type ids []int64

// UnmarshalJSON reads a list of positive numbers.
func (l *ids) UnmarshalJSON(b []byte) error {
	var numbers []int64
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	for _, n := range numbers {
		if n <= 0 {
			return errShape
		}
	}
	*l = numbers
	return nil
}

// opportunity is a record of `sale.opportunity`.
type opportunity struct {
	ID         int64   `json:"id"`
	Party      *int64  `json:"party"`
	Reference  *string `json:"reference"`
	State      string  `json:"state"`
	LostReason *string `json:"lost_reason"`
	Amount     amount  `json:"amount"`
	Created    instant `json:"create_date"`
	Written    instant `json:"write_date"`
	Company    struct {
		Currency struct {
			Code *string `json:"code"`
		} `json:"currency."`
	} `json:"company."`
}

// opportunities are records in the order of their ids.
type opportunities []opportunity

// UnmarshalJSON reads them and holds them to what we asked for.
func (l *opportunities) UnmarshalJSON(b []byte) error {
	var records []opportunity
	if err := json.Unmarshal(b, &records); err != nil {
		return err
	}
	for i, r := range records {
		if r.ID <= 0 || (i > 0 && r.ID <= records[i-1].ID) || r.State == "" || len(r.State) > 100 {
			return errShape
		}
	}
	*l = records
	return nil
}

// instant is Tryton's `datetime`, in UTC; null is the zero time.
type instant struct{ time.Time }

// UnmarshalJSON reads `{"__class__": "datetime", "year": 2026, …}`.
func (t *instant) UnmarshalJSON(b []byte) error {
	var parts *struct {
		Class                                               string `json:"__class__"`
		Year, Month, Day, Hour, Minute, Second, Microsecond int
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if parts == nil {
		*t = instant{}
		return nil
	}
	at := time.Date(parts.Year, time.Month(parts.Month), parts.Day, parts.Hour, parts.Minute, parts.Second,
		parts.Microsecond*1000, time.UTC)
	valid := parts.Class == "datetime" && parts.Year >= 1970 && parts.Year <= 9999 && // what is out of range wraps
		at.Year() == parts.Year && at.Month() == time.Month(parts.Month) && at.Day() == parts.Day &&
		at.Hour() == parts.Hour && at.Minute() == parts.Minute && at.Second() == parts.Second &&
		parts.Microsecond >= 0 && parts.Microsecond < 1_000_000
	if !valid {
		return fmt.Errorf("datetime: %w", errShape)
	}
	*t = instant{at}
	return nil
}

// MarshalJSON writes it as Tryton reads it.
func (t instant) MarshalJSON() ([]byte, error) {
	u := t.UTC()
	return json.Marshal(map[string]any{
		"__class__": "datetime", "year": u.Year(), "month": int(u.Month()), "day": u.Day(), "hour": u.Hour(),
		"minute": u.Minute(), "second": u.Second(), "microsecond": u.Nanosecond() / 1000,
	})
}

// amount is Tryton's `Decimal` as a decimal number with at most two digits after the
// point; empty for null and for what we keep no amount of: less than zero, or beyond 15
// digits.
type amount string

var decimal = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,20})?$`)

// UnmarshalJSON reads `{"__class__": "Decimal", "decimal": "12.50"}`.
func (a *amount) UnmarshalJSON(b []byte) error {
	var parts *struct {
		Class   string `json:"__class__"`
		Decimal string `json:"decimal"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	*a = ""
	if parts == nil {
		return nil
	}
	if parts.Class != "Decimal" {
		return errShape
	}
	if !decimal.MatchString(parts.Decimal) {
		return nil
	}
	number, ok := new(big.Rat).SetString(parts.Decimal)
	if !ok {
		return nil
	}
	// What rounds up to one digit more is out of range, too.
	if text := number.FloatString(2); len(text) <= len("999999999999999.99") {
		*a = amount(text)
	}
	return nil
}

package condition

import (
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// `now` is the instant of the question, as a timestamp of CEL: `now -
// timestamp(lead.renewal) > duration("720h")`. daysSince(x) is the number of days of
// the calendar from the day of x to today: 0 for any time today, 1 from midnight on,
// negative for the future. x is a time in RFC 3339, a date as `2026-01-31`, or a
// timestamp; anything else is unknown, with a fault.

// clock is what daysSince needs of the facts: the second argument of the function behind
// it, which nobody can write.
type clock struct {
	now  time.Time
	zone *time.Location
}

var clockType = types.NewOpaqueType("assay.Clock")

// addClock is the macro that hands the clock to daysSince.
func addClock(factory cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	return factory.NewCall(daysSinceName, args[0], factory.NewIdent(clockName)), nil
}

func timeOptions() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable(nowName, cel.TimestampType),
		cel.Variable(clockName, clockType),
		cel.Macros(cel.GlobalMacro("daysSince", 1, addClock)),
		// Dynamic, so that it compares with 40 as with 40.0.
		cel.Function(daysSinceName, cel.Overload("days_since_dyn", []*cel.Type{cel.DynType, clockType}, cel.DynType,
			cel.BinaryBinding(daysSince))),
	}
}

func daysSince(from, to ref.Val) ref.Val {
	c, ok := to.(clock)
	if !ok {
		return types.MaybeNoSuchOverloadErr(to)
	}
	today := dayOf(c.now.In(c.zone))
	switch from := from.(type) {
	case types.Timestamp:
		return types.Double(today - dayOf(from.In(c.zone)))
	case types.String:
		if day, err := time.Parse(time.DateOnly, string(from)); err == nil {
			return types.Double(today - dayOf(day))
		}
		at, err := time.Parse(time.RFC3339, string(from))
		if err != nil {
			// The text is of the lead: it stays out of the error.
			return types.NewErr("is no time: RFC 3339 or a date as 2026-01-31 is expected")
		}
		return types.Double(today - dayOf(at.In(c.zone)))
	default:
		return types.MaybeNoSuchOverloadErr(from)
	}
}

// dayOf numbers the days of a calendar.
func dayOf(t time.Time) int64 {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

// Type implements ref.Val.
func (clock) Type() ref.Type { return clockType }

// Value implements ref.Val.
func (c clock) Value() any { return c }

// Equal implements ref.Val. Clocks are not compared.
func (clock) Equal(ref.Val) ref.Val { return types.False }

// ConvertToNative implements ref.Val.
func (clock) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNative }

// ConvertToType implements ref.Val.
func (clock) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("a clock cannot be converted to %s", t.TypeName())
}

package condition

import (
	"math"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Expression is a compiled expression: a number or a text that follows from facts, e.g.
// `lead.employees`, `lead.spend / lead.seats`, `activity.properties.minutes`.
type Expression struct{ compiled }

// CompileValue checks an expression and plans it. The error is an *Error that says
// where the expression is wrong.
func CompileValue(text string, options Options) (*Expression, error) {
	made, err := compile(text, options, quantity)
	if err != nil {
		return nil, err
	}
	return &Expression{made}, nil
}

// Eval returns the value over the facts: a finite number or a text. It never fails:
// the zero Value is not known, and the fault says why if that was not for something
// missing. What is neither number nor text (a division by 0, true, a list) is not
// known, with a TypeFault.
func (e *Expression) Eval(facts *Facts) (Value, Fault) {
	out, fault := e.run(facts)
	switch v := out.(type) {
	case nil:
		return Value{}, fault
	case types.Double, types.Int, types.Uint, types.String:
		if val := plain(v); val != nil {
			return Value{val}, NoFault
		}
	}
	return Value{}, TypeFault
}

// plain returns a text, or a number in its one kind; nil for what is no number.
func plain(v ref.Val) ref.Val {
	switch v := v.(type) {
	case types.Int:
		return types.Double(v)
	case types.Uint:
		return types.Double(v)
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil
		}
		return v + 0 // no negative zero: it would be written as another number
	default:
		return v
	}
}

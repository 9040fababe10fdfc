package condition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// ago(lead.spend, 30) is the value of an attribute 30 times 24 hours before the instant
// of the question, unknown if it had none. The attribute and the days must be written
// out, so that whoever keeps attributes over time knows what to keep, and when an
// answer changes by itself. has(ago(lead.spend, 30)) asks for presence.

// MaxDays is the most days that ago may look back.
const MaxDays = 3650

// Past is an attribute as it was some days of 24 hours ago.
type Past struct {
	// Attribute is its key.
	Attribute string
	// Days, from 1 to MaxDays.
	Days int
}

// lookBack is the macro that reads ago(lead.spend, 30) as a field of the past, whose
// name holds both.
func lookBack(factory cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	key, ok := plainAttribute(args[0])
	if !ok {
		return nil, factory.NewError(args[0].ID(), "ago wants an attribute, e.g. `ago(lead.spend, 30)`")
	}
	days := int64(0)
	if args[1].Kind() == ast.LiteralKind {
		n, _ := args[1].AsLiteral().(types.Int)
		days = int64(n)
	}
	if days < 1 || days > MaxDays {
		return nil, factory.NewError(args[1].ID(), fmt.Sprintf("ago wants a literal number of days from 1 to %d, e.g. `ago(lead.spend, 30)`", MaxDays))
	}
	return factory.NewSelect(factory.NewIdent(pastName), strconv.FormatInt(days, 10)+" "+key), nil
}

// plainAttribute returns the key of lead.x and account.x.
func plainAttribute(e ast.Expr) (string, bool) {
	path, ok := pathOf(e)
	if !ok || len(path) != 2 || path[0] == beforeName || e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() {
		return "", false
	}
	return attributeKey(path[0] + "." + path[1])
}

func pastOptions() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable(pastName, cel.ObjectType(pastType)),
		cel.Macros(cel.GlobalMacro("ago", 2, lookBack)),
	}
}

// parsePast reads a field that lookBack wrote.
func parsePast(field string) (Past, bool) {
	days, key, ok := strings.Cut(field, " ")
	n, err := strconv.Atoi(days)
	return Past{Attribute: key, Days: n}, ok && err == nil
}

func pastField(field string) (*types.FieldType, bool) {
	past, ok := parsePast(field)
	if !ok {
		return nil, false
	}
	return variable(cel.DynType, func(s *scope) ref.Val {
		if s.facts.Past == nil {
			return nil
		}
		return attribute(s.facts.Past(past.Days), past.Attribute)
	}), true
}

// beforeField is an attribute as it was before the change in question.
func beforeField(key string) *types.FieldType {
	return variable(cel.DynType, func(s *scope) ref.Val { return attribute(s.facts.Before, key) })
}

// attribute returns the value of an attribute; nil if it is not known.
func attribute(of Attributes, key string) ref.Val {
	if of == nil {
		return nil
	}
	if v, ok := of.Attribute(key); ok && v.Known() {
		return v.val
	}
	return nil
}

func sortPast(past []Past) []Past {
	slices.SortFunc(past, func(a, b Past) int {
		if a.Attribute != b.Attribute {
			return strings.Compare(a.Attribute, b.Attribute)
		}
		return a.Days - b.Days
	})
	return slices.Compact(past)
}

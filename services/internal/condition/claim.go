package condition

import (
	"regexp/syntax"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/assay-hq/assay/services/internal/fold"
)

// Claim is a condition taken apart, so that one can reason about it without values:
// whether it can hold at all, whether two exclude each other. `And`, `Or` and `Not` join
// claims; every other one asks something of a term.
type Claim struct {
	// Test is what is asked, or how the claims of Of are joined.
	Test Test
	// Of are the claims that And, Or and Not join.
	Of []Claim
	// Term is what is asked, in one canonical form: `lead.employees`,
	// `emailKind(lead.email_domain)`. Of TestHolds it is the whole question.
	Term string
	// Values are those of TestIn (string, float64 or bool) and, as the one number, of
	// TestAtLeast and TestOver.
	Values []any
	// Texts are the normalised words of TestWords, a space on both sides, and the
	// beginnings of TestPrefix.
	Texts []string
}

// Test is what a claim asks of its term.
type Test uint8

// The tests. What a test says of a term that is not known is unknown, but for
// TestPresent.
const (
	// TestHolds: whatever else may be asked of it.
	TestHolds Test = iota
	// TestIn: the term is one of the values.
	TestIn
	// TestAtLeast: the number is at least the value.
	TestAtLeast
	// TestOver: the number is more than the value.
	TestOver
	// TestWords: one of the words or phrases stands in the text.
	TestWords
	// TestPrefix: the text begins with one of them.
	TestPrefix
	// TestPresent: the term is known.
	TestPresent
	// TestAnd, TestOr, TestNot join claims.
	TestAnd
	TestOr
	TestNot
)

// ClaimOf takes a condition apart. The text is one that compiles with the options.
func ClaimOf(text string, options Options) (Claim, error) {
	env, err := environment(options.Vars)
	if err != nil {
		return Claim{}, err
	}
	parsed, issues := env.Parse(text)
	if err := fromIssues(issues); err != nil {
		return Claim{}, err
	}
	return claims{options.Lists}.of(parsed.NativeRep().Expr()), nil
}

type claims struct{ lists map[string]*List }

func (c claims) of(e ast.Expr) Claim {
	switch e.Kind() {
	case ast.LiteralKind:
		if b, ok := e.AsLiteral().(types.Bool); ok {
			if b {
				return Claim{Test: TestAnd}
			}
			return Claim{Test: TestOr}
		}
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return Claim{Test: TestPresent, Term: written(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName()}
		}
		return Claim{Test: TestIn, Term: written(e), Values: []any{true}}
	case ast.IdentKind:
		return Claim{Test: TestIn, Term: written(e), Values: []any{true}}
	case ast.CallKind:
		if claim, ok := c.call(e); ok {
			return claim
		}
	case ast.ComprehensionKind:
		if claim, ok := c.exists(e.AsComprehension()); ok {
			return claim
		}
	}
	return Claim{Test: TestHolds, Term: written(e)}
}

func (c claims) call(e ast.Expr) (Claim, bool) {
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	switch name {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		joined := Claim{Test: map[string]Test{operators.LogicalAnd: TestAnd, operators.LogicalOr: TestOr, operators.LogicalNot: TestNot}[name]}
		for _, arg := range args {
			joined.Of = append(joined.Of, c.of(arg))
		}
		return joined, true
	case operators.Equals, operators.NotEquals:
		term, value, _, ok := beside(args)
		claim := Claim{Test: TestIn, Term: term, Values: []any{value}}
		if name == operators.NotEquals {
			claim = Claim{Test: TestNot, Of: []Claim{claim}}
		}
		return claim, ok
	case operators.GreaterEquals, operators.Greater, operators.Less, operators.LessEquals:
		term, value, mirrored, ok := beside(args)
		if _, isNumber := value.(float64); !isNumber || !ok {
			return Claim{}, false
		}
		return ordered(name, term, value, mirrored), true
	case operators.In:
		return c.membership(args)
	case "hasWord":
		texts, ok := c.texts(args[1])
		claim := Claim{Test: TestWords, Term: written(args[0])}
		for _, text := range texts {
			if spaced := fold.Words(text); spaced != "" {
				claim.Texts = append(claim.Texts, spaced)
			}
		}
		return claim, ok
	case "startsWith":
		text, ok := literal(args[0])
		return Claim{Test: TestPrefix, Term: written(call.Target()), Texts: []string{text}}, ok && call.IsMemberFunction()
	case "matches":
		if !call.IsMemberFunction() {
			return Claim{}, false
		}
		pattern, ok := literal(args[0])
		texts, begins := beginnings(pattern)
		return Claim{Test: TestPrefix, Term: written(call.Target()), Texts: texts}, ok && begins
	}
	return Claim{}, false
}

// exists is `lists.pages.exists(p, activity.properties.path.startsWith(p))`.
func (c claims) exists(loop ast.ComprehensionExpr) (Claim, bool) {
	texts, ok := c.texts(loop.IterRange())
	if !ok || loop.LoopStep().Kind() != ast.CallKind || loop.LoopStep().AsCall().FunctionName() != operators.LogicalOr {
		return Claim{}, false
	}
	asked := loop.LoopStep().AsCall().Args()[1]
	if asked.Kind() != ast.CallKind || asked.AsCall().FunctionName() != "startsWith" || !asked.AsCall().IsMemberFunction() {
		return Claim{}, false
	}
	target, begins := asked.AsCall().Target(), asked.AsCall().Args()[0]
	if begins.Kind() != ast.IdentKind || begins.AsIdent() != loop.IterVar() {
		return Claim{}, false
	}
	if path, ok := pathOf(target); !ok || len(path) < 2 {
		return Claim{}, false
	}
	return Claim{Test: TestPrefix, Term: written(target), Texts: texts}, true
}

// ordered is `term >= value` and its like; mirrored if the value stands on the left.
func ordered(operator, term string, value any, mirrored bool) Claim {
	test, negated := TestAtLeast, false
	switch operator {
	case operators.Greater:
		test = TestOver
	case operators.Less:
		negated = true
	case operators.LessEquals:
		test, negated = TestOver, true
	}
	if mirrored { // 50 > x is !(x >= 50), 50 >= x is !(x > 50)
		negated = !negated
		if test == TestOver {
			test = TestAtLeast
		} else {
			test = TestOver
		}
	}
	claim := Claim{Test: test, Term: term, Values: []any{value}}
	if negated {
		return Claim{Test: TestNot, Of: []Claim{claim}}
	}
	return claim
}

// beside is a term beside a literal, on either side.
func beside(args []ast.Expr) (term string, value any, mirrored, ok bool) {
	if value, ok = literalValue(args[1]); ok {
		return written(args[0]), value, false, true
	}
	value, ok = literalValue(args[0])
	return written(args[1]), value, true, ok
}

func (c claims) membership(args []ast.Expr) (Claim, bool) {
	if path, ok := pathOf(args[1]); ok && len(path) == 2 && path[0] == activityName && path[1] == "properties" {
		key, ok := literal(args[0])
		return Claim{Test: TestPresent, Term: "activity.properties." + key}, ok
	}
	claim := Claim{Test: TestIn, Term: written(args[0])}
	if texts, ok := c.texts(args[1]); ok {
		for _, text := range texts {
			claim.Values = append(claim.Values, text)
		}
		return claim, true
	}
	if args[1].Kind() != ast.ListKind {
		return Claim{}, false
	}
	for _, item := range args[1].AsList().Elements() {
		value, ok := literalValue(item)
		if !ok {
			return Claim{}, false
		}
		claim.Values = append(claim.Values, value)
	}
	return claim, true
}

// texts are those of a literal, of a list of literals, or of a list that was handed in.
func (c claims) texts(e ast.Expr) ([]string, bool) {
	if text, ok := literal(e); ok {
		return []string{text}, true
	}
	if path, ok := pathOf(e); ok && len(path) == 2 && path[0] == listsName && c.lists[path[1]] != nil {
		var texts []string
		for _, item := range c.lists[path[1]].items {
			text, _ := item.(types.String)
			texts = append(texts, string(text))
		}
		return texts, true
	}
	if e.Kind() != ast.ListKind {
		return nil, false
	}
	var texts []string
	for _, item := range e.AsList().Elements() {
		text, ok := literal(item)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// maxBeginnings bounds the texts that a pattern is written out to.
const maxBeginnings = 100

// beginnings are the texts that a pattern such as `^/(pricing|jobs)` stands for: what it
// matches begins with one of them, and the other way around.
func beginnings(pattern string) ([]string, bool) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	parsed = parsed.Simplify()
	if parsed.Op != syntax.OpConcat || len(parsed.Sub) == 0 || parsed.Sub[0].Op != syntax.OpBeginText {
		return nil, false
	}
	return joined(parsed.Sub[1:])
}

// joined are all texts that parts of a pattern match one after the other, if they are few.
func joined(parts []*syntax.Regexp) ([]string, bool) {
	texts := []string{""}
	for _, part := range parts {
		tails, ok := spelled(part)
		if !ok || len(texts)*len(tails) > maxBeginnings {
			return nil, false
		}
		var longer []string
		for _, text := range texts {
			for _, tail := range tails {
				longer = append(longer, text+tail)
			}
		}
		texts = longer
	}
	return texts, true
}

// spelled are all texts that a part of a pattern matches, if they are few.
func spelled(part *syntax.Regexp) ([]string, bool) {
	switch part.Op {
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpLiteral:
		return []string{string(part.Rune)}, part.Flags&syntax.FoldCase == 0
	case syntax.OpCapture:
		return spelled(part.Sub[0])
	case syntax.OpCharClass:
		var texts []string
		for i := 0; i+1 < len(part.Rune); i += 2 {
			for r := part.Rune[i]; r <= part.Rune[i+1]; r++ {
				if texts = append(texts, string(r)); len(texts) > maxBeginnings {
					return nil, false
				}
			}
		}
		return texts, true
	case syntax.OpAlternate:
		var texts []string
		for _, sub := range part.Sub {
			more, ok := spelled(sub)
			if texts = append(texts, more...); !ok || len(texts) > maxBeginnings {
				return nil, false
			}
		}
		return texts, true
	case syntax.OpConcat:
		return joined(part.Sub)
	default:
		return nil, false
	}
}

// infix are the operators between two operands, as they are written.
var infix = map[string]string{
	operators.Add: "+", operators.Subtract: "-", operators.Multiply: "*", operators.Divide: "/", operators.Modulo: "%",
	operators.Equals: "==", operators.NotEquals: "!=", operators.Less: "<", operators.LessEquals: "<=",
	operators.Greater: ">", operators.GreaterEquals: ">=", operators.In: "in",
	operators.LogicalAnd: "&&", operators.LogicalOr: "||",
}

// written is an expression in one canonical form.
func written(e ast.Expr) string {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return "has(" + written(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName() + ")"
	}
	if path, ok := pathOf(e); ok {
		if path[0] == pastName && len(path) == 2 {
			past, _ := parsePast(path[1])
			return "ago(" + pathOfAttribute(past.Attribute) + ", " + strconv.Itoa(past.Days) + ")"
		}
		return strings.Join(path, ".")
	}
	switch e.Kind() {
	case ast.LiteralKind:
		switch value, _ := literalValue(e); v := value.(type) {
		case string:
			return strconv.Quote(v)
		case float64:
			return strconv.FormatFloat(v, 'g', -1, 64)
		case bool:
			return strconv.FormatBool(v)
		}
		return "null"
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		return written(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName()
	case ast.ListKind:
		return "[" + several(e.AsList().Elements()) + "]"
	case ast.CallKind:
		return writtenCall(e.AsCall())
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		return "loop " + loop.IterVar() + " (" + several([]ast.Expr{loop.IterRange(), loop.LoopCondition(), loop.LoopStep(), loop.Result()}) + ")"
	default:
		return "?" + strconv.FormatInt(e.ID(), 10)
	}
}

func writtenCall(call ast.CallExpr) string {
	name, args := call.FunctionName(), call.Args()
	switch {
	case infix[name] != "" && len(args) == 2:
		return "(" + written(args[0]) + " " + infix[name] + " " + written(args[1]) + ")"
	case name == operators.LogicalNot:
		return "!" + written(args[0])
	case name == daysSinceName:
		return "daysSince(" + written(args[0]) + ")"
	case call.IsMemberFunction():
		return written(call.Target()) + "." + name + "(" + several(args) + ")"
	default:
		return name + "(" + several(args) + ")"
	}
}

func several(exprs []ast.Expr) string {
	texts := make([]string, len(exprs))
	for i, e := range exprs {
		texts[i] = written(e)
	}
	return strings.Join(texts, ", ")
}

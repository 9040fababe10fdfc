package condition

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// findings are what a walk over a checked condition finds.
type findings struct {
	reads []string // sorted, each once
	past  []Past   // sorted, each once
	cheap bool     // no loop, no function that looks at texts of any length

	dictionaries []string // sorted, each once
}

// inspect walks a checked condition. It refuses what cannot be followed: a variable
// used as a whole, a property with a computed name, a pattern that is no literal, a list
// that there is not.
func inspect(checked *ast.AST, lists map[string]*List) (findings, error) {
	in := inspector{info: checked.SourceInfo(), lists: lists, cheap: true}
	in.expr(checked.Expr())
	if len(in.issues) > 0 {
		return findings{}, &Error{Issues: in.issues}
	}
	slices.Sort(in.reads)
	slices.Sort(in.dictionaries)
	return findings{
		reads: slices.Compact(in.reads), past: sortPast(in.past), cheap: in.cheap,
		dictionaries: slices.Compact(in.dictionaries),
	}, nil
}

type inspector struct {
	info   *ast.SourceInfo
	lists  map[string]*List
	reads  []string
	past   []Past
	cheap  bool
	issues []Issue

	dictionaries []string
}

func (in *inspector) issue(e ast.Expr, text string) {
	if len(in.issues) == maxIssues {
		return
	}
	at := in.info.GetStartLocation(e.ID())
	in.issues = append(in.issues, Issue{Line: max(at.Line(), 1), Column: max(at.Column()+1, 1), Text: text})
}

func (in *inspector) expr(e ast.Expr) {
	if path, ok := pathOf(e); ok {
		in.read(e, path)
		if path[0] == listsName {
			in.cheap = false // whatever is done with a whole list
		}
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		in.expr(e.AsSelect().Operand())
	case ast.CallKind:
		in.call(e)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			in.expr(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			in.expr(entry.AsMapEntry().Key())
			in.expr(entry.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		in.loop(e)
	case ast.StructKind:
		in.issue(e, "a condition makes no values of type "+e.AsStruct().TypeName())
	}
}

func (in *inspector) loop(e ast.Expr) {
	in.cheap = false
	loop := e.AsComprehension()
	for _, name := range []string{loop.IterVar(), loop.IterVar2()} {
		if isVariable(name) {
			in.issue(e, "`"+name+"` is taken: give the loop's variable another name")
		}
	}
	for _, part := range []ast.Expr{loop.IterRange(), loop.AccuInit(), loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
		in.expr(part)
	}
}

// Functions whose cost does not grow with the values they are given.
var cheapFunctions = map[string]bool{
	operators.LogicalAnd: true, operators.LogicalOr: true, operators.LogicalNot: true, operators.Conditional: true,
	operators.Equals: true, operators.NotEquals: true, operators.Less: true, operators.LessEquals: true,
	operators.Greater: true, operators.GreaterEquals: true, operators.In: true, operators.Negate: true,
	operators.Add:      false, // texts grow by it
	operators.Subtract: true, operators.Multiply: true, operators.Divide: true, operators.Modulo: true,
	daysSinceName: true,
}

func (in *inspector) call(e ast.Expr) {
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	if !cheapFunctions[name] {
		in.cheap = false
	}
	in.dictionaries = append(in.dictionaries, dictionaries(name)...)
	if name == operators.In && len(args) == 2 {
		in.membership(e, args[0], args[1])
		return
	}
	if call.IsMemberFunction() {
		in.expr(call.Target())
	}
	for _, arg := range args {
		in.expr(arg)
	}
	if name == "matches" {
		in.pattern(args[len(args)-1])
	}
}

// membership follows `x in y`: `"form" in activity.properties` is a presence test.
func (in *inspector) membership(e, item, container ast.Expr) {
	in.expr(item)
	path, ok := pathOf(container)
	switch {
	case ok && slices.Equal(path, []string{activityName, "properties"}):
		key, ok := literal(item)
		if !ok {
			in.issue(item, "the name of a property must be a literal text")
			return
		}
		in.reads = append(in.reads, "activity.properties."+key)
	case ok && path[0] == listsName:
		in.read(container, path) // one step, however long the list is
	default:
		in.expr(container)
	}
}

// read records a path that starts at a variable.
func (in *inspector) read(e ast.Expr, path []string) {
	keep := 2
	switch {
	case path[0] == nowName || path[0] == clockName:
		in.reads = append(in.reads, nowName)
		return
	case len(path) == 1:
		in.issue(e, "`"+path[0]+"` can only be read by field, e.g. `"+example[path[0]]+"`")
		return
	case path[0] == activityName && path[1] == "properties":
		keep = 3
		if len(path) < keep {
			in.issue(e, "properties can only be read by name, e.g. `activity.properties.form`, and the name must be a literal text")
			return
		}
	case path[0] == pastName:
		past, _ := parsePast(path[1])
		in.past = append(in.past, past)
		in.reads = append(in.reads, pathOfAttribute(past.Attribute))
		return
	case path[0] == listsName && in.lists[path[1]] == nil:
		in.issue(e, "there is no list `"+path[1]+"`: "+in.listsThereAre())
		return
	}
	in.reads = append(in.reads, strings.Join(path[:keep], "."))
}

func (in *inspector) listsThereAre() string {
	if len(in.lists) == 0 {
		return "there are no lists"
	}
	return "there are " + strings.Join(slices.Sorted(maps.Keys(in.lists)), ", ")
}

var example = map[string]string{
	leadName: "lead.job_title", activityName: "activity.type", fitName: "fit.score", accountName: "account.industry",
	beforeName: "before.job_title", listsName: "lists.competitors",
}

func (in *inspector) pattern(e ast.Expr) {
	pattern, ok := literal(e)
	switch {
	case !ok:
		in.issue(e, "the pattern of matches must be a literal text")
	case len(pattern) > MaxPattern:
		in.issue(e, "the pattern of matches is longer than 512 bytes")
	default:
		if _, err := regexp.Compile(pattern); err != nil {
			in.issue(e, "the pattern of matches does not compile: "+err.Error())
		}
	}
}

// pathOf returns the path of an expression that selects from a variable with names
// known beforehand, e.g. lead.a, activity.properties["b"].c.
func pathOf(e ast.Expr) ([]string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		name := strings.TrimPrefix(e.AsIdent(), ".")
		return []string{name}, isVariable(name)
	case ast.SelectKind:
		path, ok := pathOf(e.AsSelect().Operand())
		return append(path, e.AsSelect().FieldName()), ok
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index || len(call.Args()) != 2 {
			return nil, false
		}
		key, isText := literal(call.Args()[1])
		path, ok := pathOf(call.Args()[0])
		return append(path, key), ok && isText
	default:
		return nil, false
	}
}

func isVariable(name string) bool {
	switch name {
	case leadName, accountName, activityName, fitName, beforeName, listsName, nowName, pastName, clockName:
		return true
	default:
		return false
	}
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

var arithmetic = map[string]bool{
	operators.Add: true, operators.Subtract: true, operators.Multiply: true, operators.Divide: true,
}

// widenLiterals makes `lead.revenue / 3 == 7` what it looks like. Values from JSON are
// doubles and CEL does not mix kinds of numbers in arithmetic and equality, so a whole
// literal beside such a value becomes a double.
func widenLiterals(e ast.Expr, document bool) {
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
			return
		}
		name, args := e.AsCall().FunctionName(), e.AsCall().Args()
		if !arithmetic[name] && name != operators.Equals && name != operators.NotEquals {
			return
		}
		for i, arg := range args {
			if n, ok := wholeLiteral(arg); ok && isNumberOfFacts(args[1-i], document) {
				arg.SetKindCase(factory.NewLiteral(arg.ID(), types.Double(n)))
			}
		}
	}))
}

func wholeLiteral(e ast.Expr) (int64, bool) {
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}
	n, ok := e.AsLiteral().(types.Int)
	return int64(n), ok
}

// isNumberOfFacts reports whether an expression reads a value, or calculates with one.
func isNumberOfFacts(e ast.Expr, document bool) bool {
	if path, ok := pathOf(e); ok {
		return len(path) > 1
	}
	// What is read of a document has no path: it may be read from what a loop is at.
	if document && e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly() {
		return true
	}
	if e.Kind() != ast.CallKind {
		return false
	}
	switch e.AsCall().FunctionName() {
	case daysSinceName:
		return true
	case operators.Index:
		return document
	}
	if !arithmetic[e.AsCall().FunctionName()] {
		return false
	}
	return slices.ContainsFunc(e.AsCall().Args(), func(arg ast.Expr) bool { return isNumberOfFacts(arg, document) })
}

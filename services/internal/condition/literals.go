package condition

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Comparison says how a condition asks about one path that it reads.
type Comparison struct {
	// Path that is read, e.g. `lead.country`. The past of an attribute (`before`, `ago`) is
	// the attribute.
	Path string
	// How it is asked about.
	How How
	// Values are the literals that it is compared with: string, float64 or bool.
	Values []any
	// List is the list that it is looked up in, as `lists.<list>`; empty if none.
	List string
}

// How a condition asks about something.
type How uint8

// The ways to ask. The zero value is any other way.
const (
	// AskOther: in a calculation, by a function of a dictionary, …
	AskOther How = iota
	// AskEqual: ==, != or in.
	AskEqual
	// AskFrom: >= or <, so that the value belongs to what is above.
	AskFrom
	// AskOver: > or <=, so that the value belongs to what is below.
	AskOver
	// AskTruth: as true or false.
	AskTruth
	// AskWords: for words or parts in it.
	AskWords
	// AskPresence: whether it is known.
	AskPresence
	// AskNumber: as a number in a calculation.
	AskNumber
	// AskTime: as a time.
	AskTime
	// AskItself: it is the answer, as in the expression `lead.employees`.
	AskItself
)

// Literals returns how a condition or an expression asks about what it reads, in the
// order of the text. The text is one that compiles with the options.
func Literals(text string, options Options) ([]Comparison, error) {
	env, err := environment(options.Vars)
	if err != nil {
		return nil, err
	}
	parsed, issues := env.Parse(text)
	if err := fromIssues(issues); err != nil {
		return nil, err
	}
	var w literals
	root := parsed.NativeRep().Expr()
	if path, ok := readPath(root); ok && len(path) > 0 {
		w.add(path, AskItself)
		return w.found, nil
	}
	w.truth(root)
	return w.found, nil
}

type literals struct{ found []Comparison }

func (w *literals) add(path string, how How, values ...any) {
	w.found = append(w.found, Comparison{Path: path, How: how, Values: values})
}

// readPath is the path of an expression that reads an attribute, property or field.
func readPath(e ast.Expr) (string, bool) {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return "", false
	}
	// Letters in either case are the same answer to the one who is asked.
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "lowerAscii" && e.AsCall().IsMemberFunction() {
		return readPath(e.AsCall().Target())
	}
	path, ok := pathOf(e)
	if !ok || len(path) < 2 {
		return "", false
	}
	switch path[0] {
	case pastName:
		past, ok := parsePast(path[1])
		return pathOfAttribute(past.Attribute), ok
	case beforeName:
		return leadName + "." + path[1], true
	case listsName:
		return "", false
	}
	text := path[0]
	for _, name := range path[1:] {
		text += "." + name
	}
	return text, true
}

// truth walks an expression that stands for true or false.
func (w *literals) truth(e ast.Expr) {
	if path, ok := readPath(e); ok {
		w.add(path, AskTruth)
		return
	}
	if e.Kind() == ast.CallKind {
		switch call := e.AsCall(); call.FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
			for _, arg := range call.Args() {
				w.truth(arg)
			}
			return
		}
	}
	w.any(e, AskOther)
}

// any walks an expression; what it reads by itself is asked in the way given.
func (w *literals) any(e ast.Expr, how How) {
	if path, ok := readPath(e); ok {
		w.add(path, how)
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		if path, ok := pathOf(e); ok && e.AsSelect().IsTestOnly() && len(path) > 1 {
			w.add(path[0]+"."+path[1], AskPresence)
			return
		}
		w.any(e.AsSelect().Operand(), how)
	case ast.CallKind:
		w.call(e)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			w.any(item, how)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.any(entry.AsMapEntry().Key(), how)
			w.any(entry.AsMapEntry().Value(), how)
		}
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		for _, part := range []ast.Expr{loop.IterRange(), loop.AccuInit(), loop.LoopCondition(), loop.LoopStep(), loop.Result()} {
			w.any(part, AskOther)
		}
	}
}

func (w *literals) call(e ast.Expr) {
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	switch name {
	case operators.Equals, operators.NotEquals:
		w.compare(args[0], args[1], AskEqual)
		return
	case operators.GreaterEquals, operators.Less:
		// Seen from the right `50 > x` is `x < 50`.
		w.order(args[0], args[1], AskFrom, AskOver)
		return
	case operators.Greater, operators.LessEquals:
		w.order(args[0], args[1], AskOver, AskFrom)
		return
	case operators.In:
		w.membership(args[0], args[1])
		return
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		w.truth(e)
		return
	case operators.Conditional:
		w.truth(args[0])
		w.any(args[1], AskOther)
		w.any(args[2], AskOther)
		return
	}
	how := AskOther
	switch {
	case arithmetic[name] || name == operators.Modulo || name == operators.Negate:
		how = AskNumber
	case name == daysSinceName || name == "timestamp":
		how = AskTime
	case slices.Contains([]string{"hasWord", "contains", "startsWith", "endsWith", "matches", "size"}, name):
		how = AskWords
	}
	if call.IsMemberFunction() {
		w.any(call.Target(), how)
	}
	for _, arg := range args {
		w.any(arg, how)
	}
}

// compare records a path beside a literal, on either side.
func (w *literals) compare(a, b ast.Expr, how How) {
	if _, ok := readPath(a); !ok {
		a, b = b, a
	}
	path, ok := readPath(a)
	value, isLiteral := literalValue(b)
	if ok && isLiteral {
		w.add(path, how, value)
		return
	}
	w.any(a, AskOther)
	w.any(b, AskOther)
}

func (w *literals) order(a, b ast.Expr, how, mirrored How) {
	if _, ok := readPath(a); !ok {
		if _, ok := readPath(b); ok {
			a, b, how = b, a, mirrored
		}
	}
	path, ok := readPath(a)
	value, isLiteral := literalValue(b)
	if ok && isLiteral {
		w.add(path, how, value)
		return
	}
	w.any(a, AskNumber)
	w.any(b, AskNumber)
}

// membership: `lead.country in ["DE"]`, `lead.industry in lists.ours`, and
// `"crm" in lead.tools`.
func (w *literals) membership(item, container ast.Expr) {
	if path, ok := readPath(container); ok {
		if value, isLiteral := literalValue(item); isLiteral {
			if property, isText := value.(string); isText && path == activityName+".properties" {
				w.add(path+"."+property, AskPresence)
				return
			}
			w.add(path, AskEqual, value)
			return
		}
	}
	path, ok := readPath(item)
	if !ok {
		w.any(item, AskOther)
		w.any(container, AskOther)
		return
	}
	if at, isPath := pathOf(container); isPath && len(at) > 1 && at[0] == listsName {
		w.found = append(w.found, Comparison{Path: path, How: AskEqual, List: at[1]})
		return
	}
	var values []any
	if container.Kind() == ast.ListKind {
		for _, e := range container.AsList().Elements() {
			if value, isLiteral := literalValue(e); isLiteral {
				values = append(values, value)
			}
		}
		w.add(path, AskEqual, values...)
		return
	}
	w.add(path, AskOther)
	w.any(container, AskOther)
}

// literalValue is a literal as string, float64 or bool.
func literalValue(e ast.Expr) (any, bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Negate && len(e.AsCall().Args()) == 1 {
		if v, ok := literalValue(e.AsCall().Args()[0]); ok {
			if n, ok := v.(float64); ok {
				return -n, true
			}
		}
		return nil, false
	}
	if e.Kind() != ast.LiteralKind {
		return nil, false
	}
	switch v := e.AsLiteral().(type) {
	case types.String:
		return string(v), true
	case types.Int:
		return float64(v), true
	case types.Uint:
		return float64(v), true
	case types.Double:
		return float64(v), true
	case types.Bool:
		return bool(v), true
	default:
		return nil, false
	}
}

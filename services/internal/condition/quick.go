package condition

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Most conditions of a standard compare a few paths with literals. These are answered
// here, without CEL, some ten times faster: a history is thousands of activities, each
// asked by dozens of conditions. It is no second language: what is answered here is
// what CEL answers, and whatever is more than that, in the text or in the facts, is left
// to CEL.

// undecided is no answer: CEL is asked.
const undecided Truth = True + 1

// quick is a condition, or a part of one, that is answered without CEL.
type quick interface {
	answer(f *Facts) Truth
}

// quickOf returns the part of a condition that can be answered without CEL; nil if that
// would not decide anything. A checked condition is expected.
func quickOf(checked ast.Expr, found findings, lists map[string]*List) quick {
	q := shortcuts{lists: lists, limited: !found.cheap}
	root := q.of(checked)
	// What counts its steps is answered by CEL alone if they may be many.
	if q.answered == 0 || q.limited && q.steps > maxCost/10 {
		return nil
	}
	for _, path := range found.reads {
		if strings.HasPrefix(path, activityName+".properties.") {
			return &quickFaulty{root}
		}
	}
	return root
}

// quickFaulty is a condition that reads properties. Where they are no object, what is
// unknown has a fault, which CEL finds.
type quickFaulty struct{ of quick }

func (q *quickFaulty) answer(f *Facts) Truth {
	t := q.of.answer(f)
	if t == Unknown && f.Activity != nil && !f.Activity.object().index() {
		return undecided
	}
	return t
}

// shortcuts makes quick answers of a condition.
type shortcuts struct {
	lists map[string]*List
	// limited: CEL counts the steps of the condition.
	limited bool
	// answered is how many parts are answered here, and steps what they would cost CEL
	// at most.
	answered, steps int
}

func (q *shortcuts) of(e ast.Expr) quick {
	if e.Kind() == ast.CallKind {
		call := e.AsCall()
		switch name, args := call.FunctionName(), call.Args(); name {
		case operators.LogicalAnd, operators.LogicalOr:
			joined := quickJoin{decides: False, hard: q.limited}
			if name == operators.LogicalOr {
				joined.decides = True
			}
			for _, arg := range args {
				joined.of = append(joined.of, q.of(arg))
			}
			return &joined
		case operators.LogicalNot:
			return &quickNot{q.of(args[0])}
		}
	}
	if leaf := q.leaf(e); leaf != nil {
		q.answered++
		q.steps += 200 // a text is at most maxQuickText long
		return leaf
	}
	return quickLeft{}
}

func (q *shortcuts) leaf(e ast.Expr) quick {
	if s, ok := q.source(e); ok {
		return &quickEqual{source: s, kind: truthSeen, truth: true, alone: true}
	}
	switch e.Kind() {
	case ast.SelectKind:
		return q.present(e.AsSelect())
	case ast.CallKind:
		return q.call(e.AsCall())
	case ast.ComprehensionKind:
		return q.begins(e.AsComprehension())
	default:
		return nil
	}
}

// present is has().
func (q *shortcuts) present(e ast.SelectExpr) quick {
	path, ok := pathOf(e.Operand())
	if !e.IsTestOnly() || !ok {
		return nil
	}
	if s, ok := sourceOf(append(path, e.FieldName()), q.limited); ok && s.from != activitySource {
		return &quickPresent{s}
	}
	return nil
}

func (q *shortcuts) call(call ast.CallExpr) quick {
	name, args := call.FunctionName(), call.Args()
	switch name {
	case operators.Equals, operators.NotEquals:
		equal := q.equal(args)
		if equal == nil {
			return nil
		}
		if name == operators.NotEquals {
			return &quickNot{equal}
		}
		return equal
	case operators.GreaterEquals, operators.Greater, operators.Less, operators.LessEquals:
		s, ok := q.source(args[0])
		number, isNumber := quickNumber(args[1])
		if ok && isNumber {
			return &quickOrder{s, name, number}
		}
	case operators.In:
		return q.membership(args)
	case "startsWith":
		if !call.IsMemberFunction() {
			return nil
		}
		s, ok := q.source(call.Target())
		if text, isText := literal(args[0]); ok && isText {
			return &quickPrefix{s, []string{text}}
		}
	}
	return nil
}

func (q *shortcuts) equal(args []ast.Expr) quick {
	s, ok := q.source(args[0])
	if !ok || args[1].Kind() != ast.LiteralKind {
		return nil
	}
	if number, ok := quickNumber(args[1]); ok {
		return &quickEqual{source: s, kind: numberSeen, number: number}
	}
	switch v := args[1].AsLiteral().(type) {
	case types.String:
		return &quickEqual{source: s, kind: textSeen, text: string(v)}
	case types.Bool:
		return &quickEqual{source: s, kind: truthSeen, truth: bool(v)}
	default:
		return nil
	}
}

// quickNumber is a literal number that a double holds as it is.
func quickNumber(e ast.Expr) (float64, bool) {
	const exact = 1 << 53
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}
	switch v := e.AsLiteral().(type) {
	case types.Int:
		return float64(v), v > -exact && v < exact
	case types.Double:
		return float64(v), true
	default:
		return 0, false
	}
}

func (q *shortcuts) membership(args []ast.Expr) quick {
	s, ok := q.source(args[0])
	if !ok {
		return nil
	}
	if path, ok := pathOf(args[1]); ok && len(path) == 2 && path[0] == listsName && q.lists[path[1]] != nil {
		return &quickIn{s, q.lists[path[1]].members}
	}
	if args[1].Kind() != ast.ListKind || args[1].AsList().Size() == 0 {
		return nil
	}
	members := map[string]bool{}
	for _, item := range args[1].AsList().Elements() {
		text, ok := literal(item)
		if !ok {
			return nil
		}
		members[text] = true
	}
	return &quickIn{s, members}
}

// begins is `lists.pages.exists(p, activity.properties.path.startsWith(p))`.
func (q *shortcuts) begins(loop ast.ComprehensionExpr) quick {
	claim, ok := claims{q.lists}.exists(loop)
	if !ok || loop.HasIterVar2() || len(claim.Texts) == 0 || loop.Result().Kind() != ast.IdentKind {
		return nil
	}
	for _, text := range claim.Texts {
		q.steps += 20 + len(text)
	}
	s, ok := q.source(loop.LoopStep().AsCall().Args()[1].AsCall().Target())
	if !ok {
		return nil
	}
	return &quickPrefix{s, claim.Texts}
}

// quickJoin is && or ||: what decides it does so whatever the rest is.
type quickJoin struct {
	of      []quick
	decides Truth
	// hard: CEL counts the steps, so that it answers all from the first part that is left
	// to it: it may get no further. Elsewhere a later part may still decide.
	hard bool
}

func (q *quickJoin) answer(f *Facts) Truth {
	joined := False
	if q.decides == False {
		joined = True
	}
	for _, one := range q.of {
		switch t := one.answer(f); {
		case t == q.decides:
			return t
		case t == undecided:
			if q.hard {
				return undecided
			}
			joined = undecided
		case t == Unknown && joined != undecided:
			joined = Unknown
		}
	}
	return joined
}

type quickNot struct{ of quick }

func (q *quickNot) answer(f *Facts) Truth {
	switch t := q.of.answer(f); t {
	case True:
		return False
	case False:
		return True
	default:
		return t
	}
}

// quickLeft is left to CEL.
type quickLeft struct{}

func (quickLeft) answer(*Facts) Truth { return undecided }

type quickPresent struct{ source }

func (q *quickPresent) answer(f *Facts) Truth {
	if q.from == propertySource && f.Activity == nil {
		return undecided
	}
	s := q.see(f)
	if s.kind == strangeSeen {
		return undecided
	}
	return truthOf(s.kind != nothingSeen)
}

// quickEqual compares with a literal. What is of another kind is another.
type quickEqual struct {
	source
	kind   seenKind
	text   string
	number float64
	truth  bool
	// alone: a truth that is the question itself, and nothing else may stand there.
	alone bool
}

func (q *quickEqual) answer(f *Facts) Truth {
	s := q.see(f)
	switch {
	case s.kind == nothingSeen:
		return Unknown
	case s.kind == strangeSeen || q.alone && s.kind != truthSeen:
		return undecided
	case s.kind != q.kind:
		return False
	case s.kind == textSeen:
		return truthOf(s.is(q.text))
	case s.kind == numberSeen:
		return truthOf(s.number == q.number)
	default:
		return truthOf(s.truth == q.truth)
	}
}

// quickOrder compares a number with a literal.
type quickOrder struct {
	source
	operator string
	number   float64
}

func (q *quickOrder) answer(f *Facts) Truth {
	s := q.see(f)
	switch {
	case s.kind == nothingSeen:
		return Unknown
	case s.kind != numberSeen:
		return undecided
	}
	switch q.operator {
	case operators.GreaterEquals:
		return truthOf(s.number >= q.number)
	case operators.Greater:
		return truthOf(s.number > q.number)
	case operators.LessEquals:
		return truthOf(s.number <= q.number)
	default:
		return truthOf(s.number < q.number)
	}
}

// quickIn looks a text up among others.
type quickIn struct {
	source
	members map[string]bool
}

func (q *quickIn) answer(f *Facts) Truth {
	s := q.see(f)
	switch s.kind {
	case nothingSeen:
		return Unknown
	case strangeSeen:
		return undecided
	case textSeen:
		if s.bytes != nil {
			return truthOf(q.members[string(s.bytes)])
		}
		return truthOf(q.members[s.text])
	default:
		return False
	}
}

// quickPrefix asks whether a text begins with one of others.
type quickPrefix struct {
	source
	texts []string
}

func (q *quickPrefix) answer(f *Facts) Truth {
	s := q.see(f)
	switch s.kind {
	case nothingSeen:
		return Unknown
	case textSeen:
	default:
		return undecided
	}
	for _, text := range q.texts {
		if s.begins(text) {
			return True
		}
	}
	return False
}

func truthOf(holds bool) Truth {
	if holds {
		return True
	}
	return False
}

// source is where a value is read.
type source struct {
	from sourceKind
	// key of the attribute or property, or the field of the activity.
	key string
	// limited: CEL counts steps, so a long text is left to it.
	limited bool
}

type sourceKind uint8

const (
	leadSource sourceKind = iota
	beforeSource
	activitySource
	propertySource
)

// maxQuickText is the longest text that is looked at where CEL counts the steps.
const maxQuickText = 1000

func (q *shortcuts) source(e ast.Expr) (source, bool) {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		return source{}, false
	}
	path, ok := pathOf(e)
	if !ok {
		return source{}, false
	}
	return sourceOf(path, q.limited)
}

func sourceOf(path []string, limited bool) (source, bool) {
	switch {
	case len(path) == 2 && path[0] == leadName:
		return source{leadSource, path[1], limited}, true
	case len(path) == 2 && path[0] == accountName:
		return source{leadSource, accountName + "." + path[1], limited}, true
	case len(path) == 2 && path[0] == beforeName:
		return source{beforeSource, path[1], limited}, true
	case len(path) == 2 && path[0] == activityName && path[1] != "properties":
		return source{activitySource, path[1], limited}, true
	case len(path) == 3 && path[0] == activityName && path[1] == "properties":
		return source{propertySource, path[2], limited}, true
	default:
		return source{}, false
	}
}

// seen is a value as quick answers need it.
type seen struct {
	kind seenKind
	// text or, of a property, bytes.
	text   string
	bytes  []byte
	number float64
	truth  bool
}

type seenKind uint8

const (
	nothingSeen seenKind = iota
	textSeen
	numberSeen
	truthSeen
	// strangeSeen is anything else.
	strangeSeen
)

func (s *seen) is(text string) bool {
	if s.bytes != nil {
		return string(s.bytes) == text
	}
	return s.text == text
}

func (s *seen) begins(text string) bool {
	if s.bytes != nil {
		return len(s.bytes) >= len(text) && string(s.bytes[:len(text)]) == text
	}
	return strings.HasPrefix(s.text, text)
}

// see reads the value.
func (s *source) see(f *Facts) seen {
	var found seen
	switch s.from {
	case leadSource:
		found = seenOf(f.Lead, s.key)
	case beforeSource:
		found = seenOf(f.Before, s.key)
	case activitySource:
		found = f.Activity.see(s.key)
	case propertySource:
		found = f.Activity.seeProperty(s.key)
	}
	if s.limited && len(found.text)+len(found.bytes) > maxQuickText {
		found.kind = strangeSeen
	}
	return found
}

func seenOf(of Attributes, key string) seen {
	switch v := attribute(of, key).(type) {
	case nil:
		return seen{}
	case types.String:
		return seen{kind: textSeen, text: string(v)}
	case types.Double:
		return seen{kind: numberSeen, number: float64(v)}
	case types.Bool:
		return seen{kind: truthSeen, truth: bool(v)}
	default:
		return seen{kind: strangeSeen}
	}
}

// see reads a field of an activity; an empty one is not known.
func (a *Activity) see(field string) seen {
	if a == nil {
		return seen{}
	}
	text := a.Campaign
	switch field {
	case "type":
		text = a.Type
	case "source":
		text = a.Source
	}
	if text == "" {
		return seen{}
	}
	return seen{kind: textSeen, text: text}
}

func (a *Activity) seeProperty(key string) seen {
	if a == nil {
		return seen{}
	}
	o := a.object()
	if !o.index() {
		return seen{kind: strangeSeen}
	}
	f := o.find(key)
	if f == nil {
		return seen{}
	}
	if !f.looked {
		f.looked, f.seen = true, f.look()
	}
	return f.seen
}

// look reads the value of a property, a plain text as it stands there.
func (f *field) look() seen {
	if len(f.raw) > 0 && f.raw[0] == '"' {
		text, ok := unquoteBytes(f.raw)
		switch {
		case !ok:
			return seen{}
		case len(text) == 0:
			return seen{kind: textSeen}
		default:
			return seen{kind: textSeen, bytes: text}
		}
	}
	switch v := f.value().(type) {
	case nil:
		return seen{}
	case types.Double:
		return seen{kind: numberSeen, number: float64(v)}
	case types.Bool:
		return seen{kind: truthSeen, truth: bool(v)}
	default:
		return seen{kind: strangeSeen}
	}
}

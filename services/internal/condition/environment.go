package condition

import (
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// environments holds one checked environment for each combination of variables:
// making one takes a millisecond, and conditions come by the thousand.
var environments sync.Map // Vars → func() (*cel.Env, error)

func environment(vars Vars) (*cel.Env, error) {
	made, _ := environments.LoadOrStore(vars, sync.OnceValues(func() (*cel.Env, error) { return newEnvironment(vars) }))
	return made.(func() (*cel.Env, error))()
}

func newEnvironment(vars Vars) (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("type registry: %w", err)
	}
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(registry),
		cel.CustomTypeProvider(variables{registry}),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableIdentifierEscapeSyntax(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserRecursionLimit(64),
		cel.ExpressionNestingDepthLimit(256),
		cel.RegexProgramSizeLimit(4000),
		cel.Function("lowerAscii", cel.MemberOverload("string_lower_ascii", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(lowerASCII))),
		cel.Function("hasWord",
			cel.Overload("has_word_string_string", []*cel.Type{cel.StringType, cel.StringType}, cel.BoolType),
			cel.Overload("has_word_string_list", []*cel.Type{cel.StringType, cel.ListType(cel.StringType)}, cel.BoolType),
			cel.Overload("has_word_list_string", []*cel.Type{cel.ListType(cel.StringType), cel.StringType}, cel.BoolType),
			cel.Overload("has_word_list_list", []*cel.Type{cel.ListType(cel.StringType), cel.ListType(cel.StringType)}, cel.BoolType),
			cel.SingletonBinaryBinding(hasWord)),
	}
	for _, v := range []struct {
		is       Vars
		name     string
		typeName string
	}{
		{LeadVar, leadName, leadType},
		{LeadVar, accountName, accountType},
		{ActivityVar, activityName, activityType},
		{FitVar, fitName, fitType},
		{BeforeVar, beforeName, beforeType},
	} {
		if vars&v.is != 0 {
			options = append(options, cel.Variable(v.name, cel.ObjectType(v.typeName)))
		}
	}
	options = append(options, cel.Variable(listsName, cel.ObjectType(listsType)))
	if vars&NowVar != 0 {
		options = append(options, timeOptions()...)
	}
	if vars&PastVar != 0 {
		options = append(options, pastOptions()...)
	}
	if vars&documentVar != 0 {
		options = append(options, documentOptions()...)
	}
	options = append(options, traitFunctions()...)
	return cel.NewEnv(options...)
}

// plan returns how a condition is run. One without loops and without functions over
// texts costs at most a few steps for each of its characters, so that counting them
// would be all it does; the others stop at maxCost.
func plan(found findings) []cel.ProgramOption {
	options := []cel.ProgramOption{
		cel.EvalOptions(cel.OptOptimize),
		cel.CustomDecoratorV2(prepareWords),
	}
	if !found.cheap {
		options = append(options, cel.CostLimit(maxCost), cel.CostTracking(actualCost{}))
	}
	return options
}

func lowerASCII(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return types.String(b)
}

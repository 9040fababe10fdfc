package condition

import (
	"slices"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Costs are counted in CEL's steps: one for a comparison, one for about ten
// characters looked at.
const (
	// maxEstimate is the most a condition may cost by its text, for the sizes below.
	maxEstimate = 2_000_000
	// maxSelection is the same of a selection: answers with options, looked up one in the
	// other, are loops in loops, and mostly small ones.
	maxSelection = 10_000_000
	// maxCost is the most an evaluation may cost; past it the answer is Unknown.
	maxCost = 100_000
)

// Sizes that the estimate at compile time assumes of what is not known then. They
// only rank conditions: values that are larger run into maxCost.
const (
	textSize = 10_000 // characters of an attribute or a property
	listSize = 100    // elements of a list
	itemSize = 200    // characters of an element
)

// sizes is the estimator of the cost at compile time.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if node.ComputedSize() != nil {
		return nil
	}
	limit := uint64(textSize)
	switch path := node.Path(); {
	case len(path) == 0 || path[len(path)-1] == "@items" || path[len(path)-1] == "@keys" || path[len(path)-1] == "@values":
		limit = itemSize
	case iterated(node):
		limit = listSize
	}
	return &cost.SizeEstimate{Min: 0, Max: limit}
}

// iterated reports whether a node is something a loop could run over: the estimator
// does not say what a size is asked for, and a list of 10,000 would rule out every
// loop within a loop.
func iterated(node cost.AstNode) bool {
	switch node.Type().Kind() {
	case types.ListKind, types.MapKind, types.DynKind:
		return true
	default:
		return false
	}
}

// EstimateCallCost implements cost.Estimator.
func (sizes) EstimateCallCost(function, _ string, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	switch function {
	case "split":
		return cost.NewCallEstimate(cost.FixedCostEstimate(textSize/10), &cost.SizeEstimate{Max: listSize})
	case "hasWord", "lowerAscii", "trim", "text":
		return cost.NewCallEstimate(cost.FixedCostEstimate(textSize/10), &cost.SizeEstimate{Max: textSize})
	default:
		if _, ok := derived[function]; ok {
			return cost.NewCallEstimate(cost.FixedCostEstimate(textSize/10), &cost.SizeEstimate{Max: itemSize})
		}
		return nil
	}
}

// actualCost prices our own functions at run time; the others have CEL's prices.
type actualCost struct{}

// CallCost implements cost.ActualCostEstimator.
func (actualCost) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	if l, ok := listArgument(args); ok {
		switch function {
		case operators.In:
			return &one
		case "hasWord":
			price := (size(args[0]) + 1) * uint64(len(l.lengths)+1)
			return &price
		}
	}
	if _, ok := derived[function]; !ok && !slices.Contains([]string{"hasWord", "lowerAscii", "trim", "split"}, function) {
		return nil
	}
	price := uint64(1)
	for _, arg := range args {
		price += size(arg)
	}
	return &price
}

var one = uint64(1)

// listArgument returns the list that a function looks something up in.
func listArgument(args []ref.Val) (*List, bool) {
	if len(args) != 2 {
		return nil, false
	}
	l, ok := args[1].(*List)
	return l, ok
}

// size returns about a tenth of the characters of a text or of a list of texts.
func size(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v)/10) + 1
	case traits.Lister:
		n, _ := v.Size().(types.Int)
		total := uint64(1)
		for i := types.Int(0); i < n; i++ {
			total += size(v.Get(i))
		}
		return total
	default:
		return 1
	}
}

package fit

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

func (c *compiler) group(path string, g *Group) group {
	c.id(path+".id", g.ID)
	of := words(g.Description, g.ID)
	made := group{id: g.ID, combine: g.Combine, first: len(c.criteria)}
	made.maxPoints, made.minPoints, made.atMost, made.atLeast = c.limits(path+".", of, g.MaxPoints, g.MinPoints)
	switch g.Combine {
	case Sum:
	case Max:
		made.only = of + ": only the highest counts"
	case Min:
		made.only = of + ": only the lowest counts"
	default:
		c.problem(path+".combine", "must be sum, max or min")
	}
	for i := range g.Criteria {
		c.criterion(fmt.Sprintf("%s.criteria[%d]", path, i), g.ID, &g.Criteria[i])
	}
	made.end = len(c.criteria)
	for i := range g.Groups {
		made.groups = append(made.groups, c.group(fmt.Sprintf("%s.groups[%d]", path, i), &g.Groups[i]))
	}
	return made
}

func (c *compiler) criterion(path, groupID string, cr *Criterion) {
	c.id(path+".id", cr.ID)
	c.form(path, cr)
	description := words(cr.Description, cr.ID)
	weight := c.weight(path+".weightPercent", cr.WeightPercent)
	made := criterion{
		id: cr.ID, group: groupID, personas: c.askedFor(path+".personas", cr.Personas),
		unknown:   c.outcome(path, "unknownPoints", cr.UnknownPoints, 0, description, weight),
		unmatched: c.outcome(path, "unmatchedSteps", 0, cr.UnmatchedSteps, description+": does not hold", weight),
	}
	q := question{skip: cr.SkipUnknown}
	add := func(path, when string, points float64, steps int, description string) {
		q.rows = append(q.rows, c.when(path+".when", when))
		made.outcomes = append(made.outcomes, c.outcome(path, "points", points, steps, description, weight))
	}
	if cr.When != "" {
		add(path, cr.When, cr.Points, cr.Steps, description)
	}
	for i, ch := range cr.Choices {
		add(fmt.Sprintf("%s.choices[%d]", path, i), ch.When, ch.Points, ch.Steps, words(ch.Description, description))
	}
	if len(cr.Bands) > 0 && cr.Value != "" {
		q.value = c.value(path+".value", cr.Value)
	}
	for i := range cr.Bands {
		b, path := &cr.Bands[i], fmt.Sprintf("%s.bands[%d]", path, i)
		q.bands = append(q.bands, c.span(path+".range", &b.Range))
		made.outcomes = append(made.outcomes,
			c.outcome(path, "points", b.Points, b.Steps, words(b.Description, description+": "+b.Range.String()), weight))
	}
	if slices.ContainsFunc(q.bands, func(s span) bool { return s.bySegment != nil }) {
		c.bySegments = append(c.bySegments, len(c.questions))
	}
	c.questions = append(c.questions, q)
	c.criteria = append(c.criteria, made)
}

// form checks that a criterion asks in one way.
func (c *compiler) form(path string, cr *Criterion) {
	var given []string
	for _, way := range []struct {
		name  string
		given bool
	}{{"when", cr.When != ""}, {"choices", len(cr.Choices) > 0}, {"bands", len(cr.Bands) > 0}} {
		if way.given {
			given = append(given, way.name)
		}
	}
	switch {
	case len(given) == 0:
		c.problem(path+".when", "must be a condition, or there must be `choices` or `bands`: give one of the three")
	case len(given) > 1:
		c.problem(path+"."+given[1], "must be empty beside `%s`: give one of when, choices and bands", given[0])
	case given[0] != "when" && cr.Points != 0:
		c.problem(path+".points", "must be 0 beside `%s`: each of them has its own points", given[0])
	case given[0] != "when" && cr.Steps != 0:
		c.problem(path+".steps", "must be 0 beside `%s`: each of them has its own steps", given[0])
	}
	switch {
	case len(cr.Bands) > 0 && cr.Value == "":
		c.problem(path+".value", "must be the number that `bands` divide, e.g. `lead.employees`")
	case len(cr.Bands) == 0 && cr.Value != "":
		c.problem(path+".bands", "must divide the number in `value`: give at least one band")
	}
}

// askedFor returns for which personas a criterion is asked; nil: for everybody.
func (c *compiler) askedFor(path string, personas []string) []bool {
	if len(personas) == 0 {
		return nil
	}
	of := make([]bool, len(c.personas))
	for i, id := range personas {
		path := fmt.Sprintf("%s[%d]", path, i)
		persona, ok := c.personaIDs[id]
		switch {
		case !ok:
			c.problem(path, "must be the id of a persona, %s, is %q", oneOf(c.personaIDs), id)
		case of[persona]:
			c.problem(path, "must be unique, %q stands twice", id)
		default:
			of[persona] = true
		}
	}
	return of
}

func oneOf(ids map[string]int) string {
	if len(ids) == 0 {
		return "of which the model has none"
	}
	return "one of " + strings.Join(slices.Sorted(maps.Keys(ids)), ", ")
}

const maxWeight = 1000

// weight returns a weight as a fraction; nil: in full.
func (c *compiler) weight(path string, percent *float64) *big.Rat {
	switch {
	case percent == nil || *percent == 100:
		return nil
	case !(*percent >= 0 && *percent <= maxWeight): // also what is no number
		c.problem(path, "must be from 0 to %d percent, is %v", maxWeight, *percent)
		return nil
	}
	// As it is written, so that 33.3 is 33.3 and not the double next to it.
	weight, ok := new(big.Rat).SetString(strconv.FormatFloat(*percent, 'f', -1, 64))
	if !ok {
		c.problem(path, "must be a number, is %v", *percent)
		return nil
	}
	return weight.Quo(weight, big.NewRat(100, 1))
}

// outcome returns what an answer gives, after its weight. Its words say what is not said
// by the points.
func (c *compiler) outcome(path, field string, f float64, steps int, description string, weight *big.Rat) outcome {
	if field == "unmatchedSteps" {
		c.stepsOf(path+".unmatchedSteps", steps)
	} else {
		c.stepsOf(path+".steps", steps)
	}
	made := outcome{points: c.points(path+"."+field, f), steps: steps, description: description}
	if weight != nil && made.points != 0 {
		percent := strings.TrimSuffix(strings.TrimRight(new(big.Rat).Mul(weight, big.NewRat(100, 1)).FloatString(6), "0"), ".")
		made.description += fmt.Sprintf(" (%s%% of %v)", percent, made.points)
		made.points = weigh(made.points, weight)
	}
	if steps != 0 {
		made.description += ": grade " + stepWords(steps)
	}
	return made
}

// weigh returns the share of some points, rounded half away from zero to hundredths.
func weigh(p points.Points, weight *big.Rat) points.Points {
	share := new(big.Rat).Mul(new(big.Rat).SetInt64(int64(p)), weight)
	half := big.NewRat(1, 2)
	if share.Sign() < 0 {
		half.Neg(half)
	}
	share.Add(share, half)
	return points.Points(new(big.Int).Quo(share.Num(), share.Denom()).Int64())
}

const maxSteps = 1000

func (c *compiler) stepsOf(path string, steps int) {
	switch {
	case steps != 0 && c.spec.Grade == nil:
		c.problem(path, "must be 0: the model has no `grade` to move")
	case steps < -maxSteps || steps > maxSteps:
		c.problem(path, "must be from -%d to %d, is %d", maxSteps, maxSteps, steps)
	}
}

func stepWords(steps int) string {
	direction := "up"
	if steps < 0 {
		direction, steps = "down", -steps
	}
	if steps == 1 {
		return direction + " 1 step"
	}
	return fmt.Sprintf("%s %d steps", direction, steps)
}

// value compiles the number of the question that comes next.
func (c *compiler) value(path, text string) *condition.Expression {
	if len(c.problems) >= maxProblems {
		return nil
	}
	made, err := condition.CompileValue(text, c.language())
	if err != nil {
		c.problem(path, "%v", err)
		return nil
	}
	c.index(len(c.questions), made)
	return made
}

func (c *compiler) span(path string, r *Range) span {
	made := span{edges: c.edgesOf(path, r)}
	for _, id := range slices.Sorted(maps.Keys(r.BySegment)) {
		path := fmt.Sprintf("%s.bySegment[%q]", path, id)
		own := r.BySegment[id]
		if len(own.BySegment) > 0 {
			c.problem(path+".bySegment", "must be empty: a segment has one range")
		}
		e := c.edgesOf(path, &own)
		if segment, ok := c.segmentOf(path, id); ok {
			if made.bySegment == nil {
				made.bySegment = make([]*edges, len(c.segments))
			}
			made.bySegment[segment] = &e
		}
	}
	return made
}

func (c *compiler) edgesOf(path string, r *Range) edges {
	lower, upper := r.AtLeast, r.AtMost
	if lower == nil {
		lower = r.Over
	}
	if upper == nil {
		upper = r.Below
	}
	for _, edge := range []struct {
		name string
		at   *float64
	}{{"atLeast", r.AtLeast}, {"over", r.Over}, {"below", r.Below}, {"atMost", r.AtMost}} {
		if edge.at != nil && (math.IsNaN(*edge.at) || math.IsInf(*edge.at, 0)) {
			c.problem(path+"."+edge.name, "must be a finite number, is %v", *edge.at)
		}
	}
	switch {
	case r.AtLeast != nil && r.Over != nil:
		c.problem(path+".over", "must be empty beside `atLeast`: give one lower edge")
	case r.AtMost != nil && r.Below != nil:
		c.problem(path+".below", "must be empty beside `atMost`: give one upper edge")
	case lower == nil && upper == nil:
		c.problem(path, "must have an edge: atLeast or over, below or atMost")
	case lower == nil || upper == nil:
	case *lower > *upper || *lower == *upper && (r.Over != nil || r.Below != nil):
		c.problem(path, "must hold some number: %s holds none", r)
	}
	return edges{atLeast: r.AtLeast, over: r.Over, below: r.Below, atMost: r.AtMost}
}

// String returns the range in words, without those of segments, e.g.
// `at least 201, below 1001`.
func (r *Range) String() string {
	var parts []string
	for _, edge := range []struct {
		word string
		at   *float64
	}{{"at least", r.AtLeast}, {"over", r.Over}, {"below", r.Below}, {"at most", r.AtMost}} {
		if edge.at != nil {
			parts = append(parts, edge.word+" "+strconv.FormatFloat(*edge.at, 'f', -1, 64))
		}
	}
	return strings.Join(parts, ", ")
}

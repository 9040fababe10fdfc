package fit

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Limits of a model.
const (
	// MaxCriteria is the most criteria of a model, all groups together.
	MaxCriteria = 2000
	// MaxConditions is the most conditions of a model, all criteria together.
	MaxConditions = 10_000

	maxProblems = 100
)

// Total is the rule that lines of the total carry; no group or criterion may have it
// as its id.
const Total = "total"

// Model is a compiled spec. It is immutable and may be used from many goroutines.
type Model struct {
	groups    []group
	criteria  []criterion // of all groups, in order
	maxPoints *points.Points
	atMost    string // the cap of the total in words
	classes   []classEdge
	minKnown  int
	keys      map[string]int // attributes the model reads → slot
	readers   [][]int        // slot → criteria that read it
}

type group struct {
	id         string
	maxPoints  *points.Points
	atMost     string // its cap in words
	first, end int    // its criteria
}

type criterion struct {
	id, group     string
	description   string
	choices       []choice
	unknownPoints points.Points
}

type choice struct {
	when        *condition.Condition
	points      points.Points
	description string
}

type classEdge struct {
	label   string
	atLeast points.Points
}

// Compile checks a spec and compiles its conditions. The error is Problems: all that
// is wrong (the first hundred), each with its path.
func Compile(spec Spec) (*Model, error) {
	if err := checkSize(spec); err != nil {
		return nil, err
	}
	c := compiler{ids: map[string]string{Total: "the total"}}
	m := &Model{minKnown: spec.MinKnown}
	m.maxPoints, m.atMost = c.maximum("maxPoints", spec.MaxPoints, "Total")
	for i := range spec.Groups {
		c.group(m, fmt.Sprintf("groups[%d]", i), &spec.Groups[i])
	}
	c.classes(m, spec.Classes)
	if spec.MinKnown < 0 || spec.MinKnown > len(m.criteria) {
		c.problem("minKnown", "must be from 0 to the number of criteria, %d, is %d", len(m.criteria), spec.MinKnown)
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	m.indexReaders()
	return m, nil
}

// checkSize refuses a model that is too large before anything is compiled.
func checkSize(spec Spec) error {
	criteria, conditions := 0, 0
	for i := range spec.Groups {
		criteria += len(spec.Groups[i].Criteria)
		for j := range spec.Groups[i].Criteria {
			conditions += max(1, len(spec.Groups[i].Criteria[j].Choices))
		}
	}
	var c compiler
	switch {
	case criteria > MaxCriteria:
		c.problem("groups", "has %d criteria, the most is %d", criteria, MaxCriteria)
	case conditions > MaxConditions:
		c.problem("groups", "has %d conditions, the most is %d", conditions, MaxConditions)
	default:
		return nil
	}
	return c.problems
}

// indexReaders notes which criteria read which attribute, so that a change of one
// asks only those again.
func (m *Model) indexReaders() {
	m.keys = map[string]int{}
	for i := range m.criteria {
		for _, ch := range m.criteria[i].choices {
			for _, key := range ch.when.Attributes() {
				slot, known := m.keys[key]
				if !known {
					slot = len(m.readers)
					m.keys[key] = slot
					m.readers = append(m.readers, nil)
				}
				if !slices.Contains(m.readers[slot], i) {
					m.readers[slot] = append(m.readers[slot], i)
				}
			}
		}
	}
}

// Attributes returns the keys of the attributes the model reads, sorted.
func (m *Model) Attributes() []string { return slices.Sorted(maps.Keys(m.keys)) }

// Reads reports whether the model reads an attribute.
func (m *Model) Reads(key string) bool {
	_, ok := m.keys[key]
	return ok
}

type compiler struct {
	problems Problems
	ids      map[string]string // id → path of who has it
}

func (c *compiler) problem(path, format string, args ...any) {
	if len(c.problems) < maxProblems {
		c.problems = append(c.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
	}
}

var idPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func (c *compiler) id(path, id string) {
	if !idPattern.MatchString(id) {
		c.problem(path, "must be 1 to 63 of a-z, 0-9 and _, beginning with a letter")
		return
	}
	if taken, ok := c.ids[id]; ok {
		c.problem(path, "must be unique in the model, %q is the id of %s", id, taken)
		return
	}
	c.ids[id] = path
}

func (c *compiler) points(path string, f float64) points.Points {
	p, err := points.FromFloat(f)
	if err != nil {
		c.problem(path, "%v", err)
	}
	return p
}

// maximum returns a cap, and the cap in words.
func (c *compiler) maximum(path string, f *float64, of string) (*points.Points, string) {
	if f == nil {
		return nil, ""
	}
	p := c.points(path, *f)
	if p < 0 {
		c.problem(path, "must be at least 0, is %v", p)
	}
	return &p, fmt.Sprintf("%s: at most %v", of, p)
}

func (c *compiler) group(m *Model, path string, g *Group) {
	c.id(path+".id", g.ID)
	first := len(m.criteria)
	maximum, atMost := c.maximum(path+".maxPoints", g.MaxPoints, words(g.Description, g.ID))
	for i := range g.Criteria {
		c.criterion(m, fmt.Sprintf("%s.criteria[%d]", path, i), g.ID, &g.Criteria[i])
	}
	m.groups = append(m.groups, group{
		id: g.ID, maxPoints: maximum, atMost: atMost, first: first, end: len(m.criteria),
	})
}

func (c *compiler) criterion(m *Model, path, groupID string, cr *Criterion) {
	c.id(path+".id", cr.ID)
	made := criterion{
		id: cr.ID, group: groupID, description: words(cr.Description, cr.ID),
		unknownPoints: c.points(path+".unknownPoints", cr.UnknownPoints),
	}
	choices := cr.Choices
	switch {
	case cr.When != "" && len(choices) > 0:
		c.problem(path+".choices", "must be empty beside `when`: give one of the two")
	case cr.When == "" && len(choices) == 0:
		c.problem(path+".when", "must be a condition, or `choices` must have one: give one of the two")
	case len(choices) > 0 && cr.Points != 0:
		c.problem(path+".points", "must be 0 beside `choices`: each choice has its own points")
	}
	if cr.When != "" {
		made.choices = append(made.choices, c.choice(path, Choice{When: cr.When, Points: cr.Points}, made.description))
	}
	for i, ch := range choices {
		made.choices = append(made.choices, c.choice(fmt.Sprintf("%s.choices[%d]", path, i), ch, made.description))
	}
	m.criteria = append(m.criteria, made)
}

func (c *compiler) choice(path string, ch Choice, description string) choice {
	made := choice{points: c.points(path+".points", ch.Points), description: words(ch.Description, description)}
	if len(c.problems) >= maxProblems {
		return made // refused anyway: compile no more
	}
	when, err := condition.Compile(ch.When, condition.LeadVar)
	if err != nil {
		c.problem(path+".when", "%v", err)
	}
	made.when = when
	return made
}

func (c *compiler) classes(m *Model, edges []ClassEdge) {
	labels := map[string]bool{}
	for i, edge := range edges {
		path := fmt.Sprintf("classes[%d]", i)
		if n := len([]rune(edge.Label)); n == 0 || n > 40 {
			c.problem(path+".label", "must have 1 to 40 characters")
		}
		if labels[edge.Label] {
			c.problem(path+".label", "must be unique, %q stands twice", edge.Label)
		}
		labels[edge.Label] = true
		atLeast := c.points(path+".atLeast", edge.AtLeast)
		if i > 0 && atLeast >= m.classes[i-1].atLeast {
			c.problem(path+".atLeast", "must be below the edge before it, %v: the highest edge comes first", m.classes[i-1].atLeast)
		}
		m.classes = append(m.classes, classEdge{label: edge.Label, atLeast: atLeast})
	}
}

// words returns the description, or what stands for it where there is none.
func words(description, otherwise string) string {
	if description == "" {
		return otherwise
	}
	return description
}

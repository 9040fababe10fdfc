package fit

import (
	"fmt"
	"regexp"
	"slices"
	"time"
	_ "time/tzdata" // the same calendar on machines without one

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Limits of a model.
const (
	// MaxCriteria is the most criteria of a model, all groups together.
	MaxCriteria = 2000
	// MaxConditions is the most conditions and bands of a model, all together.
	MaxConditions = 10_000
	// MaxDepth is how deep groups may stand in each other.
	MaxDepth = 5

	maxProblems = 100
)

// Total is the rule that lines of the total carry; no group or criterion may have it
// as its id.
const Total = "total"

// Compile checks a spec and compiles its conditions. The error is Problems: all that
// is wrong (the first hundred), each with its path.
func Compile(spec Spec) (*Model, error) {
	if err := checkSize(spec); err != nil {
		return nil, err
	}
	c := compiler{
		Model: &Model{minKnown: spec.MinKnown, keys: map[string]int{}}, spec: &spec,
		ids: map[string]string{Total: "the total"}, lists: map[string]*condition.List{},
		segments: map[string]int{}, personaIDs: map[string]int{},
	}
	c.surroundings()
	c.at.segment = len(c.questions)
	c.segment()
	c.at.personas = len(c.questions)
	c.persona()
	c.at.criteria = len(c.questions)
	for i := range spec.Groups {
		c.groups = append(c.groups, c.group(fmt.Sprintf("groups[%d]", i), &spec.Groups[i]))
	}
	c.total()
	c.at.override = len(c.questions)
	c.override()
	c.at.ladder = len(c.questions)
	c.class()
	c.at.icp = len(c.questions)
	c.followsTime = len(c.timed) > 0
	c.said()
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.Model, nil
}

// checkSize refuses a model that is too large before anything is compiled.
func checkSize(spec Spec) error {
	var c compiler
	criteria, conditions := count(&c, "groups", 1, spec.Groups)
	conditions += len(spec.Segments) + len(spec.Personas) + len(spec.Overrides) + len(spec.Ladder) + len(spec.Flags) + 1
	switch {
	case len(c.problems) > 0:
	case criteria > MaxCriteria:
		c.problem("groups", "has %d criteria, the most is %d", criteria, MaxCriteria)
	case conditions > MaxConditions:
		c.problem("groups", "has %d conditions, the most is %d", conditions, MaxConditions)
	default:
		return nil
	}
	return c.problems
}

func count(c *compiler, path string, depth int, groups []Group) (criteria, conditions int) {
	if depth > MaxDepth && len(groups) > 0 {
		c.problem(path, "must be empty: groups stand in each other at most %d deep", MaxDepth)
		return 0, 0
	}
	for i := range groups {
		g := &groups[i]
		criteria += len(g.Criteria)
		for j := range g.Criteria {
			conditions += max(1, len(g.Criteria[j].Choices)+len(g.Criteria[j].Bands))
		}
		moreCriteria, moreConditions := count(c, fmt.Sprintf("%s[%d].groups", path, i), depth+1, g.Groups)
		criteria, conditions = criteria+moreCriteria, conditions+moreConditions
	}
	return criteria, conditions
}

// compiler makes a model of a spec.
type compiler struct {
	*Model
	spec     *Spec
	problems Problems
	ids      map[string]string // id → path of who has it
	lists    map[string]*condition.List
	// segments and personaIDs → their place
	segments, personaIDs map[string]int
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

// limits returns a cap and a floor, and both in words.
func (c *compiler) limits(path, of string, atMost, atLeast *float64) (most, least *points.Points, mostWords, leastWords string) {
	if atMost != nil {
		p := c.points(path+"maxPoints", *atMost)
		if p < 0 {
			c.problem(path+"maxPoints", "must be at least 0, is %v", p)
		}
		most, mostWords = &p, fmt.Sprintf("%s: at most %v", of, p)
	}
	if atLeast != nil {
		p := c.points(path+"minPoints", *atLeast)
		if most != nil && *most >= 0 && p > *most {
			c.problem(path+"minPoints", "must not be above `maxPoints`, %v, is %v", *most, p)
		}
		least, leastWords = &p, fmt.Sprintf("%s: at least %v", of, p)
	}
	return most, least, mostWords, leastWords
}

// language is what conditions and values of a model may read.
func (c *compiler) language() condition.Options {
	return condition.Options{Vars: condition.LeadVar | condition.NowVar | condition.PastVar, Lists: c.lists}
}

// when compiles a condition of the question that comes next.
func (c *compiler) when(path, text string) *condition.Condition {
	if len(c.problems) >= maxProblems {
		return nil // refused anyway: compile no more
	}
	made, err := condition.CompileWith(text, c.language())
	if err != nil {
		c.problem(path, "%v", err)
		return nil
	}
	c.index(len(c.questions), made)
	return made
}

// surroundings are what conditions read besides facts.
func (c *compiler) surroundings() {
	for i, l := range c.spec.Lists {
		path := fmt.Sprintf("lists[%d].id", i)
		if !idPattern.MatchString(l.ID) {
			c.problem(path, "must be 1 to 63 of a-z, 0-9 and _, beginning with a letter")
		}
		if c.lists[l.ID] != nil {
			c.problem(path, "must be unique, %q stands twice", l.ID)
		}
		c.lists[l.ID] = condition.NewList(l.Values)
	}
	zone, err := time.LoadLocation(c.spec.TimeZone)
	if err != nil || c.spec.TimeZone == "Local" {
		c.problem("timeZone", "must be a time zone as Europe/Berlin, is %q", c.spec.TimeZone)
	}
	c.zone = zone
}

func (c *compiler) segment() {
	if len(c.spec.Segments) == 0 {
		return
	}
	q := question{skip: true}
	for i, s := range c.spec.Segments {
		path := fmt.Sprintf("segments[%d]", i)
		if _, again := c.segments[s.ID]; again || !idPattern.MatchString(s.ID) {
			c.problem(path+".id", "must be 1 to 63 of a-z, 0-9 and _, beginning with a letter, and unique among the segments")
		}
		c.segments[s.ID] = i
		q.rows = append(q.rows, c.when(path+".when", s.When))
	}
	c.questions = append(c.questions, q)
}

func (c *compiler) persona() {
	for i, p := range c.spec.Personas {
		path := fmt.Sprintf("personas[%d]", i)
		c.id(path+".id", p.ID)
		c.personaIDs[p.ID] = i
		c.personas = append(c.personas, p.ID)
		c.questions = append(c.questions, question{rows: []*condition.Condition{c.when(path+".when", p.When)}})
	}
}

// total compiles what holds of the sum of the groups.
func (c *compiler) total() {
	most, least, atMost, atLeast := c.limits("", "Total", c.spec.MaxPoints, c.spec.MinPoints)
	c.maxPoints, c.atMost, c.atLeast = most, atMost, atLeast
	if least != nil {
		c.least = *least
	}
	if c.least == 0 {
		c.atLeast = "Total: not below 0"
	}
	if c.minKnown < 0 || c.minKnown > len(c.criteria) {
		c.problem("minKnown", "must be from 0 to the number of criteria, %d, is %d", len(c.criteria), c.minKnown)
	}
	for i, key := range c.spec.Required {
		path := fmt.Sprintf("required[%d]", i)
		if key == "" || len(key) > 200 {
			c.problem(path, "must be the key of an attribute, e.g. `country` or `account.industry`")
		}
		if slices.Contains(c.required, key) {
			c.problem(path, "must be unique, %q stands twice", key)
		}
		c.slot(key)
		c.required = append(c.required, key)
	}
}

func (c *compiler) override() {
	if len(c.spec.Overrides) == 0 {
		return
	}
	q := question{skip: true}
	for i, o := range c.spec.Overrides {
		path := fmt.Sprintf("overrides[%d]", i)
		c.id(path+".id", o.ID)
		q.rows = append(q.rows, c.when(path+".when", o.When))
		c.overrides = append(c.overrides, override{
			id: o.ID, description: words(o.Description, o.ID), points: c.points(path+".points", o.Points),
		})
	}
	c.questions = append(c.questions, q)
}

// said compiles what is said of a lead beside its score.
func (c *compiler) said() {
	if c.spec.ICP != "" {
		c.questions = append(c.questions, question{rows: []*condition.Condition{c.when("icp", c.spec.ICP)}})
	}
	c.at.flags = len(c.questions)
	for i, f := range c.spec.Flags {
		path := fmt.Sprintf("flags[%d]", i)
		c.id(path+".id", f.ID)
		c.flags = append(c.flags, f.ID)
		c.questions = append(c.questions, question{rows: []*condition.Condition{c.when(path+".when", f.When)}})
	}
}

// words returns the description, or what stands for it where there is none.
func words(description, otherwise string) string {
	if description == "" {
		return otherwise
	}
	return description
}

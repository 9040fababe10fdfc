package fit

import (
	"fmt"
	"slices"
)

// class compiles what gives the class: edges, a ladder or a grade.
func (c *compiler) class() {
	var given []string
	for _, way := range []struct {
		name  string
		given bool
	}{
		{"classes", len(c.spec.Classes) > 0},
		{"classesBySegment", len(c.spec.ClassesBySegment) > 0},
		{"ladder", len(c.spec.Ladder) > 0},
		{"grade", c.spec.Grade != nil},
	} {
		if way.given {
			given = append(given, way.name)
		}
	}
	if len(given) > 1 && !slices.Equal(given, []string{"classes", "classesBySegment"}) {
		c.problem(given[len(given)-1], "must be empty beside `%s`: give one of classes, ladder and grade", given[0])
	}
	c.classes = c.edges("classes", c.spec.Classes)
	c.segmentEdges()
	c.ladder()
	c.steps()
}

func (c *compiler) edges(path string, edges []ClassEdge) []classEdge {
	var made []classEdge
	labels := map[string]bool{}
	for i, edge := range edges {
		path := fmt.Sprintf("%s[%d]", path, i)
		c.label(path+".label", edge.Label)
		if labels[edge.Label] {
			c.problem(path+".label", "must be unique, %q stands twice", edge.Label)
		}
		labels[edge.Label] = true
		atLeast := c.points(path+".atLeast", edge.AtLeast)
		if i > 0 && atLeast >= made[i-1].atLeast {
			c.problem(path+".atLeast", "must be below the edge before it, %v: the highest edge comes first", made[i-1].atLeast)
		}
		made = append(made, classEdge{label: edge.Label, atLeast: atLeast})
	}
	return made
}

func (c *compiler) label(path, label string) {
	if n := len([]rune(label)); n == 0 || n > 40 {
		c.problem(path, "must have 1 to 40 characters")
	}
}

func (c *compiler) segmentEdges() {
	if len(c.spec.ClassesBySegment) == 0 {
		return
	}
	c.bySegment = make([][]classEdge, len(c.spec.Segments))
	for i, of := range c.spec.ClassesBySegment {
		path := fmt.Sprintf("classesBySegment[%d]", i)
		edges := c.edges(path+".edges", of.Edges)
		if len(edges) == 0 {
			c.problem(path+".edges", "must have at least one edge")
		}
		segment, ok := c.segmentOf(path+".segment", of.Segment)
		if !ok {
			continue
		}
		if c.bySegment[segment] != nil {
			c.problem(path+".segment", "must be unique, %q stands twice", of.Segment)
		}
		c.bySegment[segment] = edges
	}
}

func (c *compiler) segmentOf(path, id string) (int, bool) {
	segment, ok := c.segments[id]
	if !ok {
		c.problem(path, "must be the id of a segment, %s, is %q", oneOf(c.segments), id)
	}
	return segment, ok
}

func (c *compiler) ladder() {
	if len(c.spec.Ladder) == 0 {
		return
	}
	q := question{skip: true}
	for i, rung := range c.spec.Ladder {
		path := fmt.Sprintf("ladder[%d]", i)
		c.label(path+".label", rung.Label)
		when := rung.When
		if when == "" {
			if i+1 < len(c.spec.Ladder) {
				c.problem(path+".when", "must be a condition: only the last row may have none, since none after it is ever reached")
			}
			when = "true"
		}
		q.rows = append(q.rows, c.when(path+".when", when))
		c.rungs = append(c.rungs, rung.Label)
	}
	c.questions = append(c.questions, q)
}

func (c *compiler) steps() {
	g := c.spec.Grade
	if g == nil {
		return
	}
	if len(g.Labels) < 2 {
		c.problem("grade.labels", "must have at least two labels, from the lowest to the highest")
	}
	for i, label := range g.Labels {
		path := fmt.Sprintf("grade.labels[%d]", i)
		c.label(path, label)
		if slices.Contains(g.Labels[:i], label) {
			c.problem(path, "must be unique, %q stands twice", label)
		}
	}
	start := slices.Index(g.Labels, g.Start)
	if start < 0 {
		c.problem("grade.start", "must be one of the labels, is %q", g.Start)
	}
	c.grade = &grade{labels: g.Labels, start: start}
}

package engagement

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

// Everything that is wrong is said at once, each with its path.
func TestCompileSaysAllThatIsWrong(t *testing.T) {
	negative := points.Points(-1)
	_, err := Compile(Model{
		Cap: &negative, TimeZone: "Berlin/Europe", CountWindows: []int{7, 7, 0},
		Bands: []Edge{{"1", 100}, {"1", 200}, {"", 0}},
		Groups: []Group{
			{ID: "Web!", Cap: &negative, Decay: Decay{HalfLife: time.Hour, Window: 1}},
			{ID: "web", Rules: []Rule{
				{ID: "a", Activities: []string{"page viewed", "page.viewed"}, When: `lead.x ==`, Points: points.Max + 1, Cap: &negative},
				{ID: "a", Activities: nil, When: `1 + 1`, Limit: &Limit{Count: -1, Every: 9999, Per: 99}, Decay: &Decay{Window: -1}},
				{ID: "total", Activities: []string{"*.a"}, Limit: &Limit{Every: 2}, Decay: &Decay{HalfLife: -1}},
			}},
		},
		Signals: []Signal{{ID: "a", Activities: []string{"a.*"}, When: `nobody.knows`}},
	})
	problems, ok := errors.AsType[Problems](err)
	if !ok {
		t.Fatal(err)
	}
	var paths []string
	for _, p := range problems {
		if p.Expected == "" {
			t.Errorf("%s says nothing", p.Path)
		}
		paths = append(paths, p.Path)
	}
	want := []string{
		"maxPoints", "countWindowDays[1]", "countWindowDays[2]", "bands[1].label", "bands[1].atLeast", "bands[2].label", "timeZone",
		"groups[0].id", "groups[0].maxPoints", "groups[0].decay",
		"groups[1].rules[0].activities[0]", "groups[1].rules[0].maxPoints", "groups[1].rules[0].points", "groups[1].rules[0].when",
		"groups[1].rules[1].id", "groups[1].rules[1].activities", "groups[1].rules[1].decay.windowDays", "groups[1].rules[1].when",
		"groups[1].rules[1].limit.count", "groups[1].rules[1].limit.every", "groups[1].rules[1].limit.per",
		"groups[1].rules[2].id", "groups[1].rules[2].activities[0]", "groups[1].rules[2].decay.halfLifeDays", "groups[1].rules[2].limit.every",
		"signals[0].id", "signals[0].when",
	}
	slices.Sort(paths)
	slices.Sort(want)
	if !slices.Equal(paths, want) {
		t.Errorf("%s\n\nwant %s", err, strings.Join(want, "\n"))
	}
}

func TestAnEmptyModelScoresNothing(t *testing.T) {
	c, err := Compile(Model{Bands: []Edge{{"none", 0}}})
	if err != nil {
		t.Fatal(err)
	}
	score := c.Fold(Facts{Facts: []Fact{{Type: "page.viewed"}}}, 0)
	if score.Points != 0 || score.Band != "none" || len(score.Contributions) > 0 {
		t.Errorf("%+v", score)
	}
}

// A type finds the rules that name it or stand for it, in the order of the model.
func TestCandidates(t *testing.T) {
	rule := func(id string, types ...string) Rule { return Rule{ID: id, Activities: types} }
	c, err := Compile(Model{Groups: []Group{{ID: "g", Rules: []Rule{
		rule("r0", "a.*"), rule("r1", "a.b.*"), rule("r2", "a.b"), rule("r3", "a.b.c", "a.*"), rule("r4", "x"), rule("r5", "a.bc.*"),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string][]int{
		"a": nil, "a.b": {0, 2, 3}, "a.b.c": {0, 1, 3}, "a.b.d": {0, 1, 3}, "a.b.d.e": {0, 1, 3}, "a.bc": {0, 3}, "a.bcd": {0, 3},
		"a.bc.d": {0, 3, 5}, "x": {4}, "x.y": nil, "": nil, ".": nil, "b.a": nil,
	} {
		if got := c.candidates(kind).triggers; !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", kind, got, want)
		}
	}
}

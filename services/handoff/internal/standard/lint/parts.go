package lint

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// Vars is everything that a condition may read: what it may read where it stands was
// checked when the standard was compiled.
const vars = condition.LeadVar | condition.NowVar | condition.PastVar | condition.ActivityVar | condition.FitVar | condition.BeforeVar

// criterion is one of the fit.
type criterion struct {
	*typev1.Criterion
	path  string
	group *fitGroup
}

// fitGroup is a group of the fit, with all that is inside it.
type fitGroup struct {
	*typev1.FitGroup
	path     string
	criteria []*criterion
	inside   []*fitGroup
}

// rule is one of the engagement, asked one of the questions of it.
type rule struct {
	*typev1.EngagementRule
	path  string
	group *engagementGroup
	// claim is what `when` says.
	claim condition.Claim
	// decay is its own or that of the nearest group.
	decay *typev1.Decay
	// forgets: a reset may let its limit begin anew.
	forgets bool
}

// asked is a criterion of the engagement.
type asked struct {
	*typev1.EngagementCriterion
	path string
}

// engagementGroup is a group of the engagement, with all that is inside it.
type engagementGroup struct {
	*typev1.EngagementGroup
	path     string
	rules    []*rule
	criteria []*asked
	inside   []*engagementGroup
}

// parts are those of a standard, with their paths.
type parts struct {
	spec *handoffv1.StandardSpec
	// fitModel and model are never nil: without one it is empty.
	fitModel *typev1.FitModel
	model    *typev1.EngagementModel
	lists    map[string]*condition.List
	fit      []*fitGroup
	groups   []*engagementGroup
	criteria []*criterion
	rules    []*rule
	asked    []*asked
	// words are descriptions by id.
	words map[string]string
}

func partsOf(spec *handoffv1.StandardSpec) *parts {
	p := &parts{
		spec: spec, fitModel: cmp.Or(spec.GetFit(), &typev1.FitModel{}), model: cmp.Or(spec.GetEngagement(), &typev1.EngagementModel{}),
		lists: map[string]*condition.List{}, words: map[string]string{},
	}
	for _, list := range spec.GetLists() {
		if list.GetDictionary() != "" {
			continue // its texts are not the standard's: whatever is looked up there may hold
		}
		p.lists[list.GetId()] = condition.NewList(list.GetValues())
	}
	for i, g := range spec.GetFit().GetGroups() {
		p.fit = append(p.fit, p.fitGroup(index("fit.groups", i), g))
	}
	for i, g := range spec.GetEngagement().GetGroups() {
		p.groups = append(p.groups, p.engagementGroup(index("engagement.groups", i), g, nil))
	}
	for _, signal := range spec.GetEngagement().GetSignals() {
		p.words[signal.GetId()] = signal.GetDescription()
	}
	return p
}

func (p *parts) fitGroup(path string, g *typev1.FitGroup) *fitGroup {
	out := &fitGroup{FitGroup: g, path: path}
	p.words[g.GetId()] = g.GetDescription()
	for i, c := range g.GetCriteria() {
		p.words[c.GetId()] = c.GetDescription()
		one := &criterion{c, index(path+".criteria", i), out}
		out.criteria = append(out.criteria, one)
		p.criteria = append(p.criteria, one)
	}
	for i, inside := range g.GetGroups() {
		out.inside = append(out.inside, p.fitGroup(index(path+".groups", i), inside))
	}
	return out
}

func (p *parts) engagementGroup(path string, g *typev1.EngagementGroup, decay *typev1.Decay) *engagementGroup {
	out := &engagementGroup{EngagementGroup: g, path: path}
	p.words[g.GetId()] = g.GetDescription()
	if g.GetDecay() != nil {
		decay = g.GetDecay()
	}
	for i, r := range g.GetRules() {
		p.words[r.GetId()] = r.GetDescription()
		one := &rule{
			EngagementRule: r, path: index(path+".rules", i), group: out, claim: p.claim(r.GetWhen()), decay: cmp.Or(r.GetDecay(), decay),
			forgets: slices.ContainsFunc(p.model.GetResets(), (*typev1.Reset).GetForget),
		}
		out.rules = append(out.rules, one)
		p.rules = append(p.rules, one)
	}
	for i, c := range g.GetCriteria() {
		p.words[c.GetId()] = c.GetDescription()
		one := &asked{c, index(path+".criteria", i)}
		out.criteria = append(out.criteria, one)
		p.asked = append(p.asked, one)
	}
	for i, inside := range g.GetGroups() {
		out.inside = append(out.inside, p.engagementGroup(index(path+".groups", i), inside, decay))
	}
	return out
}

// claim takes a condition apart. One that does not compile, and none, say nothing.
func (p *parts) claim(text string) condition.Claim {
	if text == "" {
		return all()
	}
	claim, err := condition.ClaimOf(text, condition.Options{Vars: vars, Lists: p.lists})
	if err != nil {
		return all()
	}
	return claim
}

// named is what people call something: its description in quotes, else its id.
func (p *parts) named(id string) string {
	if words := p.words[id]; words != "" {
		return "“" + words + "”"
	}
	return "`" + id + "`"
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// number writes a number as people do.
func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// listed joins names: a, b and c.
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// points are those of a rule that gives more than one kind: the least and the most of
// one match.
func (r *rule) points() (least, most float64) {
	values := []float64{}
	switch {
	case len(r.GetChoices()) > 0:
		for _, choice := range r.GetChoices() {
			values = append(values, choice.GetPoints())
		}
	case len(r.GetRepeatPoints()) > 0:
		values = r.GetRepeatPoints()
	case r.GetPerUnit() != nil:
		least, most = perUnit(r.GetPerUnit())
		return least, most
	default:
		values = append(values, r.GetPoints())
	}
	least, most = values[0], values[0]
	for _, v := range values {
		least, most = min(least, v), max(most, v)
	}
	return least, most
}

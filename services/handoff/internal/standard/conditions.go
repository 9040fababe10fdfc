package standard

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/traits"
)

// What conditions may read, by where they stand.
const (
	// leadVars are those of a gate: the lead as it stands now.
	leadVars = condition.LeadVar | condition.NowVar
	// profileVars are those of the fit: the profile over time.
	profileVars = leadVars | condition.PastVar
	// happeningVars are those of something that happens.
	happeningVars = profileVars | condition.ActivityVar | condition.FitVar
	// changeVars are those of what an attribute's change sets off as well.
	changeVars = happeningVars | condition.BeforeVar
)

// expression is a field that holds a condition, or a value.
type expression struct {
	vars  condition.Vars
	value bool
}

// expressions are the fields that hold one, by their full name. A text that is not here
// holds none.
var expressions = map[protoreflect.FullName]expression{
	"assay.type.v1.FitModel.icp":            {vars: profileVars},
	"assay.type.v1.Criterion.when":          {vars: profileVars},
	"assay.type.v1.Criterion.value":         {vars: profileVars, value: true},
	"assay.type.v1.Choice.when":             {vars: profileVars},
	"assay.type.v1.FitRung.when":            {vars: profileVars},
	"assay.type.v1.Persona.when":            {vars: profileVars},
	"assay.type.v1.FitOverride.when":        {vars: profileVars},
	"assay.type.v1.Flag.when":               {vars: profileVars},
	"assay.type.v1.Segment.when":            {vars: leadVars},
	"assay.type.v1.Gate.when":               {vars: leadVars},
	"assay.type.v1.EngagementRule.when":     {vars: changeVars},
	"assay.type.v1.EngagementRule.value":    {vars: changeVars, value: true},
	"assay.type.v1.EngagementRule.distinct": {vars: changeVars, value: true},
	"assay.type.v1.RuleChoice.when":         {vars: changeVars},
	"assay.type.v1.PerUnit.value":           {vars: changeVars, value: true},
	"assay.type.v1.RepeatLimit.per_value":   {vars: changeVars, value: true},
	"assay.type.v1.Signal.when":             {vars: changeVars},
	"assay.type.v1.Signal.value":            {vars: changeVars, value: true},
	"assay.type.v1.Signal.distinct":         {vars: changeVars, value: true},
	"assay.type.v1.Reset.when":              {vars: changeVars},
	"assay.type.v1.Memory.when":             {vars: happeningVars},
	"assay.type.v1.Suspension.from_when":    {vars: happeningVars},
	"assay.type.v1.Suspension.until_when":   {vars: happeningVars},
	"assay.type.v1.EngagementOverride.when": {vars: happeningVars},
}

// readings are what the expressions of a part read.
type readings struct {
	// fit: the fit.
	fit bool
	// lists by id, and dictionaries by name.
	lists, dictionaries []string
}

// note adds what a compiled expression reads.
func (r *readings) note(e interface {
	Reads() []string
	ReadsFit() bool
	Dictionaries() []string
},
) {
	r.fit = r.fit || e.ReadsFit()
	r.dictionaries = append(r.dictionaries, e.Dictionaries()...)
	for _, path := range e.Reads() {
		if id, ok := strings.CutPrefix(path, "lists."); ok {
			r.lists = append(r.lists, id)
		}
	}
}

// conditions compiles every expression of a part and says what they read.
func (c *compiler) conditions(path string, part protoreflect.Message) *readings {
	var found readings
	texts(path, part, func(at string, field protoreflect.FieldDescriptor, text string) {
		holds, ok := expressions[field.FullName()]
		switch {
		case !ok || text == "":
		case holds.value:
			compiled, err := condition.CompileValue(text, condition.Options{Vars: holds.vars, Lists: c.lists})
			if err != nil {
				c.add(at, "a value: %v", err)
				return
			}
			c.words(at, compiled.Reads())
			found.note(compiled)
		default:
			if compiled := c.condition(at, text, holds.vars); compiled != nil {
				found.note(compiled)
			}
		}
	})
	return &found
}

// condition compiles CEL; nil if it does not compile.
func (c *compiler) condition(path, source string, vars condition.Vars) *condition.Condition {
	compiled, err := condition.CompileWith(source, condition.Options{Vars: vars, Lists: c.lists})
	if err != nil {
		c.add(path, "a condition: %v", err)
		return nil
	}
	c.words(path, compiled.Reads())
	return compiled
}

// Dictionaries are the texts of the dictionaries there are, by resource name.
type Dictionaries map[string]Dictionary

// Dictionary is one version of a list that has versions of its own.
type Dictionary struct {
	// Version names the content.
	Version string
	// Values are the texts.
	Values []string
}

// textLists prepares the lists of a standard and fills in those of dictionaries.
func (c *compiler) textLists(lists []*typev1.TextList, dictionaries Dictionaries) {
	ids := ids{}
	c.lists = map[string]*condition.List{}
	for i, list := range lists {
		at := index("lists", i)
		c.id(ids, at, list.GetId())
		filled := &typev1.TextList{Id: list.GetId(), Values: list.GetValues()}
		if name := list.GetDictionary(); name != "" {
			dictionary, known := dictionaries[name]
			switch {
			case len(list.GetValues()) > 0:
				c.add(join(at, "values"), "nothing beside `dictionary`")
			case !known && dictionaries != nil:
				c.add(join(at, "dictionary"), "a dictionary there is, not %q", name)
			}
			filled.Dictionary, filled.Version, filled.Values = name, dictionary.Version, dictionary.Values
		}
		if list.GetVersion() != "" {
			c.add(join(at, "version"), "nothing: it is that of the dictionary")
		}
		c.filledLists = append(c.filledLists, filled)
		c.lists[list.GetId()] = condition.NewList(filled.GetValues())
	}
}

// listsOf are the lists that a part reads.
func (c *compiler) listsOf(part *readings) []*typev1.TextList {
	var read []*typev1.TextList
	for _, list := range c.filledLists {
		if slices.Contains(part.lists, list.GetId()) {
			read = append(read, list)
		}
	}
	return read
}

// dictionariesOf are the dictionaries that a part asks, each with its version.
func dictionariesOf(part *readings) []string {
	versions := traits.Versions()
	named := make([]string, len(part.dictionaries))
	for i, name := range part.dictionaries {
		named[i] = name + "@" + versions[name]
	}
	slices.Sort(named)
	return slices.Compact(named)
}

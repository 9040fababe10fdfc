package leadfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/tabular"
)

// Column is a column of a file and what it means.
type Column struct {
	// Header is its name in the file.
	Header string
	// Field is what it is: one of the fields, `property.<name>`, or the name of an
	// attribute. Empty: it is left out.
	Field string
	// Type is how its cells are read where they can be of several types: `text`,
	// `number` or `boolean`.
	Type string
}

// IsActivities reports whether a header is that of a file of activities.
func IsActivities(header []string) bool {
	return slices.ContainsFunc(header, func(h string) bool { return slices.Contains(tellsActivities, snake(h)) })
}

// Suggest says what the columns of a file of leads, or of activities, mean, by their
// headers and by what stands in them. What is not known becomes an attribute, or a
// property of the activity, by its name in snake_case. What somebody said of a column, by
// its header, goes before.
func Suggest(header []string, cells []tabular.Column, activities bool, said map[string]string) []Column {
	columns := make([]Column, len(header))
	taken := map[string]bool{}
	for i, h := range header {
		columns[i] = Column{Header: h, Field: said[h], Type: typeOf(h, &cells[i])}
		taken[said[h]] = true
	}
	best := bestTime(header, cells)
	for i, h := range header {
		if _, is := said[h]; is {
			continue
		}
		field := meaning(h, activities)
		if (field == FieldTime || field == FieldActivityTime) && i != best {
			field = ""
		}
		if activities && field != "" && !identifies(field) && !strings.HasPrefix(field, "activity.") {
			field = propertyPrefix + field
		}
		if field != "" && !taken[field] {
			columns[i].Field, taken[field] = field, true
		}
	}
	for i := range columns {
		_, is := said[columns[i].Header]
		switch {
		case is || columns[i].Field != "":
		case activities:
			columns[i].Field = unique(propertyPrefix, snake(columns[i].Header), i, taken)
		default:
			columns[i].Field = unique("", attributeOf(snake(columns[i].Header)), i, taken)
		}
	}
	return columns
}

// identifies reports whether a field says who a row is about, or whose lead it is.
func identifies(field string) bool {
	switch field {
	case FieldEmail, FieldUserID, FieldCRMID, FieldAnonymousID, FieldAccountDomain, FieldAccountID:
		return true
	}
	return false
}

// bestTime returns the column that says best when a row became true, -1 if none does.
func bestTime(header []string, cells []tabular.Column) int {
	best, rank := -1, len(timeWords)
	for i, h := range header {
		at := slices.Index(timeWords, snake(h))
		if f, _ := cells[i].TimeFormat(); at >= 0 && at < rank && f != "" {
			best, rank = i, at
		}
	}
	return best
}

// attributeOf avoids the names of attributes that follow from something else.
func attributeOf(name string) string {
	switch name {
	case "account", "create_time", "email_domain", "suppressed":
		return "file_" + name
	}
	return name
}

// unique returns a field with a name that may be one and that is not taken.
func unique(prefix, name string, i int, taken map[string]bool) string {
	if !keyPattern.MatchString(name) {
		name = strings.Trim(fmt.Sprintf("column_%d_%s", i+1, name), "_")
		name = name[:min(len(name), 63)]
	}
	free := name
	for n := i + 1; taken[prefix+free]; n++ {
		free = fmt.Sprintf("%s_%d", name[:min(len(name), 59)], n)
	}
	taken[prefix+free] = true
	return prefix + free
}

// texts are words in headers of what looks like a number and is none: nobody adds up
// telephone numbers.
var texts = []string{"id", "code", "zip", "plz", "postal", "postcode", "phone", "mobile", "telefon", "telephone", "tel", "fax", "handy", "number", "no", "nr", "nummer"}

// typeOf returns how the cells of a column are read: as numbers or as yes and no if all
// of them are.
func typeOf(header string, c *tabular.Column) string {
	switch {
	case c.Cells == 0:
	case c.Booleans == c.Cells:
		return "boolean"
	case c.Numbers == c.Cells:
		for word := range strings.SplitSeq(snake(header), "_") {
			if slices.Contains(texts, word) && snake(header) != "number_of_employees" && snake(header) != "no_of_employees" {
				return "text"
			}
		}
		return "number"
	}
	return "text"
}

// Of returns the mapping of a file whose columns are said. kind is of activities of the
// type, if rows do not give their own. The error is Problems and lists them all.
func Of(source string, columns []Column, activities bool, activityType string) (*Mapping, error) {
	m := &Mapping{Source: source, Missing: []string{""}}
	rule := ActivityRule{ID: "row", Type: activityType, byContent: true, Properties: map[string]Value{}}
	var p Problems
	taken := map[string]string{}
	for _, c := range columns {
		if other, twice := taken[c.Field]; twice && c.Field != "" {
			p.add("columns: expected one column to be %s; %q and %q are", c.Field, other, c.Header)
			continue
		}
		taken[c.Field] = c.Header
		typ := c.Type
		if typ == "text" {
			typ = ""
		}
		value := &Value{Column: c.Header}
		switch name, property := strings.CutPrefix(c.Field, propertyPrefix); {
		case c.Field == "":
			m.Ignored = append(m.Ignored, c.Header)
		case property:
			rule.Properties[name] = Value{Column: c.Header, Type: typ}
		case identityKinds[c.Field] != 0:
			m.Identities = append(m.Identities, IdentityColumn{Kind: c.Field, Column: c.Header})
		case c.Field == FieldAccountDomain, c.Field == FieldAccountID:
			if m.Account != nil {
				p.add("columns: expected either %s or %s", FieldAccountDomain, FieldAccountID)
			}
			m.Account = &AccountColumn{Kind: map[string]string{FieldAccountDomain: "domain", FieldAccountID: "external_id"}[c.Field], Column: c.Header}
		case c.Field == FieldActivityType:
			rule.Type, rule.Column = "", c.Header
		case c.Field == FieldActivityID:
			rule.IDColumn = c.Header
		case c.Field == FieldActivityTime:
			rule.OccurredTime = &TimeColumn{Column: c.Header}
		case c.Field == FieldCampaign:
			rule.Campaign = value
		case c.Field == FieldLeadSource:
			m.LeadSource.Channel = value
		case c.Field == FieldSourceCampaign:
			m.LeadSource.Campaign = value
		case c.Field == FieldSourceDetail:
			m.LeadSource.Detail = value
		case c.Field == FieldTime:
			m.OccurredTime = &TimeColumn{Column: c.Header}
		default:
			m.Attributes = append(m.Attributes, AttributeColumn{Column: c.Header, Key: c.Field, Type: typ})
		}
	}
	if activities || rule.Column != "" || rule.Type != "" {
		if rule.Column == "" && rule.Type == "" {
			p.add("columns: expected one to be %s, or activityType to say the type of all", FieldActivityType)
		} else {
			m.Activities = []ActivityRule{rule}
		}
	}
	if len(m.Identities) == 0 {
		p.add("columns: expected one to be email, user_id, crm_id or anonymous_id, to know who a row is about")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	sortIdentities(m.Identities)
	return m, m.check()
}

// sortIdentities puts the strongest first.
func sortIdentities(list []IdentityColumn) {
	slices.SortStableFunc(list, func(a, b IdentityColumn) int { return int(identityKinds[a.Kind]) - int(identityKinds[b.Kind]) })
}

package condition

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Names of the variables. The type of a variable has a name of its own that cannot
// be written in a condition by accident; neither can the names with an @.
const (
	leadName     = "lead"
	accountName  = "account"
	activityName = "activity"
	fitName      = "fit"
	beforeName   = "before"
	listsName    = "lists"
	nowName      = "now"
	pastName     = "@past"
	clockName    = "@clock"

	daysSinceName = "@daysSince" // with the clock

	leadType     = "assay.Lead"
	accountType  = "assay.Account"
	activityType = "assay.Activity"
	fitType      = "assay.Fit"
	beforeType   = "assay.Before"
	listsType    = "assay.Lists"
	pastType     = "assay.Past"
)

// variables is the type provider: it knows the fields of `lead`, `activity`, `fit` and
// the others, so that a misspelt `activity.tpye` is found when a condition is compiled.
// Any other type is CEL's own.
type variables struct{ types.Provider }

// FindStructType implements types.Provider.
func (p variables) FindStructType(name string) (*cel.Type, bool) {
	switch name {
	case leadType, accountType, activityType, fitType, beforeType, listsType, pastType:
		return types.NewTypeTypeWithParam(cel.ObjectType(name)), true
	default:
		return p.Provider.FindStructType(name)
	}
}

// FindStructFieldNames implements types.Provider.
func (p variables) FindStructFieldNames(name string) ([]string, bool) {
	switch name {
	case leadType, accountType, beforeType, listsType, pastType:
		return nil, true
	case activityType:
		return []string{"type", "source", "campaign", "properties"}, true
	case fitType:
		return []string{"score", "class", "persona"}, true
	default:
		return p.Provider.FindStructFieldNames(name)
	}
}

// FindStructFieldType implements types.Provider.
func (p variables) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	switch name {
	case leadType:
		return variable(cel.DynType, func(s *scope) ref.Val { return s.attribute(field) }), true
	case accountType:
		return accountField(field), true
	case activityType:
		return activityField(field)
	case fitType:
		return fitField(field)
	case beforeType:
		return beforeField(field), true
	case listsType:
		return listField(field), true
	case pastType:
		return pastField(field)
	default:
		return p.Provider.FindStructFieldType(name, field)
	}
}

// NewValue implements types.Provider. Conditions make no values of our types.
func (p variables) NewValue(name string, fields map[string]ref.Val) ref.Val {
	return types.NewErr("a %s cannot be made in a condition", name)
}

func activityField(field string) (*types.FieldType, bool) {
	text := func(get func(*Activity) string) *types.FieldType {
		return variable(cel.StringType, func(s *scope) ref.Val {
			if s.facts.Activity == nil {
				return nil
			}
			if v := get(s.facts.Activity); v != "" {
				return types.String(v)
			}
			return nil
		})
	}
	switch field {
	case "type":
		return text(func(a *Activity) string { return a.Type }), true
	case "source":
		return text(func(a *Activity) string { return a.Source }), true
	case "campaign":
		return text(func(a *Activity) string { return a.Campaign }), true
	case "properties":
		return variable(cel.MapType(cel.StringType, cel.DynType), func(s *scope) ref.Val {
			if props := s.props(); props != nil {
				return props
			}
			return nil
		}), true
	default:
		return nil, false
	}
}

func fitField(field string) (*types.FieldType, bool) {
	of := func(t *cel.Type, get func(*Fit) ref.Val) *types.FieldType {
		return variable(t, func(s *scope) ref.Val {
			if s.facts.Fit == nil {
				return nil
			}
			return get(s.facts.Fit)
		})
	}
	switch field {
	case "score":
		// Dynamic, so that it compares with 50 as with 50.0.
		return of(cel.DynType, func(f *Fit) ref.Val { return types.Double(f.Score) }), true
	case "class":
		return of(cel.StringType, func(f *Fit) ref.Val { return types.String(f.Class) }), true
	case "persona":
		return of(cel.StringType, func(f *Fit) ref.Val { return types.String(f.Persona) }), true
	default:
		return nil, false
	}
}

// variable makes a field of get, which returns nil for what is not known.
func variable(t *cel.Type, get func(*scope) ref.Val) *types.FieldType {
	return &types.FieldType{
		Type:  t,
		IsSet: func(target any) bool { return get(target.(*scope)) != nil },
		GetFrom: func(target any) (any, error) {
			if v := get(target.(*scope)); v != nil {
				return v, nil
			}
			return unknown, nil
		},
	}
}

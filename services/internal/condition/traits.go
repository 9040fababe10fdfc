package condition

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/assay-hq/assay/services/internal/traits"
)

// A trait is a function over a text that asks dictionaries. Its answer is unknown where
// they have none, as for a text that is empty or no country.
type trait struct {
	of           func(string) string
	dictionaries []string
}

var derived = map[string]trait{
	"seniority":         {traits.Seniority, []string{traits.Titles}},
	"jobFunction":       {traits.Function, []string{traits.Titles}},
	"emailKind":         {traits.EmailKind, []string{traits.FreeMail, traits.DisposableMail, traits.PublicSuffixes}},
	"registrableDomain": {traits.RegistrableDomain, []string{traits.FreeMail, traits.DisposableMail, traits.PublicSuffixes}},
	"countryCode":       {traits.Country, []string{traits.Countries}},
	"region":            {traits.Region, []string{traits.Countries}},
	"subregion":         {traits.Subregion, []string{traits.Countries}},
}

// traitFunctions declares the traits.
func traitFunctions() []cel.EnvOption {
	var options []cel.EnvOption
	for name, t := range derived {
		options = append(options, cel.Function(name,
			cel.Overload(name+"_string", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(t.call))))
	}
	return options
}

func (t trait) call(v ref.Val) ref.Val {
	text, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	if answer := t.of(string(text)); answer != "" {
		return types.String(answer)
	}
	return unknown
}

// dictionaries returns the dictionaries that a function asks.
func dictionaries(function string) []string { return derived[function].dictionaries }

// Dictionaries returns the names of the dictionaries that are asked, sorted,
// e.g. `countries`, `titles`; traits.Versions has their versions. The caller must not
// change the slice.
func (c *compiled) Dictionaries() []string { return c.dictionaries }

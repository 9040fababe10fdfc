package condition

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// The attributes of a lead's account are attributes of the lead, under keys that no
// attribute of its own can have: `account.industry` in a condition is the attribute of
// that very key. Whoever keeps attributes over time keeps the account's with them.

// accountField is an attribute of the account that the lead belongs to.
func accountField(field string) *types.FieldType {
	key := accountName + "." + field
	return variable(cel.DynType, func(s *scope) ref.Val { return s.attribute(key) })
}

// attributeKey returns the key of the attribute that a path reads.
func attributeKey(path string) (string, bool) {
	if key, ok := strings.CutPrefix(path, leadName+"."); ok {
		return key, true
	}
	if key, ok := strings.CutPrefix(path, beforeName+"."); ok {
		return key, true
	}
	return path, strings.HasPrefix(path, accountName+".")
}

// pathOfAttribute returns the path that reads an attribute: the reverse.
func pathOfAttribute(key string) string {
	if strings.HasPrefix(key, accountName+".") {
		return key
	}
	return leadName + "." + key
}

package condition

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/assay-hq/assay/services/internal/fold"
)

// A standard has lists of its own, of competitors, partners, titles, with up to many
// thousands of texts. `lead.email_domain in lists.competitors` looks one up, as it is
// written; `hasWord(lead.job_title, lists.leaders)` finds any of them as a word or
// phrase. Neither becomes slower with the length of the list.

// List is a list of texts that conditions read. It is prepared once and may be shared
// by many conditions and goroutines.
type List struct {
	*list
	members map[string]bool
	phrases map[string]bool // normalised words and phrases, a space on both sides
	lengths []int           // how many words the phrases have, sorted
}

// NewList prepares a list.
func NewList(values []string) *List {
	l := &List{members: make(map[string]bool, len(values)), phrases: make(map[string]bool, len(values))}
	items := make([]ref.Val, len(values))
	for i, value := range values {
		items[i] = types.String(value)
		l.members[value] = true
		if spaced := fold.Words(value); spaced != "" {
			l.phrases[spaced] = true
			if n := strings.Count(spaced, " ") - 1; !slices.Contains(l.lengths, n) {
				l.lengths = append(l.lengths, n)
			}
		}
	}
	slices.Sort(l.lengths)
	l.list = makeList(items)
	return l
}

// Contains implements traits.Container. What is no text is not in the list.
func (l *List) Contains(item ref.Val) ref.Val {
	text, ok := item.(types.String)
	return types.Bool(ok && l.members[string(text)])
}

// in reports whether one of the words or phrases is in the text.
func (l *List) in(text string) bool {
	spaced := fold.Words(text)
	var spaces []int // each word is between two of them
	for i := range len(spaced) {
		if spaced[i] == ' ' {
			spaces = append(spaces, i)
		}
	}
	for first := range spaces {
		for _, n := range l.lengths {
			if first+n >= len(spaces) {
				break
			}
			if l.phrases[spaced[spaces[first]:spaces[first+n]+1]] {
				return true
			}
		}
	}
	return false
}

// listField is a list that was handed in. That there is one was checked before.
func listField(id string) *types.FieldType {
	return variable(types.NewListType(types.StringType), func(s *scope) ref.Val {
		if l := s.lists[id]; l != nil {
			return l
		}
		return nil
	})
}

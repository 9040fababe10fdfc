package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/assay-hq/assay/services/internal/condition"
)

// maxFields is how many fields a form may have.
const maxFields = 1000

// Read reads a body: JSON, or the fields of a form (`a=1&b=2`) as an object of texts, and of
// lists where a name stands several times. What the sender calls it does not count: tools
// call it many things. The error is a [condition.ErrDocument].
func Read(body []byte) (*condition.Document, error) {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 {
		return nil, fmt.Errorf("%w: it is empty", condition.ErrDocument)
	}
	if c := trimmed[0]; c == '{' || c == '[' || !bytes.ContainsRune(trimmed, '=') {
		return condition.ParseDocument(trimmed)
	}
	values, err := url.ParseQuery(string(trimmed))
	if err != nil || len(values) > maxFields {
		return nil, fmt.Errorf("%w: it is neither JSON nor the fields of a form", condition.ErrDocument)
	}
	fields := make(map[string]any, len(values))
	for name, texts := range values {
		if len(texts) == 1 {
			fields[name] = texts[0]
		} else {
			fields[name] = texts
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("%w: it is neither JSON nor the fields of a form", condition.ErrDocument)
	}
	return condition.ParseDocument(data)
}

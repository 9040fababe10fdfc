package cloudevent

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
)

// Event is one event, or what is wrong with it.
type Event struct {
	// Type is the type of the event, Key its source and id as one text.
	Type, Key string
	// Traceparent is the extension of that name: what the sender was at when the event
	// happened.
	Traceparent string
	// Document is the event in its JSON format.
	Document *condition.Document
	// Wrong is set instead.
	Wrong *Violation

	raw []byte
}

// Violation says what is wrong with an event.
type Violation struct{ Field, Expected string }

// Errors of a request as a whole.
var (
	// ErrFormat says that the events are in a format that is not known here, e.g. XML.
	ErrFormat = errors.New("is in no known format")
	// ErrBody says that the body is not what its type says.
	ErrBody = errors.New("is no event")
)

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
	family     = "application/cloudevents"
)

// Decode reads the events of a request, and whether they came as a batch.
func Decode(header http.Header, body []byte) (events []Event, batch bool, err error) {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	switch {
	case media == structured:
		return []Event{decodeStructured(body)}, false, nil
	case media == batched:
		var raw []json.RawMessage
		if json.Unmarshal(body, &raw) != nil || raw == nil {
			return nil, true, ErrBody
		}
		for _, one := range raw {
			events = append(events, decodeStructured(one))
		}
		return events, true, nil
	case strings.HasPrefix(media, family):
		return nil, false, ErrFormat
	default:
		return []Event{decodeBinary(header, media, body)}, false, nil
	}
}

func decodeStructured(raw []byte) Event {
	var fields map[string]json.RawMessage
	if _, err := condition.ParseDocument(raw); err != nil || json.Unmarshal(raw, &fields) != nil || fields == nil {
		return Event{raw: raw, Wrong: &Violation{"", "a JSON object with the event, no key of which stands twice"}}
	}
	media := "application/json"
	if given := text(fields["datacontenttype"]); given != "" {
		media, _, _ = mime.ParseMediaType(given)
	}
	if encoded, ok := fields["data_base64"]; ok {
		data, err := base64.StdEncoding.DecodeString(text(encoded))
		if err != nil || text(encoded) == "" && string(encoded) != `""` {
			return Event{raw: raw, Wrong: &Violation{"data_base64", "base64"}}
		}
		if _, both := fields["data"]; both {
			return Event{raw: raw, Wrong: &Violation{"data_base64", "nothing beside data"}}
		}
		if isJSON(media) {
			delete(fields, "data_base64")
			fields["data"] = data
		}
	}
	return finish(fields, raw)
}

// text is the text of a JSON string; "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

const headerPrefix = "Ce-"

func decodeBinary(header http.Header, media string, body []byte) Event {
	fields := map[string]json.RawMessage{}
	for name, values := range header {
		attribute, ok := strings.CutPrefix(name, headerPrefix)
		if !ok {
			continue
		}
		attribute = strings.ToLower(attribute)
		value, err := headerText(values)
		if err != nil {
			return Event{raw: body, Wrong: &Violation{attribute, "one value, percent-encoded"}}
		}
		fields[attribute] = quoted(value)
	}
	if given := header.Get("Content-Type"); given != "" {
		fields["datacontenttype"] = quoted(given)
	}
	switch {
	case len(body) == 0:
	case isJSON(media), media == "" && json.Valid(body):
		fields["data"] = body
	case strings.HasPrefix(media, "text/"):
		fields["data"] = quoted(string(body))
	default:
		fields["data_base64"] = quoted(base64.StdEncoding.EncodeToString(body))
	}
	return finish(fields, body)
}

func quoted(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil { // texts can be marshalled
		return json.RawMessage(`""`)
	}
	return raw
}

// headerText decodes the value of an attribute: a quoted string of HTTP or not, with
// percent-encoded characters.
func headerText(values []string) (string, error) {
	if len(values) != 1 {
		return "", ErrBody
	}
	value := values[0]
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		var b strings.Builder
		for inner := value[1 : len(value)-1]; inner != ""; inner = inner[1:] {
			if inner[0] == '\\' && len(inner) > 1 {
				inner = inner[1:]
			}
			b.WriteByte(inner[0])
		}
		value = b.String()
	}
	return url.PathUnescape(value)
}

// isJSON reports whether a media type is JSON's.
func isJSON(media string) bool {
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

var attributeName = regexp.MustCompile(`^[a-z0-9]+$`)

// finish holds the attributes of an event to the specification.
func finish(fields map[string]json.RawMessage, raw []byte) Event {
	e := Event{raw: raw}
	wrong := func(field, expected string) Event {
		e.Wrong = &Violation{field, expected}
		return e
	}
	if text(fields["specversion"]) != "1.0" {
		return wrong("specversion", "1.0")
	}
	for _, name := range []string{"id", "source", "type"} {
		if text(fields[name]) == "" {
			return wrong(name, "a text that is not empty")
		}
	}
	for name := range fields {
		if !attributeName.MatchString(name) && name != "data_base64" {
			return wrong("", "names of attributes in small letters and digits")
		}
	}
	if at, ok := fields["time"]; ok && string(at) != "null" {
		if _, err := time.Parse(time.RFC3339, text(at)); err != nil {
			return wrong("time", "a time in RFC 3339")
		}
	}
	if subject, ok := fields["subject"]; ok && string(subject) != "null" && text(subject) == "" {
		return wrong("subject", "a text that is not empty")
	}
	whole, err := json.Marshal(fields)
	if err != nil {
		return wrong("data", "JSON, as its type says")
	}
	if e.Document, err = condition.ParseDocument(whole); err != nil {
		return wrong("data", "a document: it "+strings.TrimPrefix(err.Error(), condition.ErrDocument.Error()+": it "))
	}
	// The source is a URI reference, which has no space.
	e.Type, e.Key = text(fields["type"]), text(fields["source"])+" "+text(fields["id"])
	e.Traceparent = text(fields["traceparent"])
	return e
}

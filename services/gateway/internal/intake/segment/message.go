package segment

import (
	"errors"
	"iter"
	"strings"

	"github.com/assay-hq/assay/services/gateway/internal/intake/rawjson"
)

// Kind is what a message says. The kinds are those of the Segment spec.
type Kind string

// The kinds.
const (
	Identify Kind = "identify"
	Track    Kind = "track"
	Page     Kind = "page"
	Screen   Kind = "screen"
	Group    Kind = "group"
	Alias    Kind = "alias"
)

// KindOf returns the kind that a path or a message names, in full or by its first letter;
// nothing for an unknown one.
func KindOf(name string) Kind {
	switch name {
	case "identify", "i":
		return Identify
	case "track", "t":
		return Track
	case "page", "p":
		return Page
	case "screen", "s":
		return Screen
	case "group", "g":
		return Group
	case "alias", "a":
		return Alias
	}
	return ""
}

// Message is one message as the client sent it. Texts are as they came, and empty where
// the client said nothing.
type Message struct {
	Kind Kind
	// ID tells it from every other message of its source.
	ID string
	// Who it is about.
	UserID, AnonymousID, PreviousID, GroupID string
	// Event is the name of what was tracked, Name that of a page or screen.
	Event, Name string
	// Timestamp is when it happened and SentAt when it was sent, both by the client's clock.
	Timestamp, SentAt string
	// Properties and Traits are objects, or nothing.
	Properties, Traits rawjson.Value
	// Context is what is known of the circumstances.
	Context Context
	// Text is the message as it came.
	Text rawjson.Value
}

// Context is the part of a message's context that says something of a lead.
type Context struct {
	IP, UserAgent, Locale, Timezone, GroupID string
	// Page, Campaign and Traits are objects, or nothing.
	Page, Campaign, Traits rawjson.Value
	// Consent says by category whether the visitor agreed: an object, or nothing.
	Consent rawjson.Value
}

// Body is what one request brought.
type Body struct {
	object rawjson.Value
	kind   Kind // of the one message; empty: it is a batch
}

// ErrNoObject says that a body is something else than an object.
var ErrNoObject = errors.New("a JSON object")

// Read returns the body of a request for messages of one kind, or for a batch if the kind
// is empty. The error says what was expected, and repeats nothing of the body.
func Read(text []byte, kind Kind) (*Body, error) {
	value, err := rawjson.Parse(text)
	if err != nil {
		return nil, err
	}
	if !value.IsObject() {
		return nil, ErrNoObject
	}
	return &Body{object: value, kind: kind}, nil
}

// WriteKey returns the key in the body, or nothing.
func (b *Body) WriteKey() string { return b.object.Member("writeKey").Text() }

// Messages returns the messages of a body, in order. What is no message is returned with
// its rejection.
func (b *Body) Messages() iter.Seq2[Message, *Rejection] {
	return func(yield func(Message, *Rejection) bool) {
		if b.kind != "" {
			m := Message{Kind: b.kind}
			m.read(b.object)
			yield(m, nil)
			return
		}
		var shared Message // what the batch says of all its messages
		batch := rawjson.Value("")
		for key, value := range b.object.Members() {
			switch key {
			case "batch":
				batch = value
			case "sentAt":
				shared.SentAt = value.Text()
			case "context":
				shared.Context.read(value)
			}
		}
		if !batch.IsList() {
			yield(Message{Text: b.object}, Invalid("batch", "a list of messages"))
			return
		}
		for element := range batch.Elements() {
			m := shared
			if !element.IsObject() {
				m.Text = element
				if !yield(m, Invalid("", "an object")) {
					return
				}
				continue
			}
			m.read(element)
			var why *Rejection
			if m.Kind == "" {
				why = Invalid("type", "one of identify, track, page, screen, group, alias")
			}
			if !yield(m, why) {
				return
			}
		}
	}
}

// read takes in what an object says. A kind that is set stands.
func (m *Message) read(object rawjson.Value) {
	m.Text = object
	original := ""
	for key, value := range object.Members() {
		switch key {
		case "type":
			if m.Kind == "" {
				m.Kind = KindOf(value.Text())
			}
		case "messageId":
			m.ID = value.Text()
		case "userId":
			m.UserID = strings.TrimSpace(value.Text())
		case "anonymousId":
			m.AnonymousID = strings.TrimSpace(value.Text())
		case "previousId":
			m.PreviousID = strings.TrimSpace(value.Text())
		case "groupId":
			m.GroupID = strings.TrimSpace(value.Text())
		case "event":
			m.Event = strings.TrimSpace(value.Text())
		case "name":
			m.Name = strings.TrimSpace(value.Text())
		case "timestamp":
			m.Timestamp = value.Text()
		case "originalTimestamp":
			original = value.Text()
		case "sentAt":
			m.SentAt = value.Text()
		case "properties":
			if value.IsObject() {
				m.Properties = value
			}
		case "traits":
			if value.IsObject() {
				m.Traits = value
			}
		case "context":
			m.Context.read(value)
		}
	}
	if original != "" {
		m.Timestamp = original
	}
}

// read takes in what an object says; what it does not name stands.
func (c *Context) read(object rawjson.Value) {
	for key, value := range object.Members() {
		switch key {
		case "ip":
			c.IP = value.Text()
		case "userAgent":
			c.UserAgent = value.Text()
		case "locale":
			c.Locale = value.Text()
		case "timezone":
			c.Timezone = value.Text()
		case "groupId":
			c.GroupID = strings.TrimSpace(value.Text())
		case "page":
			if says(value) {
				c.Page = value
			}
		case "campaign":
			if says(value) {
				c.Campaign = value
			}
		case "traits":
			if says(value) {
				c.Traits = value
			}
		case "consent":
			if categories := value.Member("categoryPreferences"); says(categories) {
				c.Consent = categories
			}
		}
	}
}

// says reports whether a value is an object with anything in it.
func says(value rawjson.Value) bool { return value.IsObject() && value != "{}" }

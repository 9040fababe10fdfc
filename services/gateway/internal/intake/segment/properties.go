package segment

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/assay-hq/assay/services/gateway/internal/intake/rawjson"
)

// maxProperties is the most bytes of an activity's properties.
const maxProperties = 32 << 10

// properties are those of one activity, as a JSON object that is being written.
type properties struct {
	out  []byte
	seen []string // keys that are in it
}

// newProperties begins with what the client said; rename gives keys another name, nil
// leaves them.
func newProperties(said rawjson.Value, rename map[string]string, room int) *properties {
	p := &properties{out: make([]byte, 0, len(said)+room)}
	p.out = append(p.out, '{')
	for key, value := range said.Members() {
		if to, ok := rename[key]; ok {
			if key = to; key == "" {
				continue
			}
		}
		p.raw(key, value)
	}
	return p
}

// raw adds a value under a key that is not there yet.
func (p *properties) raw(key string, value rawjson.Value) {
	if value == "" {
		return
	}
	for _, k := range p.seen {
		if k == key {
			return
		}
	}
	p.seen = append(p.seen, key)
	p.key(key)
	p.out = append(p.out, value...)
}

func (p *properties) key(key string) {
	if p.out[len(p.out)-1] != '{' {
		p.out = append(p.out, ',')
	}
	p.out = appendQuoted(p.out, key)
	p.out = append(p.out, ':')
}

// text adds a text under a key that is not there yet.
func (p *properties) text(key, value string) {
	if value != "" {
		p.raw(key, rawjson.Value(appendQuoted(nil, value)))
	}
}

// member writes a text into an object that is being written.
func (p *properties) member(key, value string) {
	if value != "" {
		p.key(key)
		p.out = appendQuoted(p.out, value)
	}
}

// appendQuoted appends a text as JSON. Nearly all are plain.
func appendQuoted(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			out, _ = jsontext.AppendQuote(out, s) // texts are valid UTF-8
			return out
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}

// context adds the circumstances: those in which the client says that it happened, and how
// the client's clock was read. A property of that name, by the client, stands instead, and
// so it is where both are too much.
func (p *properties) context(m *Message, page bool, clamped bool, room int) {
	for _, k := range p.seen {
		if k == "context" {
			return
		}
	}
	c, before := &m.Context, len(p.out)
	p.key("context")
	from := len(p.out)
	p.out = append(p.out, '{')
	p.member("ip", c.IP)
	p.member("userAgent", c.UserAgent)
	p.member("locale", c.Locale)
	p.member("timezone", c.Timezone)
	if page && c.Page != "" {
		p.key("page")
		p.out = append(p.out, c.Page...)
	}
	if c.Campaign != "" {
		p.key("campaign")
		p.out = append(p.out, c.Campaign...)
	}
	if len(m.Timestamp) <= maxTimeText {
		p.member("originalTimestamp", m.Timestamp)
	}
	if clamped {
		p.key("timeClamped")
		p.out = append(p.out, "true"...)
	}
	p.out = append(p.out, '}')
	if len(p.out) == from+len("{}") || len(p.out) >= room {
		p.out = p.out[:before]
	}
}

// json ends the object and returns it, nil if it is empty.
func (p *properties) json() []byte {
	if len(p.out) == 1 {
		return nil
	}
	return append(p.out, '}')
}

// pageKeys are what a page is described by, in its properties or in its context.
var pageKeys = []string{"path", "url", "title", "referrer", "search"}

func (m *Message) activityProperties(kind string, rename map[string]string, clamped bool) []byte {
	p := newProperties(m.Properties, rename, 192+len(m.Context.UserAgent)+len(m.Context.Page)+len(m.Context.Campaign))
	switch m.Kind {
	case Track:
		p.text("event", m.Event)
		p.text("kind", kind)
	case Page, Screen:
		p.text("name", m.Name)
		for _, key := range pageKeys {
			p.raw(key, m.Context.Page.Member(key))
		}
	}
	p.context(m, m.Kind == Track, clamped, maxProperties)
	return p.json()
}

// utm returns where a campaign in a message's context says that the lead came from.
func (c *Context) utm() (channel, campaign, detail string) {
	for key, value := range c.Campaign.Members() {
		switch key {
		case "name":
			campaign = value.Text()
		case "medium":
			channel = value.Text()
		case "source":
			detail = value.Text()
		}
	}
	if channel == "" {
		channel, detail = detail, ""
	}
	return short(channel, 200), short(campaign, 200), short(detail, 500)
}

// short cuts a text to so many characters.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for n := range s {
		if most--; most < 0 {
			return s[:n]
		}
	}
	return strings.TrimSpace(s)
}

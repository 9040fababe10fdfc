package delivery

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// maxText is the most of one text of a person that travels, in bytes.
const maxText = 300

// ForDetail is a packet with no more of the person than a detail allows; nil with
// LinkOnly. The packet itself stays as it is.
func ForDetail(p *handoffv1.HandoffPacket, detail Detail) *handoffv1.HandoffPacket {
	switch {
	case p == nil || detail == LinkOnly:
		return nil
	case detail == Full:
		return p
	}
	p = proto.CloneOf(p)
	p.AttributesJson, p.Identities = maskAttributes(p.GetAttributesJson()), nil
	return p
}

// open are the attributes that say what somebody is, and not who: what a masked packet
// keeps as it is.
var open = map[string]bool{
	"job_title": true, "seniority": true, "job_function": true, "department": true, "industry": true, "employees": true,
	"company": true, "company_name": true, "country": true, "region": true, "revenue": true, "email_domain": true,
}

// names are attributes of which a masked packet keeps the initial.
var names = map[string]bool{"name": true, "first_name": true, "last_name": true, "full_name": true}

// maskAttributes keeps of attributes what tells a salesperson whom to expect and nobody
// how to reach them.
func maskAttributes(attributes []byte) []byte {
	var all map[string]any
	if json.Unmarshal(attributes, &all) != nil {
		return nil
	}
	for key, value := range all {
		text, isText := value.(string)
		switch {
		case open[key]:
		case names[key] && isText:
			all[key] = initials(text)
		default:
			delete(all, key)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil
	}
	return b
}

// initials are the first letters of a name: `Ada Lovelace` is `A. L.`
func initials(name string) string {
	var letters []string
	for _, word := range strings.Fields(name) {
		if r, _ := utf8.DecodeRuneInString(word); unicode.IsLetter(r) {
			letters = append(letters, string(unicode.ToUpper(r))+".")
		}
	}
	return strings.Join(letters, " ")
}

// packetJSON writes a packet in at most so many bytes: the activities go first, from the
// oldest on, then the attributes.
func packetJSON(p *handoffv1.HandoffPacket, most int) ([]byte, error) {
	p = proto.CloneOf(p)
	for {
		b, err := packetBody(p)
		switch {
		case err != nil:
			return nil, err
		case len(b) <= most:
			return b, nil
		case len(p.GetActivities()) > 0:
			p.Activities = p.GetActivities()[:len(p.GetActivities())-1]
		case len(p.GetAttributesJson()) > 0:
			p.AttributesJson = nil
		case len(p.GetPoints()) > 0:
			p.Points = nil
		case len(p.GetIdentities()) > 0:
			p.Identities = nil
		default:
			return nil, errors.New("the packet of the handoff has more than 20 KB")
		}
	}
}

// packetBody writes a packet as a receiver reads it: JSON that the API carries as bytes is
// JSON here.
func packetBody(p *handoffv1.HandoffPacket) ([]byte, error) {
	attributes, source := p.GetAttributesJson(), p.GetLeadSourceJson()
	p = proto.CloneOf(p)
	p.AttributesJson, p.LeadSourceJson = nil, nil
	b, err := protoJSON.Marshal(p)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, err
	}
	if json.Valid(attributes) {
		fields["attributes"] = attributes
	}
	if json.Valid(source) {
		fields["leadSource"] = source
	}
	return json.Marshal(fields)
}

// cut cuts a text to so many bytes, between two characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	most -= len("…")
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

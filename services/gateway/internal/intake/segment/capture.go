package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// Circumstances are what is known of a request besides its body.
type Circumstances struct {
	// Received is when the request came in.
	Received time.Time
	// Source is the id of the source whose key it has.
	Source string
	// Browser says that the key is public: it stands in a web page.
	Browser bool
	// Address and UserAgent are those of the connection. They are taken for the visitor's
	// where the source is a browser and the message names none.
	Address, UserAgent string
	// SentAt is the header of that name.
	SentAt string
	// Rules are what the source says of its events, before [Type]: the first that is for an
	// event counts. A property that a rule gives an empty name is left out.
	Rules []*ingestv1.EventRule
}

// Capture is what a message means.
type Capture struct {
	// Lead is what it says of a lead; nil: the source drops such messages.
	Lead *ingestv1.CaptureLeadRequest
	// Account is what it says of the lead's account besides; nil: nothing.
	Account *ingestv1.CaptureAccountRequest
}

// room holds the parts of a capture that nearly every message has: made at once, they cost
// one allocation.
type room struct {
	capture    Capture
	request    ingestv1.CaptureLeadRequest
	lead       ingestv1.Lead
	identity   [3]ingestv1.Identity
	identities [3]*ingestv1.Identity
	activity   ingestv1.Activity
	activities [1]*ingestv1.Activity
	time       timestamppb.Timestamp
}

// Capture returns what a message means, or why it means nothing.
func (m *Message) Capture(c *Circumstances) (*Capture, *Rejection) {
	if m.UserID == "" && m.AnonymousID == "" {
		return nil, Invalid("userId", "a userId or an anonymousId")
	}
	r := &room{}
	r.capture.Lead, r.request.Lead, r.request.Source = &r.request, &r.lead, c.Source
	if why := m.identify(r); why != nil {
		return nil, why
	}
	m.fill(c)
	at, clamped := m.when(r, c)
	switch m.Kind {
	case Identify:
	case Track, Page, Screen:
		keep, why := m.activity(r, c, at, clamped)
		if why != nil || !keep {
			return &Capture{}, why
		}
	case Group:
		if m.GroupID == "" {
			return nil, Invalid("groupId", "the id of the group")
		}
		m.account(r, c, at)
	case Alias:
		if m.PreviousID == "" {
			return nil, Invalid("previousId", "the id that is to be the same person's")
		}
		r.request.PreviousIdentities = []*ingestv1.Identity{previous(m)}
	}
	m.attributes(r, at)
	return &r.capture, nil
}

// identify says who the message is about, the strongest identity first.
func (m *Message) identify(r *room) *Rejection {
	r.lead.Identities = r.identities[:0]
	add := func(kind ingestv1.Identity_Kind, value string) {
		n := len(r.lead.Identities)
		r.identity[n].Kind, r.identity[n].Value = kind, value
		r.lead.Identities = append(r.lead.Identities, &r.identity[n])
	}
	if m.UserID != "" {
		add(ingestv1.Identity_KIND_USER_ID, m.UserID)
	}
	field, email := "", ""
	if m.Kind == Identify {
		field, email = "traits.email", strings.TrimSpace(m.Traits.Member("email").Text())
	}
	if email == "" {
		field, email = "context.traits.email", strings.TrimSpace(m.Context.Traits.Member("email").Text())
	}
	switch {
	case isEmail(email):
		add(ingestv1.Identity_KIND_EMAIL, email)
	case email != "" && m.Kind == Identify:
		return Invalid(field, "an email address such as name@example.com")
	case isEmail(m.UserID):
		add(ingestv1.Identity_KIND_EMAIL, m.UserID)
	}
	if m.AnonymousID != "" {
		add(ingestv1.Identity_KIND_ANONYMOUS_ID, m.AnonymousID)
	}
	return nil
}

// noAddress is what clients say where they do not want an address to be kept.
const noAddress = "0.0.0.0"

// fill completes the context with what the connection of a browser says.
func (m *Message) fill(c *Circumstances) {
	if c.Browser {
		if m.Context.IP == "" {
			m.Context.IP = c.Address
		}
		if m.Context.UserAgent == "" {
			m.Context.UserAgent = strings.ToValidUTF8(c.UserAgent, "\ufffd")
		}
	}
	if m.Context.IP == noAddress {
		m.Context.IP = ""
	}
}

// when returns when the message happened, nil if it does not say.
func (m *Message) when(r *room, c *Circumstances) (at *timestamppb.Timestamp, clamped bool) {
	original, ok := moment(m.Timestamp)
	if !ok {
		return nil, false
	}
	sent, ok := moment(m.SentAt)
	if !ok {
		sent, _ = moment(c.SentAt)
	}
	t, clamped := Correct(c.Received, original, sent)
	r.time.Seconds, r.time.Nanos = t.Unix(), int32(t.Nanosecond())
	return &r.time, clamped
}

// activity says what the lead did; keep is false where the source drops such events.
func (m *Message) activity(r *room, c *Circumstances, at *timestamppb.Timestamp, clamped bool) (keep bool, why *Rejection) {
	a := &r.activity
	kind := ""
	switch m.Kind {
	case Page:
		a.Type = "page.viewed"
	case Screen:
		a.Type = "screen.viewed"
	default:
		if m.Event == "" {
			return false, Invalid("event", "the name of the event")
		}
		a.Type, kind = Type(m.Event)
	}
	rule := find(c.Rules, m)
	if rule.GetDrop() {
		return false, nil
	}
	if rule.GetType() != "" {
		a.Type, kind = rule.GetType(), ""
	}
	a.Id, a.Source, a.OccurredTime = id(m.ID), c.Source, at
	a.PropertiesJson = m.activityProperties(kind, rule.GetProperties(), clamped)
	if m.Context.Campaign != "" {
		a.Campaign = short(m.Context.Campaign.Member("name").Text(), 200)
	}
	r.activities[0] = a
	r.request.Activities = r.activities[:]
	return true, nil
}

// maxID is the longest id of an activity.
const maxID = 200

// id returns the id of an activity. One that is too long stands as its hash, so that what
// is sent again is still known.
func id(said string) string {
	if len(said) <= maxID {
		return said
	}
	sum := sha256.Sum256([]byte(said))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// account says which account the lead belongs to, and what is known of it. By a domain an
// account is found by others: that is for servers to say.
func (m *Message) account(r *room, c *Circumstances, at *timestamppb.Timestamp) {
	who := &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_EXTERNAL_ID, Value: m.GroupID}
	r.request.Account, r.request.DefaultTime = who, at
	known := attributes{}
	known.ofAccount(m.Traits)
	if len(known) == 0 {
		return
	}
	account := &ingestv1.Account{Identities: []*ingestv1.AccountIdentity{who}, Attributes: &structpb.Struct{Fields: known}}
	if domain := domainOf(m.Traits); domain != "" && !c.Browser {
		account.Identities = append(account.Identities, &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_DOMAIN, Value: domain})
	}
	r.capture.Account = &ingestv1.CaptureAccountRequest{Account: account, DefaultTime: at, Source: c.Source}
}

// attributes says what the message tells of the lead besides what it did. All of it is
// true from the message's time on.
func (m *Message) attributes(r *room, at *timestamppb.Timestamp) {
	if m.Context.Traits != "" || m.Kind == Identify && m.Traits != "" {
		known := attributes{}
		known.ofLead(m.Context.Traits)
		if m.Kind == Identify {
			known.ofLead(m.Traits)
		}
		if len(known) > 0 {
			r.lead.Attributes, r.request.DefaultTime = &structpb.Struct{Fields: known}, at
		}
	}
	if m.Context.GroupID != "" && r.request.Account == nil {
		r.request.Account = &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_EXTERNAL_ID, Value: m.Context.GroupID}
		r.request.DefaultTime = at
	}
	if m.Context.Campaign != "" {
		if channel, campaign, detail := m.Context.utm(); channel != "" || campaign != "" {
			r.lead.LeadSource = &ingestv1.LeadSource{Channel: channel, Campaign: campaign, Detail: detail}
			r.request.DefaultTime = at
		}
	}
	if m.Context.Consent != "" {
		for category, agreed := range m.Context.Consent.Members() {
			if name := Snake(category); name != "" && (agreed.IsTrue() || agreed.IsFalse()) {
				if r.request.Consent == nil {
					r.request.Consent, r.request.DefaultTime = map[string]bool{}, at
				}
				r.request.Consent[cut(name, maxKey)] = agreed.IsTrue()
			}
		}
	}
}

// previous returns the identity that an alias is about. The spec does not say of which
// kind it is: visitors' ids are mostly UUIDs.
func previous(m *Message) *ingestv1.Identity {
	kind := ingestv1.Identity_KIND_USER_ID
	switch {
	case isEmail(m.PreviousID):
		kind = ingestv1.Identity_KIND_EMAIL
	case m.PreviousID == m.AnonymousID, uuid.Validate(m.PreviousID) == nil:
		kind = ingestv1.Identity_KIND_ANONYMOUS_ID
	}
	return &ingestv1.Identity{Kind: kind, Value: m.PreviousID}
}

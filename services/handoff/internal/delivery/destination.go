package delivery

import (
	"strconv"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// Kind of a destination.
type Kind string

// Kinds of destinations.
const (
	Webhook Kind = "webhook"
	Slack   Kind = "slack"
	Tryton  Kind = "tryton"
)

// Detail is how much of a person travels to a destination.
type Detail int8

const (
	// LinkOnly: names of resources and links, nothing of the person.
	LinkOnly Detail = iota
	// Masked: the packet, with what identifies the person cut down to initials.
	Masked
	// Full: the packet as it is.
	Full
)

// Destination is where deliveries go, as a transport needs to know it.
type Destination struct {
	// Name is `destinations/{destination}`.
	Name string
	// Kind says which transport serves it.
	Kind Kind
	// URL to send to.
	URL string
	// Secrets, opened: the newest first. A webhook signs with each; a CRM logs in with
	// the first.
	Secrets []string
	// Detail that may travel to it.
	Detail Detail
	// Settings of the kind by their names. Of Tryton: `database`, `username`, `company_id`.
	Settings map[string]string
}

var kinds = map[handoffv1.Destination_Kind]Kind{
	handoffv1.Destination_KIND_WEBHOOK: Webhook,
	handoffv1.Destination_KIND_SLACK:   Slack,
	handoffv1.Destination_KIND_TRYTON:  Tryton,
}

// DestinationOf is a destination with its opened secrets, at an instant.
func DestinationOf(d *handoffv1.Destination, s Secrets, now time.Time) *Destination {
	out := &Destination{Name: d.GetName(), Kind: kinds[d.GetKind()], URL: d.GetUrl(), Secrets: s.Signers(now)}
	switch d.GetDetail() {
	case handoffv1.Destination_DETAIL_FULL:
		out.Detail = Full
	case handoffv1.Destination_DETAIL_MASKED:
		out.Detail = Masked
	case handoffv1.Destination_DETAIL_LINK, handoffv1.Destination_DETAIL_UNSPECIFIED:
		out.Detail = LinkOnly
	}
	if t := d.GetTryton(); t != nil {
		out.Secrets = []string{s.Password}
		out.Settings = map[string]string{
			"database": t.GetDatabase(), "username": t.GetUsername(), "company_id": strconv.Itoa(int(t.GetCompanyId())),
		}
	}
	return out
}

// concurrency is how many deliveries to a destination are on their way at once, unless it
// says so.
const concurrency = 4

// Concurrency is how many deliveries to a destination are on their way at once. A chat
// gets one message after the other.
func Concurrency(d *handoffv1.Destination) int {
	switch n := int(d.GetMaxConcurrency()); {
	case d.GetKind() == handoffv1.Destination_KIND_SLACK:
		return 1
	case n > 0:
		return n
	}
	return concurrency
}

// Pace is how long a destination is left alone after a delivery: chats take one message a
// second.
func Pace(d *handoffv1.Destination) time.Duration {
	if d.GetKind() == handoffv1.Destination_KIND_SLACK {
		return time.Second
	}
	return 0
}

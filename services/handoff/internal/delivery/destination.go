package delivery

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
	// Settings of the kind by their names, e.g. the `user` and `database` of a CRM.
	Settings map[string]string
}

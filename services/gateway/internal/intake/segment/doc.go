// Package segment reads what tracking clients of the Segment family send, and says what
// it means for a lead.
//
//	body ──Read──▶ Messages ──Capture──▶ one CaptureLeadRequest each, or a Rejection
//
// A message becomes, by its type:
//
//	identify  identities and attributes, true from the message's time on
//	track     an activity; its type follows from the event's name, see [Type]
//	page      an activity of type page.viewed
//	screen    an activity of type screen.viewed
//	group     the account that the lead belongs to, and what is known of that account
//	alias     an identity that is to be the same person's
//
// Everything here is a pure function of the body and of the [Circumstances]. What cannot
// be a capture is rejected alone, with the field and what was expected there: the rest of
// a batch stands. Whether ingest takes a capture is for ingest to say.
package segment

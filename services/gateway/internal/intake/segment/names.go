package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/assay-hq/assay/services/internal/fold"
)

// maxType is the most characters of an activity's type.
const maxType = 100

// Type returns the type of the activity that a tracked event is by default, and a kind
// for its properties, if the name of the event says one.
//
// The names of the Segment spec have types that standards ask for, however they are
// written: "Email Link Clicked", "email_link_clicked" and "emailLinkClicked" are
// `email.clicked`. A name that is a dotted type already is that type. Every other event
// is `track.` and its name in snake_case: "Plan Upgraded" is `track.plan_upgraded`.
func Type(event string) (name, kind string) {
	if known, ok := spec[event]; ok { // the spelling of the spec needs no work
		return known.name, known.kind
	}
	if dotted.MatchString(event) && len(event) <= maxType && !reserved(event) {
		return event, ""
	}
	words := Snake(event)
	if known, ok := spec[words]; ok {
		return known.name, known.kind
	}
	if words == "" { // no letter that a type may have
		sum := sha256.Sum256([]byte(event))
		words = "event_" + hex.EncodeToString(sum[:4])
	}
	return prefix + cut(words, maxType-len(prefix)), ""
}

const prefix = "track."

var dotted = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`)

// reserved tells whether a type is one that only Assay itself gives.
func reserved(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	switch first {
	case "lifecycle", "sales", "assay":
		return true
	}
	return false
}

func cut(s string, most int) string {
	if len(s) > most {
		return strings.TrimRight(s[:most], "_")
	}
	return s
}

// Snake returns a name in snake_case: small letters and digits, its words joined by `_`.
// "firstName", "First Name" and "FIRST_NAME" are `first_name`. It is empty for a name
// without any Latin letter or digit.
func Snake(name string) string {
	ascii := true
	for i := range len(name) {
		ascii = ascii && name[i] < 0x80
	}
	if !ascii {
		name = fold.Words(name)
	}
	out := make([]byte, 0, len(name)+4)
	gap := false // something stands between the last letter and the next
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			// A word begins behind a small letter, and before one: "userID", "HTTPServer", "2FA".
			gap = gap || i > 0 && isLower(name[i-1]) || i > 0 && i+1 < len(name) && isLower(name[i+1])
			c += 'a' - 'A'
		case isLower(c), '0' <= c && c <= '9':
		default:
			gap = true
			continue
		}
		if gap && len(out) > 0 {
			out = append(out, '_')
		}
		gap = false
		out = append(out, c)
	}
	return string(out)
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

type meaning struct{ name, kind string }

// spec is what the events of the Segment spec, and some that everybody tracks, are: by
// the name as it is written there, and in snake_case.
var spec = func() map[string]meaning {
	table := map[string]meaning{}
	for _, line := range strings.Split(strings.TrimSpace(events), "\n") {
		name, rest, _ := strings.Cut(line, " = ")
		name = strings.TrimSpace(name)
		typ, kind, _ := strings.Cut(strings.TrimSpace(rest), " ")
		table[name], table[Snake(name)] = meaning{typ, kind}, meaning{typ, kind}
	}
	return table
}()

const events = `
Signed Up                     = user.signed_up
Signed In                     = user.signed_in
Signed Out                    = user.signed_out
Invite Sent                   = user.invited
Account Created               = account.created
Account Deleted               = account.deleted
Account Added User            = account.user_added
Account Removed User          = account.user_removed
Trial Started                 = trial.started
Trial Ended                   = trial.ended
Email Delivered               = email.delivered
Email Opened                  = email.opened
Email Link Clicked            = email.clicked
Email Clicked                 = email.clicked
Email Replied                 = email.replied
Email Bounced                 = email.bounced
Email Marked as Spam          = email.marked_as_spam
Unsubscribed                  = email.unsubscribed
Email Unsubscribed            = email.unsubscribed
Form Started                  = form.started
Form Submitted                = form.submitted
Demo Requested                = demo.requested
Demo Booked                   = demo.booked
Meeting Booked                = meeting.booked
Contact Requested             = hand.raised
Content Downloaded            = content.downloaded
Ebook Downloaded              = content.downloaded ebook
Whitepaper Downloaded         = content.downloaded whitepaper
Case Study Downloaded         = content.downloaded case_study
Webinar Registered            = event.registered webinar
Webinar Attended              = event.attended webinar
Event Registered              = event.registered
Event Attended                = event.attended
Page Viewed                   = page.viewed
Screen Viewed                 = screen.viewed
Products Searched             = product.searched
Product List Viewed           = product_list.viewed
Product List Filtered         = product_list.filtered
Promotion Viewed              = promotion.viewed
Promotion Clicked             = promotion.clicked
Product Clicked               = product.clicked
Product Viewed                = product.viewed
Product Added                 = cart.product_added
Product Removed               = cart.product_removed
Product Added to Wishlist     = wishlist.product_added
Product Removed from Wishlist = wishlist.product_removed
Wishlist Product Added to Cart = wishlist.product_moved
Product Shared                = product.shared
Product Reviewed              = product.reviewed
Cart Viewed                   = cart.viewed
Cart Shared                   = cart.shared
Checkout Started              = checkout.started
Checkout Step Viewed          = checkout.step_viewed
Checkout Step Completed       = checkout.step_completed
Payment Info Entered          = checkout.payment_entered
Order Completed               = order.completed
Order Updated                 = order.updated
Order Refunded                = order.refunded
Order Cancelled               = order.cancelled
Coupon Entered                = coupon.entered
Coupon Applied                = coupon.applied
Coupon Denied                 = coupon.denied
Coupon Removed                = coupon.removed
Video Playback Started        = video.started
Video Playback Paused         = video.paused
Video Playback Interrupted    = video.interrupted
Video Playback Buffer Started = video.buffer_started
Video Playback Buffer Completed = video.buffer_completed
Video Playback Seek Started   = video.seek_started
Video Playback Seek Completed = video.seek_completed
Video Playback Resumed        = video.resumed
Video Playback Completed      = video.completed
Video Playback Exited         = video.exited
Video Content Started         = video.content_started
Video Content Playing         = video.content_playing
Video Content Completed       = video.content_completed
Video Ad Started              = video.ad_started
Video Ad Playing              = video.ad_playing
Video Ad Completed            = video.ad_completed
Live Chat Conversation Started = chat.started
Live Chat Conversation Ended  = chat.ended
Live Chat Message Sent        = chat.message_sent
Live Chat Message Received    = chat.message_received
Application Installed         = application.installed
Application Opened            = application.opened
Application Updated           = application.updated
Application Backgrounded      = application.backgrounded
Application Crashed           = application.crashed
Application Uninstalled       = application.uninstalled
Push Notification Received    = push.received
Push Notification Tapped      = push.tapped
Push Notification Bounced     = push.bounced
Deep Link Clicked             = deep_link.clicked
Deep Link Opened              = deep_link.opened
Install Attributed            = install.attributed`

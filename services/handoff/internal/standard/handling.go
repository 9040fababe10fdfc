package standard

import (
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/routing"

	"github.com/assay-hq/assay/services/internal/pattern"
)

// Handling is what is done with a lead that qualifies.
type Handling struct {
	// Queue is where the handoff waits.
	Queue string
	// Priority: higher comes first.
	Priority int
	// ByRequest: among equals the earliest request comes first; else the highest score.
	ByRequest bool
	// Action is what sales should do, in words.
	Action string
	// Response says in which time it is answered; nil: no clock runs.
	Response *Response
	// Team in place of that of the routing, and the code of the Reason for it; empty: as
	// routed.
	Team, Reason string
	// Route is who is to get the handoff. See [Compiled.Route].
	Route routing.Route
	// Destinations are the ids of those that get it, with blanks between them; empty: all.
	Destinations string
}

// Handle is the handling for the reasons of a qualification: the first that the standard
// gives for one of them.
func (c *Compiled) Handle(codes []string, salesReady bool) Handling {
	handling := Handling{Queue: c.Queue, Response: c.response}
	for _, by := range c.handling {
		if code, fits := by.fits(codes); fits {
			handling = by.Handling
			if handling.Team != "" {
				handling.Reason = code
			}
			break
		}
	}
	if salesReady {
		handling.Priority++
	}
	handling.Destinations = c.destinations
	return handling
}

// reasonHandling is the handling for some reasons.
type reasonHandling struct {
	reasons []string
	Handling
}

// fits says whether the handling is for one of the reasons, and for which.
func (h *reasonHandling) fits(codes []string) (code string, fits bool) {
	for _, reason := range h.reasons {
		for _, code := range codes {
			if pattern.Matches(reason, code) {
				return code, true
			}
		}
	}
	return "", false
}

// handlings reads what is done by reason; queue, response and zone are those of the
// standard.
func (c *compiler) handlings(rules *handoffv1.HandoffRules, queue string, response *Response, zone string) []reasonHandling {
	var out []reasonHandling
	for i, by := range rules.GetByReason() {
		for r, reason := range by.GetReasons() {
			if strings.Contains(strings.TrimSuffix(reason, "*"), "*") || reason == "" {
				c.add(index(join(index("handoff.byReason", i), "reasons"), r), "the code of a reason, `*` only at its end, not %q", reason)
			}
		}
		handling := Handling{
			Queue: queue, Priority: int(by.GetPriority()), Action: by.GetAction(), Team: resourceID(by.GetTeam()),
			ByRequest: by.GetOrder() == handoffv1.ReasonHandling_ORDER_REQUEST_TIME,
		}
		if by.GetQueue() != "" {
			handling.Queue = by.GetQueue()
		}
		if handling.Response = response; by.GetSla() != nil {
			handling.Response = c.response(join(index("handoff.byReason", i), "sla"), by.GetSla(), zone)
		}
		out = append(out, reasonHandling{by.GetReasons(), handling})
	}
	return out
}

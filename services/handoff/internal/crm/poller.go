package crm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/duework"
)

const (
	// pollLease is how long a CRM's changes belong to the worker that reads them, turn how
	// long it reads before it lets others.
	pollLease, turn = 5 * time.Minute, 2 * time.Minute
	// aheadOfUs is how far a CRM's clock may be before ours. A change from further ahead
	// moves no cursor, or none would be seen for long.
	aheadOfUs = time.Hour
	// longestPause bounds the pauses while the store is away.
	longestPause = 15 * time.Second
)

// ErrNoCRM: the destination is gone, or is no CRM.
var ErrNoCRM = errors.New("the destination is no CRM")

// ErrPaused: nothing goes to or comes from the destination for now, as somebody wants it.
var ErrPaused = errors.New("the destination is disabled")

// PollerDeps are what the poller needs.
type PollerDeps struct {
	// Store keeps the cursors and takes what is reported.
	Store *store.Store
	// Connect returns the connector of a destination, and how often its changes are to be
	// read, also with an error. ErrNoCRM ends the reading, ErrPaused keeps it for later.
	Connect func(ctx context.Context, destination string) (Connector, time.Duration, error)
	// Log tells what happens.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Poller asks CRMs what became of handoffs. Start it once.
type Poller struct {
	PollerDeps
	away map[string]bool // destinations that did not answer the last time
	duework.Background
}

// NewPoller returns a poller that is not started.
func NewPoller(d PollerDeps) *Poller { return &Poller{PollerDeps: d, away: map[string]bool{}} }

// Start begins to poll. The context gives values only: Stop ends the work.
func (p *Poller) Start(ctx context.Context) {
	p.Begin(ctx, "handoff", func(ctx context.Context) {
		duework.Loop{
			Wait: p.Store.WaitForPolls, LongestPause: longestPause, Pass: p.Pass,
			Failed: func(err error, first bool) {
				if first {
					p.Log.WarnContext(ctx, "CRMs are not asked for what became of handoffs", "error", err)
				}
			},
		}.Run(ctx)
	})
}

// Pass reads the changes of one CRM whose turn it is. An error says that the store is
// away; a CRM that is away has its turn again later.
func (p *Poller) Pass(ctx context.Context) (found bool, err error) {
	poll, err := p.Store.ClaimPoll(ctx, pollLease)
	if err != nil || poll == nil {
		return false, err
	}
	connector, interval, err := p.Connect(ctx, poll.Destination)
	switch {
	case errors.Is(err, ErrNoCRM):
		return true, p.Store.DropPoll(ctx, poll)
	case err == nil:
		err = p.read(ctx, connector, poll)
	}
	if !errors.Is(err, ErrPaused) {
		p.report(ctx, poll.Destination, err)
	}
	// The place is kept also when the CRM or we broke off; a page that was not worked off
	// to its end comes again.
	_, end := p.Store.EndPoll(context.WithoutCancel(ctx), poll, p.Now().Add(max(interval, time.Second)))
	return true, end
}

// report logs when a CRM went away and when it is back.
func (p *Poller) report(ctx context.Context, destination string, err error) {
	switch {
	case err != nil && ctx.Err() == nil && !p.away[destination]:
		p.Log.WarnContext(ctx, "a CRM does not say what became of handoffs", "destination", destination, "error", err)
	case err == nil && p.away[destination]:
		p.Log.InfoContext(ctx, "a CRM says again what became of handoffs", "destination", destination)
	}
	p.away[destination] = err != nil
}

// read reads page after page to the end of the pass, or of the turn.
func (p *Poller) read(ctx context.Context, c Connector, poll *store.Poll) error {
	for begin := p.Now(); p.Now().Sub(begin) < turn; {
		cursor := Cursor{Since: poll.Since, Newest: poll.Newest, After: poll.After}
		changes, next, err := c.Changes(ctx, cursor)
		if err != nil {
			return err
		}
		for i := range changes {
			if err := p.take(ctx, poll.Destination, &changes[i]); err != nil {
				return fmt.Errorf("a change in the CRM: %w", err)
			}
		}
		if next.Newest.After(p.Now().Add(aheadOfUs)) {
			next.Newest = cursor.Newest
		}
		poll.Since, poll.Newest, poll.After = next.Since, next.Newest, next.After
		if next.After == "" {
			return nil
		}
	}
	return nil
}

// words for the outcomes of CRMs.
var words = map[Outcome]Word{Opportunity: SaidOpportunity, Won: SaidWon, Lost: SaidLost}

// take takes one change: what the lifecycle allows is done, what it forbids is kept with
// the record and logged, once. An error says that the store is away.
func (p *Poller) take(ctx context.Context, destination string, c *Change) error {
	handoff, ok := HandoffOf(c.Key)
	if !ok {
		return nil
	}
	seen, err := p.place(ctx, destination, handoff)
	switch {
	case err != nil || seen == nil:
		return err
	case seen.Opportunity != "" && seen.Opportunity != c.Remote.Opportunity: // a copy that somebody made there
		return nil
	case seen.Seen == c.State:
		return nil
	}
	seen.Opportunity, seen.Seen, seen.Refused = c.Remote.Opportunity, c.State, ""
	if word, says := words[c.Outcome]; says {
		refused, err := p.record(ctx, c, Report{
			Handoff: handoff, Word: word, Amount: c.Amount, Currency: c.Currency, Time: earlier(c.Time, p.Now()),
			Actor: "destinations/" + destination,
		})
		if err != nil {
			return err
		}
		if seen.Refused = refused; refused != "" {
			p.Log.WarnContext(ctx, "what a CRM says of a handoff is not possible", "destination", destination,
				"handoff", handoff, "opportunity", c.Remote.Opportunity, "state", c.State, "because", refused)
		}
	}
	return p.Store.SeeRemote(ctx, *seen)
}

// place is where the handoff is in the CRM, as far as is known; nil: there is no such
// handoff, e.g. since the CRM serves another installation, too.
func (p *Poller) place(ctx context.Context, destination, handoff string) (*store.RemoteHandoff, error) {
	seen, err := p.Store.Remote(ctx, destination, handoff)
	if !errors.Is(err, store.ErrNotFound) {
		return seen, err
	}
	h, err := p.Store.Handoff(ctx, handoff)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &store.RemoteHandoff{Destination: destination, Handoff: handoff, Lead: store.LeadID(h.GetLead())}, err
}

// record reports an outcome, with the first reason that the standard knows.
func (p *Poller) record(ctx context.Context, c *Change, r Report) (refused string, err error) {
	candidates := []string{""}
	if c.Outcome == Lost {
		candidates = reasons(c.Reason)
	}
	for _, r.Reason = range candidates {
		_, err = r.Enter(ctx, p.Store, false)
		if reason := (*lifecycle.ReasonError)(nil); !errors.As(err, &reason) {
			break
		}
	}
	if refused = Refusal(err); refused != "" {
		return refused, nil
	}
	if differs := (*DiffersError)(nil); errors.As(err, &differs) {
		return "", nil // what is recorded stands
	}
	return "", err
}

// reasons are those that a text may stand for: itself, itself as an id of a standard, and
// those for what has no other.
func reasons(text string) []string {
	if text == "" {
		return []string{"unstated", "other"}
	}
	id := strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return '_'
	}, text), "_")
	return []string{text, id, "other"}
}

// Refusal says in words why a report was refused; empty: it was not, or the store is
// away.
func Refusal(err error) string {
	var (
		state     *store.StateError
		forbidden *lifecycle.ForbiddenError
		denied    *lifecycle.DeniedError
		reason    *lifecycle.ReasonError
	)
	switch {
	case errors.As(err, &state):
		return fmt.Sprintf("the handoff is %s, wanted %s", short(state.Is), short(state.Wanted...))
	case errors.As(err, &forbidden):
		return fmt.Sprintf("the lead is %s, wanted %s", forbidden.Is, forbidden.WantedNames())
	case errors.As(err, &denied):
		return "not allowed to who says it"
	case errors.As(err, &reason):
		return reason.Error()
	case errors.Is(err, lifecycle.ErrNoReason):
		return "reason: expected a reason, e.g. `no_budget`"
	case errors.Is(err, store.ErrNotFound):
		return "there is no such handoff"
	}
	return ""
}

// short names states without their prefix.
func short(states ...handoffv1.Handoff_State) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = strings.TrimPrefix(s.String(), "STATE_")
	}
	return strings.Join(names, " or ")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

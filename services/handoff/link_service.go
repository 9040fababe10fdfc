package handoff

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/link"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// callbackServer answers the CallbackService: what comes back without a key of its own.
// The comments in its proto say what each method promises.
type callbackServer struct {
	handoffv1.UnimplementedCallbackServiceServer
	store *store.Store
	// links reads the tokens of links; nil: none were ever made.
	links *link.Signer
	// reasons are those with which a lead may be refused, with a slash before what they are
	// more exactly; none: any text.
	reasons func(ctx context.Context, lead, track string) []string
	// people knows who may take leads.
	people *people.Store
	// inbox takes what destinations say.
	inbox inbox
	now   func() time.Time
}

// presets are the reasons to choose from where the standard names none.
var presets = []string{"no_budget", "no_authority", "no_need", "bad_timing", "no_response", "wrong_contact", "competitor"}

// opened is a link with the handoff it is about, and who followed it, if somebody did.
type opened struct {
	link.Link
	hash     string
	handoff  *handoffv1.Handoff
	followed *store.FollowedLink
}

// open reads a token. It is UNAUTHENTICATED if it was not made here, NOT_FOUND once it
// has expired: nobody learns from an old link what became of a lead.
func (s *callbackServer) open(ctx context.Context, token string) (*opened, error) {
	if s.links == nil {
		return nil, apierr.ForgedLink()
	}
	l, err := s.links.Read(token)
	if err != nil {
		return nil, apierr.ForgedLink()
	}
	if !s.now().Before(l.Expires) {
		return nil, apierr.ExpiredLink()
	}
	sum := sha256.Sum256([]byte(token))
	o := &opened{Link: l, hash: hex.EncodeToString(sum[:])}
	if o.handoff, err = s.store.Handoff(ctx, l.Handoff.String()); err != nil {
		return nil, handoffError(store.HandoffName(l.Handoff.String()), err)
	}
	o.followed, err = s.store.Followed(ctx, o.hash)
	return o, err
}

// actor is for whom a link is: the owner of the handoff, if it was made for them; empty:
// for whoever claims it. false: it was made for somebody who does not have the handoff
// any more.
func (s *callbackServer) actor(o *opened) (string, bool) {
	if s.links.For(o.Link, "") {
		return "", o.handoff.GetOwner() == ""
	}
	return o.handoff.GetOwner(), o.handoff.GetOwner() != "" && s.links.For(o.Link, o.handoff.GetOwner())
}

func (s *callbackServer) ShowLink(ctx context.Context, in *handoffv1.ShowLinkRequest) (*handoffv1.Link, error) {
	o, err := s.open(ctx, in.GetToken())
	if err != nil {
		return nil, err
	}
	return s.show(ctx, o), nil
}

// show is what is told of a link: what it would do, or what became of it.
func (s *callbackServer) show(ctx context.Context, o *opened) *handoffv1.Link {
	out := &handoffv1.Link{
		Action: o.Action.String(), Handoff: o.handoff.GetName(), ExpireTime: timestamppb.New(o.Expires),
		HandoffState: strings.TrimPrefix(o.handoff.GetState().String(), "STATE_"), Owner: o.handoff.GetOwner(),
	}
	actor, holds := s.actor(o)
	out.Actor, out.Passed = actor, !holds
	if o.followed != nil {
		out.FollowTime, out.Actor = timestamppb.New(o.followed.Time), o.followed.Actor
	}
	if o.Action == link.Reject {
		if out.Reasons = s.reasons(ctx, o.handoff.GetLead(), o.handoff.GetTrack()); len(out.Reasons) == 0 {
			out.Reasons = presets
		}
	}
	return out
}

func (s *callbackServer) FollowLink(ctx context.Context, in *handoffv1.FollowLinkRequest) (*handoffv1.Link, error) {
	o, err := s.open(ctx, in.GetToken())
	if err != nil {
		return nil, err
	}
	if o.followed != nil {
		return nil, apierr.WrongState(o.handoff.GetName(), "done with this link by "+o.followed.Actor, "a link that nobody followed")
	}
	actor, holds := s.actor(o)
	switch {
	case o.handoff.GetState() != handoffv1.Handoff_STATE_OPEN || !holds:
		return nil, apierr.WrongState(o.handoff.GetName(), stateOf(o.handoff), "OPEN, and with whom the link is for")
	case actor == "" && in.GetActor() == "":
		return nil, apierr.InvalidField("actor", "who you are in Assay, e.g. `jane`")
	case actor == "":
		actor = in.GetActor()
		if _, err := s.people.HolderOfKey(ctx, actor); errors.Is(err, people.ErrNotFound) {
			return nil, apierr.InvalidField("actor", "a user of Assay who may take leads")
		}
	}
	role, err := s.mayWork(ctx, actor)
	if err != nil {
		return nil, err
	}
	act := store.Act{Handoff: o.Handoff.String(), Actor: actor, By: lifecycle.Sales, Etag: o.handoff.GetEtag()}
	switch o.Action {
	case link.Claim:
		act.Cause, act.To = lifecycle.ByAccept, lifecycle.SalesAccepted
	case link.Reject:
		if in.GetReason() == "" {
			return nil, apierr.InvalidField("reason", "a reason, e.g. `no_budget`")
		}
		if allowed := s.reasons(ctx, o.handoff.GetLead(), o.handoff.GetTrack()); len(allowed) > 0 && !slices.Contains(allowed, in.GetReason()) {
			return nil, apierr.InvalidField("reason", "one of "+strings.Join(allowed, ", "))
		}
		act.Cause, act.To = lifecycle.ByReject, lifecycle.Recycled
		act.Reason, act.SubReason, _ = strings.Cut(in.GetReason(), "/")
	default:
		return nil, apierr.ForgedLink()
	}
	ctx = rpc.Recorded(ctx, caller.Caller{Actor: actor, Role: role}, handoffv1.CallbackService_FollowLink_FullMethodName, o.handoff.GetName(), in)
	// What happens once is the act: the state of the handoff sees to it. Who followed the
	// link is noted after it, for whoever comes second.
	h, err := s.store.Act(ctx, act)
	if errors.Is(err, store.ErrEtag) {
		return nil, apierr.WrongState(o.handoff.GetName(), "changed in this moment", "OPEN: look again")
	}
	if err != nil {
		return nil, handoffError(o.handoff.GetName(), err)
	}
	o.handoff = h
	o.followed = &store.FollowedLink{Action: o.Action.String(), Actor: actor, Time: s.now()}
	if err := s.store.Follow(ctx, o.hash, h.GetName(), *o.followed); err != nil {
		return nil, err
	}
	return s.show(ctx, o), nil
}

// stateOf is where a handoff stands, and with whom.
func stateOf(h *handoffv1.Handoff) string {
	state := strings.TrimPrefix(h.GetState().String(), "STATE_")
	if h.GetOwner() == "" {
		return state
	}
	return state + ", with " + h.GetOwner()
}

// mayWork refuses who may not take leads, and returns the role of who may. An owner who is
// no user of ours is one of a machine's, and may.
func (s *callbackServer) mayWork(ctx context.Context, actor string) (typev1.Role, error) {
	who, err := s.people.HolderOfKey(ctx, actor)
	switch {
	case errors.Is(err, people.ErrNotFound):
		return typev1.Role_ROLE_SALES, nil
	case err != nil:
		return 0, err
	case who.Inactive || !people.Sells(who.Role):
		return 0, apierr.PermissionDenied()
	}
	return who.Role, nil
}

// refusals are the reasons with which a lead may be refused, as its standard has them.
func (s *Service) refusals(ctx context.Context, lead, track string) []string {
	q, err := s.store.Qualification(ctx, store.LeadID(lead), "")
	if err != nil || q.GetTrack() != track {
		return nil
	}
	active, err := s.standards.Active(ctx)
	if err != nil {
		return nil
	}
	var out []string
	for _, c := range active {
		if c.Lifecycle == nil || !strings.HasPrefix(q.GetStandardVersion(), c.Name+"/") {
			continue
		}
		for _, r := range c.Lifecycle.Reasons {
			if !slices.Contains(r.Stages, lifecycle.Recycled) {
				continue
			}
			if len(r.SubReasons) == 0 {
				out = append(out, r.ID)
			}
			for _, sub := range r.SubReasons {
				out = append(out, r.ID+"/"+sub)
			}
		}
	}
	return out
}

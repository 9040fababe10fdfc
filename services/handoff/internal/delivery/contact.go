package delivery

import (
	"context"
	"encoding/json"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/condition"
)

// Standards knows every version of every standard.
type Standards interface {
	Compiled(ctx context.Context, id, version string) (*standard.Compiled, error)
}

// Current returns the packet of a handoff as [Packets.Packet] does, but says whether the
// lead may be approached now: permission may have been withdrawn since.
func (a *Packets) Current(ctx context.Context, handoff string) (*handoffv1.HandoffPacket, error) {
	p, err := a.Packet(ctx, handoff)
	if err != nil {
		return nil, err
	}
	ctx = caller.With(ctx, caller.System("handoff"))
	lead, err := a.Ingest.GetLead(ctx, &ingestv1.GetLeadRequest{Name: p.GetHandoff().GetLead()})
	switch {
	case status.Code(err) == codes.NotFound:
		p.MayContact = &handoffv1.MayContact{Reason: "may not be contacted: it was erased"}
	case err != nil: // who cannot ask must not say yes
		p.MayContact = &handoffv1.MayContact{Reason: "nobody can say whether it may be contacted just now: ask again"}
	default:
		p.MayContact, err = a.mayContact(ctx, lead, p.GetStandardVersion())
		return p, err
	}
	return p, nil
}

// mayContact says whether a lead may be approached, by what the version of the standard
// asks for that handed it off.
func (a *Packets) mayContact(ctx context.Context, lead *ingestv1.Lead, version string) (*handoffv1.MayContact, error) {
	var needs *decision.Permission
	if id, hash, ok := strings.Cut(strings.TrimPrefix(version, "standards/"), "/versions/"); ok {
		compiled, err := a.Standards.Compiled(ctx, id, hash)
		if err != nil {
			return nil, err
		}
		needs = compiled.Rules.Permission
	}
	keys := []string{decision.Suppressed}
	if needs != nil {
		keys = append(keys, needs.Attribute())
	}
	known := condition.AttributeMap{}
	for _, key := range keys {
		value, err := json.Marshal(lead.GetAttributes().GetFields()[key].AsInterface())
		if err != nil {
			return nil, err
		}
		if known[key], err = condition.ParseValue(value); err != nil {
			return nil, err
		}
	}
	contact := decision.MayContact(known, needs)
	return &handoffv1.MayContact{Allowed: contact.Allowed, Reason: contact.Words}, nil
}

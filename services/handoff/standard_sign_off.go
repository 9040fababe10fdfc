package handoff

import (
	"context"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// sides of the agreement, in the order in which they are shown, with the role that
// signs for each. Managers and admins sign for either.
var sides = []struct {
	name handoffv1.SignOff_Side
	side standard.Side
	role typev1.Role
	of   func(v *standard.Version) standard.SignOff
}{
	{
		handoffv1.SignOff_SIDE_MARKETING, standard.Marketing, typev1.Role_ROLE_MARKETING,
		func(v *standard.Version) standard.SignOff { return v.Marketing },
	},
	{
		handoffv1.SignOff_SIDE_SALES, standard.Sales, typev1.Role_ROLE_SALES,
		func(v *standard.Version) standard.SignOff { return v.Sales },
	},
}

func (s *standardServer) SignOffStandardVersion(ctx context.Context, in *handoffv1.SignOffStandardVersionRequest) (*handoffv1.StandardVersion, error) {
	side, err := signingSide(ctx, in.GetSide())
	if err != nil {
		return nil, err
	}
	v, err := s.standards.SignOff(ctx, id(in.GetName()), versionID(in.GetName()), side, actor(ctx), in.GetComment())
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return versionMessage(v), nil
}

// signingSide is the side that the caller signs for: the one that was asked for, if
// the caller's role may, or by default that of the role.
func signingSide(ctx context.Context, asked handoffv1.SignOff_Side) (standard.Side, error) {
	c, _ := caller.From(ctx)
	for _, side := range sides {
		if either := manages(c.Role); c.Role == side.role || either && asked == side.name {
			if asked != side.name && asked != handoffv1.SignOff_SIDE_UNSPECIFIED {
				return "", apierr.PermissionDenied()
			}
			return side.side, nil
		}
	}
	return "", apierr.InvalidField("side", "SIDE_MARKETING or SIDE_SALES: this role may sign for either")
}

// publication reads how a version is published. Whether a change window is overridden
// is not for everybody to say.
func publication(ctx context.Context, in *handoffv1.PublishStandardVersionRequest) (standard.Publication, error) {
	c, _ := caller.From(ctx)
	p := standard.Publication{Actor: c.Actor}
	if !in.GetOverrideChangeWindow() {
		return p, nil
	}
	p.OverrideReason = strings.TrimSpace(in.GetOverrideReason())
	switch {
	case !manages(c.Role):
		return p, apierr.PermissionDenied()
	case p.OverrideReason == "":
		return p, apierr.InvalidField("overrideReason", "why the change cannot wait: it is logged")
	}
	return p, nil
}

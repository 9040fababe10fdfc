package handoff

import (
	"context"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/standard/diff"
	"github.com/assay-hq/assay/services/internal/apierr"
)

var changeKinds = map[diff.Kind]handoffv1.StandardChange_Kind{
	diff.Added:   handoffv1.StandardChange_KIND_ADDED,
	diff.Removed: handoffv1.StandardChange_KIND_REMOVED,
	diff.Changed: handoffv1.StandardChange_KIND_CHANGED,
	diff.Moved:   handoffv1.StandardChange_KIND_MOVED,
}

func (s *standardServer) DiffStandardVersion(ctx context.Context, in *handoffv1.DiffStandardVersionRequest) (*handoffv1.StandardDiff, error) {
	from, err := s.standards.GetVersion(ctx, id(in.GetName()), versionID(in.GetName()))
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	to := in.GetToSpec()
	switch version := in.GetToVersion(); {
	case (version == "") == (to == nil):
		return nil, apierr.InvalidField("toVersion", "either `toVersion` or `toSpec`")
	case version != "":
		v, err := s.standards.GetVersion(ctx, id(version), versionID(version))
		if err != nil {
			return nil, standardError(version, err)
		}
		to = v.Spec
	default:
		// What compiles is bounded in size and depth.
		if _, err := standard.Compile(to, nil); err != nil {
			return nil, invalidStandard("toSpec", err)
		}
	}
	out := &handoffv1.StandardDiff{}
	for _, c := range diff.Between(from.Spec, to) {
		out.Changes = append(out.Changes, &handoffv1.StandardChange{
			Kind: changeKinds[c.Kind], Path: c.Path, OldPath: c.OldPath, Subject: c.Subject,
			Before: c.Before, After: c.After, Description: c.Description, Place: int32(c.Place),
		})
	}
	return out, nil
}

package handoff

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

// standardServer answers the StandardService. The comments in its proto say what
// each method promises.
type standardServer struct {
	handoffv1.UnimplementedStandardServiceServer
	standards *standard.Registry
}

func (s *standardServer) GetStandard(ctx context.Context, in *handoffv1.GetStandardRequest) (*handoffv1.Standard, error) {
	row, err := s.standards.Get(ctx, id(in.GetName()))
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return standardMessage(row), nil
}

func (s *standardServer) ListStandards(ctx context.Context, in *handoffv1.ListStandardsRequest) (*handoffv1.ListStandardsResponse, error) {
	rows, next, err := page.List[standard.Standard]{
		Query: "standards", Texts: 1,
		Read: func(after page.Place, limit int) ([]standard.Standard, error) {
			return s.standards.List(ctx, after.Text(0), limit)
		},
		At: func(row standard.Standard) page.Place { return page.Place{row.ID} },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.ListStandardsResponse{NextPageToken: next}
	for _, row := range rows {
		out.Standards = append(out.Standards, standardMessage(row))
	}
	return out, nil
}

func (s *standardServer) GetStandardVersion(ctx context.Context, in *handoffv1.GetStandardVersionRequest) (*handoffv1.StandardVersion, error) {
	v, err := s.standards.GetVersion(ctx, id(in.GetName()), versionID(in.GetName()))
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return versionMessage(v), nil
}

func (s *standardServer) ListStandardVersions(ctx context.Context, in *handoffv1.ListStandardVersionsRequest) (*handoffv1.ListStandardVersionsResponse, error) {
	versions, next, err := page.List[standard.Version]{
		Query: "versions of " + in.GetParent(), Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]standard.Version, error) {
			return s.standards.ListVersions(ctx, id(in.GetParent()), placeAmong(after), limit)
		},
		At: func(v standard.Version) page.Place { return page.Created(v.CreateTime, v.ID) },
	}.Page(in)
	if err != nil {
		return nil, standardError(in.GetParent(), err)
	}
	out := &handoffv1.ListStandardVersionsResponse{NextPageToken: next}
	for _, v := range versions {
		out.Versions = append(out.Versions, versionMessage(v))
	}
	return out, nil
}

// placeAmong is a place in a list of versions.
func placeAmong(p page.Place) standard.Place {
	if p == nil {
		return standard.Place{}
	}
	return standard.Place{CreateTime: p.Time(0), ID: p.Text(1)}
}

func (s *standardServer) CreateStandardVersion(ctx context.Context, in *handoffv1.CreateStandardVersionRequest) (*handoffv1.StandardVersion, error) {
	if parent := in.GetParent(); in.GetSpec().GetId() != id(parent) {
		return nil, apierr.InvalidField("spec.id", strconv.Quote(id(parent))+", the id of the parent")
	}
	create := s.standards.Create
	if in.GetValidateOnly() {
		create = s.standards.Check
	}
	v, err := create(ctx, in.GetSpec(), actor(ctx))
	if err != nil {
		return nil, standardError(in.GetParent(), err)
	}
	return versionMessage(v), nil
}

func (s *standardServer) PublishStandardVersion(ctx context.Context, in *handoffv1.PublishStandardVersionRequest) (*handoffv1.StandardVersion, error) {
	p, err := publication(ctx, in)
	if err != nil {
		return nil, err
	}
	v, err := s.standards.Publish(ctx, id(in.GetName()), versionID(in.GetName()), p)
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return versionMessage(v), nil
}

func (s *standardServer) RetireStandard(ctx context.Context, in *handoffv1.RetireStandardRequest) (*handoffv1.Standard, error) {
	row, err := s.standards.Retire(ctx, id(in.GetName()), actor(ctx))
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return standardMessage(row), nil
}

// standardError turns the registry's sentinels into errors of the API.
func standardError(name string, err error) error {
	var state *standard.StateError
	switch {
	case errors.Is(err, standard.ErrNotFound):
		return apierr.NotFound(name)
	case errors.As(err, &state):
		return apierr.WrongState(name, state.State, state.Want)
	default:
		return invalidStandard("spec", err)
	}
}

// invalidStandard says what is wrong with the standard in a field of the request. Any
// other error stays as it is.
func invalidStandard(field string, err error) error {
	var problems standard.Problems
	if !errors.As(err, &problems) {
		return err
	}
	violations := make([]apierr.Violation, len(problems))
	for i, p := range problems {
		violations[i] = apierr.Violation{Field: field, Expected: p.Expected}
		if p.Path != "" {
			violations[i].Field += "." + p.Path
		}
	}
	return apierr.InvalidStandard(violations...)
}

func standardMessage(row standard.Standard) *handoffv1.Standard {
	out := &handoffv1.Standard{
		Name:        "standards/" + row.ID,
		DisplayName: row.DisplayName,
		CreateTime:  timestamppb.New(row.CreateTime),
		UpdateTime:  timestamppb.New(row.UpdateTime),
	}
	if row.ActiveVersion != "" {
		out.ActiveVersion = standard.VersionName(row.ID, row.ActiveVersion)
	}
	return out
}

func versionMessage(v standard.Version) *handoffv1.StandardVersion {
	out := &handoffv1.StandardVersion{
		Name:       standard.VersionName(v.StandardID, v.ID),
		Spec:       v.Spec,
		CreateTime: timestamppb.New(v.CreateTime),
		Creator:    v.Creator,
		Publisher:  v.Publisher,
	}
	if !v.PublishTime.IsZero() {
		out.PublishTime = timestamppb.New(v.PublishTime)
	}
	for _, side := range sides {
		if signed := side.of(&v); signed.Actor != "" {
			out.SignOffs = append(out.SignOffs, &handoffv1.SignOff{
				Side: side.name, Actor: signed.Actor, CreateTime: timestamppb.New(signed.CreateTime), Comment: signed.Comment,
			})
		}
	}
	switch {
	case v.Active:
		out.State = handoffv1.StandardVersion_STATE_PUBLISHED
	case !v.PublishTime.IsZero():
		out.State = handoffv1.StandardVersion_STATE_SUPERSEDED
	case len(out.GetSignOffs()) == len(sides):
		out.State = handoffv1.StandardVersion_STATE_SIGNED_OFF
	default:
		out.State = handoffv1.StandardVersion_STATE_DRAFT
	}
	return out
}

// id is the second part of a resource name, e.g. `default` of
// `standards/default/versions/0f…`; versionID is the fourth. The names were checked
// by the rules in the protos.
func id(name string) string { return part(name, 1) }

func versionID(name string) string { return part(name, 3) }

func part(name string, i int) string {
	parts := strings.Split(name, "/")
	if i >= len(parts) {
		return ""
	}
	return parts[i]
}

// actor is who calls, as records name it.
func actor(ctx context.Context) string {
	c, _ := caller.From(ctx)
	return c.Actor
}

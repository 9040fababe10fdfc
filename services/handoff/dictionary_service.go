package handoff

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/page"
)

// dictionaryServer answers the DictionaryService. The comments in its proto say what
// each method promises.
type dictionaryServer struct {
	handoffv1.UnimplementedDictionaryServiceServer
	standards *standard.Registry
}

func (s *dictionaryServer) CreateDictionaryVersion(ctx context.Context, in *handoffv1.CreateDictionaryVersionRequest) (*handoffv1.DictionaryVersion, error) {
	v, err := s.standards.SetDictionary(ctx, id(in.GetParent()), in.GetVersion().GetValues(), actor(ctx))
	if err != nil {
		return nil, err
	}
	return dictionaryVersion(v), nil
}

func (s *dictionaryServer) GetDictionaryVersion(ctx context.Context, in *handoffv1.GetDictionaryVersionRequest) (*handoffv1.DictionaryVersion, error) {
	v, err := s.standards.DictionaryVersion(ctx, id(in.GetName()), versionID(in.GetName()))
	if err != nil {
		return nil, dictionaryError(in.GetName(), err)
	}
	return dictionaryVersion(v), nil
}

func (s *dictionaryServer) ListDictionaryVersions(ctx context.Context, in *handoffv1.ListDictionaryVersionsRequest) (*handoffv1.ListDictionaryVersionsResponse, error) {
	versions, next, err := page.List[standard.DictionaryVersion]{
		Query: "versions of " + in.GetParent(), Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]standard.DictionaryVersion, error) {
			return s.standards.ListDictionaryVersions(ctx, id(in.GetParent()), placeAmong(after), limit)
		},
		At: func(v standard.DictionaryVersion) page.Place { return page.Created(v.CreateTime, v.ID) },
	}.Page(in)
	if err != nil {
		return nil, dictionaryError(in.GetParent(), err)
	}
	out := &handoffv1.ListDictionaryVersionsResponse{NextPageToken: next}
	for _, v := range versions {
		out.Versions = append(out.Versions, dictionaryVersion(v))
	}
	return out, nil
}

func (s *dictionaryServer) GetDictionary(ctx context.Context, in *handoffv1.GetDictionaryRequest) (*handoffv1.Dictionary, error) {
	row, err := s.standards.Dictionary(ctx, id(in.GetName()))
	if err != nil {
		return nil, dictionaryError(in.GetName(), err)
	}
	return dictionaryMessage(row), nil
}

func (s *dictionaryServer) ListDictionaries(ctx context.Context, in *handoffv1.ListDictionariesRequest) (*handoffv1.ListDictionariesResponse, error) {
	rows, next, err := page.List[standard.DictionaryRow]{
		Query: "dictionaries", Texts: 1,
		Read: func(after page.Place, limit int) ([]standard.DictionaryRow, error) {
			return s.standards.ListDictionaries(ctx, after.Text(0), limit)
		},
		At: func(row standard.DictionaryRow) page.Place { return page.Place{row.ID} },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	out := &handoffv1.ListDictionariesResponse{NextPageToken: next}
	for _, row := range rows {
		out.Dictionaries = append(out.Dictionaries, dictionaryMessage(row))
	}
	return out, nil
}

func dictionaryError(name string, err error) error {
	if errors.Is(err, standard.ErrNotFound) {
		return apierr.NotFound(name)
	}
	return err
}

func dictionaryMessage(row standard.DictionaryRow) *handoffv1.Dictionary {
	name := standard.DictionaryName(row.ID)
	return &handoffv1.Dictionary{
		Name: name, ActiveVersion: name + "/versions/" + row.ActiveVersion, Size: int32(row.Size),
		CreateTime: timestamppb.New(row.CreateTime), UpdateTime: timestamppb.New(row.UpdateTime),
	}
}

func dictionaryVersion(v standard.DictionaryVersion) *handoffv1.DictionaryVersion {
	return &handoffv1.DictionaryVersion{
		Name: standard.DictionaryName(v.DictionaryID) + "/versions/" + v.ID, Values: v.Values, Size: int32(v.Size),
		CreateTime: timestamppb.New(v.CreateTime), Creator: v.Creator,
	}
}

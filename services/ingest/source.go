package ingest

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/source"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/mask"
	"github.com/assay-hq/assay/services/internal/page"
)

// sourceAPI answers the SourceService. The comments in its proto say what each method
// promises.
type sourceAPI struct {
	ingestv1.UnimplementedSourceServiceServer
	*Service
}

// GetSource implements the method.
func (a *sourceAPI) GetSource(ctx context.Context, req *ingestv1.GetSourceRequest) (*ingestv1.Source, error) {
	found, err := a.store.Source(ctx, source.ID(req.GetName()))
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	return sourceMessage(found), nil
}

// ListSources implements the method.
func (a *sourceAPI) ListSources(ctx context.Context, req *ingestv1.ListSourcesRequest) (*ingestv1.ListSourcesResponse, error) {
	list, next, err := page.List[store.Source]{
		Query: "sources", Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Source, error) {
			return a.store.Sources(ctx, after.Text(0), limit)
		},
		At: func(s store.Source) page.Place { return page.Place{s.ID} },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListSourcesResponse{NextPageToken: next}
	for _, one := range list {
		response.Sources = append(response.Sources, sourceMessage(one))
	}
	return response, nil
}

// CreateSource implements the method.
func (a *sourceAPI) CreateSource(ctx context.Context, req *ingestv1.CreateSourceRequest) (*ingestv1.Source, error) {
	if v := source.CheckID("sourceId", req.GetSourceId()); v != nil {
		return nil, invalid(v)
	}
	if req.GetSource().GetKind() == ingestv1.Source_KIND_UNSPECIFIED {
		return nil, apierr.InvalidField("source.kind", "one of KIND_SERVER, KIND_BROWSER, KIND_WEBHOOK, KIND_FILE")
	}
	n := store.Source{ID: req.GetSourceId(), Said: &ingestv1.Source{Kind: req.GetSource().GetKind()}}
	if err := a.say(&n, req.GetSource()); err != nil {
		return nil, err
	}
	made, err := a.store.CreateSource(ctx, n)
	if errors.Is(err, store.ErrSourceExists) {
		return nil, apierr.AlreadyExists("sourceId")
	}
	if err != nil {
		return nil, err
	}
	return sourceMessage(made), nil
}

// UpdateSource implements the method.
func (a *sourceAPI) UpdateSource(ctx context.Context, req *ingestv1.UpdateSourceRequest) (*ingestv1.Source, error) {
	name := req.GetSource().GetName()
	if name == "" {
		return nil, apierr.InvalidField("source.name", "sources/{source}")
	}
	changed, err := a.store.UpdateSource(ctx, source.ID(name), func(s *store.Source) error {
		if given := req.GetSource().GetEtag(); given != "" && given != etag(s.Revision) {
			return apierr.EtagMismatch(name)
		}
		if kind := req.GetSource().GetKind(); kind != s.Said.GetKind() && kind != ingestv1.Source_KIND_UNSPECIFIED {
			return apierr.InvalidField("source.kind", s.Said.GetKind().String()+", as it is: the kind of a source is fixed")
		}
		said := proto.CloneOf(s.Said)
		paths := req.GetUpdateMask()
		if paths != nil { // whoever sends the whole source names its kind too
			paths = &fieldmaskpb.FieldMask{Paths: slices.DeleteFunc(slices.Clone(paths.GetPaths()), func(path string) bool { return path == "kind" })}
		}
		if err := mask.Apply(said, req.GetSource(), paths, sourceFields...); err != nil {
			return err
		}
		return a.say(s, said)
	})
	if err != nil {
		return nil, refused(err, name, "")
	}
	a.sources.Forget(changed.ID)
	return sourceMessage(changed), nil
}

// sourceFields are what may be changed of a source.
var sourceFields = []protoreflect.Name{
	"display_name", "disabled", "allowed_origins", "limits", "event_rules", "protected_attributes", "webhook",
}

// say checks what is said of a source and takes it in; a secret is sealed, and one that is
// not said stays.
func (a *sourceAPI) say(s *store.Source, said *ingestv1.Source) error {
	said = proto.CloneOf(said)
	said.Name, said.CreateTime, said.UpdateTime, said.Etag = "", nil, nil, ""
	if v := source.Check(said); v != nil {
		return invalid(v.Under("source"))
	}
	if w := said.GetWebhook(); w != nil {
		if w.GetSecret() != "" {
			if a.sealer == nil {
				return apierr.WrongState(source.Name(s.ID), "without a key to seal its secret with", "ASSAY_SECRETS_KEY, set for every process that runs ingest")
			}
			s.Secret = a.sealer.Seal([]byte(w.GetSecret()), source.Name(s.ID))
		}
		w.Secret, w.SecretSet = "", false
	}
	s.Said = said
	return nil
}

// ResolveSource implements the method.
func (a *sourceAPI) ResolveSource(ctx context.Context, req *ingestv1.ResolveSourceRequest) (*ingestv1.ResolveSourceResponse, error) {
	found, err := a.store.Source(ctx, source.ID(req.GetName()))
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	response := &ingestv1.ResolveSourceResponse{Source: sourceMessage(found)}
	if found.Secret == nil {
		return response, nil
	}
	if a.sealer == nil {
		return nil, apierr.WrongState(req.GetName(), "without a key to open its secret with", "ASSAY_SECRETS_KEY, set for every process that runs ingest")
	}
	secret, err := a.sealer.Open(found.Secret, source.Name(found.ID))
	if err != nil {
		return nil, err
	}
	response.WebhookSecret = string(secret)
	return response, nil
}

func sourceMessage(s store.Source) *ingestv1.Source {
	m := proto.CloneOf(s.Said)
	m.Name, m.Etag = source.Name(s.ID), etag(s.Revision)
	m.CreateTime, m.UpdateTime = timestamppb.New(s.CreatedAt), timestamppb.New(s.UpdatedAt)
	if m.GetWebhook() != nil {
		m.Webhook.SecretSet = s.Secret != nil
	}
	return m
}

func etag(revision int64) string { return strconv.FormatInt(revision, 10) }

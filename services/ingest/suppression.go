package ingest

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

type suppressionAPI struct {
	ingestv1.UnimplementedSuppressionServiceServer
	*Service
}

// ListSuppressions implements the method.
func (a *suppressionAPI) ListSuppressions(ctx context.Context, req *ingestv1.ListSuppressionsRequest) (*ingestv1.ListSuppressionsResponse, error) {
	list, next, err := page.List[suppression.Entry]{
		Query: "suppressions", Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]suppression.Entry, error) {
			return a.store.Suppressions(ctx, after, limit)
		},
		At: func(e suppression.Entry) page.Place { return page.Place{e.CreatedAt, e.ID} },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListSuppressionsResponse{NextPageToken: next}
	for _, e := range list {
		response.Suppressions = append(response.Suppressions, suppressionMessage(e))
	}
	return response, nil
}

// BatchCreateSuppressions implements the method.
func (a *suppressionAPI) BatchCreateSuppressions(ctx context.Context, req *ingestv1.BatchCreateSuppressionsRequest) (*ingestv1.BatchCreateSuppressionsResponse, error) {
	who, _ := caller.From(ctx)
	list := make([]store.NewSuppression, len(req.GetEntries()))
	for i, in := range req.GetEntries() {
		entry, v := newSuppression(in)
		if v != nil {
			return nil, invalid(v.At("entries", i))
		}
		entry.Actor = who.Actor
		list[i] = entry
	}
	added, err := a.store.AddSuppressions(ctx, list)
	if err != nil {
		return nil, a.listError(err)
	}
	response := &ingestv1.BatchCreateSuppressionsResponse{}
	for _, e := range added {
		response.Suppressions = append(response.Suppressions, suppressionMessage(e))
	}
	return response, nil
}

func newSuppression(in *ingestv1.SuppressionEntry) (n store.NewSuppression, v *violation.Violation) {
	switch named := in.GetDomain() != ""; {
	case named == (in.GetIdentity() != nil):
		return n, violation.New("", "either identity or domain")
	case named:
		var ok bool
		if n.Of, ok = suppression.NewDomain(in.GetDomain()); !ok {
			return n, violation.New("domain", "a domain such as example.com")
		}
	default:
		if n.Of, v = identity.New(in.GetIdentity()); v != nil {
			return n, v.Under("identity")
		}
	}
	n.Mode, n.Reason = suppression.HandOff, in.GetReason()
	if in.GetMode() == ingestv1.Suppression_MODE_CAPTURE {
		n.Mode = suppression.Capture
	}
	return n, nil
}

// CheckSuppression implements the method.
func (a *suppressionAPI) CheckSuppression(ctx context.Context, req *ingestv1.CheckSuppressionRequest) (*ingestv1.CheckSuppressionResponse, error) {
	who, v := identity.New(req.GetIdentity())
	if v != nil {
		return nil, invalid(v.Under("identity"))
	}
	if err := a.store.LoadSuppressions(ctx); err != nil {
		return nil, a.listError(err)
	}
	response := &ingestv1.CheckSuppressionResponse{}
	if e, ok := a.store.Suppressed([]identity.Identity{who}); ok {
		response.Suppression = suppressionMessage(e)
	}
	return response, nil
}

// DeleteSuppression implements the method.
func (a *suppressionAPI) DeleteSuppression(ctx context.Context, req *ingestv1.DeleteSuppressionRequest) (*ingestv1.Suppression, error) {
	e, err := a.store.RemoveSuppression(ctx, strings.TrimPrefix(req.GetName(), "suppressions/"))
	if errors.Is(err, store.ErrNotFound) {
		return nil, apierr.NotFound(req.GetName())
	}
	if err != nil {
		return nil, a.listError(err)
	}
	return suppressionMessage(e), nil
}

// listError says what is wrong with the key of the list.
func (a *suppressionAPI) listError(err error) error {
	switch {
	case errors.Is(err, store.ErrNoKey):
		return apierr.WrongState("suppressions", "without a key to hash identifiers with", "ASSAY_SECRETS_KEY to be set, for every process that runs ingest")
	case errors.Is(err, store.ErrOtherKey):
		return apierr.WrongState("suppressions", "made with another key", "the ASSAY_SECRETS_KEY with which the list was made")
	}
	return err
}

func suppressionMessage(e suppression.Entry) *ingestv1.Suppression {
	return &ingestv1.Suppression{
		Name: "suppressions/" + e.ID, Mode: ingestv1.Suppression_Mode(e.Mode), Reason: e.Reason,
		CreateTime: timestamppb.New(time.UnixMicro(e.CreatedAt)), Actor: e.Actor,
	}
}

// tellSuppressedEvery is how often leads are told of entries that came or went that nobody
// told them of.
const tellSuppressedEvery = 5 * time.Second

// keepSuppressions tells the leads what the list says of them.
func (s *Service) keepSuppressions(ctx context.Context) {
	ticker := time.NewTicker(tellSuppressedEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.store.ToTellSuppressed():
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := s.store.TellSuppressed(ctx); err != nil && ctx.Err() == nil {
			s.log.Log.WarnContext(ctx, "leads could not be told what the suppression list says of them", "error", err)
		}
	}
}

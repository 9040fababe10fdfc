package handoff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/page"
)

// privacyServer answers the PrivacyService. The comments in its proto say what each method
// promises.
type privacyServer struct {
	handoffv1.UnimplementedPrivacyServiceServer
	store        *store.Store
	ingest       ingestv1.IngestServiceClient
	suppressions ingestv1.SuppressionServiceClient
	identities   ingestv1.IdentityServiceClient
	consents     ingestv1.PermissionServiceClient
	pending      ingestv1.PendingServiceClient
	accounts     ingestv1.AccountServiceClient
	log          *audit.Log
	now          func() time.Time
}

// privacyServer composes it over a connection to ingest.
func (s *Service) privacyServer(ingest grpc.ClientConnInterface) *privacyServer {
	return &privacyServer{
		store: s.store, ingest: s.ingest, log: s.audit, now: s.now,
		suppressions: ingestv1.NewSuppressionServiceClient(ingest), identities: ingestv1.NewIdentityServiceClient(ingest),
		consents: ingestv1.NewPermissionServiceClient(ingest), pending: ingestv1.NewPendingServiceClient(ingest),
		accounts: ingestv1.NewAccountServiceClient(ingest),
	}
}

// erasureIDs is the name space of the ids of erasures that have a request id.
var erasureIDs = uuid.MustParse("9d2f3c55-6e0a-4b57-8a44-0f1f9b7a1c3e")

func (s *privacyServer) GetErasure(ctx context.Context, in *handoffv1.GetErasureRequest) (*handoffv1.Erasure, error) {
	e, err := s.store.Erasure(ctx, store.ErasureID(in.GetName()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, apierr.NotFound(in.GetName())
	}
	return e, err
}

func (s *privacyServer) ListErasures(ctx context.Context, in *handoffv1.ListErasuresRequest) (*handoffv1.ListErasuresResponse, error) {
	erasures, next, err := page.List[*handoffv1.Erasure]{
		Query: "erasures", Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]*handoffv1.Erasure, error) {
			return s.store.Erasures(ctx, after, limit)
		},
		At: func(e *handoffv1.Erasure) page.Place { return store.ErasurePlace(e) },
	}.Page(in)
	return &handoffv1.ListErasuresResponse{Erasures: erasures, NextPageToken: next}, err
}

// CreateErasure finds the person and has them suppressed while it is known who they are:
// what is kept of the erasure does not say.
func (s *privacyServer) CreateErasure(ctx context.Context, in *handoffv1.CreateErasureRequest) (*handoffv1.Erasure, error) {
	if (in.GetIdentity() != nil) == (in.GetLead() != "") {
		return nil, apierr.InvalidField("identity", "either an identity or a lead")
	}
	e := store.Erasure{Erasure: &handoffv1.Erasure{Mode: in.GetMode(), Reason: in.GetReason(), Actor: actor(ctx)}}
	if in.GetRequestId() != "" {
		e.ID = uuid.NewSHA1(erasureIDs, []byte(e.Actor+"/"+in.GetRequestId())).String()
		known, err := s.store.Erasure(ctx, e.ID)
		switch {
		case err == nil && (known.GetMode() != in.GetMode() || known.GetReason() != in.GetReason()):
			return nil, apierr.RequestIDReused()
		case err == nil || !errors.Is(err, store.ErrNotFound):
			return known, err
		}
	}
	person, err := s.person(ctx, in)
	if err != nil {
		return nil, err
	}
	deletes, suppresses := e.Mode != handoffv1.Erasure_MODE_SUPPRESS, e.Mode != handoffv1.Erasure_MODE_DELETE
	for _, name := range person.GetMembers() {
		e.Leads = append(e.Leads, id(name))
	}
	if suppresses {
		if err := s.suppress(ctx, &e, in.GetIdentity(), person); err != nil {
			return nil, err
		}
	}
	e.Done = !deletes || len(e.Leads) == 0
	return s.store.BeginErasure(ctx, e)
}

// person is the lead that an erasure is of, with all of its members and identities. One
// that is gone may still be suppressed, or have left something here.
func (s *privacyServer) person(ctx context.Context, in *handoffv1.CreateErasureRequest) (*ingestv1.Lead, error) {
	if in.GetLead() == "" {
		found, err := s.ingest.LookupLead(ctx, &ingestv1.LookupLeadRequest{Identity: in.GetIdentity()})
		if status.Code(err) == codes.NotFound && in.GetMode() != handoffv1.Erasure_MODE_DELETE {
			return nil, nil
		}
		return found.GetLead(), err
	}
	lead, err := s.ingest.GetLead(ctx, &ingestv1.GetLeadRequest{Name: in.GetLead()})
	if status.Code(err) != codes.NotFound || in.GetMode() == handoffv1.Erasure_MODE_SUPPRESS {
		return lead, err
	}
	known, failed := s.store.Knows(ctx, id(in.GetLead()))
	if failed != nil || !known {
		return nil, errors.Join(failed, err)
	}
	return &ingestv1.Lead{Members: []string{in.GetLead()}}, nil
}

// suppress has nothing captured any more by any of the person's identities.
func (s *privacyServer) suppress(ctx context.Context, e *store.Erasure, given *ingestv1.Identity, person *ingestv1.Lead) error {
	identities := slices.Clone(person.GetIdentities())
	if given != nil && !slices.ContainsFunc(identities, func(i *ingestv1.Identity) bool {
		return i.GetKind() == given.GetKind() && i.GetValue() == given.GetValue()
	}) {
		identities = append(identities, given)
	}
	if len(identities) == 0 {
		return nil
	}
	entries := make([]*ingestv1.SuppressionEntry, len(identities))
	for i, identity := range identities {
		entries[i] = &ingestv1.SuppressionEntry{Identity: identity, Mode: ingestv1.Suppression_MODE_CAPTURE, Reason: "erased"}
	}
	if _, err := s.suppressions.BatchCreateSuppressions(ctx, &ingestv1.BatchCreateSuppressionsRequest{Entries: entries}); err != nil {
		return fmt.Errorf("the person could not be suppressed: %w", err)
	}
	e.Steps = append(e.Steps, &handoffv1.ErasureStep{
		Service: "ingest", Step: "suppress", Rows: map[string]int32{"suppressions": int32(len(entries))}, EndTime: timestamppb.New(s.now()),
	})
	return nil
}

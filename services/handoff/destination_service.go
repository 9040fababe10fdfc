package handoff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/mask"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/seal"
)

// destinationServer answers the DestinationService. The comments in its proto say what
// each method promises.
type destinationServer struct {
	handoffv1.UnimplementedDestinationServiceServer
	store *store.Store
	// sealer keeps the secrets of destinations; nil: there is no key for it.
	sealer *seal.Sealer
	guard  *delivery.Guard
	now    func() time.Time
}

func (s *destinationServer) GetDestination(ctx context.Context, in *handoffv1.GetDestinationRequest) (*handoffv1.Destination, error) {
	d, err := s.store.Destination(ctx, id(in.GetName()))
	if err != nil {
		return nil, destinationError(in.GetName(), err)
	}
	return d.Destination, nil
}

func (s *destinationServer) ListDestinations(ctx context.Context, in *handoffv1.ListDestinationsRequest) (*handoffv1.ListDestinationsResponse, error) {
	destinations, next, err := page.List[*store.Destination]{
		Query: []string{"destinations"}, Texts: 1,
		Read: func(after page.Place, limit int) ([]*store.Destination, error) {
			return s.store.Destinations(ctx, after.Text(0), limit)
		},
		At: func(d *store.Destination) page.Place { return page.Place{id(d.GetName())} },
	}.Page(in)
	out := &handoffv1.ListDestinationsResponse{NextPageToken: next}
	for _, d := range destinations {
		out.Destinations = append(out.Destinations, d.Destination)
	}
	return out, err
}

func (s *destinationServer) CreateDestination(ctx context.Context, in *handoffv1.CreateDestinationRequest) (*handoffv1.Destination, error) {
	d := proto.CloneOf(in.GetDestination())
	d.Name = store.DestinationName(in.GetDestinationId())
	if s.sealer == nil {
		return nil, apierr.WrongState(d.GetName(), "without a key to keep its secrets",
			"ASSAY_SECRETS_KEY to be set, to the base64 of 32 bytes, for every process that runs handoff")
	}
	if d.GetKind() == handoffv1.Destination_KIND_UNSPECIFIED {
		return nil, apierr.InvalidField("destination.kind", "`KIND_WEBHOOK`, `KIND_SLACK` or `KIND_TRYTON`")
	}
	var secrets delivery.Secrets
	shown := &handoffv1.Destination{}
	switch d.GetKind() {
	case handoffv1.Destination_KIND_WEBHOOK:
		secrets, shown.Secret = secrets.Rotate(s.now())
		secrets.Inbound = delivery.NewSecret()
	case handoffv1.Destination_KIND_TRYTON:
		secrets.Inbound = delivery.NewSecret()
	case handoffv1.Destination_KIND_SLACK, handoffv1.Destination_KIND_UNSPECIFIED:
	}
	shown.InboundSecret = secrets.Inbound
	defaults(d)
	secrets.Password = takePassword(d)
	if err := s.check(ctx, d, secrets); err != nil {
		return nil, err
	}
	saved, err := s.store.CreateDestination(ctx, &store.Destination{Destination: d, Secrets: secrets.Seal(s.sealer, d.GetName())})
	if err != nil {
		return nil, destinationError(d.GetName(), err)
	}
	proto.Merge(saved.Destination, shown)
	return saved.Destination, nil
}

// defaults fills in what a new destination leaves open.
func defaults(d *handoffv1.Destination) {
	tryton := d.GetKind() == handoffv1.Destination_KIND_TRYTON
	switch {
	case len(d.GetEventTypes()) > 0:
	case tryton:
		d.EventTypes = slices.Clone(crm.EventTypes)
	default:
		d.EventTypes = []string{"handoff.*"}
	}
	if d.GetDetail() == handoffv1.Destination_DETAIL_UNSPECIFIED && tryton {
		d.Detail = handoffv1.Destination_DETAIL_FULL // a CRM without the person has nothing
	}
	if d.GetDetail() == handoffv1.Destination_DETAIL_UNSPECIFIED {
		d.Detail = handoffv1.Destination_DETAIL_LINK
	}
}

// takePassword takes the password out of a destination: it is kept apart.
func takePassword(d *handoffv1.Destination) string {
	password := d.GetTryton().GetPassword()
	if d.GetTryton() != nil {
		d.Tryton = proto.CloneOf(d.GetTryton())
		d.Tryton.Password = ""
	}
	return password
}

var track = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// check says what is wrong with a destination.
func (s *destinationServer) check(ctx context.Context, d *handoffv1.Destination, secrets delivery.Secrets) error {
	var violations []apierr.Violation
	add := func(field, expected string) {
		violations = append(violations, apierr.Violation{Field: "destination." + field, Expected: expected})
	}
	if err := s.guard.CheckURL(ctx, net.DefaultResolver, d.GetUrl()); err != nil {
		add("url", err.Error())
	}
	for i, pattern := range d.GetEventTypes() {
		if !event.Known(pattern) {
			add(fmt.Sprintf("eventTypes[%d]", i), "a type of GET /v1/eventTypes, or the beginning of some and `*`, e.g. `handoff.*`")
		}
	}
	for i, t := range d.GetTracks() {
		if !track.MatchString(t) {
			add(fmt.Sprintf("tracks[%d]", i), "a track, e.g. `sales`")
		}
	}
	tryton := d.GetKind() == handoffv1.Destination_KIND_TRYTON
	switch t := d.GetTryton(); {
	case !tryton && t != nil:
		add("tryton", "nothing: the destination is of another kind")
	case tryton && t.GetDatabase() == "":
		add("tryton.database", "the name of the database of the Tryton")
	case tryton && t.GetUsername() == "":
		add("tryton.username", "the user that Assay logs in as")
	case tryton && secrets.Password == "":
		add("tryton.password", "the password of the user")
	case tryton && d.GetDetail() != handoffv1.Destination_DETAIL_FULL:
		add("detail", "`DETAIL_FULL`: a CRM needs to know the person")
	}
	if len(violations) > 0 {
		return apierr.InvalidFields(violations...)
	}
	return nil
}

func (s *destinationServer) UpdateDestination(ctx context.Context, in *handoffv1.UpdateDestinationRequest) (*handoffv1.Destination, error) {
	given := in.GetDestination()
	if given.GetName() == "" {
		return nil, apierr.InvalidField("destination.name", "destinations/{destination}")
	}
	if s.sealer == nil {
		return nil, apierr.WrongState(given.GetName(), "without a key to open its secrets", "ASSAY_SECRETS_KEY to be set")
	}
	// Names are looked up outside of the transaction: it may run again, and must be short.
	before, err := s.store.Destination(ctx, id(given.GetName()))
	if err != nil {
		return nil, destinationError(given.GetName(), err)
	}
	if given.GetKind() != handoffv1.Destination_KIND_UNSPECIFIED && given.GetKind() != before.GetKind() {
		return nil, apierr.InvalidField("destination.kind", "the kind that it has: make another destination")
	}
	change := func(d *store.Destination) error {
		if err := mask.Apply(d.Destination, given, in.GetUpdateMask(), "display_name", "url", "event_types", "tracks", "detail", "tryton",
			"max_concurrency"); err != nil {
			return err
		}
		defaults(d.Destination)
		secrets, err := delivery.OpenSecrets(s.sealer, d.GetName(), d.Secrets)
		if err != nil {
			return err
		}
		if password := takePassword(d.Destination); password != "" {
			secrets.Password = password
			d.Secrets = secrets.Seal(s.sealer, d.GetName())
		}
		return nil
	}
	if err := change(before); err != nil {
		return nil, destinationError(given.GetName(), err)
	}
	secrets, err := delivery.OpenSecrets(s.sealer, before.GetName(), before.Secrets)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, before.Destination, secrets); err != nil {
		return nil, err
	}
	return s.change(ctx, given.GetName(), given.GetEtag(), change)
}

// change changes a destination in the store.
func (s *destinationServer) change(ctx context.Context, name, etag string, change func(*store.Destination) error) (*handoffv1.Destination, error) {
	d, err := s.store.ChangeDestination(ctx, id(name), etag, change)
	if err != nil {
		return nil, destinationError(name, err)
	}
	return d.Destination, nil
}

func (s *destinationServer) DeleteDestination(ctx context.Context, in *handoffv1.DeleteDestinationRequest) (*handoffv1.DeleteDestinationResponse, error) {
	n, err := s.store.DeleteDestination(ctx, id(in.GetName()), in.GetEtag())
	if err != nil {
		return nil, destinationError(in.GetName(), err)
	}
	return &handoffv1.DeleteDestinationResponse{CancelledCount: int32(n)}, nil
}

func (s *destinationServer) RotateDestinationSecret(ctx context.Context, in *handoffv1.RotateDestinationSecretRequest) (*handoffv1.Destination, error) {
	if s.sealer == nil {
		return nil, apierr.WrongState(in.GetName(), "without a key to keep its secrets", "ASSAY_SECRETS_KEY to be set")
	}
	shown := ""
	d, err := s.change(ctx, in.GetName(), "", func(d *store.Destination) error {
		if d.GetKind() != handoffv1.Destination_KIND_WEBHOOK {
			return apierr.WrongState(d.GetName(), "of a kind that signs nothing", "a webhook")
		}
		secrets, err := delivery.OpenSecrets(s.sealer, d.GetName(), d.Secrets)
		if err != nil {
			return err
		}
		secrets, shown = secrets.Rotate(s.now())
		d.Secrets = secrets.Seal(s.sealer, d.GetName())
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.Secret = shown
	return d, nil
}

func (s *destinationServer) EnableDestination(ctx context.Context, in *handoffv1.EnableDestinationRequest) (*handoffv1.Destination, error) {
	return s.change(ctx, in.GetName(), "", func(d *store.Destination) error {
		d.State, d.StateReason = handoffv1.Destination_STATE_ENABLED, ""
		return nil
	})
}

func (s *destinationServer) DisableDestination(ctx context.Context, in *handoffv1.DisableDestinationRequest) (*handoffv1.Destination, error) {
	return s.change(ctx, in.GetName(), "", func(d *store.Destination) error {
		d.State, d.StateReason = handoffv1.Destination_STATE_DISABLED, "disabled by hand"
		return nil
	})
}

func (s *destinationServer) SendTestEvent(ctx context.Context, in *handoffv1.SendTestEventRequest) (*handoffv1.Delivery, error) {
	d, err := s.store.Destination(ctx, id(in.GetName()))
	if err != nil {
		return nil, destinationError(in.GetName(), err)
	}
	if d.GetState() != handoffv1.Destination_STATE_ENABLED {
		return nil, apierr.WrongState(in.GetName(), strings.TrimPrefix(d.GetState().String(), "STATE_"), "ENABLED")
	}
	name := in.GetEventType()
	if name == "" {
		name = event.HandoffCreated
	}
	kind, ok := event.Find(name)
	if !ok {
		return nil, apierr.InvalidField("eventType", "a type of GET /v1/eventTypes")
	}
	data := map[string]any{"sample": true}
	maps.Copy(data, kind.Sample)
	return s.store.Try(ctx, id(in.GetName()), store.Event{Type: name, Data: data}, s.now())
}

func (s *destinationServer) GetDelivery(ctx context.Context, in *handoffv1.GetDeliveryRequest) (*handoffv1.Delivery, error) {
	d, err := s.store.DeliveryByID(ctx, id(in.GetName()))
	return d, destinationError(in.GetName(), err)
}

func (s *destinationServer) ListDeliveries(ctx context.Context, in *handoffv1.ListDeliveriesRequest) (*handoffv1.ListDeliveriesResponse, error) {
	filter, err := read(in.GetFilter(), map[string]field{
		"destination": {column: store.DestinationColumn, prefix: "destinations/"},
		"state":       {store.DeliveryStateColumn, handoffv1.Delivery_State_value, "STATE_"},
		"event_type":  {column: store.EventTypeColumn},
		"lead":        {column: store.LeadColumn, prefix: "leads/"},
		"handoff":     {column: store.HandoffColumn, prefix: "handoffs/"},
	})
	if err != nil {
		return nil, err
	}
	deliveries, next, err := page.List[*store.ListedDelivery]{
		Query: []string{"deliveries", in.GetFilter()}, Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]*store.ListedDelivery, error) {
			return s.store.Deliveries(ctx, filter, after, limit)
		},
		At: func(d *store.ListedDelivery) page.Place { return d.Place },
	}.Page(in)
	out := &handoffv1.ListDeliveriesResponse{NextPageToken: next}
	for _, d := range deliveries {
		out.Deliveries = append(out.Deliveries, d.Delivery)
	}
	return out, err
}

func (s *destinationServer) ReplayDeliveries(ctx context.Context, in *handoffv1.ReplayDeliveriesRequest) (*handoffv1.ReplayDeliveriesResponse, error) {
	switch {
	case (in.GetDelivery() == "") == (in.GetDestination() == ""):
		return nil, apierr.InvalidField("delivery", "either one delivery, or a destination with a range of time")
	case in.GetDelivery() != "" && (in.GetFromTime() != nil || in.GetToTime() != nil):
		return nil, apierr.InvalidField("fromTime", "nothing: it is for the deliveries of a destination")
	case in.GetDelivery() != "":
		if err := s.store.Replay(ctx, id(in.GetDelivery())); err != nil {
			return nil, destinationError(in.GetDelivery(), err)
		}
		return &handoffv1.ReplayDeliveriesResponse{ReplayedCount: 1}, nil
	case in.GetFromTime() == nil:
		return nil, apierr.InvalidField("fromTime", "the time from which on events are sent again")
	}
	to := s.now()
	if in.GetToTime() != nil {
		to = in.GetToTime().AsTime()
	}
	if !in.GetFromTime().AsTime().Before(to) {
		return nil, apierr.InvalidField("toTime", "a time after fromTime")
	}
	if _, err := s.store.Destination(ctx, id(in.GetDestination())); err != nil {
		return nil, destinationError(in.GetDestination(), err)
	}
	n, err := s.store.ReplayRange(ctx, id(in.GetDestination()), in.GetFromTime().AsTime(), to, in.GetIncludeDelivered())
	return &handoffv1.ReplayDeliveriesResponse{ReplayedCount: int32(n)}, err
}

func (s *destinationServer) ListEventTypes(context.Context, *handoffv1.ListEventTypesRequest) (*handoffv1.ListEventTypesResponse, error) {
	out := &handoffv1.ListEventTypesResponse{}
	for _, t := range event.Catalogue {
		out.EventTypes = append(out.EventTypes, &handoffv1.EventType{
			Type: t.Name, Description: t.When, SampleJson: string(event.Body(t.Name, event.SampleTime, event.Data(t.Sample), nil)),
		})
	}
	slices.SortFunc(out.EventTypes, func(a, b *handoffv1.EventType) int { return strings.Compare(a.GetType(), b.GetType()) })
	return out, nil
}

// destinationError is what the API says of an error about a destination or a delivery.
func destinationError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return apierr.NotFound(name)
	case errors.Is(err, store.ErrEtag):
		return apierr.EtagMismatch(name)
	case errors.Is(err, store.ErrExists):
		return apierr.AlreadyExists("destinationId")
	case errors.Is(err, store.ErrPending):
		return apierr.WrongState(name, "PENDING", "DELIVERED or DEAD")
	case errors.Is(err, seal.ErrOpen):
		return apierr.WrongState(name, "sealed with another key", "the ASSAY_SECRETS_KEY with which it was made")
	}
	return err
}

package handoff

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/seal"
)

// messageAge is how old a message may be, and how far ahead its sender's clock.
const messageAge = 5 * time.Minute

// inbox takes what destinations say became of handoffs.
type inbox struct {
	reports
	// sealer opens the secrets with which they sign; nil: there are none.
	sealer *seal.Sealer
}

// outcomeMessage is what a destination says, as it writes it. What we do not know is passed over:
// CRMs send more than they are asked for.
type outcomeMessage struct {
	Handoff      string      `json:"handoff"`
	RemoteID     string      `json:"remoteId"`
	Outcome      string      `json:"outcome"`
	Reason       string      `json:"reason"`
	SubReason    string      `json:"subReason"`
	Amount       json.Number `json:"amount"` // quoted or not
	CurrencyCode string      `json:"currencyCode"`
	OccurredTime string      `json:"occurredTime"`
}

func (s *callbackServer) ReceiveOutcome(ctx context.Context, in *handoffv1.ReceiveOutcomeRequest) (*handoffv1.OutcomeResult, error) {
	return s.inbox.receive(ctx, in)
}

// receive takes a message. What the lifecycle forbids is an answer as well: sending it
// again would change nothing.
func (b inbox) receive(ctx context.Context, in *handoffv1.ReceiveOutcomeRequest) (*handoffv1.OutcomeResult, error) {
	destination := store.DestinationID(in.GetDestination())
	if err := b.verify(ctx, destination, in); err != nil {
		return nil, err
	}
	heard, err := b.store.HeardOutcome(ctx, destination, in.GetWebhookId())
	switch {
	case err == nil:
		return &handoffv1.OutcomeResult{Status: heard.Status, Handoff: store.HandoffName(heard.Handoff)}, nil
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	report, err := b.read(ctx, destination, in.GetBody())
	if err != nil {
		return nil, err
	}
	who := caller.Caller{Actor: in.GetDestination(), Role: typev1.Role_ROLE_SERVICE}
	change := rpc.Recorded(ctx, who, handoffv1.CallbackService_ReceiveOutcome_FullMethodName, report.GetHandoff(), in)
	result, err := b.enter(change, report, in.GetDestination(), false)
	if err != nil {
		return nil, err
	}
	return result, b.store.HearOutcome(ctx, store.OutcomeMessage{
		Destination: destination, ID: in.GetWebhookId(), Handoff: id(report.GetHandoff()), Status: result.GetStatus(),
	})
}

// unsigned is the answer to every message that is not signed as it must be.
var unsigned = apierr.UnauthenticatedFor("expected a signature by the `inboundSecret` of this destination, at most five minutes old")

// verify holds a message to its signature. An unknown destination is answered as a wrong
// signature: nobody learns which there are.
func (b inbox) verify(ctx context.Context, destination string, in *handoffv1.ReceiveOutcomeRequest) error {
	d, err := b.store.Destination(ctx, destination)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && b.sealer == nil:
		return unsigned
	case err != nil:
		return err
	}
	secrets, err := delivery.OpenSecrets(b.sealer, d.GetName(), d.Secrets)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(in.GetWebhookTimestamp(), 10, 64)
	if age := b.now().Sub(time.Unix(at, 0)); err != nil || secrets.Inbound == "" || in.GetWebhookId() == "" || age > messageAge || age < -messageAge {
		return unsigned
	}
	verifier, err := standardwebhooks.NewWebhook(secrets.Inbound)
	if err != nil {
		return errors.New("the inbound secret is not base64") // the error would quote it
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, in.GetWebhookId())
	header.Set(standardwebhooks.HeaderWebhookTimestamp, in.GetWebhookTimestamp())
	header.Set(standardwebhooks.HeaderWebhookSignature, in.GetWebhookSignature())
	// The age was held to the clock of the service.
	if verifier.VerifyIgnoringTimestamp(in.GetBody(), header) != nil {
		return unsigned
	}
	return nil
}

// read reads the body and finds the handoff it is about: one that was sent to the
// destination.
func (b inbox) read(ctx context.Context, destination string, body []byte) (*handoffv1.OutcomeReport, error) {
	var s outcomeMessage
	if err := json.Unmarshal(body, &s); err != nil {
		field, expected := "", "a JSON object with `handoff` or `remoteId`, and `outcome`"
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && wrong.Field != "" {
			field, expected = wrong.Field, "a text"
		}
		return nil, apierr.MalformedBody(apierr.Violation{Field: field, Expected: expected})
	}
	handoff, err := b.meant(ctx, destination, &s)
	if err != nil {
		return nil, err
	}
	report := &handoffv1.OutcomeReport{
		Handoff: store.HandoffName(handoff), Outcome: s.Outcome, Reason: s.Reason, SubReason: s.SubReason,
		Amount: s.Amount.String(), CurrencyCode: s.CurrencyCode,
	}
	if s.OccurredTime != "" {
		at, err := time.Parse(time.RFC3339, s.OccurredTime)
		if err != nil {
			return nil, apierr.InvalidField("occurredTime", "an RFC 3339 time")
		}
		report.OccurredTime = timestamppb.New(at)
	}
	return report, nil
}

// meant is the id of the handoff that a message is about.
func (b inbox) meant(ctx context.Context, destination string, s *outcomeMessage) (string, error) {
	switch {
	case (s.Handoff == "") == (s.RemoteID == ""):
		return "", apierr.InvalidField("handoff", "either `handoff` or `remoteId`")
	case s.RemoteID != "":
		place, err := b.store.RemoteOpportunity(ctx, destination, s.RemoteID)
		if errors.Is(err, store.ErrNotFound) {
			return "", apierr.NotFound("handoffs/-")
		}
		if err != nil {
			return "", err
		}
		return place.Handoff, nil
	}
	handoff, ok := crm.HandoffOf(crm.Key(store.HandoffID(s.Handoff)))
	if !ok {
		return "", apierr.InvalidField("handoff", "`handoffs/{handoff}`")
	}
	sent, err := b.store.SentTo(ctx, destination, handoff)
	if err != nil {
		return "", err
	}
	if !sent {
		return "", apierr.NotFound(store.HandoffName(handoff))
	}
	return handoff, nil
}

package intake

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/inlet"
	"github.com/assay-hq/assay/services/gateway/internal/intake/rawjson"
	"github.com/assay-hq/assay/services/gateway/internal/intake/segment"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

const (
	// maxHeld is the most bytes of bodies that are held at a time.
	maxHeld = 64 << 20
	// doorName is what rejected events say of how they came.
	doorName = "segment"
)

// Door answers tracking clients.
type Door struct {
	inlet    *inlet.Inlet
	accounts ingestv1.AccountServiceClient
	budget   budget
}

// New makes the door. accounts keeps what messages say of accounts.
func New(in *inlet.Inlet, accounts ingestv1.AccountServiceClient) *Door {
	return &Door{inlet: in, accounts: accounts, budget: budget{most: maxHeld}}
}

// route is a path that messages are sent to.
type route struct {
	kind  segment.Kind // empty: a batch
	jitsu bool
}

var routes = func() map[string]route {
	all := map[string]route{"/v1/batch": {}, "/v1/b": {}}
	for _, kind := range []segment.Kind{segment.Identify, segment.Track, segment.Page, segment.Screen, segment.Group, segment.Alias} {
		all["/v1/"+string(kind)] = route{kind: kind}
		all["/v1/"+string(kind[:1])] = route{kind: kind}
		all["/api/s/"+string(kind)] = route{kind: kind, jitsu: true}
		all["/api/s/s2s/"+string(kind)] = route{kind: kind, jitsu: true}
	}
	return all
}()

// TakesMessages reports whether messages are sent to a path.
func TakesMessages(path string) bool {
	_, ok := routes[path]
	return ok
}

// HasSettings reports whether clients read their settings at a path. It may have a key in it.
func HasSettings(path string) bool { return settingsPath(path) != "" }

// Route returns the pattern of a path of the door, for logs and metrics: some paths have a
// key in them.
func Route(path string) string {
	if _, ok := routes[path]; ok {
		return path
	}
	return settingsPath(path)
}

// ServeHTTP answers for one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	share(w, r.Header.Get("Origin"))
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	if settingsPath(r.URL.Path) != "" {
		d.settings(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", allowMethods)
		d.inlet.Refuse(w, r, apierr.MethodNotAllowed(http.MethodPost))
		return
	}
	route := routes[r.URL.Path]
	count, err := d.take(r, route)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if count > 0 {
		h.Set("X-Rejected", strconv.Itoa(count))
	}
	if route.jitsu {
		// Nothing else: what an answer names as destinations, the client loads and runs.
		_, _ = w.Write(answerJitsu)
		return
	}
	_, _ = w.Write(answerSegment)
}

var answerSegment, answerJitsu = []byte(`{"success":true}`), []byte(`{"ok":true}`)

// fail answers with an error. Whoever may try again hears when, in whole seconds.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
		err = apierr.Unavailable("ingest") // what was stored is known when it comes again
	case codes.PermissionDenied:
		if apierr.Reason(err) == "WRONG_ORIGIN" {
			hide(w)
		}
	}
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			seconds := strconv.Itoa(int(math.Ceil(retry.GetRetryDelay().AsDuration().Seconds())))
			w.Header().Set("Retry-After", seconds)
			w.Header().Set("X-Ratelimit-Reset", seconds)
		}
	}
	d.inlet.Refuse(w, r, err)
}

// sender is who sent a request.
type sender struct {
	source  *sourcecache.Source
	caller  caller.Caller
	address netip.Addr
}

// take takes in what a request brings and returns how much of it was rejected. An error
// refuses all of it.
func (d *Door) take(r *http.Request, route route) (int, error) {
	ctx := r.Context()
	before, after := headerKeys(r.Header)
	from, err := d.admit(r, before)
	if err != nil {
		return 0, err
	}
	most := maxMessage
	if route.kind == "" {
		if most = maxBatch; from != nil {
			most = from.source.MaxBatchBytes
		}
	}
	if !d.budget.take(int64(most)) {
		return 0, apierr.Overloaded("the intake", time.Second)
	}
	defer d.budget.give(int64(most))
	text, err := inlet.ReadSniffed(r, most, tooLarge(most))
	defer inlet.GiveBack(text)
	received := d.inlet.Now()
	var body *segment.Body
	if err == nil {
		body, err = segment.Read(text.Bytes(), route.kind)
	}
	if from == nil {
		// What is wrong with the body is for who has a key.
		keys := []string{after}
		if body != nil {
			keys = []string{body.WriteKey(), after}
		}
		var refused error
		if from, refused = d.admit(r, keys...); refused != nil {
			return 0, refused
		}
		if from == nil {
			return 0, noKey()
		}
	}
	if err != nil {
		return 0, d.refuseBody(ctx, from.source.ID, text, err)
	}
	c := &segment.Circumstances{
		Received: received, Source: from.source.ID, Browser: from.source.Browser(), UserAgent: r.UserAgent(),
		SentAt: r.Header.Get("SentAt"), Rules: from.source.Config.GetEventRules(),
	}
	if from.address.IsValid() && !strings.EqualFold(r.Header.Get("X-Ip-Policy"), "remove") {
		c.Address = from.address.String()
	}
	return d.store(ctx, from, body, c, route.kind == "")
}

func noKey() error {
	return apierr.UnauthenticatedFor("expected a write key that is known: as the user of Basic authentication, as `writeKey` in the body or in X-Write-Key")
}

// admit returns who sends with the first of the keys that can be one, nil if none can. It
// refuses keys that nobody has, pages of other origins, and who sends too much.
func (d *Door) admit(r *http.Request, keys ...string) (*sender, error) {
	for _, key := range keys {
		if !usable(key) {
			continue
		}
		for _, spelling := range spellings(key) {
			source, who, err := d.inlet.Sources.ByKey(r.Context(), spelling)
			switch {
			case status.Code(err) == codes.Unauthenticated:
				continue
			case err != nil:
				return nil, err
			case r.Header.Get("Origin") != "" && !source.AllowsOrigin(r.Header.Get("Origin")):
				return nil, apierr.WrongOrigin()
			}
			from := &sender{source, who, d.inlet.Address(r)}
			return from, d.inlet.Sources.Take(source, from.address, 1)
		}
		return nil, noKey()
	}
	return nil, nil //nolint:nilnil // there is no key here, and that is no error yet
}

// refuseBody returns the error of a body that was refused as a whole, once it is recorded.
func (d *Door) refuseBody(ctx context.Context, source string, text *bytes.Buffer, err error) error {
	switch {
	case errors.Is(err, rawjson.ErrBroken), errors.Is(err, rawjson.ErrDeep), errors.Is(err, rawjson.ErrDuplicate), errors.Is(err, segment.ErrNoObject):
		err = apierr.MalformedBody(apierr.Violation{Expected: err.Error()})
	}
	why := inlet.Rejection{Reason: apierr.Reason(err), Message: status.Convert(err).Message(), Payload: text.String()}
	_ = d.inlet.Record(ctx, inlet.NewRejections(doorName, source, why)) // the client hears of it anyway
	return err
}

// arrival is a message that became a capture, and where it stood.
type arrival struct {
	index   int
	message segment.Message
}

// store brings messages to ingest and returns how many were rejected.
func (d *Door) store(ctx context.Context, from *sender, body *segment.Body, c *segment.Circumstances, batch bool) (int, error) {
	vain := inlet.NewRejections(doorName, from.source.ID)
	about := func(index int, m *segment.Message, r *inlet.Rejection) {
		if batch && r.Field != "batch" {
			r.Within("batch[" + strconv.Itoa(index) + "]")
		}
		r.EventID, r.Payload = m.ID, string(m.Text)
	}
	var arrivals []arrival
	var captures []*ingestv1.CaptureLeadRequest
	index := -1
	for message, why := range body.Messages() {
		index++
		switch {
		case why != nil:
		case index >= maxMessages:
			why = &segment.Rejection{Reason: segment.ReasonTooLarge, Expected: "at most 2,500 messages in a batch"}
		case batch && len(message.Text) > maxMessage:
			why = &segment.Rejection{Reason: segment.ReasonTooLarge, Expected: "at most 32 KiB for one message"}
		default:
			var capture *segment.Capture
			if capture, why = message.Capture(c); why != nil {
				break
			}
			if capture.Account != nil {
				var err error
				if why, err = d.account(ctx, from, capture.Account); err != nil {
					return 0, err
				}
			}
			if why == nil && capture.Lead != nil {
				arrivals, captures = append(arrivals, arrival{index, message}), append(captures, capture.Lead)
			}
		}
		if why != nil {
			rejection := inlet.Rejection{Reason: why.Reason, Field: why.Field, Message: "expected " + why.Expected}
			about(index, &message, &rejection)
			vain.Add(rejection)
		}
	}
	if more := min(index, maxMessages); more > 0 { // one was counted before
		if err := d.inlet.Sources.Take(from.source, from.address, more); err != nil {
			return 0, err
		}
	}
	_, err := d.inlet.Store(caller.With(ctx, from.caller), captures, vain, func(n int, r *inlet.Rejection) {
		r.Field = strings.TrimPrefix(r.Field, "activities[0].")
		about(arrivals[n].index, &arrivals[n].message, r)
	})
	return vain.Count(), err
}

// account brings what is known of an account to ingest, in the name of the gateway: no write
// key may, but in a message. Ingest still knows the source. A refusal is the message's.
func (d *Door) account(ctx context.Context, from *sender, capture *ingestv1.CaptureAccountRequest) (*segment.Rejection, error) {
	who := caller.System("gateway")
	who.Source, who.Browser = from.caller.Source, from.caller.Browser
	ctx, cancel := context.WithTimeout(caller.With(ctx, who), inlet.CallTimeout)
	defer cancel()
	_, err := d.accounts.CaptureAccount(ctx, capture)
	if status.Code(err) != codes.InvalidArgument {
		return nil, err
	}
	why := segment.Invalid("traits", "traits that an account may have")
	if violations := apierr.Violations(err); len(violations) > 0 {
		why = segment.Invalid(violations[0].Field, violations[0].Expected)
	}
	return why, nil
}

package hook

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/inlet"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/recent"
	"github.com/assay-hq/assay/services/internal/webhook"
)

const (
	// Path is where webhooks come in.
	Path = "/hooks/"
	// Route is the pattern of their paths. A secret at the end of one is taken out of it by
	// [Hide].
	Route = Path + "{source}"
	// maxBody is the most bytes of a message.
	maxBody = 1 << 20
	// doorName is what rejected events say of how they came.
	doorName = "webhook"
)

// Door answers webhooks.
type Door struct {
	inlet    *inlet.Inlet
	webhooks *recent.Map[string, *webhook.Webhook]
	seen     *seen
}

// New makes the door.
func New(in *inlet.Inlet) *Door {
	return &Door{inlet: in, webhooks: recent.New[string, *webhook.Webhook](inlet.MaxSources), seen: recent.New[messageKey, struct{}](maxSeen)}
}

type secretKey struct{}

// Hide takes a secret out of the path of a request and puts it aside, so that no span, log
// or error tells it.
func Hide(r *http.Request) *http.Request {
	id, secret, found := strings.Cut(strings.TrimPrefix(r.URL.Path, Path), "/")
	if !found {
		return r
	}
	r = r.WithContext(context.WithValue(r.Context(), secretKey{}, secret))
	hidden := *r.URL
	hidden.Path, hidden.RawPath = Path+id, ""
	r.URL, r.RequestURI = &hidden, hidden.RequestURI()
	return r
}

var idPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// ServeHTTP answers for one message.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := d.receive(w, r)
	if err != nil {
		d.inlet.Refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// taken is the answer to a message.
type taken struct {
	Captured int `json:"captured"`
	Rejected int `json:"rejected"`
	Skipped  int `json:"skipped"`
}

func (d *Door) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	ctx, id := r.Context(), strings.TrimPrefix(r.URL.Path, Path)
	switch {
	case !idPattern.MatchString(id):
		return nil, apierr.UnknownPath()
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return nil, apierr.MethodNotAllowed(http.MethodPost)
	}
	from := d.inlet.Address(r)
	if err := d.inlet.AdmitStranger(from); err != nil {
		return nil, err
	}
	source, err := d.inlet.Sources.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if source.Kind != ingestv1.Source_KIND_WEBHOOK {
		return nil, apierr.NotFound("sources/" + id + " that takes webhooks")
	}
	reader, err := d.webhook(source)
	if err != nil {
		return nil, err
	}
	body, err := inlet.ReadBody(r, maxBody, "1 MiB")
	if err != nil {
		return nil, err
	}
	m := &webhook.Message{Method: r.Method, URL: "https://" + r.Host + r.URL.RequestURI(), Header: r.Header, Body: body, Secret: secretOf(r)}
	if err := reader.Verify(m, d.inlet.Now()); err != nil {
		d.inlet.RecordForged(ctx, doorName, id, err.Error())
		return nil, apierr.BadSignature()
	}
	document, err := webhook.Read(body)
	if err != nil {
		why := strings.TrimPrefix(err.Error(), condition.ErrDocument.Error()+": ")
		_ = d.inlet.Record(ctx, inlet.NewRejections(doorName, id, inlet.Rejection{Reason: "MALFORMED_BODY", Message: why, Payload: string(body)}))
		return nil, apierr.MalformedBody(apierr.Violation{Expected: "JSON or the fields of a form: " + why})
	}
	if answer := reader.Challenge(document); answer != nil {
		return answer, nil
	}
	result := reader.Map(document, id, r.Header.Get("webhook-id"))
	if err := d.inlet.Sources.Take(source, from, max(1, len(result.Items))); err != nil {
		return nil, err
	}
	key := keyOf(id, m)
	if _, again := d.seen.Get(key); again && undated(result) {
		return json.Marshal(taken{Captured: captured(result), Skipped: result.Skipped})
	}
	answer, err := d.store(ctx, source, result)
	if err != nil {
		return nil, err
	}
	if undated(result) {
		d.seen.Put(key, struct{}{})
	}
	if answer.Rejected > 0 {
		w.Header().Set("X-Rejected", strconv.Itoa(answer.Rejected))
	}
	return json.Marshal(answer)
}

func captured(result webhook.Result) (n int) {
	for i := range result.Items {
		if result.Items[i].Capture != nil {
			n++
		}
	}
	return n
}

func (d *Door) store(ctx context.Context, source *sourcecache.Source, result webhook.Result) (taken, error) {
	var captures []*ingestv1.CaptureLeadRequest
	var from []*webhook.Item
	vain := inlet.NewRejections(doorName, source.ID)
	answer := taken{Skipped: result.Skipped}
	for i := range result.Items {
		item := &result.Items[i]
		for _, p := range item.Problems {
			vain.Add(inlet.Rejection{Reason: p.Reason, Field: p.Field, Message: p.Message, Payload: string(item.JSON())})
		}
		if item.Capture == nil {
			answer.Rejected++
			continue
		}
		captures, from = append(captures, item.Capture), append(from, item)
	}
	refused, err := d.inlet.Store(caller.With(ctx, source.Caller()), captures, vain, func(n int, r *inlet.Rejection) {
		if len(result.Items)+result.Skipped > 1 {
			r.Within("items[" + strconv.Itoa(from[n].Index) + "]")
		}
		r.Payload = string(from[n].JSON())
	})
	answer.Captured, answer.Rejected = len(captures)-len(refused), answer.Rejected+len(refused)
	return answer, err
}

// webhook returns that of a source. One that was saved compiles.
func (d *Door) webhook(source *sourcecache.Source) (*webhook.Webhook, error) {
	return d.webhooks.GetOrMake(source.ID+"\x00"+source.Config.GetEtag()+"\x00"+source.Secret, func() (*webhook.Webhook, error) {
		made, wrong := webhook.New(source.Config.GetWebhook(), source.Secret)
		if len(wrong) > 0 {
			return nil, apierr.WrongState("sources/"+source.ID, "not ready: webhook."+wrong[0].Field+": expected "+wrong[0].Expected, "a webhook that is set up")
		}
		return made, nil
	})
}

// secretOf returns the secret that came with a message.
func secretOf(r *http.Request) string {
	if secret, ok := r.Context().Value(secretKey{}).(string); ok {
		return secret
	}
	_, password, _ := r.BasicAuth()
	return password
}

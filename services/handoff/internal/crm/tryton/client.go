package tryton

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
)

const (
	// mostBytes bounds an answer.
	mostBytes = 1 << 20
	// mostRetryAfter bounds how long a CRM may ask to be left alone.
	mostRetryAfter = 24 * time.Hour
)

// Config says which Tryton.
type Config struct {
	// URL of the server without the database, e.g. `https://tryton.example.com`.
	URL string
	// Database, User and Password to sign in with.
	Database, User, Password string
	// Company for which opportunities are made, by its id; 0: the user's own.
	Company int64
	// HTTP makes the calls. It follows no redirects, whatever it says itself.
	HTTP *http.Client
}

// Client is one user of one Tryton. It is a crm.Connector.
type Client struct {
	config Config
	url    string
	http   *http.Client

	mu      sync.Mutex
	session *session
}

// session is a sign-in.
type session struct {
	header string
	// context of every call: company and employee of the user.
	context map[string]any
}

// New returns a client; it signs in with the first call.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, errors.New("the URL of Tryton is not one, wanted e.g. `https://tryton.example.com`")
	}
	guarded := *c.HTTP
	guarded.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{config: c, url: base.JoinPath(c.Database).String() + "/", http: &guarded}, nil
}

// call calls a method of a model with arguments and the user's context, and reads its
// result into out. One that writes may have been done when the answer does not come.
func (c *Client) call(ctx context.Context, method string, writes bool, out any, arguments ...any) error {
	for attempt := 0; ; attempt++ {
		s, err := c.signedIn(ctx)
		if err != nil {
			return err
		}
		err = c.post(ctx, s.header, writes, method, append(arguments[:len(arguments):len(arguments)], s.context), out)
		// A session ends by itself after some time of rest. What it refused was not done.
		if !errors.Is(err, errSession) {
			return err
		}
		c.forget(s)
		if attempt > 0 {
			return &crm.Error{Effect: crm.Refused, Reason: "Tryton does not keep the session it gave"}
		}
	}
}

// errSession: the session is not known any more.
var errSession = errors.New("the session has ended")

func (c *Client) forget(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.session = nil
	}
}

// signedIn is the session, a new one if there is none.
func (c *Client) signedIn(ctx context.Context) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		return c.session, nil
	}
	var answer login
	err := c.post(ctx, "", false, "common.db.login", []any{c.config.User, map[string]string{"password": c.config.Password}}, &answer)
	if errors.Is(err, errSession) {
		return nil, &crm.Error{Effect: crm.Refused, Reason: "Tryton does not take the user and the password"}
	}
	if err != nil {
		return nil, err
	}
	token := c.config.User + ":" + strconv.FormatInt(answer.user, 10) + ":" + answer.token
	s := &session{header: "Session " + base64.StdEncoding.EncodeToString([]byte(token))}
	var p preferences
	err = c.post(ctx, s.header, false, "model.res.user.get_preferences", []any{true, map[string]any{}}, &p)
	switch {
	case errors.Is(err, errSession):
		return nil, &crm.Error{Effect: crm.Refused, Reason: "Tryton does not keep the session it gave"}
	case err != nil:
		return nil, err
	case c.config.Company > 0 && c.config.Company != p.Company:
		p = preferences{Company: c.config.Company} // the employee is of the other one
	case p.Company <= 0:
		return nil, &crm.Error{Effect: crm.Refused, Reason: "the user belongs to no company in Tryton: add it to one in its preferences"}
	}
	s.context = map[string]any{"company": p.Company}
	if p.Employee > 0 {
		s.context["employee"] = p.Employee
	}
	c.session = s
	return s, nil
}

// post makes one call.
func (c *Client) post(ctx context.Context, authorization string, writes bool, method string, params []any, out any) error {
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return &crm.Error{Effect: effect(err, writes), Reason: "Tryton does not answer"}
	}
	defer func() { _ = response.Body.Close() }()
	// Unread on purpose where the status says enough.
	if err := c.status(response, writes); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	if err != nil {
		return &crm.Error{Effect: unread(writes), Reason: "Tryton's answer breaks off"}
	}
	return read(answer, writes, out)
}

// effect of a call that had no answer.
func effect(err error, writes bool) crm.Effect {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return crm.Away
	}
	return unread(writes)
}

// unread is the effect of a call whose answer cannot be read.
func unread(writes bool) crm.Effect {
	if writes {
		return crm.Unknown
	}
	return crm.Away
}

func (c *Client) status(r *http.Response, writes bool) error {
	switch code := r.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized:
		return errSession
	case code == http.StatusTooManyRequests:
		return &crm.Error{Effect: crm.Away, Reason: "Tryton asks to be left alone (429)", RetryAfter: retryAfter(r)}
	case code == http.StatusServiceUnavailable:
		return &crm.Error{Effect: unread(writes), Reason: "Tryton is away (503)", RetryAfter: retryAfter(r)}
	case code >= 500:
		return &crm.Error{Effect: unread(writes), Reason: fmt.Sprintf("Tryton failed (%d)", code)}
	case code == http.StatusNotFound:
		return &crm.Error{Effect: crm.Refused, Reason: "Tryton does not know the database (404)"}
	default:
		return &crm.Error{Effect: crm.Refused, Reason: fmt.Sprintf("Tryton refused the call (%d)", code)}
	}
}

// retryAfter is the pause asked for in seconds; 0: none that can be read.
func retryAfter(r *http.Response) time.Duration {
	seconds, err := strconv.ParseInt(r.Header.Get("Retry-After"), 10, 32)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, mostRetryAfter)
}

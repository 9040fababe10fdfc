// Package api is the command line's way to a server: REST with the JSON and the
// errors of the public API.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxAnswer is the largest answer that is read.
const maxAnswer = 64 << 20

// Client calls one server with one key. It is safe for concurrent use.
type Client struct {
	base string
	key  string
	http *http.Client
}

// New makes a client for a server such as `http://127.0.0.1:8080`. The key may be
// empty; the server then refuses what needs one.
func New(server, key string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--server %q: expected a URL such as http://127.0.0.1:8080", server)
	}
	return &Client{
		base: strings.TrimRight(server, "/"),
		key:  key,
		http: &http.Client{Timeout: 2 * time.Minute},
	}, nil
}

// Error is an error that the server answered with.
type Error struct {
	Status          int         `json:"status"`
	Reason          string      `json:"reason"`
	Detail          string      `json:"detail"`
	RequestID       string      `json:"requestId"`
	TraceID         string      `json:"traceId"`
	FieldViolations []Violation `json:"fieldViolations"`
}

// Violation is one field of a request that was refused.
type Violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// Error says what was wrong, field by field if the server named fields.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	if len(e.FieldViolations) > 1 {
		for _, v := range e.FieldViolations {
			fmt.Fprintf(&b, "\n  %s: %s", v.Field, v.Description)
		}
	}
	if e.Status >= 500 && e.RequestID != "" {
		fmt.Fprintf(&b, " (request id %s)", e.RequestID)
	}
	return b.String()
}

// ErrUnreachable says that no server answered.
var ErrUnreachable = errors.New("no server answers")

// Temporary tells whether it makes sense to try the call again: the server, or a
// service behind it, is away or busy.
func Temporary(err error) bool {
	if errors.Is(err, ErrUnreachable) {
		return true
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Get reads a path and its query into out, and returns the answer as one line of JSON.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out proto.Message) ([]byte, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.call(ctx, http.MethodGet, path, nil, out)
}

// Post sends a message and reads the answer into out.
func (c *Client) Post(ctx context.Context, path string, in, out proto.Message) ([]byte, error) {
	return c.Send(ctx, http.MethodPost, path, in, out)
}

// Send sends a message with an HTTP method and reads the answer into out.
func (c *Client) Send(ctx context.Context, method, path string, in, out proto.Message) ([]byte, error) {
	body, err := protojson.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("the request cannot be written as JSON: %w", err)
	}
	return c.call(ctx, method, path, body, out)
}

// Upload sends a file, gzipped or not, as the body of a POST and reads the answer into
// out. It takes as long as ctx lets it.
func (c *Client) Upload(ctx context.Context, path string, query url.Values, file io.Reader, gzipped bool, out proto.Message) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path+"?"+query.Encode(), file)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/csv")
	if gzipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return c.do(&http.Client{Transport: c.http.Transport}, req, out)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, out proto.Message) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.do(c.http, req, out)
}

func (c *Client) do(client *http.Client, req *http.Request, out proto.Message) ([]byte, error) {
	ctx := req.Context()
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w at %s: the answer broke off: %w", ErrUnreachable, c.base, err)
	}
	if resp.StatusCode >= 400 {
		return nil, readError(resp, answer)
	}
	if out != nil {
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(answer, out); err != nil {
			return nil, fmt.Errorf("%s does not answer as Assay does: %w", c.base, err)
		}
	}
	var line bytes.Buffer
	if err := json.Compact(&line, answer); err != nil {
		return nil, fmt.Errorf("%s does not answer as Assay does: %w", c.base, err)
	}
	return line.Bytes(), nil
}

func readError(resp *http.Response, answer []byte) error {
	e := &Error{}
	if json.Unmarshal(answer, e) != nil || e.Detail == "" {
		e.Detail = fmt.Sprintf("the server answered %s", resp.Status)
	}
	e.Status = resp.StatusCode
	return e
}

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// problem is the body of every error: RFC 9457 and google.rpc.Status in one.
type problem struct {
	Type            string            `json:"type"`
	Title           string            `json:"title"`
	Status          int               `json:"status"`
	Detail          string            `json:"detail"`
	Instance        string            `json:"instance"`
	Code            int32             `json:"code"`
	Message         string            `json:"message"`
	Details         []json.RawMessage `json:"details"`
	Reason          string            `json:"reason"`
	TraceID         string            `json:"traceId,omitempty"`
	RequestID       string            `json:"requestId"`
	FieldViolations []fieldViolation  `json:"fieldViolations"`
}

type fieldViolation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// httpError is a refusal whose HTTP status does not follow from its code.
func httpError(httpStatus int, err error) error {
	return &runtime.HTTPStatusError{HTTPStatus: httpStatus, Err: err}
}

// httpStatus is the table from gRPC status and reason to HTTP status.
func httpStatus(code codes.Code, reason string) int {
	switch reason {
	case "ETAG_MISMATCH":
		return http.StatusPreconditionFailed
	case "REQUEST_ID_REUSED":
		return http.StatusUnprocessableEntity
	case "METHOD_NOT_ALLOWED":
		return http.StatusMethodNotAllowed
	}
	if code == codes.FailedPrecondition {
		return http.StatusConflict // the resource is in another state
	}
	return runtime.HTTPStatusFromCode(code)
}

// defaultReason is the reason of an error that carries none, e.g. one made by the
// transport.
func defaultReason(code codes.Code) string {
	switch code {
	case codes.InvalidArgument, codes.OutOfRange:
		return "INVALID_FIELD"
	case codes.NotFound:
		return "NOT_FOUND"
	case codes.FailedPrecondition, codes.Aborted:
		return "WRONG_STATE"
	case codes.Unauthenticated:
		return "UNAUTHENTICATED"
	case codes.PermissionDenied:
		return "PERMISSION_DENIED"
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return "UNAVAILABLE"
	case codes.ResourceExhausted:
		return "OVERLOADED"
	}
	return "INTERNAL"
}

// writeProblem answers with an error.
func writeProblem(ctx context.Context, w http.ResponseWriter, r *http.Request, err error) {
	forced := 0
	var custom *runtime.HTTPStatusError
	if errors.As(err, &custom) {
		forced, err = custom.HTTPStatus, custom.Err
	}
	st := status.Convert(err)
	p := problem{
		Detail:          st.Message(),
		Message:         st.Message(),
		Code:            int32(st.Code()),
		Instance:        r.URL.Path,
		RequestID:       requestID(ctx),
		Details:         []json.RawMessage{},
		FieldViolations: []fieldViolation{},
	}
	for _, any := range st.Proto().GetDetails() {
		if raw, err := protojson.Marshal(any); err == nil {
			p.Details = append(p.Details, raw)
		}
		detail, err := any.UnmarshalNew()
		if err != nil {
			continue
		}
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			p.Reason = d.GetReason()
		case *errdetails.RetryInfo:
			if s := int(d.GetRetryDelay().AsDuration().Seconds() + 0.999); s > 0 {
				w.Header().Set("Retry-After", fmt.Sprint(s))
				if st.Code() == codes.ResourceExhausted {
					w.Header().Set("X-RateLimit-Reset", fmt.Sprint(s)) // what browsers' SDKs read, in seconds too
				}
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				p.FieldViolations = append(p.FieldViolations, fieldViolation{v.GetField(), v.GetDescription()})
			}
		}
	}
	if p.Reason == "" {
		p.Reason = defaultReason(st.Code())
		if p.Reason == "INTERNAL" {
			// Words that no service chose may hold anything.
			p.Detail = "internal error; the log has the cause under the request id"
			p.Message = p.Detail
		}
	}
	p.Status = httpStatus(st.Code(), p.Reason)
	if forced != 0 {
		p.Status = forced
	}
	v := visitFrom(ctx)
	v.status, v.reason = p.Status, p.Reason
	p.Type = "urn:assay:problem:" + p.Reason
	p.Title = http.StatusText(p.Status)
	if p.Title == "" {
		p.Title = "Client Closed Request" // 499, when the caller went away
	}
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		p.TraceID = sc.TraceID().String()
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="assay"`)
	}
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // the answer is no HTML, and says so
	_ = enc.Encode(p)
}

package apierr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err     error
		code    codes.Code
		reason  string
		message string
		detail  any
	}{
		{apierr.InvalidField("lead.email", "an address"), codes.InvalidArgument, "INVALID_FIELD", "lead.email: expected an address", &errdetails.BadRequest{}},
		{apierr.InvalidFields(apierr.Violation{"a", "x"}, apierr.Violation{"b", "y"}), codes.InvalidArgument, "INVALID_FIELD", "a: expected x (and 1 more)", &errdetails.BadRequest{}},
		{apierr.InvalidStandard(apierr.Violation{"fit.groups[0]", "x"}), codes.InvalidArgument, "INVALID_STANDARD", "fit.groups[0]: expected x", &errdetails.BadRequest{}},
		{apierr.MalformedBody(apierr.Violation{"", "JSON"}), codes.InvalidArgument, "MALFORMED_BODY", "expected JSON", &errdetails.BadRequest{}},
		{apierr.TooLarge("activities", "1,000 activities"), codes.InvalidArgument, "TOO_LARGE", "activities: expected at most 1,000 activities", &errdetails.BadRequest{}},
		{apierr.TooLarge("", "1 MiB"), codes.InvalidArgument, "TOO_LARGE", "the body is too large: expected at most 1 MiB", nil},
		{apierr.RequestIDReused(), codes.InvalidArgument, "REQUEST_ID_REUSED", "requestId: expected a new id, since this one was used with another body", &errdetails.BadRequest{}},
		{apierr.PageTokenMismatch(), codes.InvalidArgument, "PAGE_TOKEN_MISMATCH", "pageToken: expected the nextPageToken of a page with the same filter and order", &errdetails.BadRequest{}},
		{apierr.NotFound("leads/1"), codes.NotFound, "NOT_FOUND", "leads/1 does not exist", &errdetails.ResourceInfo{}},
		{apierr.UnknownPath(), codes.NotFound, "NOT_FOUND", "no such path: /openapi.json lists those that exist", nil},
		{apierr.MethodNotAllowed("GET", "PATCH"), codes.InvalidArgument, "METHOD_NOT_ALLOWED", "method: expected GET or PATCH on this path", &errdetails.BadRequest{}},
		{apierr.EtagMismatch("leads/1"), codes.Aborted, "ETAG_MISMATCH", "leads/1 was changed since its etag was read: read it again", &errdetails.ResourceInfo{}},
		{apierr.WrongState("handoffs/1", "REJECTED", "OPEN"), codes.FailedPrecondition, "WRONG_STATE", "handoffs/1 is REJECTED; expected OPEN", &errdetails.PreconditionFailure{}},
		{apierr.Unauthenticated(), codes.Unauthenticated, "UNAUTHENTICATED", "expected a valid API key: `Authorization: Bearer <key>`", nil},
		{apierr.PermissionDenied(), codes.PermissionDenied, "PERMISSION_DENIED", "the role of this key may not do this", nil},
		{apierr.OwnRequest(), codes.PermissionDenied, "OWN_REQUEST", "nobody decides on their own request: ask another manager", nil},
		{apierr.Unavailable("ingest"), codes.Unavailable, "UNAVAILABLE", "ingest is not available: try again", &errdetails.RetryInfo{}},
		{apierr.Overloaded("too many captures", time.Minute), codes.ResourceExhausted, "OVERLOADED", "too many captures: try again later", &errdetails.RetryInfo{}},
		{apierr.Internal(errors.New("secret")), codes.Internal, "INTERNAL", "an error of ours", &errdetails.RequestInfo{}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			s := status.Convert(c.err)
			if s.Code() != c.code || s.Message() != c.message || apierr.Reason(c.err) != c.reason {
				t.Errorf("%v %q %s; want %v %q %s", s.Code(), s.Message(), apierr.Reason(c.err), c.code, c.message, c.reason)
			}
			if _, known := typev1.ErrorReason_value["ERROR_REASON_"+c.reason]; !known {
				t.Errorf("%s is not a reason", c.reason)
			}
			kinds := []string{"*errdetails.ErrorInfo"}
			if c.detail != nil {
				kinds = append(kinds, fmt.Sprintf("%T", c.detail))
			}
			var got []string
			for _, d := range s.Details() {
				got = append(got, fmt.Sprintf("%T", d))
			}
			if diff := cmp.Diff(kinds, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestViolations(t *testing.T) {
	want := []apierr.Violation{{Field: "a", Expected: "x"}, {Field: "b.c[2]", Expected: "y"}}
	if diff := cmp.Diff(want, apierr.Violations(apierr.InvalidFields(want...))); diff != "" {
		t.Error(diff)
	}
}

func TestFromShowsTheCallerNoCause(t *testing.T) {
	secret := errors.New("secret")
	upstream := apierr.NotFound("leads/1")
	for name, c := range map[string]struct {
		err    error
		code   codes.Code
		reason string
	}{
		"nothing":              {nil, codes.OK, ""},
		"unknown error":        {secret, codes.Internal, "INTERNAL"},
		"marked internal":      {apierr.Internal(secret), codes.Internal, "INTERNAL"},
		"internal of a status": {apierr.Internal(fmt.Errorf("secret: %w", upstream)), codes.Internal, "INTERNAL"},
		"status without code":  {status.Error(codes.Unknown, "secret"), codes.Internal, "INTERNAL"},
		"wrapped status":       {fmt.Errorf("secret: %w", upstream), codes.NotFound, "NOT_FOUND"},
		"deadline":             {fmt.Errorf("secret: %w", context.DeadlineExceeded), codes.DeadlineExceeded, ""},
		"cancelled":            {fmt.Errorf("secret: %w", context.Canceled), codes.Canceled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := apierr.From(c.err, "req-1")
			if status.Code(got) != c.code || apierr.Reason(got) != c.reason {
				t.Errorf("%v, want %v %s", got, c.code, c.reason)
			}
			if got != nil && strings.Contains(got.Error(), "secret") {
				t.Errorf("the cause is shown: %v", got)
			}
			if c.code == codes.Internal && !strings.Contains(got.Error(), "req-1") {
				t.Errorf("the request id is missing: %v", got)
			}
		})
	}
}

// Package apierr is the one place that builds the errors of the API.
//
// Each is a gRPC status with a google.rpc.ErrorInfo (domain `assay.dev`, the reason
// from assay.type.v1.ErrorReason without its prefix) and the detail that belongs to
// its kind. The gateway turns the same details into REST bodies, so a message is
// written for a person: what is wrong, and what was expected.
//
// Stores and the core speak sentinel errors, handlers turn those into errors of this
// package, and [From] turns whatever is left into INTERNAL, with the cause in the log
// only.
//
//	kind                code                 detail
//	InvalidField(s)     INVALID_ARGUMENT     BadRequest
//	MalformedBody       INVALID_ARGUMENT     BadRequest
//	TooLarge            INVALID_ARGUMENT     BadRequest
//	InvalidStandard     INVALID_ARGUMENT     BadRequest
//	RequestIDReused     INVALID_ARGUMENT     BadRequest
//	PageTokenMismatch   INVALID_ARGUMENT     BadRequest
//	MethodNotAllowed    INVALID_ARGUMENT     BadRequest
//	NotFound            NOT_FOUND            ResourceInfo
//	UnknownPath         NOT_FOUND            -
//	EtagMismatch        ABORTED              ResourceInfo
//	WrongState          FAILED_PRECONDITION  PreconditionFailure
//	NobodyAvailable     FAILED_PRECONDITION  PreconditionFailure
//	Unauthenticated     UNAUTHENTICATED      -
//	PermissionDenied    PERMISSION_DENIED    -
//	OwnRequest          PERMISSION_DENIED    -
//	SourceDisabled      PERMISSION_DENIED    -
//	WrongOrigin         PERMISSION_DENIED    -
//	AlreadyExists       ALREADY_EXISTS       -
//	Overloaded          RESOURCE_EXHAUSTED   RetryInfo
//	Unavailable         UNAVAILABLE          RetryInfo
//	Internal            INTERNAL             RequestInfo
package apierr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain is the domain of every reason.
const Domain = "assay.dev"

// Violation is one field that has a value that is not allowed.
type Violation struct {
	// Field is the path as in JSON: `lead.attributes.jobTitle`, `activities[2].id`.
	Field string
	// Expected says what was expected, in words: `an RFC 3339 time`.
	Expected string
}

// InvalidField says that a field has a value that is not allowed.
func InvalidField(field, expected string) error {
	return InvalidFields(Violation{field, expected})
}

// InvalidFields is [InvalidField] for several at once.
func InvalidFields(violations ...Violation) error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_INVALID_FIELD, nil, violations...)
}

// InvalidStandard says that a standard does not compile, and where.
func InvalidStandard(violations ...Violation) error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_INVALID_STANDARD, nil, violations...)
}

// MalformedBody says that the body is not what the method expects, and where. An
// empty field means the body as a whole.
func MalformedBody(violations ...Violation) error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_MALFORMED_BODY, nil, violations...)
}

// TooLarge says that a field is over its limit; limit is in words: `1,000 activities`.
// An empty field means the whole body.
func TooLarge(field, limit string) error {
	if field == "" {
		return build(codes.InvalidArgument, typev1.ErrorReason_ERROR_REASON_TOO_LARGE,
			"the body is too large: expected at most "+limit, map[string]string{"limit": limit})
	}
	return badRequest(typev1.ErrorReason_ERROR_REASON_TOO_LARGE, map[string]string{"limit": limit},
		Violation{field, "at most " + limit})
}

// RequestIDReused says that the request id was used with another body.
func RequestIDReused() error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED, nil,
		Violation{"requestId", "a new id, since this one was used with another body"})
}

// PageTokenMismatch says that the page token is not one of this query.
func PageTokenMismatch() error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_PAGE_TOKEN_MISMATCH, nil,
		Violation{"pageToken", "the nextPageToken of a page with the same filter and order"})
}

// NotFound says that a resource does not exist, e.g. `leads/0197…`.
func NotFound(name string) error {
	return build(codes.NotFound, typev1.ErrorReason_ERROR_REASON_NOT_FOUND, name+" does not exist", nil, resource(name))
}

// UnknownPath says that REST has no such path. It is no resource, so it has no
// ResourceInfo, and the path, which may hold anything, is not repeated.
func UnknownPath() error {
	return build(codes.NotFound, typev1.ErrorReason_ERROR_REASON_NOT_FOUND, "no such path: /openapi.json lists those that exist", nil)
}

// MethodNotAllowed says that a path of REST takes other HTTP methods: those allowed.
func MethodNotAllowed(allowed ...string) error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED, nil,
		Violation{"method", strings.Join(allowed, " or ") + " on this path"})
}

// EtagMismatch says that the resource was changed since its etag was read.
func EtagMismatch(name string) error {
	return build(codes.Aborted, typev1.ErrorReason_ERROR_REASON_ETAG_MISMATCH,
		name+" was changed since its etag was read: read it again", nil, resource(name))
}

// WrongState says that the resource is in a state that does not allow the call; is
// and want are in the API's words: `REJECTED`, `OPEN or ACCEPTED`.
func WrongState(name, is, want string) error {
	description := fmt.Sprintf("is %s; expected %s", is, want)
	return build(codes.FailedPrecondition, typev1.ErrorReason_ERROR_REASON_WRONG_STATE, name+" "+description,
		map[string]string{"state": is},
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
			{Type: "STATE", Subject: name, Description: description},
		}})
}

// Suppressed says that the person is on the suppression list and is not captured. It does
// not say who.
func Suppressed() error {
	const description = "the person is suppressed: nothing of them is kept"
	return build(codes.FailedPrecondition, typev1.ErrorReason_ERROR_REASON_SUPPRESSED, description, nil,
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
			{Type: "SUPPRESSED", Subject: "lead", Description: description},
		}})
}

// BlockedIdentity says that the identities in a field identify nobody. It does not say
// which they are.
func BlockedIdentity(field string) error {
	return badRequest(typev1.ErrorReason_ERROR_REASON_BLOCKED_IDENTITY, nil, Violation{field, "an identity of somebody, none that many send, such as null or 0000"})
}

// NobodyAvailable says that nobody who may get the resource is available, and why, in words.
func NobodyAvailable(name, why string) error {
	description := "nobody who may get it is available: " + why
	return build(codes.FailedPrecondition, typev1.ErrorReason_ERROR_REASON_NOBODY_AVAILABLE, name+": "+description, nil,
		&errdetails.PreconditionFailure{Violations: []*errdetails.PreconditionFailure_Violation{
			{Type: "NOBODY_AVAILABLE", Subject: name, Description: description},
		}})
}

// Unauthenticated says that the call has no key, or one that is not valid. It does
// not say which.
func Unauthenticated() error {
	return UnauthenticatedFor("expected a valid API key: `Authorization: Bearer <key>`")
}

// UnauthenticatedFor is [Unauthenticated] with the reason, for who proved to hold
// something: a token that has expired, or is of another issuer.
func UnauthenticatedFor(reason string) error {
	return build(codes.Unauthenticated, typev1.ErrorReason_ERROR_REASON_UNAUTHENTICATED, reason, nil)
}

// PermissionDenied says that the role of the caller may not call the method.
func PermissionDenied() error { return PermissionDeniedFor("the role of this key may not do this") }

// PermissionDeniedFor is [PermissionDenied] for another reason: it is somebody else's, or
// the caller is known and may do nothing at all.
func PermissionDeniedFor(reason string) error {
	return build(codes.PermissionDenied, typev1.ErrorReason_ERROR_REASON_PERMISSION_DENIED, reason, nil)
}

// AlreadyExists says that something unique is taken; field is its path, `userId`.
func AlreadyExists(field string) error {
	return build(codes.AlreadyExists, typev1.ErrorReason_ERROR_REASON_ALREADY_EXISTS, field+" is taken", map[string]string{"field": field})
}

// OwnRequest says that somebody else has to decide on what the caller asked for.
func OwnRequest() error {
	return build(codes.PermissionDenied, typev1.ErrorReason_ERROR_REASON_OWN_REQUEST,
		"nobody decides on their own request: ask another manager", nil)
}

// SourceDisabled says that a source takes nothing now.
func SourceDisabled(name string) error {
	return build(codes.PermissionDenied, typev1.ErrorReason_ERROR_REASON_SOURCE_DISABLED, name+" is disabled", nil)
}

// ForgedLink says that a link was not made here, or was cut off on its way. It does not say
// which.
func ForgedLink() error {
	return build(codes.Unauthenticated, typev1.ErrorReason_ERROR_REASON_UNAUTHENTICATED,
		"the link was not made here, or was cut off: open it from the message again", nil)
}

// ExpiredLink says that a link does nothing any more.
func ExpiredLink() error {
	return build(codes.NotFound, typev1.ErrorReason_ERROR_REASON_EXPIRED, "the link has expired", nil)
}

// Unavailable says that what, a service or the store, is away; the call is safe to
// try again after a second.
func Unavailable(what string) error {
	return build(codes.Unavailable, typev1.ErrorReason_ERROR_REASON_UNAVAILABLE, what+" is not available: try again", nil,
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
}

// BadSignature says that a message is not signed as its source must sign. It does not say
// what is wrong: who forges learns nothing.
func BadSignature() error {
	return build(codes.Unauthenticated, typev1.ErrorReason_ERROR_REASON_BAD_SIGNATURE,
		"expected a signature by the secret of this source, made within the last minutes", nil)
}

// Overloaded says that there is too much at once; the call may be tried again after
// the pause.
func Overloaded(what string, after time.Duration) error {
	return build(codes.ResourceExhausted, typev1.ErrorReason_ERROR_REASON_OVERLOADED, what+": try again later", nil,
		&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
}

// WrongOrigin says that pages of the origin that asks may not send with this key.
func WrongOrigin() error {
	return build(codes.PermissionDenied, typev1.ErrorReason_ERROR_REASON_WRONG_ORIGIN,
		"pages of this origin may not send with this key: expected one of the source's allowed origins", nil)
}

// Reason returns the reason of an error of the API, without its prefix, e.g.
// `NOT_FOUND`; "" if it has none.
func Reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info.GetReason()
		}
	}
	return ""
}

// Violations returns the fields that an error of the API names.
func Violations(err error) (violations []Violation) {
	for _, d := range status.Convert(err).Details() {
		if b, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range b.GetFieldViolations() {
				violations = append(violations, Violation{v.GetField(), strings.TrimPrefix(v.GetDescription(), "expected ")})
			}
		}
	}
	return violations
}

func badRequest(reason typev1.ErrorReason, metadata map[string]string, violations ...Violation) error {
	detail := &errdetails.BadRequest{}
	for _, v := range violations {
		detail.FieldViolations = append(detail.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: v.Field, Description: "expected " + v.Expected, Reason: reasonText(reason),
		})
	}
	message := "the request is invalid"
	if len(violations) > 0 {
		message = "expected " + violations[0].Expected
		if violations[0].Field != "" {
			message = violations[0].Field + ": " + message
		}
	}
	if more := len(violations) - 1; more > 0 {
		message += " (and " + strconv.Itoa(more) + " more)"
	}
	return build(codes.InvalidArgument, reason, message, metadata, detail)
}

func resource(name string) *errdetails.ResourceInfo {
	kind, _, _ := strings.Cut(name, "/")
	return &errdetails.ResourceInfo{ResourceType: Domain + "/" + kind, ResourceName: name}
}

func build(code codes.Code, reason typev1.ErrorReason, message string, metadata map[string]string, details ...protoadapt.MessageV1) error {
	info := &errdetails.ErrorInfo{Reason: reasonText(reason), Domain: Domain, Metadata: metadata}
	s, err := status.New(code, message).WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil { // only if a detail cannot be marshalled, which these can
		return status.Error(code, message)
	}
	return s.Err()
}

func reasonText(reason typev1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), "ERROR_REASON_")
}

package apierr

import (
	"context"
	"errors"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// internalError keeps the cause for the log and shows none of it to the caller.
type internalError struct{ cause error }

func (e internalError) Error() string              { return "internal error: " + e.cause.Error() }
func (e internalError) Unwrap() error              { return e.cause }
func (e internalError) GRPCStatus() *status.Status { return status.Convert(internal("")) }

// Internal marks err as our bug. The caller learns nothing but a request id.
func Internal(err error) error { return internalError{err} }

func internal(requestID string) error {
	message := "an error of ours"
	var metadata map[string]string
	if requestID != "" {
		message += ": the log has it under request id " + requestID
		metadata = map[string]string{"requestId": requestID}
	}
	return build(codes.Internal, typev1.ErrorReason_ERROR_REASON_INTERNAL, message, metadata,
		&errdetails.RequestInfo{RequestId: requestID})
}

// IsAway reports whether an error of a call says that the other side is away or has too
// much to do: the same call may succeed later, and nothing is wrong with what was asked.
func IsAway(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	case codes.ResourceExhausted: // otherwise a message was too large
		return Reason(err) == reasonText(typev1.ErrorReason_ERROR_REASON_OVERLOADED)
	}
	return false
}

// From returns err as the caller may see it, always a gRPC status: errors of this
// package and statuses of other services as they are (without what was wrapped
// around them), ends of a context as CANCELED and DEADLINE_EXCEEDED, and anything
// else as INTERNAL with the request id.
func From(err error, requestID string) error {
	var ours internalError
	var withStatus interface{ GRPCStatus() *status.Status }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return internal(requestID)
	case errors.As(err, &withStatus):
		s := withStatus.GRPCStatus()
		if s == nil || s.Code() == codes.OK || s.Code() == codes.Unknown {
			return internal(requestID)
		}
		return s.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the deadline of the call has passed")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the caller cancelled the call")
	}
	return internal(requestID)
}

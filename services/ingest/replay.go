package ingest

import (
	"context"
	"crypto/sha256"
	"strings"

	"google.golang.org/protobuf/proto"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// A call with a request id can be repeated: its reply is kept with a digest of its
// body, and given again to the same body.

// checkRequestID returns the id in the form in which it is kept.
func checkRequestID(id string) (string, *violation.Violation) {
	if id != "" && (len(id) != 36 || uuid.Validate(id) != nil) {
		return "", violation.New("requestId", "a UUID")
	}
	return strings.ToLower(id), nil
}

// bodyDigest is of a body without what changes nothing that is stored; nil without a
// request id.
func bodyDigest(requestID string, body proto.Message) ([]byte, error) {
	if requestID == "" {
		return nil, nil
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write([]byte(body.ProtoReflect().Descriptor().FullName()))
	h.Write(text)
	return h.Sum(nil), nil
}

// trusted reports whether a service calls for itself: it may use reserved names.
func trusted(ctx context.Context) bool {
	c, _ := caller.From(ctx)
	return c.Role == typev1.Role_ROLE_SERVICE
}

package ingest

import (
	"errors"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// invalid is the error of a violation.
func invalid(v *violation.Violation) error { return apierr.InvalidField(v.Field, v.Expected) }

// refused turns what the store refuses into an API error. name is the lead's, under
// is where it stands in the request.
func refused(err error, name, under string) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return apierr.NotFound(name)
	case errors.Is(err, store.ErrETagMismatch):
		return apierr.EtagMismatch(name)
	case errors.Is(err, store.ErrRequestIDReused):
		return apierr.RequestIDReused()
	case errors.Is(err, store.ErrTooManyAttributes):
		return invalid(tooManyAttributes.Under(under))
	case errors.Is(err, store.ErrNoAccount):
		return invalid(noAccount.Under(under))
	case errors.Is(err, store.ErrTooManyAccountKeys):
		return invalid(violation.New("account", "at most 300 attributes and counts in all, those known before included"))
	case errors.Is(err, store.ErrTooManyAccountFacts):
		return invalid(violation.New("account.facts", "at most 10,000 facts in all, those known before included"))
	case errors.Is(err, store.ErrLeadSourceSet):
		return apierr.WrongState(name, "with a lead source", "none: it is set once")
	case errors.Is(err, store.ErrSuppressed):
		return apierr.Suppressed()
	case errors.Is(err, store.ErrBlocked):
		return apierr.BlockedIdentity("lead.identities")
	case errors.Is(err, store.ErrRaced), errors.Is(err, sqldb.ErrClosed):
		return apierr.Unavailable("ingest")
	}
	return err // what the store itself has: the server tells what may be told
}

var tooManyAttributes = violation.New("lead.attributes", "at most 200 attributes in all, those known before included")

var noAccount = violation.New("lead.account", "an account that exists")

// refusal is why one item of a batch was refused.
type refusal struct{ reason, field, message string }

func refusalOf(v *violation.Violation) refusal {
	return refusal{"INVALID_FIELD", v.Field, "expected " + v.Expected}
}

// refusedItem turns what the store refuses of one item into its refusal.
func refusedItem(err error, under string) refusal {
	switch {
	case errors.Is(err, store.ErrTooManyAttributes):
		return refusalOf(tooManyAttributes.Under(under))
	case errors.Is(err, store.ErrNoAccount):
		return refusalOf(noAccount.Under(under))
	case errors.Is(err, store.ErrSuppressed):
		return suppressed
	case errors.Is(err, store.ErrBlocked):
		return blocked(under + ".lead.identities")
	}
	// Nothing else can be wrong with an item that names no lead and no etag.
	return refusal{reason(typev1.ErrorReason_ERROR_REASON_INTERNAL), under, err.Error()}
}

// suppressed is the refusal of somebody who is on the suppression list.
var suppressed = refusal{reason(typev1.ErrorReason_ERROR_REASON_SUPPRESSED), "", "the person is suppressed: nothing of them is kept"}

// blocked is the refusal of identities that are nobody's.
func blocked(field string) refusal {
	return refusal{reason(typev1.ErrorReason_ERROR_REASON_BLOCKED_IDENTITY), field, "expected an identity of somebody, none that many send, such as null or 0000"}
}

func reason(r typev1.ErrorReason) string {
	return r.String()[len("ERROR_REASON_"):]
}

// leadID returns the id in the name of a lead, or the error of a bad one.
func leadID(field, name string) (string, error) {
	id, v := lead.ParseName(field, name)
	if v != nil {
		return "", invalid(v)
	}
	return id, nil
}

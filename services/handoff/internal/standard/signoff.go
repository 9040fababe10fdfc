package standard

import (
	"context"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Side is one of the two parties of the agreement.
type Side string

// The sides.
const (
	Marketing Side = "marketing"
	Sales     Side = "sales"
)

// SignOff is the yes of one side to a version.
type SignOff struct {
	// Actor who signed; empty while nobody did.
	Actor string
	// CreateTime is when.
	CreateTime time.Time
	// Comment of the signer.
	Comment string
}

// StateError says that a version is in a state that does not allow what was asked.
type StateError struct {
	// State it is in, in words that begin with that of the API: `DRAFT, …`.
	State string
	// Want is the state that was expected.
	Want string
}

// Error says it in words.
func (e *StateError) Error() string { return "standard: is " + e.State + "; expected " + e.Want }

// signOf returns the sign-off of a side and that of the other.
func (v *Version) signOf(side Side) (own, other SignOff) {
	if side == Marketing {
		return v.Marketing, v.Sales
	}
	return v.Sales, v.Marketing
}

// signedOff is nil if both sides agreed to the version, or names who has not.
func (v *Version) signedOff() error {
	var missing string
	switch {
	case v.Marketing.Actor == "" && v.Sales.Actor == "":
		missing = "neither marketing nor sales has"
	case v.Marketing.Actor == "":
		missing = "marketing has not"
	case v.Sales.Actor == "":
		missing = "sales has not"
	default:
		return nil
	}
	return &StateError{State: "DRAFT: " + missing + " signed it off", Want: "SIGNED_OFF, by marketing and by sales"}
}

// SignOff records that a side agrees to a version, and returns the version. Signing
// again changes nothing. The sides are signed by different actors: the error is a
// *StateError for one who signed for the other side, and if somebody else signed for
// this one.
func (r *Registry) SignOff(ctx context.Context, id, version string, side Side, actor, comment string) (Version, error) {
	var v Version
	err := r.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		// Two who sign at once for either side must see each other.
		if err = r.lock(tx, id); err != nil {
			return err
		}
		if v, err = r.version(ctx, tx, id, version); err != nil {
			return err
		}
		switch own, other := v.signOf(side); {
		case own.Actor == actor:
			return nil
		case own.Actor != "":
			return &StateError{
				State: "signed off for " + string(side) + " by " + own.Actor + " already",
				Want:  "a side that has not signed: a sign-off is a record, and the first stays",
			}
		case other.Actor == actor:
			return &StateError{
				State: "signed off by " + actor + " for the other side",
				Want:  "somebody else for " + string(side) + ": it takes two to agree",
			}
		}
		if err = r.sign(tx, v, side, actor, comment); err != nil {
			return err
		}
		v, err = r.version(ctx, tx, id, version)
		return err
	})
	return v, err
}

// sign records a sign-off, unless the side has signed.
func (r *Registry) sign(tx *sqldb.Tx, v Version, side Side, actor, comment string) error {
	if own, _ := v.signOf(side); own.Actor != "" {
		return nil
	}
	_, err := r.record(tx, v.StandardID, Entry{
		Kind: SignedOff, Version: v.ID, Side: side, Actor: actor, CreateTime: r.now(), Comment: comment,
	})
	return err
}

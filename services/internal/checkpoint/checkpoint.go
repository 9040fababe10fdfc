// Package checkpoint is the rule by which the scorers take facts: a compare-and-set
// from one facts version of a lead to another.
//
// It is one rule for both scorers, because one caller relies on it: duplicates,
// crashes, merges, corrections and a lost database all come down to a row of the table
// at [Next].
package checkpoint

import (
	"errors"
	"regexp"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Call is what a caller says of one lead under one model revision; both scorers'
// messages do.
type Call interface {
	GetLead() string
	GetRevision() string
	GetFromVersion() int32
	GetToVersion() int32
	GetReset_() bool
	GetAsOfTime() *timestamppb.Timestamp
}

var leadName = regexp.MustCompile(`^leads/[0-9A-Za-z-]{1,64}$`)

// Check says what is wrong with a call: the field and what was expected there. The
// protos leave it to the scorers, because one bad lead must not refuse the others.
func Check(c Call) error {
	switch {
	case !leadName.MatchString(c.GetLead()):
		return errors.New("lead: expected a name such as leads/01890a5d-ac96-774b-bcce-b302099a8057")
	case c.GetRevision() == "" || strings.ContainsRune(c.GetRevision(), 0):
		return errors.New("revision: expected the hash of a model")
	case c.GetToVersion() < 1:
		return errors.New("toVersion: expected a facts version from 1")
	case c.GetFromVersion() < 0 || c.GetFromVersion() > c.GetToVersion():
		return errors.New("fromVersion: expected a facts version from 0 to toVersion")
	case c.GetAsOfTime().CheckValid() != nil:
		return errors.New("asOfTime: expected a time")
	}
	return nil
}

// Step is what a call does to what is stored.
type Step int

const (
	// Whole: the facts begin the whole history, which replaces what is stored.
	Whole Step = iota
	// Delta: the facts follow what is stored.
	Delta
	// Stored: they were applied before; only the instant of the score may be another.
	Stored
	// Stale: something newer is stored. Answer CHECKPOINT_STATE_STALE.
	Stale
	// Mismatch: they do not follow what is stored. Answer CHECKPOINT_STATE_BASE_MISMATCH.
	Mismatch
)

// Next compares the facts version that is stored, 0 if nothing is, with those of a
// call that passed [Check].
//
//	stored            from     →
//	nothing, reset    0        Whole
//	nothing, reset    > 0      Mismatch
//	= to              any      Stored
//	> to              any      Stale
//	= from            from     Delta
//	anything else     0        Whole
//	anything else     > 0      Mismatch
func Next(stored int32, c Call) Step {
	switch from, to := c.GetFromVersion(), c.GetToVersion(); {
	case stored == 0 || c.GetReset_():
		if from == 0 {
			return Whole
		}
		return Mismatch
	case stored == to:
		return Stored
	case stored > to:
		return Stale
	case stored == from:
		return Delta
	case from == 0:
		return Whole
	}
	return Mismatch
}

// Word is an answer as spans and metrics name it, e.g. `base_mismatch`.
func Word(state typev1.CheckpointState) string {
	return strings.ToLower(strings.TrimPrefix(state.String(), "CHECKPOINT_STATE_"))
}

package store

import (
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

// Standing is what we ourselves say of a lead.
type Standing struct {
	lead.Attribute
	// Source says which part of us says it, e.g. [lead.FromSuppression].
	Source string
	// At is since when it holds, and ID identifies the saying. Without a time it holds
	// since now, and is said only if it is not so already.
	At time.Time
	ID string
}

// says adds what the list says of a subject to what else is said of it.
func (s *Subject) says() []Standing {
	if s.listed == nil {
		return s.Standing
	}
	return append(s.Standing[:len(s.Standing):len(s.Standing)], *s.listed)
}

// place returns where it stands in time. What holds since now comes after what was said
// before, also if that was said by a clock that is ahead of ours.
func (st *Standing) place(received time.Time, before lead.Place) lead.Place {
	if st.At.IsZero() {
		return lead.Place{At: max(received.UnixMicro(), before.At+1), Source: st.Source, ID: uuid.Must(uuid.NewV7()).String()}
	}
	return lead.Place{At: st.At.UnixMicro(), Source: st.Source, ID: st.ID}
}

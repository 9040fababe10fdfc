package sla

// Standing is what clocks need to know of a handoff.
type Standing struct {
	// Waits: it is open and its lead marketing qualified, so that an answer is awaited.
	Waits bool
	// Owner who is to answer; empty: nobody.
	Owner string
}

// Change is what a change of a handoff does to its clocks.
type Change struct {
	// Stop: the running clock is stopped.
	Stop bool
	// Start: the next one is started, for the owner.
	Start bool
}

// Follow says what is to be done with the clocks of a handoff that stands as it does now.
// running is the clock that runs, nil if none does.
func (s Standing) Follow(running *Clock) Change {
	runs := s.Waits && s.Owner != ""
	if running == nil {
		return Change{Start: runs}
	}
	changed := running.Owner != s.Owner
	return Change{Stop: changed || !runs, Start: changed && runs}
}

package engagement

import "github.com/assay-hq/assay/services/internal/points"

// standing is what the fold keeps beside the rules.
type standing struct {
	// stage is the last part of the type of the latest lifecycle fact, e.g. `recycled`.
	stage string
	// lifted points of each floor.
	lifted []points.Points
	// overrides and suspensions as they stand.
	overrides   []overrideState
	suspensions []suspensionState
}

type overrideState struct {
	on     bool
	points points.Points
}

type suspensionState struct {
	on bool
	// frozen scores, those that were shown when it began.
	frozen, frozenCombined points.Points
	frozenKnown            bool
}

// liftedBy returns the points that a floor has lifted.
func (s *State) liftedBy(floor int) points.Points {
	if floor < 0 || floor >= len(s.lifted) {
		return 0
	}
	return s.lifted[floor]
}

func (s *State) override(i int) overrideState {
	if i >= len(s.overrides) {
		return overrideState{}
	}
	return s.overrides[i]
}

func (s *State) suspension(i int) suspensionState {
	if i >= len(s.suspensions) {
		return suspensionState{}
	}
	return s.suspensions[i]
}

package engagement

import "github.com/assay-hq/assay/services/internal/points"

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

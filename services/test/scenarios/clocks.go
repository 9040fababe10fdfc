package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Clock is what the clock of an owner shows.
type Clock struct {
	// Owner who is credited.
	Owner string `yaml:"owner"`
	// Running: it was not stopped yet, and `met` says that its time is not over.
	Running bool `yaml:"running"`
	// Met: it was stopped in time.
	Met bool `yaml:"met"`
	// Working is the working time that passed, Elapsed the time by the clock on the wall.
	Working time.Duration `yaml:"working"`
	Elapsed time.Duration `yaml:"elapsed"`
}

// CompareClocks returns in words what clocks of a handoff show other than expected.
func (e *Expectation) CompareClocks(h *handoffv1.Handoff) []string {
	var wrong []string
	if e.SpeedToLead != nil && h.GetSpeedToLeadDuration().AsDuration() != *e.SpeedToLead {
		wrong = append(wrong, fmt.Sprintf("speed to lead %s, want %s", h.GetSpeedToLeadDuration().AsDuration(), *e.SpeedToLead))
	}
	if e.Clocks == nil {
		return wrong
	}
	var got []Clock
	for _, c := range h.GetClocks() {
		got = append(got, Clock{
			Owner:   c.GetOwner(),
			Running: c.GetStopTime() == nil,
			Met:     c.GetState() == handoffv1.SlaClock_STATE_MET || c.GetState() == handoffv1.SlaClock_STATE_RUNNING,
			Working: c.GetWorkingDuration().AsDuration(), Elapsed: c.GetElapsedDuration().AsDuration(),
		})
	}
	if !slices.Equal(got, e.Clocks) {
		wrong = append(wrong, fmt.Sprintf("clocks %+v, want %+v", got, e.Clocks))
	}
	if int(h.GetTransferCount()) < len(got) {
		wrong = append(wrong, fmt.Sprintf("%d transfers with %d clocks", h.GetTransferCount(), len(got)))
	}
	return wrong
}

// employ adds the users of a file.
func (p *Player) employ(ctx context.Context, users map[string]map[string]any) error {
	ctx = caller.With(ctx, caller.Caller{Actor: "admin", Role: typev1.Role_ROLE_ADMIN})
	for _, id := range slices.Sorted(maps.Keys(users)) {
		text, err := json.Marshal(users[id])
		if err != nil {
			return fmt.Errorf("users: %s: %w", id, err)
		}
		u := &handoffv1.User{}
		if err := protojson.Unmarshal(text, u); err != nil {
			return fmt.Errorf("users: %s: %w", id, err)
		}
		if u.GetRole() == typev1.Role_ROLE_UNSPECIFIED {
			u.Role = typev1.Role_ROLE_SALES
		}
		if _, err := p.Users.CreateUser(ctx, &handoffv1.CreateUserRequest{User: u, UserId: id}); err != nil {
			return fmt.Errorf("users: %s: %w", id, err)
		}
	}
	return nil
}

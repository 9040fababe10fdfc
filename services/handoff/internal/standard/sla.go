package standard

import (
	"cmp"
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/hours"
	"github.com/assay-hq/assay/services/handoff/internal/sla"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// Response says in which time a handoff is answered. It is stored with the handoff by its
// content, so that the agreement under which it was handed off counts to its end.
type Response struct {
	// ID is the hash of the content.
	ID string
	// Content is what it is read from again.
	Content []byte
	// Rules for the clocks.
	Rules sla.Rules

	aroundTheClock bool
	standing       *typev1.WorkingHours
}

// Hours are the hours that count of an owner, by those of their own and of their team;
// nil: they have none.
func (r *Response) Hours(own, team *typev1.WorkingHours) schedule.Hours {
	if r.aroundTheClock {
		return hours.AroundTheClock()
	}
	return hours.Of(r.standing.GetTimeZone(), own, team, r.standing)
}

// AroundTheClock: every hour counts, so that nobody is ever absent.
func (r *Response) AroundTheClock() bool { return r.aroundTheClock }

// ReadResponse reads the content of a response.
func ReadResponse(content []byte) (*Response, error) {
	var rules handoffv1.SlaRules
	if err := protojson.Unmarshal(content, &rules); err != nil {
		return nil, err
	}
	return response(&rules, "")
}

// response compiles rules that were checked. What they leave open is filled in, so that
// the content says it all.
func response(given *handoffv1.SlaRules, zone string) (*Response, error) {
	rules := proto.CloneOf(given)
	if rules.WorkingHours == nil {
		rules.WorkingHours = &typev1.WorkingHours{}
	}
	rules.WorkingHours.TimeZone = cmp.Or(rules.WorkingHours.TimeZone, zone, "UTC")
	content, err := canonical("sla", rules)
	if err != nil {
		return nil, err
	}
	r := &Response{
		ID: content.id(), Content: content.json,
		Rules: sla.Rules{
			Within:           minutes(rules.GetWithinMinutes()),
			EscalateAfter:    sla.Never,
			ReassignAfter:    sla.Never,
			MaxReassignments: cmp.Or(int(rules.GetMaxReassignments()), 1),
		},
		aroundTheClock: rules.GetAroundTheClock(), standing: rules.WorkingHours,
	}
	for _, percent := range rules.GetWarnAtPercent() {
		r.Rules.WarnAt = append(r.Rules.WarnAt, int(percent))
	}
	if rules.EscalateAfterMinutes != nil {
		r.Rules.EscalateAfter = minutes(rules.GetEscalateAfterMinutes())
	}
	if rules.ReassignAfterMinutes != nil {
		r.Rules.ReassignAfter = minutes(rules.GetReassignAfterMinutes())
	}
	return r, nil
}

func minutes(n int32) time.Duration { return time.Duration(n) * time.Minute }

// response checks and compiles the rules of a handoff's clock; nil without rules.
func (c *compiler) response(path string, rules *handoffv1.SlaRules, zone string) *Response {
	if rules == nil {
		return nil
	}
	c.zone(join(path, "workingHours.timeZone"), rules.GetWorkingHours().GetTimeZone(), "")
	var wrong *schedule.FieldError
	if err := hours.Check(rules.GetWorkingHours()); errors.As(err, &wrong) && wrong.Field != "timeZone" {
		c.add(join(path, "workingHours."+wrong.Field), "%s", wrong.Expected)
	}
	if rules.MaxReassignments != 0 && rules.ReassignAfterMinutes == nil {
		c.add(join(path, "maxReassignments"), "nothing, since `reassignAfterMinutes` does not say when")
	}
	if rules.GetAroundTheClock() && rules.GetWorkingHours() != nil {
		c.add(join(path, "workingHours"), "nothing, since `aroundTheClock` counts every hour")
	}
	r, err := response(rules, zone)
	if err != nil {
		c.add(path, "rules that can be written down: %v", err)
	}
	return r
}

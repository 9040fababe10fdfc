package standard

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/assay-hq/assay/services/internal/condition"
)

// What conditions may read, by where they stand.
const (
	// leadVars are those of a condition on the lead as it stands at an instant.
	leadVars = condition.LeadVar
	// activityVars are those of a condition on something that happens.
	activityVars = condition.LeadVar | condition.ActivityVar | condition.FitVar
)

// reads are the fields that hold a condition, by their full name, with what they may
// read. A field that is not here holds no condition.
var reads = map[protoreflect.FullName]condition.Vars{
	"assay.type.v1.FitModel.icp":               leadVars,
	"assay.type.v1.Criterion.when":             leadVars,
	"assay.type.v1.Choice.when":                leadVars,
	"assay.type.v1.FitRung.when":               leadVars,
	"assay.type.v1.Persona.when":               leadVars,
	"assay.type.v1.FitOverride.when":           leadVars,
	"assay.type.v1.Flag.when":                  leadVars,
	"assay.type.v1.Segment.when":               leadVars,
	"assay.type.v1.Gate.when":                  leadVars,
	"assay.type.v1.EngagementRule.when":        activityVars,
	"assay.type.v1.RuleChoice.when":            activityVars,
	"assay.type.v1.Signal.when":                activityVars,
	"assay.type.v1.Reset.when":                 activityVars,
	"assay.type.v1.Memory.when":                activityVars,
	"assay.type.v1.Suspension.from_when":       activityVars,
	"assay.type.v1.Suspension.until_when":      activityVars,
	"assay.type.v1.EngagementOverride.when":    activityVars,
	"assay.handoff.v1.StandardSpec.applies_to": leadVars,
}

// conditions checks every condition of a model.
func (c *compiler) conditions(path string, model protoreflect.Message) {
	texts(path, model, func(at string, field protoreflect.FieldDescriptor, text string) {
		if vars, holds := reads[field.FullName()]; holds && text != "" {
			c.condition(at, text, vars)
		}
	})
}

package behavior

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// metrics are the service's own counters.
type metrics struct {
	facts, refolds, mismatches, unknown, faults metric.Int64Counter
}

func newMetrics(m metric.Meter) (out metrics, err error) {
	counter := func(name, unit, description string) metric.Int64Counter {
		c, e := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		err = errors.Join(err, e)
		return c
	}
	out.facts = counter("assay.behavior.facts", "{fact}", "Facts applied.")
	out.refolds = counter("assay.behavior.refolds", "{lead}", "Histories folded again because a fact came late.")
	out.mismatches = counter("assay.behavior.base_mismatches", "{lead}", "Calls whose delta did not follow what is stored.")
	out.unknown = counter("assay.behavior.conditions_unknown", "{condition}", "Conditions that read something unknown and so did not match.")
	out.faults = counter("assay.behavior.condition_faults", "{condition}", "Conditions that could not be answered although nothing was missing: mistakes in a standard or in its data.")
	return out, err
}

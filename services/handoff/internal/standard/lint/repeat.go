package lint

import (
	"slices"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
)

// periods are the words for the periods of limits.
var periods = map[typev1.RepeatLimit_Per]string{
	typev1.RepeatLimit_PER_HOUR: "hour", typev1.RepeatLimit_PER_DAY: "day", typev1.RepeatLimit_PER_WEEK: "week",
	typev1.RepeatLimit_PER_MONTH: "month", typev1.RepeatLimit_PER_YEAR: "year", typev1.RepeatLimit_PER_VISIT: "visit",
}

// facts finds rules that score what a lead is as if it were something that it does: again
// in each period of a limit, or fading.
func (l *linter) facts() {
	for _, r := range l.rules {
		if !ofLead(r.claim) {
			l.once(r)
			continue
		}
		wide := slices.Contains(r.GetActivities(), "*")
		period, repeats := periods[r.GetLimit().GetPer()]
		least, _ := r.points()
		switch {
		case r.GetSchedule() != nil && r.GetLimit() == nil:
			l.warn("fact-scored-again", r.path, "%s: what a lead is counts again at every instant of the schedule; a limit of once keeps it", l.named(r.GetId()))
		case r.GetSchedule() != nil && repeats, wide && repeats:
			l.warn("fact-scored-again", r.path+".limit", "%s: what a lead is does not happen, but it counts again every %s: the score %s by itself",
				l.named(r.GetId()), period, moves(least))
		case wide && r.GetLimit() == nil:
			l.warn("fact-scored-again", r.path, "%s: what a lead is counts again with every activity", l.named(r.GetId()))
		case len(r.GetAttributes()) > 0 && repeats && least < 0:
			l.warn("fact-scored-again", r.path+".limit", "%s: a limit once per %s on what a lead is: each %s in which it is set again takes %s more; a limit of once keeps it",
				l.named(r.GetId()), period, period, number(-least))
		case len(r.GetAttributes()) > 0 && repeats:
			l.info("fact-scored-again", r.path+".limit", "%s: what a lead is counts again in each %s in which it changes", l.named(r.GetId()), period)
		}
		if fades(r.decay) && (len(r.GetAttributes()) > 0 || r.GetSchedule() != nil) && onceEver(r.GetLimit()) {
			l.warn("fading-fact", r.path, "%s: what a lead is counts once and then fades, although it stays true", l.named(r.GetId()))
		}
	}
}

// once finds activities that count once ever and fade: later ones count nothing.
func (l *linter) once(r *rule) {
	if _, most := r.points(); most > 0 && fades(r.decay) && onceEver(r.GetLimit()) && len(r.GetActivities()) > 0 && !r.forgets {
		l.info("fading-fact", r.path+".limit", "%s counts once ever and fades: done again later it gives nothing", l.named(r.GetId()))
	}
}

func moves(points float64) string {
	if points < 0 {
		return "falls"
	}
	return "rises"
}

func fades(d *typev1.Decay) bool {
	return d.GetHalfLifeDays() > 0 || d.GetWindowDays() > 0 || d.GetLinearDays() > 0 || len(d.GetSteps()) > 0
}

func onceEver(limit *typev1.RepeatLimit) bool {
	return limit != nil && limit.GetPer() <= typev1.RepeatLimit_PER_LEAD && limit.Points == nil && limit.GetPerValue() == "" && limit.GetCount() <= 1
}

// ofLead says whether a claim asks about the lead alone, as it is.
func ofLead(claim condition.Claim) bool {
	found := terms(claim)
	return len(found) > 0 && !slices.ContainsFunc(found, func(term string) bool {
		return !strings.Contains(term, "lead.") && !strings.Contains(term, "account.") ||
			strings.Contains(term, "activity.") || strings.Contains(term, "before.") || strings.Contains(term, "now") ||
			strings.Contains(term, "daysSince(") || strings.Contains(term, "ago(")
	})
}

// resets finds resets and memories that do nothing.
func (l *linter) resets() {
	model := l.model
	giving := l.giving()
	for i, reset := range model.GetResets() {
		at := index("engagement.resets", i)
		var idle []string
		for j, id := range reset.GetOf() {
			gives, known := giving[id]
			if id == "total" || id == "combined" || gives {
				continue
			}
			if !known {
				l.warn("empty-reset", index(at+".of", j), "there is no rule or group %q whose points could be taken", id)
				continue
			}
			idle = append(idle, l.named(id))
		}
		name := "“" + reset.GetDescription() + "”"
		if reset.GetDescription() == "" {
			name = "`" + reset.GetId() + "`"
		}
		switch {
		case len(reset.GetOf()) == 0 && !slices.ContainsFunc(l.rules, l.gives):
			l.warn("empty-reset", at, "%s has nothing to reset: no rule gives points", name)
		case len(idle) > 0 && len(idle) == len(reset.GetOf()):
			l.warn("empty-reset", at+".of", "%s has nothing to reset: %s gives no points that stay", name, listed(idle))
		}
	}
	for i, memory := range model.GetMemories() {
		if !slices.ContainsFunc(model.GetResets(), func(r *typev1.Reset) bool { return r.GetRestore() == memory.GetId() }) {
			l.warn("unused", index("engagement.memories", i), "nothing ever comes back to what %q remembers", memory.GetId())
		}
	}
}

// gives says whether a rule can give points.
func (l *linter) gives(r *rule) bool {
	least, most := r.points()
	return !l.dead[r.GetId()] && (least != 0 || most != 0)
}

// giving are all rules and groups, and whether rules in them give points.
func (l *linter) giving() map[string]bool {
	found := map[string]bool{}
	for _, r := range l.rules {
		found[r.GetId()] = l.gives(r)
	}
	var walk func(g *engagementGroup) bool
	walk = func(g *engagementGroup) bool {
		gives := slices.ContainsFunc(g.rules, l.gives)
		for _, inside := range g.inside {
			gives = walk(inside) || gives
		}
		found[g.GetId()] = gives
		return gives
	}
	for _, g := range l.groups {
		walk(g)
	}
	return found
}

package engagement

import (
	"fmt"

	"github.com/assay-hq/assay/services/internal/points"
)

// scoring is what a compiled model needs to read a score from a state.
type scoring struct {
	total    bounds
	bands    bandTable
	ladders  []ladder
	combined *combined
	// shows are in step with Compiled.overrides.
	shows   []show
	freezes []freeze
	flags   []flag
	// watched are the questions of the gates of the standard.
	watched []*activityGate
	// timed and clocked are leaves of gates whose answer changes by time alone.
	timed   []*activityGate
	clocked []*when
	// floors that lift, of groups, the total and the combined score.
	floors []compiledFloor
	// asks says that reading a score asks gates or the profile.
	asks bool
}

// bounds hold the points of a group, of the total or of the combined score.
type bounds struct {
	// id and group of the lines.
	id, group  string
	cap, least *points.Points
	// floor is the position in scoring.floors; -1: none.
	floor                 int
	lifted, capped, shown string
}

// What a floor is of, if of no group.
const (
	onTotal    = -1
	onCombined = -2
)

// compiledFloor is a floor that lifts.
type compiledFloor struct {
	// path of the floor in the model.
	path string
	// group is its position in Compiled.groups; onTotal or onCombined.
	group    int
	points   points.Points
	schedule *Schedule
}

// score compiles what reading a score needs, the groups aside.
func (b *compiler) score() {
	m, out := b.model, &b.out
	out.total = b.bounds("", onTotal, "The total", m.Cap, m.Least, m.Floor)
	out.total.id = Total
	if m.Cap != nil {
		out.total.capped = fmt.Sprintf("The total is held at %v points", *m.Cap)
	}
	out.bands = b.bandTable("bands", m.Bands, m.SegmentBands)
	b.ladders()
	b.combined()
	b.shows()
	for i := range m.Flags {
		path := fmt.Sprintf("flags[%d]", i)
		b.id(path+".id", m.Flags[i].ID)
		out.flags = append(out.flags, flag{id: m.Flags[i].ID, gate: b.scoreGate(path+".if", &m.Flags[i].If)})
	}
	for i, s := range m.Suspensions {
		if s.Freeze {
			out.freezes = append(out.freezes, freeze{
				suspension: i, id: s.ID, words: named(s.Description, s.ID) + ": the score stands still",
			})
		}
	}
	for i := range m.Watch.Activities {
		out.watched = append(out.watched, b.activityGate(fmt.Sprintf("watch.activities[%d]", i), &m.Watch.Activities[i]))
	}
	for i := range out.segments {
		if w := out.segments[i].when; w.readsNow {
			out.clocked = append(out.clocked, w)
		}
	}
	out.asks = len(b.gates)+len(out.segments)+len(out.watched) > 0 || out.combined != nil
}

// scoreGate compiles a gate that is asked when a score is read; nil for none.
func (b *compiler) scoreGate(path string, g *Gate) *gate {
	out := b.gate(path, g)
	if out == nil {
		return nil
	}
	for _, leaf := range out.activity {
		if leaf.moves() {
			b.out.timed = append(b.out.timed, leaf)
		}
	}
	for _, leaf := range out.profile {
		if asks, is := leaf.(*whenGate); is && asks.when.readsNow {
			b.out.clocked = append(b.out.clocked, asks.when)
		}
	}
	return out
}

// bounds compiles cap and floors.
func (b *compiler) bounds(path string, of int, name string, limit, least *points.Points, floor *Floor) bounds {
	at := func(field string) string {
		if path == "" {
			return field
		}
		return path + "." + field
	}
	out := bounds{cap: limit, least: least, floor: -1}
	b.checkCap(at("maxPoints"), limit)
	if limit != nil {
		out.capped = fmt.Sprintf("%s: held at %v points", name, *limit)
	}
	if least != nil {
		out.shown = fmt.Sprintf("%s: shown as %v points at least", name, *least)
		if limit != nil && *least > *limit {
			b.problem(at("minPoints"), "must not be more than maxPoints, is %v", *least)
		}
	}
	if floor != nil {
		out.lifted = fmt.Sprintf("%s: lifted to %v points", name, floor.Points)
		if limit != nil && floor.Points > *limit {
			b.problem(at("floor.points"), "must not be more than maxPoints, is %v", floor.Points)
		}
		out.floor = len(b.out.floors)
		b.out.floors = append(b.out.floors, compiledFloor{path: at("floor"), group: of, points: floor.Points, schedule: floor.Schedule})
	}
	return out
}

// groupScore compiles what reading the points of a group needs.
func (b *compiler) groupScore(path string, g *Group, at int) {
	out := &b.out.groups[at]
	out.bounds = b.bounds(path, at, out.description, g.Cap, g.Least, g.Floor)
	out.bounds.id, out.bounds.group = g.ID, g.ID
	out.combine = g.Combine
	switch g.Combine {
	case CombineSum:
	case CombineMax:
		out.chosen = out.description + ": only the highest counts"
	case CombineMin:
		out.chosen = out.description + ": only the lowest counts"
	default:
		b.problem(path+".combine", "must be a known way, is %d", g.Combine)
	}
	for i := range g.Criteria {
		question := b.criterion(fmt.Sprintf("%s.criteria[%d]", path, i), &g.Criteria[i])
		out = &b.out.groups[at]
		out.criteria = append(out.criteria, question)
	}
}

// ruleScore compiles what reading the points of a rule needs.
func (b *compiler) ruleScore(path string, r *Rule, decay Decay, out *compiledRule) {
	b.checkCap(path+".maxPoints", r.Cap)
	out.cap = r.Cap
	name := out.description
	out.words[Given] = name
	out.words[Limited] = name + ": over the limit"
	if r.Limit != nil {
		limit := *r.Limit
		limit.Count, limit.Every = max(limit.Count, 1), max(limit.Every, 1)
		out.words[Limited] = fmt.Sprintf("%s: only the first %s", name, &limit)
	}
	out.words[Stopped] = name + ": not given while the score is high enough"
	out.words[Suspended] = name + ": not given while scoring is suspended"
	out.words[TakenAway] = name + ": taken away"
	out.words[Restored] = name + ": given back as remembered"
	if words := decay.String(); words != "" {
		out.words[Faded] = name + ": " + words
	}
	if r.Cap != nil {
		out.words[Capped] = fmt.Sprintf("%s: held at %v points", name, *r.Cap)
	}
}

func (b *compiler) checkCap(path string, limit *points.Points) {
	if limit != nil && *limit < 0 {
		b.problem(path, "must not be negative, is %v", *limit)
	}
}

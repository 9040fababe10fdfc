package engagement

import "github.com/assay-hq/assay/services/internal/points"

// show is an override: it sets the shown score, by an activity until another or while a
// gate holds.
type show struct {
	id, words string
	gate      *gate
	points    points.Points
	combined  bool
}

// freeze is a suspension during which the shown score stands still.
type freeze struct {
	suspension int
	id, words  string
}

// shown returns the score to show in place of the one underneath: a frozen one, or what
// the first override that holds sets. known says that there is one underneath.
func (r *reading) shown(score points.Points, known, combined bool) (points.Points, bool) {
	set := func(p points.Points, id, words string) {
		if p != score || !known {
			r.line(id, "", Shown, p-score, words)
		}
		score, known = p, true
	}
	for i := range r.c.freezes {
		f := &r.c.freezes[i]
		s := r.s.suspension(f.suspension)
		if !s.on {
			continue
		}
		if !combined {
			set(s.frozen, f.id, f.words)
		} else if s.frozenKnown {
			set(s.frozenCombined, f.id, f.words)
		}
		break
	}
	for i := range r.c.shows {
		o := &r.c.shows[i]
		if o.combined != combined {
			continue
		}
		if o.gate == nil {
			if by := r.s.override(i); by.on {
				set(by.points, o.id, o.words)
				break
			}
		} else if r.present.holds(o.gate) {
			set(o.points, o.id, o.words)
			break
		}
	}
	return score, known
}

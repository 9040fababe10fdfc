package lint

import (
	"math"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// caps finds caps that contradict the rules under them.
func (l *linter) caps() {
	for _, g := range l.fit {
		l.fitCap(g)
	}
	if l.spec.GetFit() != nil {
		l.capOf("the fit", "fit.maxPoints", l.fitSum(), l.fitModel.MaxPoints, "criteria")
	}
	for _, g := range l.groups {
		l.engagementCap(g)
	}
	for _, r := range l.rules {
		if _, most := r.points(); r.MaxPoints != nil && most > r.GetMaxPoints() && !math.IsInf(most, 0) {
			l.warn("cap-below-rule", r.path+".maxPoints", "%s: one match gives %s and at most %s count", l.named(r.GetId()), number(most), number(r.GetMaxPoints()))
		}
		if b := r.sum(); r.MaxPoints != nil && r.decay == nil && b.most < r.GetMaxPoints() && -b.least < r.GetMaxPoints() {
			l.info("cap-never-reached", r.path+".maxPoints", "%s: the cap of %s is never reached", l.named(r.GetId()), number(r.GetMaxPoints()))
		}
	}
	model := l.model
	if b := l.engagementSum(); model.MaxPoints != nil && b.most < model.GetMaxPoints() {
		l.info("cap-never-reached", "engagement.maxPoints", "the cap of %s on the engagement is never reached: all groups give at most %s",
			number(model.GetMaxPoints()), number(b.most))
	}
}

// capOf compares a cap with what is under it.
func (l *linter) capOf(name, path string, sum bound, most *float64, what string) {
	switch {
	case most == nil || math.IsInf(sum.most, 0):
	case sum.most <= 0 && *most > 0:
		l.info("cap-never-reached", path, "%s: there is nothing to cap, no points are given", name)
	case sum.most < *most:
		l.info("cap-never-reached", path, "%s: the cap of %s is never reached, the %s give at most %s", name, number(*most), what, number(sum.most))
	case sum.most > *most:
		l.info("cap-binds", path, "%s: the %s give up to %s, the cap leaves %s: it binds for the best leads", name, what, number(sum.most), number(*most))
	}
}

func (l *linter) fitCap(g *fitGroup) {
	path := g.path + ".maxPoints"
	l.capOf(l.named(g.GetId()), path, g.sum(), g.MaxPoints, "criteria")
	for _, c := range g.criteria {
		b := c.bound()
		if g.MaxPoints != nil && b.most > g.GetMaxPoints() {
			l.warn("cap-below-rule", path, "%s alone gives %s, its group at most %s", l.named(c.GetId()), number(b.most), number(g.GetMaxPoints()))
		}
	}
	if g.MaxPoints != nil && g.GetCombine() <= typev1.Combine_COMBINE_SUM {
		positive, deductions := 0.0, []string{}
		for _, c := range g.criteria {
			b := c.bound()
			positive += b.most
			if b.least < 0 && b.most <= 0 {
				deductions = append(deductions, l.named(c.GetId()))
			}
		}
		for _, inside := range g.inside {
			positive += inside.bound().most
		}
		if len(deductions) > 0 && positive > g.GetMaxPoints() {
			l.warn("deduction-under-cap", path, "%s: with up to %s points above it, the cap of %s takes the effect from %s",
				l.named(g.GetId()), number(positive), number(g.GetMaxPoints()), listed(deductions))
		}
	}
	for _, inside := range g.inside {
		l.fitCap(inside)
	}
}

func (l *linter) engagementCap(g *engagementGroup) {
	path := g.path + ".maxPoints"
	l.capOf(l.named(g.GetId()), path, g.sum(), g.MaxPoints, "rules")
	if g.MaxPoints != nil {
		deductions := []string{}
		for _, r := range g.rules {
			least, most := r.points()
			if most > g.GetMaxPoints() && !math.IsInf(most, 0) {
				l.warn("cap-below-rule", path, "%s alone gives %s, its group at most %s", l.named(r.GetId()), number(most), number(g.GetMaxPoints()))
			}
			if least < 0 && most <= 0 {
				deductions = append(deductions, l.named(r.GetId()))
			}
		}
		if len(deductions) > 0 && g.sum().most > g.GetMaxPoints() {
			l.warn("deduction-under-cap", path, "%s: with more points than the cap of %s, %s takes nothing",
				l.named(g.GetId()), number(g.GetMaxPoints()), listed(deductions))
		}
	}
	for _, inside := range g.inside {
		l.engagementCap(inside)
	}
}

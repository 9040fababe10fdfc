package lint

import (
	"math"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// bound is the least and the most that something can give; infinite if it has no end.
type bound struct{ least, most float64 }

func (b bound) plus(c bound) bound { return bound{b.least + c.least, b.most + c.most} }

// held is a bound under a cap and over a floor.
func (b bound) held(floor, most *float64) bound {
	if most != nil {
		b.least, b.most = min(b.least, *most), min(b.most, *most)
	}
	if floor != nil {
		b.least, b.most = max(b.least, *floor), max(b.most, *floor)
	}
	return b
}

// joined are the bounds of the lines of a group.
func joined(combine typev1.Combine, lines []bound) bound {
	if len(lines) == 0 {
		return bound{}
	}
	out := lines[0]
	for _, line := range lines[1:] {
		switch combine {
		case typev1.Combine_COMBINE_MAX:
			out = bound{max(out.least, line.least), max(out.most, line.most)}
		case typev1.Combine_COMBINE_MIN:
			out = bound{min(out.least, line.least), min(out.most, line.most)}
		default:
			out = out.plus(line)
		}
	}
	return out
}

// weight is a percentage as a factor.
func weight(percent *float64) float64 {
	if percent == nil {
		return 1
	}
	return *percent / 100
}

// bound of a criterion: what is unknown and what nothing fits give counts as well.
func (c *criterion) bound() bound {
	values := []float64{0, c.GetUnknownPoints()}
	if c.GetWhen() != "" {
		values = append(values, c.GetPoints())
	}
	for _, choice := range c.GetChoices() {
		values = append(values, choice.GetPoints())
	}
	for _, band := range c.GetBands() {
		values = append(values, band.GetPoints())
	}
	var b bound
	for _, v := range values {
		v *= weight(c.WeightPercent)
		b.least, b.most = min(b.least, v), max(b.most, v)
	}
	return b
}

// sum is what a group gives before its own cap.
func (g *fitGroup) sum() bound {
	var lines []bound
	for _, c := range g.criteria {
		lines = append(lines, c.bound())
	}
	for _, inside := range g.inside {
		lines = append(lines, inside.bound())
	}
	return joined(g.GetCombine(), lines)
}

func (g *fitGroup) bound() bound { return g.sum().held(g.MinPoints, g.MaxPoints) }

// fitSum is the fit before the cap and the floor of the total.
func (p *parts) fitSum() bound {
	var b bound
	for _, g := range p.fit {
		b = b.plus(g.bound())
	}
	return b
}

// fitBound is the fit score; overrides may set any.
func (p *parts) fitBound() bound {
	floor := p.fitModel.MinPoints
	if floor == nil {
		zero := 0.0
		floor = &zero
	}
	b := p.fitSum().held(floor, p.fitModel.MaxPoints)
	for _, o := range p.fitModel.GetOverrides() {
		b.least, b.most = min(b.least, o.GetPoints()), max(b.most, o.GetPoints())
	}
	return b
}

func perUnit(u *typev1.PerUnit) (least, most float64) {
	least, most = math.Inf(-1), math.Inf(1)
	if u.Min != nil {
		least = u.GetMin()
	}
	if u.Max != nil {
		most = u.GetMax()
	}
	return least, most
}

// sum is what a rule gives before its own cap: without an end unless it counts so many
// times ever.
func (r *rule) sum() bound {
	least, most := r.points()
	times := math.Inf(1)
	limit := r.GetLimit()
	if limit != nil && limit.GetPer() <= typev1.RepeatLimit_PER_LEAD && limit.GetPerValue() == "" && !r.forgets {
		if limit.GetCount() > 0 || limit.Points == nil {
			times = float64(max(limit.GetCount(), 1))
		}
	}
	var b bound
	if least < 0 { // 0 times infinity is no number
		b.least = times * least
	}
	if most > 0 {
		b.most = times * most
	}
	return b
}

func (r *rule) bound() bound {
	b := r.sum()
	if r.MaxPoints != nil { // of negative points, the most it takes
		b.least, b.most = max(b.least, -r.GetMaxPoints()), min(b.most, r.GetMaxPoints())
	}
	return b
}

func (c *asked) bound() bound {
	var b bound
	for _, choice := range c.GetChoices() {
		v := choice.GetPoints() * weight(c.WeightPercent)
		b.least, b.most = min(b.least, v), max(b.most, v)
	}
	return b
}

// sum is what a group gives before its own cap.
func (g *engagementGroup) sum() bound {
	var lines []bound
	for _, r := range g.rules {
		lines = append(lines, r.bound())
	}
	for _, c := range g.criteria {
		lines = append(lines, c.bound())
	}
	for _, inside := range g.inside {
		lines = append(lines, inside.bound())
	}
	return joined(g.GetCombine(), lines)
}

func (g *engagementGroup) bound() bound {
	b := g.sum().held(g.MinPoints, g.MaxPoints)
	if g.GetFloor() != nil {
		b.least = max(b.least, g.GetFloor().GetPoints())
	}
	return b
}

func (p *parts) engagementSum() bound {
	var b bound
	for _, g := range p.groups {
		b = b.plus(g.bound())
	}
	return b
}

// engagementBound is the engagement score.
func (p *parts) engagementBound() bound {
	model := p.model
	b := p.engagementSum().held(model.MinPoints, model.MaxPoints)
	for _, o := range model.GetOverrides() {
		if o.GetScore() == typev1.EngagementOverride_SCORE_COMBINED {
			continue
		}
		b = bound{min(b.least, o.GetPoints()), max(b.most, o.GetPoints())}
		if o.GetPerUnit() != nil {
			least, most := perUnit(o.GetPerUnit())
			b = bound{min(b.least, least), max(b.most, most)}
		}
	}
	return b
}

// combinedBound is the combined score.
func (p *parts) combinedBound() bound {
	model := p.model.GetCombined()
	if model == nil {
		return bound{}
	}
	b := p.fitBound().held(nil, model.FitMaxPoints).plus(p.engagementBound()).held(model.MinPoints, model.MaxPoints)
	for _, o := range p.model.GetOverrides() {
		if o.GetScore() == typev1.EngagementOverride_SCORE_COMBINED {
			b = bound{math.Inf(-1), math.Inf(1)}
		}
	}
	return b
}

package engagement

import "github.com/assay-hq/assay/services/internal/condition"

// segment is the leads that are measured by numbers of their own.
type segment struct {
	id   string
	when *when
}

// segmentOf returns the position of the first segment that the lead is known to belong
// to; -1: none.
func (p *present) segmentOf() int {
	if p.segmented {
		return p.segment
	}
	p.segmented, p.segment = true, -1
	for i := range p.compiled.segments {
		if p.asks(p.compiled.segments[i].when) == condition.True {
			p.segment = i
			break
		}
	}
	return p.segment
}

package engagement

import (
	"fmt"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/schedule"
)

// compiledSchedule is instants at which something happens by itself.
type compiledSchedule struct {
	schedule.Schedule
	// zone is the attribute that holds the lead's own time zone; empty: the model's.
	zone string
}

func (b *compiler) schedule(path string, in *Schedule) *compiledSchedule {
	if len(in.At) == 0 {
		b.problem(path+".at", "must name at least one time of day")
	}
	whole, err := schedule.New(in.At, in.Weekdays, in.MonthDays)
	if err != nil { // each time and day alone says which it is
		for i, at := range in.At {
			b.instants(fmt.Sprintf("%s.at[%d]", path, i), []string{at}, nil, nil)
		}
		for i, day := range in.Weekdays {
			b.instants(fmt.Sprintf("%s.weekdays[%d]", path, i), nil, []int{day}, nil)
		}
		for i, day := range in.MonthDays {
			b.instants(fmt.Sprintf("%s.monthDays[%d]", path, i), nil, nil, []int{day})
		}
	}
	return &compiledSchedule{Schedule: whole, zone: in.ZoneAttribute}
}

func (b *compiler) instants(path string, at []string, weekdays, monthDays []int) {
	if _, err := schedule.New(at, weekdays, monthDays); err != nil {
		b.problem(path, "%v", err)
	}
}

// next returns the first instant after another; never, if there is none.
func (c *compiledSchedule) next(after int64, zone *time.Location) int64 {
	if t := c.Next(moment(after), zone); !t.IsZero() {
		return t.UnixMicro()
	}
	return never
}

// scheduled returns the first instant of a schedule after another, in the zone where the
// lead is then.
func (c *Compiled) scheduled(of *compiledSchedule, after int64, m *Matcher) int64 {
	if of.zone == "" {
		return of.next(after, c.calendar.zone)
	}
	i, _ := slices.BinarySearch(c.attributes, of.zone)
	for at := after; ; {
		zone := c.calendar.zone
		m.view.seek(at)
		if name, ok := m.view.held[i].value.AsText(); ok {
			if own := schedule.Zone(name); own != nil {
				zone = own
			}
		}
		next := of.next(after, zone)
		moves := m.view.profile.changesAfter(i, at)
		if moves > next {
			return next
		}
		// It moves before: from then on the clock of another zone counts.
		at, after = moves, max(after, moves-1)
	}
}

// moment is an instant as a time.
func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

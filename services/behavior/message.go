package behavior

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/internal/points"
)

// kinds are those of lines in messages.
var kinds = [...]typev1.Contribution_Kind{
	engagement.Given:      typev1.Contribution_KIND_GIVEN,
	engagement.Limited:    typev1.Contribution_KIND_LIMIT,
	engagement.Stopped:    typev1.Contribution_KIND_STOP,
	engagement.Suspended:  typev1.Contribution_KIND_SUSPENDED,
	engagement.TakenAway:  typev1.Contribution_KIND_RESET,
	engagement.Restored:   typev1.Contribution_KIND_RESTORED,
	engagement.Faded:      typev1.Contribution_KIND_DECAY,
	engagement.Capped:     typev1.Contribution_KIND_CAP,
	engagement.Lifted:     typev1.Contribution_KIND_FLOOR,
	engagement.Chosen:     typev1.Contribution_KIND_COMBINE,
	engagement.Shown:      typev1.Contribution_KIND_SHOWN,
	engagement.Unanswered: typev1.Contribution_KIND_UNKNOWN,

	engagement.Corrected:   typev1.Contribution_KIND_CORRECTED,
	engagement.Unconsented: typev1.Contribution_KIND_CONSENT,
}

func engagementMessage(s *engagement.Score) *typev1.Engagement {
	out := &typev1.Engagement{
		Score: proto.Float64(s.Points.Float()), EngagementBand: s.Band, AsOfTime: moment(s.Micros),
		Contributions: contributionMessages(s.Contributions),
		Counts:        make([]*typev1.RuleCount, len(s.Counts)),
		Flags:         s.Flags, Watched: s.Watched, Suspended: s.Suspended, Stage: strings.ToUpper(s.Stage),
	}
	if s.Underlying != s.Points {
		out.UnderlyingScore = proto.Float64(s.Underlying.Float())
	}
	for i := range s.Counts {
		c := &s.Counts[i]
		count := &typev1.RuleCount{Rule: c.Rule, Count: number(c.Count), LastTime: moment(c.LastMicros)}
		for _, n := range c.Within {
			count.InWindows = append(count.InWindows, number(n))
		}
		out.Counts[i] = count
	}
	if c := s.Combined; c != nil {
		out.Combined = &typev1.Combined{Band: c.Band, Contributions: contributionMessages(c.Contributions)}
		if c.Known {
			out.Combined.Score = proto.Float64(c.Points.Float())
		}
	}
	return out
}

func contributionMessages(lines []engagement.Contribution) []*typev1.Contribution {
	out := make([]*typev1.Contribution, len(lines))
	for i := range lines {
		c := &lines[i]
		line := &typev1.Contribution{
			Rule: c.Rule, Group: c.Group, Kind: kinds[c.Line], Points: c.Points.Float(),
			Count: number(c.Count), Description: c.Description,
		}
		if c.Count > 0 {
			line.LastTime = moment(c.LastMicros)
		}
		out[i] = line
	}
	return out
}

// levelsOf puts the numbers that gates compare with in order.
func levelsOf(in *typev1.Levels) engagement.Levels {
	scores := func(levels []float64) []points.Points {
		out := make([]points.Points, len(levels))
		for i, level := range levels {
			out[i] = points.Round(level)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	out := engagement.Levels{Engagement: scores(in.GetEngagement()), Combined: scores(in.GetCombined())}
	for _, question := range in.GetWatched() {
		at := slices.Clone(question.GetAt())
		slices.Sort(at)
		out.Watched = append(out.Watched, slices.Compact(at))
	}
	return out
}

func number(n int64) int32 { return int32(min(n, math.MaxInt32)) }

func activityMessages(lines []engagement.ActivityLine) []*behaviorv1.ActivityLine {
	out := make([]*behaviorv1.ActivityLine, len(lines))
	for i := range lines {
		l := &lines[i]
		out[i] = &behaviorv1.ActivityLine{
			Source: l.Key.Source, Id: l.Key.ID, Type: l.Type, EffectiveTime: moment(l.Key.Micros),
			Rule: l.Rule, Given: l.Given.Float(), Points: l.Points.Float(), Void: l.Void.String(),
		}
		if l.Void != engagement.NotVoid {
			out[i].Withheld = append(out[i].GetWithheld(), &behaviorv1.Withheld{Kind: kinds[l.Void.Line()]})
		}
		for _, w := range l.Withheld {
			out[i].Limited = out[i].GetLimited() || w.Line == engagement.Limited
			out[i].Withheld = append(out[i].GetWithheld(), &behaviorv1.Withheld{Kind: kinds[w.Line], Points: w.Points.Float()})
		}
	}
	slices.Reverse(out) // the latest first, as a timeline is read
	return out
}

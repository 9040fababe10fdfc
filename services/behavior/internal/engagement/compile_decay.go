package engagement

import (
	"fmt"
	"strings"
	"time"
)

// fade returns the table of a decay; rules with the same decay share it. What is wrong
// with it is said where it is written.
func (b *compiler) fade(d Decay) fade {
	said := len(b.problems)
	ok := b.checkDecay("", d)
	if b.problems = b.problems[:said]; !ok {
		return fade{never: true}
	}
	key := fmt.Sprint(int64(d.HalfLife), d.Window, d.Linear, d.After, d.Steps)
	f, known := b.fades[key]
	if !known {
		f = newFade(d)
		b.fades[key] = f
	}
	return f
}

// checkDecay reports whether a decay is one.
func (b *compiler) checkDecay(path string, d Decay) bool {
	before := len(b.problems)
	given := 0
	for _, is := range []bool{d.HalfLife != 0, d.Window != 0, d.Linear != 0, len(d.Steps) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		b.problem(path, "must give one of halfLifeDays, windowDays, linearDays and steps, gives %d", given)
	}
	if d.HalfLife < 0 || d.HalfLife > maxDays*day {
		b.problem(path+".halfLifeDays", "must be from 0 to %d days, is %s", maxDays, inDays(d.HalfLife))
	}
	for _, in := range []struct {
		field string
		days  int
	}{{"windowDays", d.Window}, {"linearDays", d.Linear}, {"afterDays", d.After}} {
		if in.days < 0 || in.days > maxDays {
			b.problem(path+"."+in.field, "must be from 0 to %d days, is %d", maxDays, in.days)
		}
	}
	if d.After != 0 && (given == 0 || len(d.Steps) > 0) {
		b.problem(path+".afterDays", "must be beside halfLifeDays, windowDays or linearDays")
	}
	b.checkSteps(path, d.Steps)
	return len(b.problems) == before
}

// checkSteps checks that points fade from step to step: they never grow with age.
func (b *compiler) checkSteps(path string, steps []DecayStep) {
	for i, step := range steps {
		at := fmt.Sprintf("%s.steps[%d]", path, i)
		if step.After < 1 || step.After > maxDays {
			b.problem(at+".afterDays", "must be from 1 to %d days, is %d", maxDays, step.After)
		}
		if step.Percent < 0 || step.Percent > wholePercent {
			b.problem(at+".percent", "must be from 0 to 100, is %v", step.Percent)
		}
		if i > 0 && step.After <= steps[i-1].After {
			b.problem(at+".afterDays", "must be more than the step before it, is %d", step.After)
		}
		if i > 0 && step.Percent > steps[i-1].Percent {
			b.problem(at+".percent", "must not be more than the step before it, is %v", step.Percent)
		}
	}
}

// String says in words how points fade; empty: never.
func (d Decay) String() string {
	var words string
	switch {
	case d.HalfLife > 0:
		words = "halves every " + inDays(d.HalfLife)
	case d.Window > 0:
		return "counts for " + inDays(time.Duration(d.After+d.Window)*day)
	case d.Linear > 0:
		words = "shrinks to nothing over " + inDays(time.Duration(d.Linear)*day)
	case len(d.Steps) > 0:
		parts := make([]string, len(d.Steps))
		for i, step := range d.Steps {
			parts[i] = fmt.Sprintf("%v%% from %s", step.Percent, inDays(time.Duration(step.After)*day))
		}
		return "what is left: " + strings.Join(parts, ", ")
	default:
		return ""
	}
	if d.After > 0 {
		words += ", from " + inDays(time.Duration(d.After)*day) + " on"
	}
	return words
}

// inDays is a length of time in words.
func inDays(d time.Duration) string {
	days := d.Hours() / 24
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%v days", days)
}

// Package oracle computes, from nothing but a list of what a lead did, what the
// crash test's standard (services/test/crash/standard.yaml) must say of it. It is
// written a second time on purpose, straight from the words of that standard: it
// shares no code with the services, so it cannot share their mistakes.
package oracle

import (
	"math"
	"sort"
	"time"
)

// Activity is one thing a lead did.
type Activity struct {
	ID   string
	Type string
	Path string // page.viewed: the page
	Time time.Time
}

// Lead is what is known of a lead.
type Lead struct {
	Employees int    // 0: unknown
	Industry  string // "": unknown
}

// Fit returns the fit score in hundredths.
func Fit(l Lead) int {
	score := 0
	if l.Employees >= 200 {
		score += 40_00
	}
	if l.Industry == "Software" {
		score += 30_00
	}
	return min(score, 50_00)
}

// Engagement returns the engagement score at an instant, in hundredths.
func Engagement(activities []Activity, asOf time.Time) int {
	known := once(activities, asOf)
	pageView := points(1_00, halved(7), asOf, firstPerDay(3, only(known, "page.viewed", "")))
	pricing := points(5_00, halved(7), asOf, only(known, "page.viewed", "/pricing"))
	ebook := points(20_00, kept, asOf, first(2, only(known, "content.downloaded", "")))
	webinar := points(10_00, within(14), asOf, only(known, "event.attended", ""))
	unsubscribe := points(-15_00, kept, asOf, only(known, "email.unsubscribed", ""))

	web := min(pageView+pricing, 40_00)
	content := ebook + min(webinar, 30_00) + max(unsubscribe, -45_00)
	return min(web+content, 100_00)
}

// Qualified tells whether the gates hold.
func Qualified(fit, engagement int) bool { return fit >= 40_00 && engagement >= 30_00 }

// once drops repetitions and what had not happened yet, and sorts by time and id.
func once(activities []Activity, asOf time.Time) []Activity {
	seen := map[string]bool{}
	var kept []Activity
	for _, a := range activities {
		if !seen[a.ID] && !a.Time.After(asOf) {
			seen[a.ID] = true
			kept = append(kept, a)
		}
	}
	sort.Slice(kept, func(i, j int) bool {
		if !kept[i].Time.Equal(kept[j].Time) {
			return kept[i].Time.Before(kept[j].Time)
		}
		return kept[i].ID < kept[j].ID
	})
	return kept
}

func only(activities []Activity, kind, path string) (some []Activity) {
	for _, a := range activities {
		if a.Type == kind && (path == "" || a.Path == path) {
			some = append(some, a)
		}
	}
	return some
}

func first(n int, activities []Activity) []Activity {
	return activities[:min(n, len(activities))]
}

func firstPerDay(n int, activities []Activity) (some []Activity) {
	count := map[int]int{}
	for _, a := range activities {
		if count[day(a.Time)]++; count[day(a.Time)] <= n {
			some = append(some, a)
		}
	}
	return some
}

// points sums each day's points as they have faded by now, rounded day by day.
func points(each int, fade func(age int) float64, asOf time.Time, activities []Activity) int {
	byDay := map[int]int{}
	for _, a := range activities {
		byDay[day(a.Time)] += each
	}
	sum := 0
	for d, p := range byDay {
		sum += int(math.Round(float64(p) * fade(day(asOf)-d)))
	}
	return sum
}

func kept(int) float64 { return 1 }

func halved(days float64) func(int) float64 {
	return func(age int) float64 { return math.Exp2(-float64(age) / days) }
}

func within(days int) func(int) float64 {
	return func(age int) float64 {
		if age < days {
			return 1
		}
		return 0
	}
}

func day(t time.Time) int { return int(t.Unix() / 86_400) }

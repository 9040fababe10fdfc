package oracle

import (
	"testing"
	"time"
)

// The oracle judges the services, so it is held to numbers worked out by hand.
func TestOracleAgainstNumbersWorkedOutByHand(t *testing.T) {
	noon := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	at := func(days int, id, kind, path string) Activity {
		return Activity{ID: id, Type: kind, Path: path, Time: noon.AddDate(0, 0, -days)}
	}
	for _, test := range []struct {
		name       string
		activities []Activity
		want       int
	}{
		{"nothing", nil, 0},
		{"one page today", []Activity{at(0, "a", "page.viewed", "/")}, 1_00},
		{"the same activity twice counts once", []Activity{at(0, "a", "page.viewed", "/"), at(0, "a", "page.viewed", "/")}, 1_00},
		{"a week halves", []Activity{at(7, "a", "page.viewed", "/pricing")}, 3_00},
		{"three pages a day", []Activity{
			at(0, "a", "page.viewed", "/"), at(0, "b", "page.viewed", "/"), at(0, "c", "page.viewed", "/"), at(0, "d", "page.viewed", "/"),
		}, 3_00},
		{"ebook twice ever", []Activity{
			at(3, "a", "content.downloaded", ""), at(2, "b", "content.downloaded", ""), at(1, "c", "content.downloaded", ""),
		}, 40_00},
		{"webinars are capped and end", []Activity{
			at(1, "a", "event.attended", ""), at(2, "b", "event.attended", ""), at(3, "c", "event.attended", ""),
			at(4, "d", "event.attended", ""), at(20, "e", "event.attended", ""),
		}, 30_00},
		{"below zero", []Activity{at(1, "a", "email.unsubscribed", "")}, -15_00},
		{"tomorrow does not count", []Activity{at(-1, "a", "content.downloaded", "")}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Engagement(test.activities, noon); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	if got := Fit(Lead{Employees: 200, Industry: "Software"}); got != 50_00 {
		t.Errorf("fit is capped: got %d", got)
	}
}

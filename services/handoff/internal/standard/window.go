package standard

import (
	"cmp"
	"database/sql"
	"errors"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// window is the part of each year in which a standard may be changed: from the one
// day to the other, both included, in the standard's time zone. It may reach over the
// new year.
type window struct {
	from, to monthDay
	zone     *time.Location
}

// monthDay is a day of any year. 02-29 is the day before 03-01, in every year.
type monthDay struct {
	month time.Month
	day   int
}

func (d monthDay) before(other monthDay) bool {
	return d.month < other.month || d.month == other.month && d.day < other.day
}

// open tells whether the window is open at an instant.
func (w *window) open(at time.Time) bool {
	_, month, day := at.In(w.zone).Date()
	today := monthDay{month, day}
	afterFrom, beforeTo := !today.before(w.from), !w.to.before(today)
	if w.to.before(w.from) {
		return afterFrom || beforeTo
	}
	return afterFrom && beforeTo
}

// opens is the day on which the window opens next, `2027-01-15`.
func (w *window) opens(at time.Time) string {
	year, month, day := at.In(w.zone).Date()
	if !(monthDay{month, day}).before(w.from) {
		year++
	}
	return time.Date(year, w.from.month, w.from.day, 0, 0, 0, 0, w.zone).Format(time.DateOnly)
}

// windowShut is nil if the standard may be changed now. Otherwise it says when: the
// version that decides, or did last, has a change window, and it is shut.
func (r *Registry) windowShut(tx *sqldb.Tx, id string, now time.Time) (*StateError, error) {
	version, err := lastPublished(tx, id)
	if err != nil || version == "" {
		return nil, err
	}
	active, err := r.version(tx.Context(), tx, id, version)
	if err != nil {
		return nil, err
	}
	w, err := changeWindow(active.Spec)
	if err != nil || w == nil || w.open(now) {
		return nil, err
	}
	return &StateError{
		State: "outside of the change window of the version that decides",
		Want:  "to wait until it opens on " + w.opens(now) + ", or to override it with a reason",
	}, nil
}

// parseMonthDay reads `MM-DD`.
func parseMonthDay(text string) (monthDay, error) {
	// A leap year, so that 02-29 is a day.
	t, err := time.Parse(time.DateOnly, "2000-"+text)
	if err != nil || len(text) != 5 {
		return monthDay{}, errors.New("a day as MM-DD, e.g. 01-15")
	}
	return monthDay{t.Month(), t.Day()}, nil
}

// changeWindow is the change window that a standard declares, or nil.
func changeWindow(spec *handoffv1.StandardSpec) (*window, error) {
	given := spec.GetChangeWindow()
	if given == nil {
		return nil, nil
	}
	zone, err := time.LoadLocation(cmp.Or(spec.GetTimeZone(), "UTC"))
	if err != nil {
		return nil, err
	}
	w := &window{zone: zone}
	if w.from, err = parseMonthDay(given.GetFrom()); err != nil {
		return nil, err
	}
	w.to, err = parseMonthDay(given.GetTo())
	return w, err
}

// changeWindow checks the days of a change window.
func (c *compiler) changeWindow(path string, given *handoffv1.ChangeWindow) {
	if given == nil {
		return
	}
	for _, day := range []struct{ name, text string }{{"from", given.GetFrom()}, {"to", given.GetTo()}} {
		if _, err := parseMonthDay(day.text); err != nil {
			c.add(join(path, day.name), "%v, not %q", err, day.text)
		}
	}
}

// lastPublished is the version that decides, or that did last; empty if none ever did.
func lastPublished(tx *sqldb.Tx, id string) (version string, err error) {
	err = tx.QueryRow(`SELECT version_id FROM standard_log WHERE standard_id = $1 AND kind = 'published'
		ORDER BY sequence DESC LIMIT 1`, id).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return version, err
}

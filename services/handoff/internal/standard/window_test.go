package standard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestChangeWindow(t *testing.T) {
	const always = ""
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Normal, migrations.FS)
	for name, c := range map[string]struct {
		window, zone string
		at           string // the instant, UTC
		opens        string // empty: it is open
	}{
		"none":                         {always, "UTC", "2026-07-01T12:00:00Z", ""},
		"inside":                       {"{from: 01-15, to: 02-15}", "UTC", "2026-02-01T12:00:00Z", ""},
		"on the first day":             {"{from: 01-15, to: 02-15}", "UTC", "2026-01-15T00:00:00Z", ""},
		"on the last day":              {"{from: 01-15, to: 02-15}", "UTC", "2026-02-15T23:59:59Z", ""},
		"the day before":               {"{from: 01-15, to: 02-15}", "UTC", "2026-01-14T23:59:59Z", "2026-01-15"},
		"the day after":                {"{from: 01-15, to: 02-15}", "UTC", "2026-02-16T00:00:00Z", "2027-01-15"},
		"in the zone already":          {"{from: 01-15, to: 02-15}", "Europe/Berlin", "2026-01-14T23:30:00Z", ""},
		"in the zone no more":          {"{from: 01-15, to: 02-15}", "Asia/Tokyo", "2026-02-15T16:00:00Z", "2027-01-15"},
		"over the new year, before it": {"{from: 12-01, to: 01-31}", "UTC", "2026-12-24T12:00:00Z", ""},
		"over the new year, after it":  {"{from: 12-01, to: 01-31}", "UTC", "2026-01-24T12:00:00Z", ""},
		"over the new year, outside":   {"{from: 12-01, to: 01-31}", "UTC", "2026-02-01T12:00:00Z", "2026-12-01"},
		"one day":                      {"{from: 03-01, to: 03-01}", "UTC", "2026-03-01T12:00:00Z", ""},
		"leap day in no leap year":     {"{from: 02-29, to: 03-10}", "UTC", "2026-02-28T12:00:00Z", "2026-03-01"},
		"leap day":                     {"{from: 02-29, to: 03-10}", "UTC", "2028-02-28T12:00:00Z", "2028-02-29"},
		"on the leap day":              {"{from: 02-29, to: 03-10}", "UTC", "2028-02-29T12:00:00Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			r := standard.NewRegistry(db, func() time.Time { return at })
			id := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			text := "id: " + id + "\ntimeZone: " + c.zone
			if c.window != always {
				text += "\nchangeWindow: " + strings.NewReplacer("from: ", `from: "`, ", to: ", `", to: "`, "}", `"}`).Replace(c.window)
			}
			var first, v standard.Version
			for into, text := range map[*standard.Version]string{&first: text, &v: version(id, "another")} {
				if *into, err = r.Create(t.Context(), parse(t, text), "ana"); err != nil {
					t.Fatal(err)
				}
				agree(t, r, id, into.ID)
			}
			if _, err = r.Publish(t.Context(), id, first.ID, standard.Publication{Actor: "bob"}); err != nil {
				t.Fatal(err)
			}
			_, err = r.Publish(t.Context(), id, v.ID, standard.Publication{Actor: "bob"})
			if c.opens == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(stateError(t, err), "until it opens on "+c.opens) {
				t.Fatalf("error %v, want it to open on %s", err, c.opens)
			}
			if s, err := r.Get(t.Context(), id); err != nil || s.ActiveVersion != first.ID {
				t.Errorf("active: %+v, %v", s, err)
			}
			// The active one itself is no change.
			if _, err := r.Publish(t.Context(), id, first.ID, standard.Publication{Actor: "bob"}); err != nil {
				t.Errorf("publish the active version: %v", err)
			}
			// Retiring it first opens no window either.
			if _, err := r.Retire(t.Context(), id, "ana"); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Publish(t.Context(), id, v.ID, standard.Publication{Actor: "bob"}); err == nil {
				t.Error("published after it was retired, outside of the window")
			}
			// With a reason it is published all the same, and the reason is logged.
			if _, err := r.Publish(t.Context(), id, v.ID, standard.Publication{Actor: "bob", OverrideReason: "a law"}); err != nil {
				t.Fatal(err)
			}
			log, err := r.ListLog(t.Context(), id, 0, 100)
			if last := log[len(log)-1]; err != nil || last.Kind != standard.Published || !last.WindowOverridden || last.Comment != "a law" {
				t.Errorf("log: %+v, %v", last, err)
			}
		})
	}
}

func TestChangeWindowRefusesDaysThatAreNone(t *testing.T) {
	for day, ok := range map[string]bool{"02-29": true, "12-31": true, "02-30": false, "04-31": false, "13-01": false, "1-1": false, "": false} {
		text := fmt.Sprintf("id: x\nchangeWindow: {from: %q, to: \"12-31\"}", day)
		_, _, err := standard.Load("s.yaml", []byte(text))
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "s.yaml:2: changeWindow.from: expected ") {
			t.Errorf("%q: %v", day, err)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// clockRules are an hour, of which half is over when the owner is warned.
	clockRules    = `{"withinMinutes":60,"warnAtPercent":[50],"aroundTheClock":true,"workingHours":{"timeZone":"UTC"}}`
	clockCalendar = `{"zone":"UTC","days":[{"weekdays":[1,2,3,4,5,6,7],"from":"00:00","to":"24:00"}]}`
	untilWarning  = 30 * time.Minute
	// oneTransaction is how many rows the bare store updates at once, as the worker does.
	oneTransaction = 128
)

// clocks measures clocks that run: what they cost while nothing is due, how late their
// steps are done, and how many a second if they all are due at once.
func (b *bench) clocks(ctx context.Context, t *target) error {
	idle, err := b.atRest(ctx, t, 0, nil)
	if err != nil {
		return err
	}
	open, spread, burst := b.count(100_000), b.count(5_000), b.count(10_000)
	var bare float64
	var late latencies
	var took, used time.Duration
	busy, err := b.atRest(ctx, t, open, func(seeding *clockSeeds) func(*system) error {
		bare = seeding.bare
		return func(s *system) error {
			// From here on some are due one after the other, then many at once.
			time.Sleep(time.Until(seeding.burst) - 100*time.Millisecond)
			usedBefore := processorTime()
			last, err := s.warned(ctx, spread+burst)
			if err != nil {
				return err
			}
			used = processorTime() - usedBefore
			for i := range spread {
				late = append(late, last[i].Sub(seeding.due[i]))
			}
			for _, at := range last[spread:] {
				took = max(took, at.Sub(seeding.burst))
			}
			return nil
		}
	}, spread, burst)
	if err != nil {
		return err
	}
	load := thousands(strconv.Itoa(open)) + " open clocks"
	b.add(figure{
		store: t.name, what: "10 clocks at rest, CPU of one second", load: load, value: lasting(busy), baseline: lasting(idle), beside: "without clocks",
		note: "all five services; what is above the baseline is noise if it is within a millisecond",
	})
	b.add(figure{
		store: t.name, what: "10 step of a clock, lateness p99", load: fmt.Sprintf("%s, 1,000 due a second", load), value: lasting(late.quantile(.99)),
		aim: "< 1,000 ms", note: fmt.Sprintf("p50 %s, the latest %s", lasting(late.quantile(.5)), lasting(late.quantile(1))),
	})
	b.add(figure{
		store: t.name, what: "10 steps of clocks, due at once", load: fmt.Sprintf("%s, %s due", load, thousands(strconv.Itoa(burst))),
		value: perSecond(float64(burst)/took.Seconds(), "steps"), processor: used / time.Duration(burst),
		baseline: perSecond(bare, "steps"), beside: "bare updates", note: "the bare store updates the two rows of a step, the worker also locks the lead, reads what the step is about and claims it first",
	})
	return nil
}

// clockSeeds are clocks in a store, and when the first of them are due.
type clockSeeds struct {
	due   []time.Time
	burst time.Time
	bare  float64
}

// atRest runs a system over so many open clocks, and returns what it uses of the
// processors in a second while nothing is due; then it goes on. Of the clocks, the first
// are due one after the other, a thousand a second, and then some at once.
func (b *bench) atRest(ctx context.Context, t *target, open int, goesOn func(*clockSeeds) func(*system) error, counts ...int) (time.Duration, error) {
	url, err := t.url()
	if err != nil {
		return 0, err
	}
	if err := migrate(ctx, url); err != nil {
		return 0, err
	}
	next := func(*system) error { return nil }
	if open > 0 {
		seeds, err := b.seedClocks(ctx, url, open, counts[0], counts[1])
		if err != nil {
			return 0, err
		}
		next = goesOn(seeds)
	}
	s, err := b.start(ctx, app.Settings{DB: url})
	if err != nil {
		return 0, err
	}
	defer s.stop()
	time.Sleep(time.Second) // what starts is done
	const rest = 3
	before := processorTime()
	time.Sleep(rest * time.Second)
	used := (processorTime() - before) / rest
	return used, next(s)
}

// seedClocks writes open handoffs with their clocks, and measures the bare store.
func (b *bench) seedClocks(ctx context.Context, url string, open, spread, burst int) (*clockSeeds, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{URL: url, Service: "handoff"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if db.Dialect() == sqldb.SQLite {
		if err := db.Migrate(ctx, handoff.Migrations); err != nil {
			return nil, err
		}
	}
	ids := make([]string, open)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7()).String()
	}
	began := time.Now()
	var leads, handoffs []any
	for i, id := range ids {
		leads = append(leads, id, 1)
		handoffs = append(handoffs, id, id, "sales", 1, 1, 1, "inbound", "jane", []byte{}, "", "", i+1, i+1)
	}
	err = write(ctx, db, []table{
		{`INSERT INTO sla_rules (rules_id, content) VALUES `, 2, []any{"rules", []byte(clockRules)}},
		{`INSERT INTO sla_calendars (calendar_id, content) VALUES `, 2, []any{"hours", []byte(clockCalendar)}},
		{`INSERT INTO leads (lead_id, facts_version) VALUES `, 2, leads},
		{`INSERT INTO handoffs (handoff_id, lead_id, track, cycle, state, revision, queue, owner, reasons, decision_id, outcome_reason, create_time, update_time) VALUES `, 13, handoffs},
	})
	if err != nil {
		return nil, err
	}
	// The first are due when the rest is written, which takes about as long, the bare store
	// was measured and the system has rested.
	begin := time.Now().Add(2*time.Since(began) + 8*time.Second).Truncate(time.Microsecond)
	seeds := &clockSeeds{due: make([]time.Time, open)}
	var responses, clocks, timers []any
	for i, id := range ids {
		switch {
		case i < spread:
			seeds.due[i] = begin.Add(time.Duration(i) * time.Millisecond)
		case i < spread+burst:
			seeds.due[i] = begin.Add(time.Duration(spread)*time.Millisecond + 2*time.Second)
			seeds.burst = seeds.due[i]
		default:
			seeds.due[i] = begin.Add(time.Duration(i) * time.Hour)
		}
		start, over := sqldb.Micros(seeds.due[i].Add(-untilWarning)), sqldb.Micros(seeds.due[i].Add(untilWarning))
		responses = append(responses, id, "rules", start, 0, 0, 0, over)
		clocks = append(clocks, id, 1, "sales", "jane", "", "rules", "hours", start, over, 0, "", 0, 0, 0, 0, 0)
		timers = append(timers, id+"/1", id, id, 0, sqldb.Micros(seeds.due[i]))
	}
	err = write(ctx, db, []table{
		{`INSERT INTO responses (handoff_id, rules_id, request_time, machine_time, touch_time, reassigned, due_time) VALUES `, 7, responses},
		{`INSERT INTO sla_clocks (handoff_id, number, track, owner, team, rules_id, calendar_id, start_time, due_time, stop_time, stop_cause, met, working_time, warn_time, breach_time, escalate_time) VALUES `, 16, clocks},
		{`INSERT INTO sla_timers (clock_id, handoff_id, lead_id, step, due_time) VALUES `, 5, timers},
	})
	if err != nil {
		return nil, err
	}
	seeds.bare, err = bareUpdates(ctx, db, ids[spread:spread+burst])
	if late := time.Since(begin.Add(-6 * time.Second)); err == nil && late > 0 {
		return nil, fmt.Errorf("writing the clocks took %s too long", late)
	}
	return seeds, err
}

// table is rows of a table.
type table struct {
	head    string
	columns int
	values  []any
}

func write(ctx context.Context, db *sqldb.DB, tables []table) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, rows := range tables {
			if err := insertRows(tx, rows.head, "", rows.columns, rows.values); err != nil {
				return err
			}
		}
		return nil
	})
}

// bareUpdates is for how many steps a second the store itself updates the two rows, a
// timer and a clock, in transactions as large as the worker's.
func bareUpdates(ctx context.Context, db *sqldb.DB, ids []string) (float64, error) {
	begin := time.Now()
	for from := 0; from < len(ids); from += oneTransaction {
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, id := range ids[from:min(from+oneTransaction, len(ids))] {
				if _, err := tx.Exec(`UPDATE sla_timers SET fence = fence + 1 WHERE clock_id = $1`, id+"/1"); err != nil {
					return err
				}
				if _, err := tx.Exec(`UPDATE sla_clocks SET warn_time = 0 WHERE handoff_id = $1 AND number = 1`, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(len(ids)) / time.Since(begin).Seconds(), nil
}

// warned waits until the owners of the first n handoffs were warned, and returns when.
func (s *system) warned(ctx context.Context, n int) ([]time.Time, error) {
	handoffs := handoffv1.NewHandoffServiceClient(s.grpc)
	for {
		var when []time.Time
		token := ""
		for len(when) < n {
			page, err := handoffs.ListHandoffs(withKey(ctx), &handoffv1.ListHandoffsRequest{PageSize: 1000, PageToken: token})
			if err != nil {
				return nil, err
			}
			for _, h := range page.GetHandoffs() {
				if warned := h.GetClocks()[0].GetWarnTime(); warned != nil && len(when) < n {
					when = append(when, warned.AsTime())
				}
			}
			if token = page.GetNextPageToken(); token == "" || len(when) == 0 {
				break
			}
			if last := page.GetHandoffs()[len(page.GetHandoffs())-1]; last.GetClocks()[0].GetWarnTime() == nil && len(when) < n {
				break // not yet
			}
		}
		if len(when) == n {
			return when, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

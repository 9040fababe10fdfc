package store

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
)

// Some facts of a lead follow from others: what is true of its account while it
// belongs to it, and the lead source from the first touch on. What they should be is
// a function of the set of what was said, and may change in the past when something
// late arrives. Facts are never changed, so the difference is said: at each instant
// where what the lead's facts give is not what they should, one more fact, which
// counts after those of its instant because its id begins with the facts version.

// derive says what is missing of the leads that changed. It comes after what was said
// is written, and returns the rows to write.
func (c *commit) derive() (*rows, error) {
	to := attributeTable.rows()
	var moved, sourced []string
	for person, w := range c.leads {
		if w.moved {
			moved = append(moved, person)
		}
		if w.sourced {
			sourced = append(sourced, person)
		}
	}
	slices.Sort(moved)
	slices.Sort(sourced)
	if err := c.deriveSource(to, sourced); err != nil {
		return nil, err
	}
	return to, c.deriveAccount(to, moved)
}

// toldOf reads what the facts of persons say of some keys, in the order of time. Those
// of a lead that is new say nothing yet.
func (c *commit) toldOf(persons []string, where string) (map[string]map[string][]account.Said, error) {
	told := map[string]map[string][]account.Said{}
	known := slices.DeleteFunc(slices.Clone(persons), func(person string) bool { return c.leads[person].base == 0 })
	if len(known) == 0 {
		return told, nil
	}
	from, args := keysOf(known).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT k.a, f.key, f.effective_at, f.source, f.id, f.value FROM `+from+`
		CROSS JOIN leads m CROSS JOIN attributes f WHERE m.canonical_id = k.a AND f.lead_id = m.id AND `+where, args...)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var person string
		var s account.Said
		if err := result.Scan(&person, &s.Key, &s.At.At, &s.At.Source, &s.At.ID, &s.Value); err != nil {
			return err
		}
		if told[person] == nil {
			told[person] = map[string][]account.Said{}
		}
		told[person][s.Key] = append(told[person][s.Key], s)
		return nil
	})
	return told, err
}

// tell says what a key of a person lacks.
func (c *commit) tell(to *rows, person, key, source string, told []account.Said, want []account.Step) {
	w := c.leads[person]
	slices.SortFunc(told, func(a, b account.Said) int { return a.At.Compare(b.At) })
	steps := make([]account.Step, len(told))
	for i, s := range told {
		steps[i] = account.Step{At: s.At.At, Value: s.Value}
	}
	missing := account.Missing(steps, want)
	if len(missing) == 0 {
		return
	}
	brought := pending.Captures{
		Accepted: c.now.UnixMicro(), Facts: int64(len(missing)), Historical: c.historical,
		Bytes: int64(len(missing)) * overhead,
	}
	if w.captures.Accepted != 0 {
		brought.Historical = w.captures.Historical
	}
	version := w.base + 1
	if w.rewritten { // nothing was told before: the same history has the same facts
		version = 0
	}
	for _, step := range missing {
		place := lead.Place{At: step.At, Source: source, ID: derivedID(version, key, step.At)}
		to.add(person, key, step.At, source, place.ID, w.base+1, c.now.UnixMicro(), step.Value)
		brought.Bytes += int64(len(step.Value))
		w.span(step.At)
		w.known.profile.Set(key, step.Value, place)
	}
	w.changed = true
	w.captures.Add(brought)
}

// derivedID is the id of a fact that follows from others: of those of one instant the
// one of the latest version counts.
func derivedID(version int64, key string, at int64) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%d", key, at)
	return fmt.Sprintf("%010d-%s", version, hex.EncodeToString(h.Sum(nil)))
}

// deriveSource says the lead source of persons.
func (c *commit) deriveSource(to *rows, persons []string) error {
	if len(persons) == 0 {
		return nil
	}
	told, err := c.toldOf(persons, `f.key IN ('`+lead.SourceChannel+`', '`+lead.SourceCampaign+`', '`+lead.SourceDetail+`')`)
	if err != nil {
		return err
	}
	touches, err := c.firstTouches(persons)
	if err != nil {
		return err
	}
	for _, person := range persons {
		touch := touches[person]
		if touch.source == nil {
			continue
		}
		var first struct{ Channel, Campaign, Detail string }
		if err := json.Unmarshal(touch.source, &first); err != nil {
			return fmt.Errorf("store: lead source: %w", err)
		}
		for _, part := range []struct{ key, text string }{
			{lead.SourceChannel, first.Channel}, {lead.SourceCampaign, first.Campaign}, {lead.SourceDetail, first.Detail},
		} {
			var want []account.Step
			if part.text != "" {
				want = []account.Step{{At: touch.at, Value: canonical.Text(part.text)}}
			}
			c.tell(to, person, part.key, lead.FromLead, told[person][part.key], want)
		}
	}
	return nil
}

// touch is where a lead is said to have come from, when and by whom.
type touch struct {
	source []byte
	at     int64
	by     string
}

// before reports whether a touch counts rather than another.
func (t touch) before(other touch) bool {
	return t.source != nil && (other.source == nil || cmp.Or(cmp.Compare(t.at, other.at), cmp.Compare(t.by, other.by)) < 0)
}

// firstTouches returns the earliest touch of any member of persons.
func (c *commit) firstTouches(persons []string) (map[string]touch, error) {
	first := make(map[string]touch, len(persons))
	for _, person := range persons {
		l := c.leads[person].known
		first[person] = touch{l.leadSource, l.sourceAt, l.sourceBy}
	}
	persons = slices.DeleteFunc(slices.Clone(persons), func(person string) bool { return c.leads[person].row.IdentityVersion == 0 })
	if len(persons) == 0 {
		return first, nil
	}
	from, args := keysOf(persons).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT k.a, m.lead_source, m.lead_source_at, m.lead_source_by FROM `+from+`
		CROSS JOIN leads m WHERE m.canonical_id = k.a AND m.id <> k.a AND m.lead_source IS NOT NULL`, args...)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var person string
		var t touch
		if err := result.Scan(&person, &t.source, &t.at, &t.by); err != nil {
			return err
		}
		if t.before(first[person]) {
			first[person] = t
		}
		return nil
	})
	return first, err
}

// deriveAccount says what persons have through their accounts.
func (c *commit) deriveAccount(to *rows, persons []string) error {
	if len(persons) == 0 {
		return nil
	}
	stays, err := c.stays(to, persons)
	if err != nil {
		return err
	}
	histories, err := c.histories(stays)
	if err != nil {
		return err
	}
	// Every store orders texts in its own way; LIKE means the same everywhere.
	told, err := c.toldOf(persons, `f.key LIKE '`+lead.AccountPrefix+`%'`)
	if err != nil {
		return err
	}
	timelines := make(map[string]account.Timelines, len(histories))
	for id, h := range histories {
		timelines[id] = h.timelines
	}
	if err := c.forgetAccounts(persons, stays); err != nil {
		return err
	}
	for _, person := range persons {
		want := account.Timelines{}
		for key, steps := range account.View(stays[person], timelines) {
			want[lead.AccountPrefix+key] = steps
		}
		for key := range told[person] {
			if _, ok := want[key]; !ok {
				want[key] = nil
			}
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			c.tell(to, person, key, lead.FromAccount, told[person][key], want[key])
		}
		c.remember(person, stays[person], histories)
	}
	return nil
}

// forgetAccounts drops from accounts the leads that, as is known now, never belonged to
// them.
func (c *commit) forgetAccounts(persons []string, stays map[string][]account.Stay) error {
	from, args := keysOf(persons).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT b.lead_id, b.account_id FROM `+from+` CROSS JOIN account_leads b WHERE b.lead_id = k.a`, args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return err
	}
	var gone [][2]string
	err = each(result, func() error {
		var person, id string
		err := result.Scan(&person, &id)
		if !slices.ContainsFunc(stays[person], func(s account.Stay) bool { return s.Account == id }) {
			gone = append(gone, [2]string{person, id})
		}
		return err
	})
	for _, row := range gone {
		if err == nil {
			_, err = c.tx.Exec(`DELETE FROM account_leads WHERE lead_id = $1 AND account_id = $2`, row[0], row[1])
		}
	}
	return err
}

// remember notes which version of its accounts a person was told of.
func (c *commit) remember(person string, stays []account.Stay, histories map[string]*history) {
	present := map[string]int64{}
	for i, stay := range stays {
		if stay.Account != "" {
			present[stay.Account] = 0
			if i == len(stays)-1 {
				present[stay.Account] = 1
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(present)) {
		if h := histories[id]; h != nil {
			c.accountLeads.add(id, person, h.version, present[id])
		}
	}
}

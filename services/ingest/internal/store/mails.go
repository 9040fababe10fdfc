package store

import (
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/traffic"
)

// Whether a scanner clicked in a mail shows only beside what else happened to the mail,
// which may arrive later. So a capture that brings anything of a mail looks at what is
// near it, and judges all of that again.

// mail is something that happened to a mail.
type mail struct {
	traffic.Event
	key  activityKey // of what is stored
	row  int         // in commit.newActivities, of what is new
	mark traffic.Mark
}

// judgeMails marks what is a scanner's among what is new of mails and what is near it. It
// comes before new activities are written. Where something known turns out another, the
// person's history is rewritten.
func (c *commit) judgeMails() error {
	if len(c.mails) == 0 {
		return nil
	}
	known, err := c.nearMails()
	if err != nil {
		return err
	}
	rules := c.store.rules().Scanner
	changed := markTable()
	mark := slices.Index(c.newActivities.names, "mark")
	for _, lead := range slices.Sorted(maps.Keys(c.mails)) {
		fresh, w := c.mails[lead], c.leads[c.person[lead]]
		all := append(slices.Clone(known[lead]), fresh...)
		for i, scanned := range rules.Scanned(events(all)) {
			m := &all[i]
			now := m.mark.Scan(scanned)
			if i >= len(known[lead]) {
				c.newActivities.values[m.row*len(c.newActivities.names)+mark] = int64(now)
				if now == 0 {
					w.span(m.At)
				}
				continue
			}
			if now == m.mark || !near(m, fresh, rules.Reach().Microseconds()) {
				continue
			}
			changed.add(m.key, now)
			if now.Kind() != m.mark.Kind() {
				c.rewrite(w.row.Lead)
			}
		}
	}
	clear(c.mails)
	return changed.write(c.tx)
}

func events(list []mail) []traffic.Event {
	out := make([]traffic.Event, len(list))
	for i := range list {
		out[i] = list[i].Event
	}
	return out
}

// near reports whether something is within reach of any of a list that tells of others.
func near(m *mail, of []mail, reach int64) bool {
	return slices.ContainsFunc(of, func(other mail) bool {
		return other.tells() && max(m.At-other.At, other.At-m.At) <= reach
	})
}

// tells says whether what is near may be judged otherwise because of it.
func (m *mail) tells() bool { return m.Message != "" && traffic.Judged(m.Type) }

// nearMails reads what happened near the new mails of leads, as far as it changes their
// verdicts and those of what is within their reach.
func (c *commit) nearMails() (map[string][]mail, error) {
	reach := 2 * c.store.rules().Scanner.Reach().Microseconds()
	var leads []string
	var from, to []int64
	for _, lead := range slices.Sorted(maps.Keys(c.mails)) {
		first, last := int64(0), int64(0)
		for _, m := range c.mails[lead] {
			if !m.tells() {
				continue
			}
			if last == 0 || m.At < first {
				first = m.At
			}
			last = max(last, m.At)
		}
		if last != 0 && c.leads[c.person[lead]].base != 0 {
			leads, from, to = append(leads, lead), append(from, first-reach), append(to, last+reach)
		}
	}
	if leads == nil || c.store.rules().Scanner.Off {
		return nil, nil
	}
	keys, args := keysOf(leads, from, to).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT k.a, f.source, f.id, f.type, f.occurred_at, f.properties, f.mark FROM `+keys+`
		CROSS JOIN activities f WHERE f.lead_id = k.a AND f.occurred_at BETWEEN k.b AND k.c AND f.type LIKE 'email.%'`, args...)
	if err != nil {
		return nil, err
	}
	known := map[string][]mail{}
	err = each(result, func() error {
		var lead, kind string
		var m mail
		var at int64
		var properties []byte
		err := result.Scan(&lead, &m.key.source, &m.key.id, &kind, &at, &properties, &m.mark)
		m.Event = traffic.NewEvent(at, kind, properties)
		known[lead] = append(known[lead], m)
		return err
	})
	return known, err
}

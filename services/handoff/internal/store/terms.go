package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/schedule"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// A clock counts by what was agreed when it started: rules and working hours are stored
// by the hash of their content, once, and never change.

// terms are those that were read, by their ids.
type terms struct {
	rules     sync.Map // string → *standard.Response
	calendars sync.Map // string → *schedule.Calendar
}

// readRules reads the rules of some ids; an empty one has none.
func (t *terms) readRules(from querier, ids []string) (map[string]*standard.Response, error) {
	return readTerms(from, &t.rules, `SELECT rules_id, content FROM sla_rules WHERE rules_id IN (`, ids, standard.ReadResponse)
}

// readCalendars reads the calendars of some ids.
func (t *terms) readCalendars(from querier, ids []string) (map[string]*schedule.Calendar, error) {
	return readTerms(from, &t.calendars, `SELECT calendar_id, content FROM sla_calendars WHERE calendar_id IN (`, ids,
		func(content []byte) (*schedule.Calendar, error) {
			var h schedule.Hours
			if err := json.Unmarshal(content, &h); err != nil {
				return nil, err
			}
			return schedule.NewCalendar(h)
		})
}

func readTerms[T any](from querier, known *sync.Map, query string, ids []string, read func([]byte) (T, error)) (map[string]T, error) {
	found := map[string]T{}
	var missing []string
	for _, id := range ids {
		if term, ok := known.Load(id); ok {
			found[id] = term.(T)
		} else if id != "" && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	err := selectIn(from, query, missing, func(rows *sql.Rows) error {
		var id string
		var content []byte
		if err := rows.Scan(&id, &content); err != nil {
			return err
		}
		term, err := read(content)
		if err != nil {
			return err
		}
		known.Store(id, term)
		found[id] = term
		return nil
	})
	return found, err
}

// hoursFrom are working hours as they are stored for a clock that starts at an instant,
// with their id. Absences that are over by then count for nothing.
func hoursFrom(h schedule.Hours, start time.Time) (id string, content []byte, err error) {
	h.Absences = slices.DeleteFunc(slices.Clone(h.Absences), func(a schedule.Absence) bool {
		return !a.End.IsZero() && !a.End.After(start)
	})
	if content, err = json.Marshal(h); err != nil {
		return "", nil, err
	}
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:16]), content, nil
}

// writeTerms stores terms that are not there yet. They are written in the order of their
// ids, so that two writers never wait for each other.
func writeTerms(tx *sqldb.Tx, table, key string, terms map[string][]byte) error {
	var rows []any
	for _, id := range slices.Sorted(maps.Keys(terms)) {
		rows = append(rows, id, terms[id])
	}
	return insert(tx, `INSERT INTO `+table+` (`+key+`, content) VALUES `, 2, ` ON CONFLICT (`+key+`) DO NOTHING`, rows)
}

package standard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// DictionaryRow is a row of a dictionary: a list of texts that standards read and that
// has versions of its own.
type DictionaryRow struct {
	// ID, e.g. `competitors`.
	ID string
	// ActiveVersion is the id of the version that conditions read, Size how many texts
	// it has.
	ActiveVersion string
	Size          int
	// CreateTime is when its first version was given, UpdateTime when the active version
	// last changed.
	CreateTime, UpdateTime time.Time
}

// DictionaryVersion is a row of a version of a dictionary.
type DictionaryVersion struct {
	// DictionaryID and ID name it.
	DictionaryID, ID string
	// Values are the texts, each once, sorted; nil in lists.
	Values []string
	Size   int
	// CreateTime and Creator say when it was first given and by whom.
	CreateTime time.Time
	Creator    string
}

// DictionaryName is `dictionaries/{id}`.
func DictionaryName(id string) string { return "dictionaries/" + id }

const (
	dictionaryColumns        = `SELECT dictionary_id, active_version, size, create_time, update_time FROM dictionaries`
	dictionaryVersionColumns = `SELECT dictionary_id, version_id, size, create_time, creator, `
)

func scanDictionary(row scanner) (DictionaryRow, error) {
	var (
		d                DictionaryRow
		created, updated int64
	)
	err := row.Scan(&d.ID, &d.ActiveVersion, &d.Size, &created, &updated)
	d.CreateTime, d.UpdateTime = sqldb.Time(created), sqldb.Time(updated)
	return d, found(err)
}

func scanDictionaryVersion(row scanner) (DictionaryVersion, error) {
	var (
		v       DictionaryVersion
		created int64
		content []byte
	)
	if err := row.Scan(&v.DictionaryID, &v.ID, &v.Size, &created, &v.Creator, &content); err != nil {
		return DictionaryVersion{}, found(err)
	}
	v.CreateTime = sqldb.Time(created)
	if len(content) > 0 {
		if err := json.Unmarshal(content, &v.Values); err != nil {
			return DictionaryVersion{}, err
		}
	}
	return v, nil
}

// SetDictionary makes the texts the active version of a dictionary and returns it. Where
// a standard that decides reads the dictionary, that is told like a publish: see
// OnChange. The texts that it has already change nothing.
func (r *Registry) SetDictionary(ctx context.Context, id string, values []string, creator string) (DictionaryVersion, error) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	content, err := json.Marshal(sorted)
	if err != nil {
		return DictionaryVersion{}, err
	}
	hash := sha256.Sum256(append([]byte("assay dictionary 1\n"), content...))
	version := hex.EncodeToString(hash[:8])

	defer r.expire() // also after an error: a commit whose answer was lost may have happened
	var v DictionaryVersion
	err = r.db.Write(ctx, func(tx *sqldb.Tx) error {
		audit.About(tx.Context(), "dictionaries/"+id+"/versions/"+version)
		at := sqldb.Micros(r.now())
		if _, err := tx.Exec(`
			INSERT INTO dictionaries (dictionary_id, active_version, size, create_time, update_time)
			VALUES ($1, '', 0, $2, $2) ON CONFLICT (dictionary_id) DO NOTHING`, id, at); err != nil {
			return err
		}
		if _, err := tx.Exec(`
			INSERT INTO dictionary_versions (dictionary_id, version_id, content, size, create_time, creator)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (dictionary_id, version_id) DO NOTHING`,
			id, version, content, len(sorted), at, creator); err != nil {
			return err
		}
		changed, err := tx.Affected(`
			UPDATE dictionaries SET active_version = $2, size = $3, update_time = $4
			WHERE dictionary_id = $1 AND active_version <> $2`, id, version, len(sorted), at)
		if err != nil {
			return err
		}
		if changed > 0 {
			if err := r.tellReaders(tx, DictionaryName(id)); err != nil {
				return err
			}
		}
		v, err = r.dictionaryVersion(ctx, tx, id, version)
		return err
	})
	return v, err
}

// tellReaders tells of each version that decides and reads a dictionary.
func (r *Registry) tellReaders(tx *sqldb.Tx, name string) error {
	if r.changed == nil {
		return nil
	}
	rows, err := r.active(tx.Context(), tx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		v, err := r.version(tx.Context(), tx, row.ID, row.ActiveVersion)
		if err != nil {
			return err
		}
		for _, list := range v.Spec.GetLists() {
			if list.GetDictionary() == name {
				if err := r.changed(tx, VersionName(row.ID, row.ActiveVersion)); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// dictionaries are those that a standard reads, as they are now.
func (r *Registry) dictionaries(ctx context.Context, spec *handoffv1.StandardSpec) (Dictionaries, error) {
	read := Dictionaries{}
	for _, list := range spec.GetLists() {
		id, ok := strings.CutPrefix(list.GetDictionary(), "dictionaries/")
		if !ok {
			continue
		}
		row, err := r.Dictionary(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue // the compiler says that there is none
		}
		if err != nil {
			return nil, err
		}
		v, err := r.DictionaryVersion(ctx, id, row.ActiveVersion)
		if err != nil {
			return nil, err
		}
		read[list.GetDictionary()] = Dictionary{Version: v.ID, Values: v.Values}
	}
	return read, nil
}

// activeDictionaries names the active versions of all dictionaries in one text: while it
// is the same, so is what was compiled with them.
func (s store) activeDictionaries(ctx context.Context) (string, error) {
	rows, err := collect(ctx, s.db.Read(), scanDictionary, dictionaryColumns+` ORDER BY dictionary_id`)
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(row.ID + "@" + row.ActiveVersion + " ")
	}
	return b.String(), err
}

// Dictionary returns a dictionary, or ErrNotFound.
func (r *Registry) Dictionary(ctx context.Context, id string) (DictionaryRow, error) {
	return scanDictionary(r.db.Read().QueryRowContext(ctx, dictionaryColumns+` WHERE dictionary_id = $1`, id))
}

// ListDictionaries returns at most limit dictionaries, by id, after the given one.
func (r *Registry) ListDictionaries(ctx context.Context, after string, limit int) ([]DictionaryRow, error) {
	return collect(ctx, r.db.Read(), scanDictionary,
		dictionaryColumns+` WHERE dictionary_id > $1 ORDER BY dictionary_id LIMIT $2`, after, limit)
}

// DictionaryVersion returns a version with its texts, or ErrNotFound.
func (r *Registry) DictionaryVersion(ctx context.Context, id, version string) (DictionaryVersion, error) {
	return r.dictionaryVersion(ctx, r.db.Read(), id, version)
}

func (store) dictionaryVersion(ctx context.Context, q querier, id, version string) (DictionaryVersion, error) {
	return scanDictionaryVersion(q.QueryRowContext(ctx,
		dictionaryVersionColumns+`content FROM dictionary_versions WHERE dictionary_id = $1 AND version_id = $2`, id, version))
}

// ListDictionaryVersions returns at most limit versions of a dictionary without their
// texts, latest first, after the place; ErrNotFound if there is no such dictionary.
func (r *Registry) ListDictionaryVersions(ctx context.Context, id string, after Place, limit int) ([]DictionaryVersion, error) {
	if _, err := r.Dictionary(ctx, id); err != nil {
		return nil, err
	}
	before := sqldb.Micros(after.CreateTime)
	if after == (Place{}) {
		before = math.MaxInt64
	}
	return collect(ctx, r.db.Read(), scanDictionaryVersion, dictionaryVersionColumns+`NULL FROM dictionary_versions
		WHERE dictionary_id = $1 AND (create_time < $2 OR (create_time = $2 AND version_id < $3))
		ORDER BY create_time DESC, version_id DESC LIMIT $4`, id, before, after.ID, limit)
}

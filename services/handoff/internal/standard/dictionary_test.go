package standard_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const reader = `
id: reader
lists: [{id: rivals, dictionary: dictionaries/rivals}]
fit: {groups: [{id: g, criteria: [{id: c, when: lead.company in lists.rivals, points: -5}]}]}
qualification: {exclude: [{id: rival, when: {when: lead.company in lists.rivals}}]}
appliesTo: '!(lead.company in lists.rivals)'
`

// A dictionary has versions of its own. A new one is another model of each standard that
// reads it, and is told like a publish; the standard's own version stays.
func TestDictionaries(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		ctx := t.Context()
		var told []string
		r.OnChange(func(_ *sqldb.Tx, name string) error {
			told = append(told, name)
			return nil
		})
		if _, err := r.Create(ctx, parse(t, reader), "ana"); err == nil || !strings.Contains(err.Error(), `lists[0].dictionary: expected a dictionary there is, not "dictionaries/rivals"`) {
			t.Errorf("without the dictionary: %v", err)
		}
		first, err := r.SetDictionary(ctx, "rivals", []string{"B", "A", "B"}, "ana")
		if err != nil || !slices.Equal(first.Values, []string{"A", "B"}) || first.Size != 2 || first.Creator != "ana" {
			t.Fatalf("%+v, %v", first, err)
		}
		v, err := r.Create(ctx, parse(t, reader), "ana")
		if err != nil {
			t.Fatal(err)
		}
		agree(t, r, v.StandardID, v.ID)
		publish(t, r, v)
		before := one(t, r)
		told = nil

		same, err := r.SetDictionary(ctx, "rivals", []string{"A", "B"}, "bob")
		if err != nil || same.ID != first.ID || same.Creator != "ana" || len(told) > 0 {
			t.Errorf("the same again: %+v, told %q, %v", same, told, err)
		}
		second, err := r.SetDictionary(ctx, "rivals", []string{"C"}, "bob")
		if err != nil || second.ID == first.ID {
			t.Fatalf("%+v, %v", second, err)
		}
		if want := []string{before.Version}; !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q", told, want)
		}
		if _, err := r.SetDictionary(ctx, "others", []string{"C"}, "bob"); err != nil || len(told) != 1 {
			t.Errorf("one that nothing reads: told of %q, %v", told, err)
		}
		after := one(t, r)
		if after.Version != before.Version || after.FitRevision == before.FitRevision {
			t.Errorf("version %s → %s, fit %s → %s", before.Version, after.Version, before.FitRevision, after.FitRevision)
		}
		for company, applies := range map[string]bool{"A": true, "C": false} {
			if got := after.Applies(condition.AttributeMap{"company": condition.Text(company)}); got != applies {
				t.Errorf("applies to %s: %v", company, got)
			}
		}

		row, err := r.Dictionary(ctx, "rivals")
		if err != nil || row.ActiveVersion != second.ID || row.Size != 1 {
			t.Errorf("%+v, %v", row, err)
		}
		versions, err := r.ListDictionaryVersions(ctx, "rivals", standard.Place{}, 10)
		if err != nil || len(versions) != 2 || versions[0].ID != second.ID || versions[0].Values != nil {
			t.Errorf("%+v, %v", versions, err)
		}
		rest, err := r.ListDictionaryVersions(ctx, "rivals", standard.Place{CreateTime: versions[0].CreateTime, ID: versions[0].ID}, 10)
		if err != nil || len(rest) != 1 || rest[0].ID != first.ID {
			t.Errorf("%+v, %v", rest, err)
		}
		all, err := r.ListDictionaries(ctx, "", 10)
		if err != nil || len(all) != 2 || all[0].ID != "others" {
			t.Errorf("%+v, %v", all, err)
		}
		if _, err := r.Dictionary(ctx, "none"); !errors.Is(err, standard.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
		if _, err := r.DictionaryVersion(ctx, "rivals", "0123456789abcdef"); !errors.Is(err, standard.ErrNotFound) {
			t.Errorf("no such version: %v", err)
		}
	})
}

func publish(t *testing.T, r *standard.Registry, v standard.Version) {
	t.Helper()
	if _, err := r.Publish(t.Context(), v.StandardID, v.ID, standard.Publication{Actor: "mia"}); err != nil {
		t.Fatal(err)
	}
}

// one is the only standard that decides.
func one(t *testing.T, r *standard.Registry) *standard.Compiled {
	t.Helper()
	all, err := r.Active(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d standards, %v", len(all), err)
	}
	return all[0]
}

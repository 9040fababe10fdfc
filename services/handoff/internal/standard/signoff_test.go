package standard_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// signing is one who signs for a side.
type signing struct {
	side standard.Side
	who  string
}

var (
	marketing = signing{standard.Marketing, "mia"}
	sales     = signing{standard.Sales, "sam"}
)

// Who signed, in this order, and whether the last one may, and whether the version can
// be published then.
func TestItTakesTwoToAgree(t *testing.T) {
	by := func(side standard.Side, who string) signing { return signing{side, who} }
	cases := map[string]struct {
		signed  []signing
		refused string // of the last sign-off
		publish string // empty: it is published
	}{
		"nobody":              {nil, "", "is DRAFT: neither marketing nor sales has signed it off; expected SIGNED_OFF"},
		"marketing":           {[]signing{marketing}, "", "is DRAFT: sales has not signed it off"},
		"sales":               {[]signing{sales}, "", "is DRAFT: marketing has not signed it off"},
		"both":                {[]signing{marketing, sales}, "", ""},
		"sales first":         {[]signing{sales, marketing}, "", ""},
		"again":               {[]signing{marketing, marketing, sales, marketing}, "", ""},
		"one for both":        {[]signing{marketing, by(standard.Sales, "mia")}, "signed off by mia for the other side; expected somebody else for sales", "sales has not"},
		"one for both, again": {[]signing{sales, by(standard.Marketing, "sam")}, "signed off by sam for the other side; expected somebody else for marketing", "marketing has not"},
		"a side twice":        {[]signing{marketing, by(standard.Marketing, "moe")}, "signed off for marketing by mia already", "sales has not"},
	}
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				id := strings.NewReplacer(" ", "-", ",", "").Replace(name)
				v, err := r.Create(t.Context(), parse(t, version(id, "x")), "mia") // the creator may sign
				if err != nil {
					t.Fatal(err)
				}
				refused := ""
				for i, s := range c.signed {
					_, err := r.SignOff(t.Context(), v.StandardID, v.ID, s.side, s.who, fmt.Sprint("comment ", i))
					if err != nil {
						refused = stateError(t, err)
						if i < len(c.signed)-1 {
							t.Fatal(err)
						}
					}
				}
				if !strings.Contains(refused, c.refused) || (refused == "") != (c.refused == "") {
					t.Errorf("refused %q, want %q", refused, c.refused)
				}
				published, err := r.Publish(t.Context(), v.StandardID, v.ID, standard.Publication{Actor: "bob"})
				if c.publish == "" {
					if err != nil || !published.Active || published.Marketing.Actor != "mia" || published.Sales.Actor != "sam" {
						t.Errorf("published: %+v, %v", published, err)
					}
					// The first sign-off of a side stays as it was.
					if first := slices.Index(c.signed, marketing); published.Marketing.Comment != fmt.Sprint("comment ", first) {
						t.Errorf("comment %q, want that of the first sign-off", published.Marketing.Comment)
					}
					return
				}
				if err == nil || !strings.Contains(stateError(t, err), c.publish) {
					t.Errorf("published: %v, want %q", err, c.publish)
				}
				if s, err := r.Get(t.Context(), id); err != nil || s.ActiveVersion != "" {
					t.Errorf("active: %+v, %v", s, err)
				}
			})
		}
	})
}

func stateError(t *testing.T, err error) string {
	t.Helper()
	var state *standard.StateError
	if !errors.As(err, &state) {
		t.Fatalf("error is a %T, want a StateError: %v", err, err)
	}
	return err.Error()
}

// However many sign at once, for whichever side: each side is signed once, and never
// both by the same.
func TestThoseWhoSignAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		for round := range 10 {
			v, err := r.Create(t.Context(), parse(t, version("trial", fmt.Sprint(round))), "ana")
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			for _, who := range []string{"mia", "sam"} {
				for _, side := range []standard.Side{standard.Marketing, standard.Sales} {
					group.Go(func() { _, _ = r.SignOff(t.Context(), v.StandardID, v.ID, side, who, "") })
				}
			}
			group.Wait()
			got, err := r.GetVersion(t.Context(), v.StandardID, v.ID)
			if err != nil || got.Marketing.Actor == "" || got.Sales.Actor == "" || got.Marketing.Actor == got.Sales.Actor {
				t.Fatalf("signed off by %q and %q, %v", got.Marketing.Actor, got.Sales.Actor, err)
			}
		}
	})
}

// What was agreed once can be published again and again.
func TestASignedVersionComesBackWithoutAnotherSignOff(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		var versions []standard.Version
		for _, words := range []string{"one", "two"} {
			v, err := r.Create(t.Context(), parse(t, version("trial", words)), "ana")
			if err != nil {
				t.Fatal(err)
			}
			agree(t, r, v.StandardID, v.ID)
			versions = append(versions, v)
		}
		for i := range 6 {
			v := versions[i%2]
			if i == 4 {
				if _, err := r.Retire(t.Context(), v.StandardID, "bob"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.Publish(t.Context(), v.StandardID, v.ID, standard.Publication{Actor: "bob"}); err != nil {
				t.Fatal(err)
			}
			if got := active(t, r); got != standard.VersionName(v.StandardID, v.ID) {
				t.Errorf("active: %s", got)
			}
		}
	})
}

func TestFeedback(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		ctx := t.Context()
		if err := r.Bootstrap(ctx, "s.yaml", []byte(small)); err != nil {
			t.Fatal(err)
		}
		s, err := r.Get(ctx, "trial")
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range []string{"too many students", "pages count too much", "good"} {
			given, err := r.GiveFeedback(ctx, "trial", standard.Entry{Actor: "sam", Comment: text, Lead: "17", Rule: "page"})
			want := standard.Entry{
				Sequence: int64(5 + i), Kind: standard.FeedbackGiven, Version: s.ActiveVersion, Actor: "sam",
				CreateTime: given.CreateTime, Comment: text, Lead: "17", Rule: "page",
			}
			if diff := cmp.Diff(want, given); err != nil || diff != "" || given.CreateTime.IsZero() {
				t.Errorf("given: %v\n%s", err, diff)
			}
		}
		var texts []string
		for before := int64(0); ; {
			page, err := r.ListFeedback(ctx, "trial", before, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				texts = append(texts, e.Comment)
			}
			if len(page) < 2 {
				break
			}
			before = page[1].Sequence
		}
		if got := strings.Join(texts, ", "); got != "good, pages count too much, too many students" {
			t.Errorf("feedback: %s", got)
		}
		page, err := r.ListLog(ctx, "trial", 4, 2)
		if err != nil || len(page) != 2 || page[0].Comment != "too many students" || page[1].Sequence != 6 {
			t.Errorf("log: %+v, %v", page, err)
		}
	})
}

// An installation from before there were sign-offs: what it published stays published,
// the log begins with what is known, and what the installation itself made counts as
// agreed.
func TestTheLogBeginsWithThePast(t *testing.T) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, before(t, "003"), func(t *testing.T, db *sqldb.DB) {
		ids := map[string]string{}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			exec := func(query string, args ...any) {
				if _, err := tx.Exec(query, args...); err != nil {
					t.Fatal(err)
				}
			}
			for i, v := range []struct{ standard, words, creator string }{
				{"trial", "default", standard.Bootstrapper}, {"trial", "ours", "ana"}, {"other", "draft", "ana"},
			} {
				spec := parse(t, version(v.standard, v.words))
				c, err := standard.Compile(spec, nil)
				if err != nil {
					return err
				}
				content, err := protojson.Marshal(spec)
				if err != nil {
					return err
				}
				ids[v.words] = strings.TrimPrefix(c.Version, c.Name+"/versions/")
				exec(`INSERT INTO standards VALUES ($1, 'x', '', 1, 1) ON CONFLICT (standard_id) DO NOTHING`, v.standard)
				exec(`INSERT INTO standard_versions VALUES ($1, $2, $3, $3, $4, $5)`, v.standard, ids[v.words], content, 100*i+1, v.creator)
			}
			for i, version := range []string{"default", "ours", "", "ours"} {
				exec(`INSERT INTO standard_publications VALUES ('trial', $1, $2, $3, 'root')`, i+1, ids[version], 100*i+1)
			}
			exec(`UPDATE standards SET active_version = $1 WHERE standard_id = 'trial'`, ids["ours"])
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}

		if err := db.Migrate(t.Context(), migrations.FS); err != nil {
			t.Fatal(err)
		}
		r := standard.NewRegistry(db, newClock().tick)
		names := map[string]string{}
		for words, id := range ids {
			names[id] = words
		}
		want := []string{
			"1 created default system:bootstrap",
			"2 signed_off marketing default system:bootstrap", "3 signed_off sales default system:bootstrap",
			"4 published default root", "5 created ours ana", "6 published ours root", "7 retired root", "8 published ours root",
		}
		if diff := cmp.Diff(want, logOf(t, r, "trial", names)); diff != "" {
			t.Errorf("log:\n%s", diff)
		}
		if diff := cmp.Diff([]string{"1 created draft ana"}, logOf(t, r, "other", names)); diff != "" {
			t.Errorf("log:\n%s", diff)
		}
		if got := active(t, r); got != standard.VersionName("trial", ids["ours"]) {
			t.Errorf("active: %s", got)
		}
		if _, err := r.Publish(t.Context(), "trial", ids["default"], standard.Publication{Actor: "bob"}); err != nil {
			t.Errorf("publish the default: %v", err)
		}
		_, err = r.Publish(t.Context(), "trial", ids["ours"], standard.Publication{Actor: "bob"})
		if err == nil || !strings.Contains(stateError(t, err), "neither marketing nor sales") {
			t.Errorf("publish ours: %v", err)
		}
		if n := len(logOf(t, r, "trial", names)); n != 9 {
			t.Errorf("%d entries, want 9", n)
		}
	})
}

// before are the migrations before the one with the number.
func before(t *testing.T, number string) fs.FS {
	t.Helper()
	all, some := migrations.FS, fstest.MapFS{}
	files, err := fs.Glob(all, "*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if path.Base(file) < number {
			content, err := fs.ReadFile(all, file)
			if err != nil {
				t.Fatal(err)
			}
			some[file] = &fstest.MapFile{Data: content}
		}
	}
	return some
}

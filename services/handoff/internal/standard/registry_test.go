package standard_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// clock gives records times that a test can tell apart.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) tick() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Minute)
	return c.now
}

// eachStore runs a test of a fresh registry on both stores. open opens the same
// database again, as another process would; it is nil on SQLite, whose file belongs
// to one process.
func eachStore(t *testing.T, run func(t *testing.T, r *standard.Registry, db *sqldb.DB)) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		run(t, standard.NewRegistry(db, newClock().tick), db)
	})
}

// version is a standard that differs from others by its words.
func version(id, words string) string { return fmt.Sprintf("id: %s\ndisplayName: %q", id, words) }

func active(t *testing.T, r *standard.Registry) string {
	t.Helper()
	all, err := r.Active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Version)
	}
	return strings.Join(names, " ")
}

func TestVersionsAreImmutableAndNamedByTheirContent(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		ctx := t.Context()
		spec := parse(t, small)
		first, err := r.Create(ctx, spec, "ana")
		if err != nil {
			t.Fatal(err)
		}
		if first.Creator != "ana" || !first.PublishTime.IsZero() || !proto.Equal(first.Spec, spec) {
			t.Errorf("created: %+v", first)
		}
		again, err := r.Create(ctx, parse(t, "# the same\n"+small), "bob")
		if err != nil || again.ID != first.ID || again.Creator != "ana" || !again.CreateTime.Equal(first.CreateTime) {
			t.Errorf("the same content again: %+v, %v; want the stored one", again, err)
		}
		read, err := r.GetVersion(ctx, "trial", first.ID)
		if err != nil || !proto.Equal(read.Spec, spec) {
			t.Errorf("read: %+v, %v", read, err)
		}
		s, err := r.Get(ctx, "trial")
		if err != nil || s.ActiveVersion != "" || s.DisplayName != "Trial" {
			t.Errorf("standard: %+v, %v; want a draft", s, err)
		}
		if got := active(t, r); got != "" {
			t.Errorf("active: %s; a draft decides nothing", got)
		}
	})
}

func TestCheckStoresNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		checked, err := r.Check(t.Context(), parse(t, small), "ana")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Get(t.Context(), "trial"); !errors.Is(err, standard.ErrNotFound) {
			t.Errorf("get: %v, want ErrNotFound", err)
		}
		created, err := r.Create(t.Context(), parse(t, small), "ana")
		if err != nil || created.ID != checked.ID {
			t.Errorf("created %v, %v; checked %v", created.ID, err, checked.ID)
		}
	})
}

func TestAStandardThatDoesNotCompileIsNotStored(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		bad := parse(t, "id: x\nappliesTo: lead.a ==")
		for name, err := range map[string]error{
			"create": second(r.Create(t.Context(), bad, "ana")),
			"check":  second(r.Check(t.Context(), bad, "ana")),
		} {
			if problems := standard.Problems(nil); !errors.As(err, &problems) {
				t.Errorf("%s: %v, want Problems", name, err)
			}
		}
		if all, err := r.List(t.Context(), "", 10); err != nil || len(all) != 0 {
			t.Errorf("stored: %v, %v", all, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestPublishAndRetire(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, db *sqldb.DB) {
		ctx := t.Context()
		one, err1 := r.Create(ctx, parse(t, version("a", "One")), "ana")
		two, err2 := r.Create(ctx, parse(t, version("a", "Two")), "ana")
		other, err3 := r.Create(ctx, parse(t, version("b", "Other")), "ana")
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		publish := func(id, version string) standard.Version {
			t.Helper()
			agree(t, r, id, version)
			v, err := r.Publish(ctx, id, version, standard.Publication{Actor: "bob"})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		first := publish("a", one.ID)
		if first.Publisher != "bob" || first.PublishTime.IsZero() {
			t.Errorf("published: %+v", first)
		}
		publish("b", other.ID)
		want := standard.VersionName("a", one.ID) + " " + standard.VersionName("b", other.ID)
		if got := active(t, r); got != want {
			t.Errorf("active at once: %s; want %s", got, want)
		}
		publish("a", two.ID)
		if s, err := r.Get(ctx, "a"); err != nil || s.ActiveVersion != two.ID || s.DisplayName != "Two" {
			t.Errorf("standard: %+v, %v", s, err)
		}
		if back := publish("a", one.ID); !back.PublishTime.Equal(first.PublishTime) {
			t.Errorf("published again: %+v; the first time stays", back)
		}

		retired, err := r.Retire(ctx, "a", "carl")
		if err != nil || retired.ActiveVersion != "" {
			t.Errorf("retired: %+v, %v", retired, err)
		}
		if again, err := r.Retire(ctx, "a", "dora"); err != nil || !again.UpdateTime.Equal(retired.UpdateTime) {
			t.Errorf("retired again: %+v, %v; want no change", again, err)
		}
		if got := active(t, r); got != standard.VersionName("b", other.ID) {
			t.Errorf("active: %s", got)
		}
		if v, err := r.GetVersion(ctx, "a", one.ID); err != nil || v.Publisher != "bob" {
			t.Errorf("version of a retired standard: %+v, %v", v, err)
		}
		names := map[string]string{one.ID: "one", two.ID: "two", other.ID: "other"}
		for id, want := range map[string][]string{
			"a": {
				"1 created one ana", "2 created two ana",
				"3 signed_off marketing one mia", "4 signed_off sales one sam", "5 published one bob",
				"6 signed_off marketing two mia", "7 signed_off sales two sam", "8 published two bob",
				"9 published one bob", "10 retired carl",
			},
			"b": {"1 created other ana", "2 signed_off marketing other mia", "3 signed_off sales other sam", "4 published other bob"},
		} {
			if diff := cmp.Diff(want, logOf(t, r, id, names)); diff != "" {
				t.Errorf("log of %s:\n%s", id, diff)
			}
		}
	})
}

// agree signs a version off for both sides.
func agree(t *testing.T, r *standard.Registry, id, version string) {
	t.Helper()
	for _, by := range []struct {
		side standard.Side
		who  string
	}{{standard.Marketing, "mia"}, {standard.Sales, "sam"}} {
		if _, err := r.SignOff(t.Context(), id, version, by.side, by.who, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// logOf is the log of a standard, a line for each entry, with versions by the names
// given.
func logOf(t *testing.T, r *standard.Registry, id string, names map[string]string) []string {
	t.Helper()
	entries, err := r.ListLog(t.Context(), id, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for _, e := range entries {
		line := []string{fmt.Sprint(e.Sequence), string(e.Kind), string(e.Side), names[e.Version], e.Actor, e.Comment}
		log = append(log, strings.Join(slices.DeleteFunc(line, func(s string) bool { return s == "" }), " "))
	}
	return log
}

func TestWhatIsNotThere(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		ctx := t.Context()
		if _, err := r.Create(ctx, parse(t, version("a", "One")), "ana"); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"get":                      second(r.Get(ctx, "b")),
			"version of no standard":   second(r.GetVersion(ctx, "b", "0123456789abcdef")),
			"no version of a standard": second(r.GetVersion(ctx, "a", "0123456789abcdef")),
			"list versions":            second(r.ListVersions(ctx, "b", standard.Place{}, 10)),
			"publish":                  second(r.Publish(ctx, "a", "0123456789abcdef", standard.Publication{Actor: "ana"})),
			"sign off":                 second(r.SignOff(ctx, "a", "0123456789abcdef", standard.Sales, "sam", "")),
			"sign off no standard":     second(r.SignOff(ctx, "b", "0123456789abcdef", standard.Sales, "sam", "")),
			"log":                      second(r.ListLog(ctx, "b", 0, 10)),
			"give feedback":            second(r.GiveFeedback(ctx, "b", standard.Entry{Actor: "sam", Comment: "x"})),
			"list feedback":            second(r.ListFeedback(ctx, "b", 0, 10)),
			"retire":                   second(r.Retire(ctx, "b", "ana")),
		} {
			if !errors.Is(err, standard.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestPages(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		ctx := t.Context()
		var want []string // latest first
		for i := range 7 {
			if _, err := r.Create(ctx, parse(t, version(fmt.Sprintf("s%d", i), "x")), "ana"); err != nil {
				t.Fatal(err)
			}
			v, err := r.Create(ctx, parse(t, version("many", fmt.Sprint(i))), "ana")
			if err != nil {
				t.Fatal(err)
			}
			want = append([]string{v.ID}, want...)
		}
		var ids []string
		for after := ""; ; {
			page, err := r.List(ctx, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range page {
				ids = append(ids, s.ID)
			}
			if len(page) < 3 {
				break
			}
			after = page[2].ID
		}
		if got := strings.Join(ids, " "); got != "many s0 s1 s2 s3 s4 s5 s6" {
			t.Errorf("standards: %s", got)
		}
		var versions []string
		for after := (standard.Place{}); ; {
			page, err := r.ListVersions(ctx, "many", after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page {
				if v.Spec != nil {
					t.Error("a list has no content")
				}
				versions = append(versions, v.ID)
			}
			if len(page) < 3 {
				break
			}
			after = standard.Place{CreateTime: page[2].CreateTime, ID: page[2].ID}
		}
		if strings.Join(versions, " ") != strings.Join(want, " ") {
			t.Errorf("versions %v, want %v", versions, want)
		}
	})
}

func TestBootstrap(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, _ *sqldb.DB) {
		ctx := t.Context()
		if err := r.Bootstrap(ctx, "default.yaml", []byte("id: 5")); err == nil {
			t.Error("a broken default: no error")
		}
		if err := r.Bootstrap(ctx, "default.yaml", []byte(small)); err != nil {
			t.Fatal(err)
		}
		s, err := r.Get(ctx, "trial")
		if err != nil || s.ActiveVersion == "" {
			t.Fatalf("standard: %+v, %v", s, err)
		}
		v, err := r.GetVersion(ctx, "trial", s.ActiveVersion)
		if err != nil || v.Creator != standard.Bootstrapper || v.Publisher != standard.Bootstrapper {
			t.Errorf("version: %+v, %v", v, err)
		}
		// A standard that is there, also a retired one, is an answer.
		if _, err := r.Retire(ctx, "trial", "ana"); err != nil {
			t.Fatal(err)
		}
		if err := r.Bootstrap(ctx, "default.yaml", []byte(version("other", "x"))); err != nil {
			t.Fatal(err)
		}
		if got := active(t, r); got != "" {
			t.Errorf("active: %s", got)
		}
	})
}

func TestTwoThatStartAtOnceBootstrapOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, db *sqldb.DB) {
		other := standard.NewRegistry(db, newClock().tick)
		var group sync.WaitGroup
		for _, r := range []*standard.Registry{r, other} {
			group.Go(func() {
				if err := r.Bootstrap(context.Background(), "s.yaml", []byte(small)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		log, want := logOf(t, r, "trial", nil), []string{
			"1 created system:bootstrap", "2 signed_off marketing system:bootstrap",
			"3 signed_off sales system:bootstrap", "4 published system:bootstrap",
		}
		if diff := cmp.Diff(want, log); diff != "" {
			t.Errorf("log:\n%s", diff)
		}
	})
}

func TestActiveInATransaction(t *testing.T) {
	eachStore(t, func(t *testing.T, r *standard.Registry, db *sqldb.DB) {
		if err := r.Bootstrap(t.Context(), "s.yaml", []byte(small)); err != nil {
			t.Fatal(err)
		}
		want := active(t, r)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			names, err := r.ActiveIn(tx)
			if len(names) != 1 || names["trial"] != want {
				t.Errorf("active: %v, want %s", names, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// What another process publishes is noticed within a second, without a signal.
func TestAnotherProcessPublishes(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Normal, migrations.FS)
	synctest.Test(t, func(t *testing.T) {
		here, there := standard.NewRegistry(db, time.Now), standard.NewRegistry(db, time.Now)
		if got := active(t, here); got != "" {
			t.Fatalf("active: %s", got)
		}
		if err := there.Bootstrap(t.Context(), "s.yaml", []byte(small)); err != nil {
			t.Fatal(err)
		}
		if active(t, there) == "" {
			t.Error("who published sees it at once")
		}
		time.Sleep(time.Second)
		if active(t, here) != active(t, there) {
			t.Error("after a second the other sees it, too")
		}
	})
}

// Active is asked for every lead: it must not cost a query each time.
func TestActiveIsCheap(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Normal, migrations.FS)
	r := standard.NewRegistry(db, time.Now)
	if err := r.Bootstrap(t.Context(), "s.yaml", []byte(small)); err != nil {
		t.Fatal(err)
	}
	active(t, r)
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Active(context.Background()) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

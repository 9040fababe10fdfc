package audit_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"

	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// eachStore runs a test with an empty log on both stores, in a database of handoff.
func eachStore(t *testing.T, run func(t *testing.T, log *audit.Log, db *sqldb.DB)) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, schema(t), func(t *testing.T, db *sqldb.DB) {
		run(t, audit.Keep(db, func() time.Time { return monday }), db)
	})
}

// schema are the tables of the log, as handoff has them, and one that is changed.
func schema(t testing.TB) fs.FS {
	t.Helper()
	const changed = "-- +goose Up\nCREATE TABLE changed (id TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL);"
	files := fstest.MapFS{}
	for _, dialect := range []string{"sqlite", "postgres"} {
		log, err := os.ReadFile("../../handoff/migrations/" + dialect + "/009_audit.sql")
		if err != nil {
			t.Fatal(err)
		}
		files[dialect+"/001_changed.sql"] = &fstest.MapFile{Data: []byte(changed)}
		files[dialect+"/002_audit.sql"] = &fstest.MapFile{Data: log}
	}
	return files
}

func call(n int) *audit.Call {
	return &audit.Call{
		Actor: "jane", Role: typev1.Role_ROLE_SALES, Method: "assay.handoff.v1.HandoffService/AcceptHandoff",
		Describe:  func() (string, []string) { return fmt.Sprint("handoffs/", n), []string{"reason"} },
		RequestID: "r", TraceID: "t",
	}
}

// touch is a change.
func touch(tx *sqldb.Tx) error {
	_, err := tx.Exec(`INSERT INTO changed (id, n) VALUES ('x', 1) ON CONFLICT (id) DO UPDATE SET n = changed.n + 1`)
	return err
}

func entries(t *testing.T, log *audit.Log, f audit.Filter) []audit.Entry {
	t.Helper()
	list, err := log.List(t.Context(), f, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAChangeTakesItsEntryWithIt(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		ctx := audit.With(t.Context(), call(1))
		failed := errors.New("no")
		if err := db.Write(ctx, func(tx *sqldb.Tx) error { return errors.Join(touch(tx), failed) }); !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if got := entries(t, log, audit.Filter{}); len(got) != 0 {
			t.Fatalf("a change that was rolled back left %v", got)
		}
		for range 3 { // one call, three transactions
			if err := db.Write(ctx, touch); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Write(t.Context(), touch); err != nil { // nobody's call
			t.Fatal(err)
		}
		got := entries(t, log, audit.Filter{})
		want := []audit.Entry{{
			Number: 1, Time: monday, Actor: "jane", Role: typev1.Role_ROLE_SALES, Method: "assay.handoff.v1.HandoffService/AcceptHandoff",
			Resource: "handoffs/1", Fields: []string{"reason"}, RequestID: "r", TraceID: "t",
		}}
		if len(got) == 1 {
			want[0].Hash = got[0].Hash
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAboutNamesWhatIsCreated(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		err := db.Write(audit.With(t.Context(), call(1)), func(tx *sqldb.Tx) error {
			audit.About(tx.Context(), "apiKeys/new")
			return touch(tx)
		})
		if got := entries(t, log, audit.Filter{}); err != nil || got[0].Resource != "apiKeys/new" {
			t.Errorf("%v, %v", got, err)
		}
		audit.About(t.Context(), "nobody's call")
	})
}

func TestTwoTransactionsOfACallAtOnceLeaveOneEntry(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		ctx := audit.With(t.Context(), call(1))
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				_ = db.Write(ctx, func(tx *sqldb.Tx) error {
					if i%2 == 0 {
						return errors.New("no")
					}
					return nil
				})
			})
		}
		group.Wait()
		if got := entries(t, log, audit.Filter{}); len(got) != 1 {
			t.Errorf("%d entries", len(got))
		}
	})
}

func TestManyAtOnceMakeOneChain(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		const n = 40
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				if err := db.Write(audit.With(context.Background(), call(i)), touch); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		v, err := log.Verify(t.Context())
		latest := entries(t, log, audit.Filter{})[0]
		if err != nil || v.Entries != n || v.Broken != 0 || !bytes.Equal(v.Hash, latest.Hash) {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestList(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		for i := range 7 {
			c := call(i % 2)
			if i == 3 {
				c.Actor, c.Method = "tom", "assay.handoff.v1.UserService/CreateUser"
			}
			if err := db.Write(audit.With(t.Context(), c), touch); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			filter audit.Filter
			before int64
			want   []int64
		}{
			"all":         {want: []int64{7, 6, 5, 4, 3, 2, 1}},
			"before":      {before: 3, want: []int64{2, 1}},
			"by actor":    {filter: audit.Filter{Actor: "tom"}, want: []int64{4}},
			"by method":   {filter: audit.Filter{Method: "assay.handoff.v1.UserService/CreateUser"}, want: []int64{4}},
			"by resource": {filter: audit.Filter{Resource: "handoffs/1"}, want: []int64{6, 4, 2}},
			"by several":  {filter: audit.Filter{Resource: "handoffs/1", Actor: "jane"}, before: 6, want: []int64{2}},
		} {
			list, err := log.List(t.Context(), c.filter, c.before, 100)
			var got []int64
			for _, e := range list {
				got = append(got, e.Number)
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", name, err, diff)
			}
		}
	})
}

func TestTheLogIsAppendedToAndNothingElse(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		if err := db.Write(audit.With(t.Context(), call(1)), touch); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{`UPDATE audit_entries SET actor = 'mallory'`, `DELETE FROM audit_entries`} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(statement); return err })
			if err == nil {
				t.Errorf("%s: done", statement)
			}
		}
	})
}

func TestWhoRewritesHistoryIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		want      int64
	}{
		"nothing":           {``, 0},
		"an actor":          {`UPDATE audit_entries SET actor = 'mallory' WHERE entry_number = 3`, 3},
		"a role":            {`UPDATE audit_entries SET role = 5 WHERE entry_number = 1`, 1},
		"a time":            {`UPDATE audit_entries SET create_time = create_time + 1 WHERE entry_number = 3`, 3},
		"a resource":        {`UPDATE audit_entries SET resource = 'handoffs/9' WHERE entry_number = 5`, 5},
		"fields":            {`UPDATE audit_entries SET fields = '[]' WHERE entry_number = 2`, 2},
		"fields into none":  {`UPDATE audit_entries SET fields = 'x' WHERE entry_number = 2`, 2},
		"a hash":            {`UPDATE audit_entries SET hash = (SELECT hash FROM audit_entries WHERE entry_number = 1) WHERE entry_number = 4`, 4},
		"an entry, removed": {`DELETE FROM audit_entries WHERE entry_number = 3`, 3},
		"the first":         {`DELETE FROM audit_entries WHERE entry_number = 1`, 1},
		"the latest":        {`DELETE FROM audit_entries WHERE entry_number = 5`, 5},
		"all":               {`DELETE FROM audit_entries`, 1},
		"an entry, put in":  {`INSERT INTO audit_entries SELECT 6, create_time, actor, role, method, resource, fields, request_id, trace_id, hash FROM audit_entries WHERE entry_number = 5`, 6},
	} {
		t.Run(name, func(t *testing.T) {
			db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Full, schema(t))
			log := audit.Keep(db, func() time.Time { return monday })
			for i := range 5 {
				if err := db.Write(audit.With(t.Context(), call(i)), touch); err != nil {
					t.Fatal(err)
				}
			}
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				for _, statement := range []string{`DROP TRIGGER audit_entries_stay`, `DROP TRIGGER audit_entries_remain`, c.statement} {
					if _, err := tx.Exec(statement); statement != "" && err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if v, err := log.Verify(t.Context()); err != nil || v.Broken != c.want {
				t.Errorf("%+v, %v; want %d", v, err, c.want)
			}
		})
	}
}

// The form of entries never changes: a log of years has to verify.
func TestTheHashOfAnEntryIsForEver(t *testing.T) {
	eachStore(t, func(t *testing.T, log *audit.Log, db *sqldb.DB) {
		for i := range 2 {
			if err := db.Write(audit.With(t.Context(), call(i)), touch); err != nil {
				t.Fatal(err)
			}
		}
		const want = "223e6b59b150e2299db0bebc38616c819c851228dca465a1967418eb86973f71"
		if got := hex.EncodeToString(entries(t, log, audit.Filter{})[0].Hash); got != want {
			t.Errorf("hash %s, want %s", got, want)
		}
	})
}

func TestWhatARequestGives(t *testing.T) {
	for name, c := range map[string]struct {
		method   protoreflect.FullName
		request  proto.Message
		resource string
		fields   []string
	}{
		"an act": {
			"assay.handoff.v1.HandoffService.RejectHandoff",
			&handoffv1.RejectHandoffRequest{Name: "handoffs/1", Reason: "a person's words"},
			"handoffs/1",
			[]string{"reason"},
		},
		"a creation with an id": {
			"assay.handoff.v1.UserService.CreateUser",
			&handoffv1.CreateUserRequest{UserId: "jane", User: &handoffv1.User{Email: "jane@example.com", RemoteIds: map[string]string{"tryton": "7"}}},
			"users/jane",
			[]string{"user.email", "user.remoteIds", "userId"},
		},
		"a creation without": {
			"assay.handoff.v1.AccessService.CreateApiKey",
			&handoffv1.CreateApiKeyRequest{ApiKey: &handoffv1.ApiKey{Actor: "jane", ExpireTime: timestamppb.Now()}},
			"apiKeys",
			[]string{"apiKey.actor", "apiKey.expireTime"},
		},
		"an update by a mask": {
			"assay.handoff.v1.UserService.UpdateUser",
			&handoffv1.UpdateUserRequest{
				User: &handoffv1.User{Name: "users/jane", Email: "jane@example.com"}, ReassignHandoffs: true,
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"inactive", "working_hours.time_zone", "no such: jane@example.com"}},
			},
			"users/jane",
			[]string{"reassignHandoffs", "user.inactive", "user.workingHours"},
		},
		"an update without": {
			"assay.handoff.v1.UserService.UpdateUser",
			&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane", Etag: "7", Email: "jane@example.com"}},
			"users/jane",
			[]string{"user.email"},
		},
		"of a lead": {
			"assay.ingest.v1.IngestService.UpdateLead",
			&ingestv1.UpdateLeadRequest{Lead: &ingestv1.Lead{Name: "leads/1"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"attributes.jane@example.com"}}},
			"leads/1",
			[]string{"lead.attributes"},
		},
		"a name that is none": {
			"assay.handoff.v1.HandoffService.RejectHandoff",
			&handoffv1.RejectHandoffRequest{Name: "jane@example.com"},
			"", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := protoregistry.GlobalFiles.FindDescriptorByName(c.method)
			if err != nil {
				t.Fatal(err)
			}
			if got := audit.Resource(d.(protoreflect.MethodDescriptor), c.request.ProtoReflect()); got != c.resource {
				t.Errorf("resource %q, want %q", got, c.resource)
			}
			if diff := cmp.Diff(c.fields, audit.Fields(c.request.ProtoReflect())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

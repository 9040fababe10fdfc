package outbox_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/outbox"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// ingest is what the outbox talks to.
type ingest struct {
	ingestv1.IngestServiceClient
	refuse func(*ingestv1.BatchRecordActivitiesRequest) error
	leads  []string
}

func (i *ingest) BatchRecordActivities(_ context.Context, in *ingestv1.BatchRecordActivitiesRequest, _ ...grpc.CallOption) (*ingestv1.BatchRecordActivitiesResponse, error) {
	if i.refuse != nil {
		if err := i.refuse(in); err != nil {
			return nil, err
		}
	}
	out := &ingestv1.BatchRecordActivitiesResponse{}
	for _, a := range in.GetActivities() {
		if !in.GetHistorical() || a.GetActivity().GetSource() != store.Source {
			return nil, status.Error(codes.InvalidArgument, "told in the wrong way")
		}
		i.leads = append(i.leads, a.GetLead())
		out.Results = append(out.Results, &ingestv1.ActivityResult{State: ingestv1.ActivityResult_STATE_STORED})
	}
	return out, nil
}

const version = "standards/default/versions/v1"

// withThreeMoves is a store that has to tell of three leads.
func withThreeMoves(t *testing.T, db *sqldb.DB, now func() time.Time) (*store.Store, []string) {
	s := store.New(db, now, func(*sqldb.Tx) (map[string]string, error) { return map[string]string{"default": version}, nil })
	var leads []*store.Lead
	var names []string
	for _, id := range []string{"a", "b", "c"} {
		leads = append(leads, &store.Lead{ID: id, FactsVersion: 1, Assessments: []store.Assessment{{
			Standard: "default", Version: version, Track: "sales", Handling: standard.Handling{Queue: "inbound"},
			Decision: decision.Decision{Verdict: decision.Qualified, Reasons: []decision.Reason{{Code: "gates"}}},
		}}})
		names = append(names, "leads/"+id)
	}
	if _, err := s.Decide(t.Context(), leads); err != nil {
		t.Fatal(err)
	}
	return s, names
}

func each(t *testing.T, run func(t *testing.T, s *store.Store, names []string, later func(time.Duration))) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		clock := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		s, names := withThreeMoves(t, db, func() time.Time { return clock })
		run(t, s, names, func(d time.Duration) { clock = clock.Add(d) })
	})
}

// untold is what waits and what was given up.
func untold(t *testing.T, s *store.Store) [2]int {
	t.Helper()
	c, err := s.Untold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return [2]int{c.Due, c.Quarantined}
}

func TestWhatHappenedIsToldOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, names []string, _ func(time.Duration)) {
		to := &ingest{}
		sender := outbox.New(s, to, slog.New(slog.DiscardHandler))
		if n, err := sender.Send(t.Context()); n != 3 || err != nil {
			t.Fatalf("sent %d, %v", n, err)
		}
		if n, err := sender.Send(t.Context()); n != 0 || err != nil {
			t.Fatalf("again %d, %v", n, err)
		}
		slices.Sort(to.leads)
		if !slices.Equal(to.leads, names) || untold(t, s) != [2]int{} {
			t.Errorf("told %v, untold %v", to.leads, untold(t, s))
		}
	})
}

func TestWhileIngestIsAwayNothingIsLost(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, names []string, _ func(time.Duration)) {
		to := &ingest{refuse: func(*ingestv1.BatchRecordActivitiesRequest) error { return status.Error(codes.Unavailable, "away") }}
		sender := outbox.New(s, to, slog.New(slog.DiscardHandler))
		for range 10 {
			if _, err := sender.Send(t.Context()); status.Code(err) != codes.Unavailable {
				t.Fatalf("error %v", err)
			}
		}
		to.refuse = nil
		if n, err := sender.Send(t.Context()); n != len(names) || err != nil {
			t.Errorf("sent %d, %v", n, err)
		}
	})
}

func TestOneBadActivityDoesNotStopTheOthers(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ []string, later func(time.Duration)) {
		to := &ingest{refuse: func(in *ingestv1.BatchRecordActivitiesRequest) error {
			for _, a := range in.GetActivities() {
				if a.GetLead() == "leads/b" {
					return status.Error(codes.InvalidArgument, "never heard of it")
				}
			}
			return nil
		}}
		sender := outbox.New(s, to, slog.New(slog.DiscardHandler))
		for range 10 {
			if _, err := sender.Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			later(time.Hour)
		}
		slices.Sort(to.leads)
		if !slices.Equal(to.leads, []string{"leads/a", "leads/c"}) || untold(t, s) != [2]int{0, 1} {
			t.Errorf("told %v, untold %v", to.leads, untold(t, s))
		}
	})
}

func TestStartAndStop(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, names []string, _ func(time.Duration)) {
		told := make(chan struct{}, 10)
		to := &ingest{refuse: func(*ingestv1.BatchRecordActivitiesRequest) error { told <- struct{}{}; return nil }}
		sender := outbox.New(s, to, slog.New(slog.DiscardHandler))
		sender.Start(t.Context())
		select {
		case <-told:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing was told")
		}
		sender.Stop()
		if len(to.leads) != len(names) || untold(t, s) != [2]int{} {
			t.Errorf("told %v, untold %v", to.leads, untold(t, s))
		}
	})
}

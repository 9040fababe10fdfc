package behavior_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestMigrationsAreTheSameOnBothStores(t *testing.T) {
	dbtest.CheckMigrations(t, behavior.Migrations)
}

var (
	monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	leadA  = "leads/01890a5d-ac96-774b-bcce-b302099a8057"
	leadB  = "leads/01890a5d-ac96-774b-bcce-b302099a8058"
)

// newService returns a service over a migrated database, its clock on Monday.
func newService(t testing.TB, db *sqldb.DB, tel *telemetry.Telemetry) *behavior.Service {
	t.Helper()
	if tel == nil {
		tel = telemetry.New("behavior", nil)
	}
	s, err := behavior.New(behavior.Deps{DB: db, Telemetry: tel, Now: func() time.Time { return monday }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// each runs a test over a service with the model registered, on both stores.
func each(t *testing.T, run func(t *testing.T, s *behavior.Service, db *sqldb.DB)) {
	t.Helper()
	dbtest.EachMigrated(t, "behavior", sqldb.Normal, behavior.Migrations, func(t *testing.T, db *sqldb.DB) {
		s := newService(t, db, nil)
		register(t, s)
		run(t, s, db)
	})
}

const revision = "rev-1"

func register(t testing.TB, s *behavior.Service) {
	t.Helper()
	if _, err := s.RegisterEngagementModel(t.Context(), &behaviorv1.RegisterEngagementModelRequest{Revision: revision, Model: model()}); err != nil {
		t.Fatal(err)
	}
}

// model has one of each idea.
func model() *typev1.EngagementModel {
	return &typev1.EngagementModel{
		MaxPoints:       proto.Float64(150),
		TimeZone:        "Europe/Berlin",
		CountWindowDays: []int32{7, 30},
		Bands:           []*typev1.ClassEdge{{Label: "1", AtLeast: 80}, {Label: "2", AtLeast: 20}, {Label: "3", AtLeast: 0}},
		Signals:         []*typev1.Signal{{Id: "visited", Activities: []string{"page.*"}}},
		Groups: []*typev1.EngagementGroup{
			{
				Id: "content", MaxPoints: proto.Float64(60), Decay: &typev1.Decay{HalfLifeDays: 30},
				Rules: []*typev1.EngagementRule{
					{Id: "ebook", Description: "Downloaded an ebook", Activities: []string{"content.downloaded"}, When: `activity.properties.kind == "ebook"`, Points: 20},
					{Id: "page", Activities: []string{"page.viewed"}, Points: 1, Limit: &typev1.RepeatLimit{Count: 3, Per: typev1.RepeatLimit_PER_DAY}},
				},
			},
			{
				Id: "hands",
				Rules: []*typev1.EngagementRule{
					{Id: "demo", Activities: []string{"form.*"}, When: `activity.properties.form == "demo" && lead.country in ["DE", "FR"]`, Points: 60, Limit: &typev1.RepeatLimit{}},
					{Id: "fits", Activities: []string{"form.submitted"}, When: `fit.score >= 50`, Points: 5.5},
					{Id: "careers", Activities: []string{"page.viewed"}, When: `activity.properties.path == "/careers"`, Points: -10, MaxPoints: proto.Float64(25)},
				},
			},
		},
	}
}

func activity(id, kind string, at time.Time, properties string) *typev1.Fact {
	return &typev1.Fact{
		Id: id, Source: "web", EffectiveTime: timestamppb.New(at),
		Activity: &typev1.ActivityFact{Type: kind, PropertiesJson: []byte(properties)},
	}
}

func attr(id, key string, at time.Time, value string) *typev1.Fact {
	return &typev1.Fact{
		Id: id, Source: "web", EffectiveTime: timestamppb.New(at),
		Attribute: &typev1.AttributeFact{Key: key, ValueJson: []byte(value)},
	}
}

// call is an application of lead A under the model, as of Monday.
func call(from, to int32, facts ...*typev1.Fact) *behaviorv1.FactsApplication {
	return &behaviorv1.FactsApplication{
		Lead: leadA, Revision: revision, FromVersion: from, ToVersion: to, Facts: facts, AsOfTime: timestamppb.New(monday),
	}
}

func apply(t testing.TB, s *behavior.Service, calls ...*behaviorv1.FactsApplication) []*behaviorv1.EngagementResult {
	t.Helper()
	out, err := s.ApplyFacts(t.Context(), &behaviorv1.ApplyFactsRequest{Applications: calls})
	if err != nil {
		t.Fatal(err)
	}
	return out.GetResults()
}

func applyOne(t testing.TB, s *behavior.Service, c *behaviorv1.FactsApplication) *behaviorv1.EngagementResult {
	t.Helper()
	return apply(t, s, c)[0]
}

func state(t *testing.T, got *behaviorv1.EngagementResult, want typev1.CheckpointState) {
	t.Helper()
	if got.GetState() != want {
		t.Errorf("state %v (%s), want %v", got.GetState(), got.GetError(), want)
	}
}

const (
	ok       = typev1.CheckpointState_CHECKPOINT_STATE_OK
	stale    = typev1.CheckpointState_CHECKPOINT_STATE_STALE
	mismatch = typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH
	unknown  = typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION
	failed   = typev1.CheckpointState_CHECKPOINT_STATE_FAILED
)

func TestAScoreIsExplainedLineByLine(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, _ *sqldb.DB) {
		month := monday.AddDate(0, 0, -30)
		r := applyOne(t, s, call(0, 1,
			attr("c", "country", month, `"DE"`),
			activity("1", "content.downloaded", month, `{"kind":"ebook"}`),
			activity("2", "page.viewed", monday, `{"path":"/pricing"}`),
			activity("3", "page.viewed", monday, `{"path":"/careers"}`),
			activity("4", "page.viewed", monday, ``),
			activity("5", "page.viewed", monday, ``),
			activity("6", "form.submitted", monday, `{"form":"demo"}`),
		))
		state(t, r, ok)
		at, then := timestamppb.New(monday), timestamppb.New(month)
		want := &typev1.Engagement{
			Score: proto.Float64(63), EngagementBand: "2", AsOfTime: at,
			Contributions: []*typev1.Contribution{
				{Rule: "ebook", Group: "content", Kind: typev1.Contribution_KIND_GIVEN, Points: 20, Count: 1, LastTime: then, Description: "Downloaded an ebook"},
				{Rule: "ebook", Group: "content", Kind: typev1.Contribution_KIND_DECAY, Points: -10, Description: "Downloaded an ebook: halves every 30 days"},
				{Rule: "page", Group: "content", Kind: typev1.Contribution_KIND_GIVEN, Points: 4, Count: 4, LastTime: at, Description: "page"},
				{Rule: "page", Group: "content", Kind: typev1.Contribution_KIND_LIMIT, Points: -1, Count: 1, LastTime: at, Description: "page: only the first 3 in a day"},
				{Rule: "demo", Group: "hands", Kind: typev1.Contribution_KIND_GIVEN, Points: 60, Count: 1, LastTime: at, Description: "demo"},
				{Rule: "careers", Group: "hands", Kind: typev1.Contribution_KIND_GIVEN, Points: -10, Count: 1, LastTime: at, Description: "careers"},
			},
			Counts: []*typev1.RuleCount{
				{Rule: "ebook", Count: 1, LastTime: then, InWindows: []int32{0, 0}},
				{Rule: "page", Count: 4, LastTime: at, InWindows: []int32{4, 4}},
				{Rule: "demo", Count: 1, LastTime: at, InWindows: []int32{1, 1}},
				{Rule: "careers", Count: 1, LastTime: at, InWindows: []int32{1, 1}},
				{Rule: "visited", Count: 4, LastTime: at, InWindows: []int32{4, 4}},
			},
		}
		if diff := cmp.Diff(want, r.GetEngagement(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		got, err := s.GetEngagement(t.Context(), &behaviorv1.GetEngagementRequest{Name: leadA + "/engagement", IncludeActivities: true})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.GetEngagements()[0].GetEngagement(), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		lines := got.GetEngagements()[0].GetActivities()
		if n := len(lines); n != 7 || lines[0].GetId() != "6" || lines[n-1].GetPoints() != 10 || lines[n-1].GetGiven() != 20 {
			t.Errorf("lines of activities: %v", lines)
		}
		past, err := s.GetEngagement(t.Context(), &behaviorv1.GetEngagementRequest{Name: leadA + "/engagement", AsOfTime: then})
		if err != nil || past.GetEngagements()[0].GetEngagement().GetScore() != 20 {
			t.Errorf("a month ago: %v, %v", past, err)
		}
	})
}

func TestCheckpointComparesAndSets(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, _ *sqldb.DB) {
		page := func(id string) *typev1.Fact { return activity(id, "page.viewed", monday, ``) }
		first := applyOne(t, s, call(0, 2, page("1"), page("2")))
		state(t, first, ok)
		for _, c := range []struct {
			what string
			call *behaviorv1.FactsApplication
			want typev1.CheckpointState
			is   float64
		}{
			{"the same call again", call(0, 2, page("1"), page("2")), ok, 2},
			{"stored is what it leads to, whatever its facts", call(1, 2), ok, 2},
			{"scored again without new facts", call(2, 2), ok, 2},
			{"older than stored", call(0, 1, page("1")), stale, 0},
			{"a gap", call(3, 4, page("4")), mismatch, 0},
			{"the next", call(2, 3, page("3")), ok, 3},
			{"from behind what is stored", call(2, 5, page("4"), page("5")), mismatch, 0},
			{"the whole history", call(0, 4, page("1"), page("4")), ok, 2},
			{"reset, also to an older version", &behaviorv1.FactsApplication{
				Lead: leadA, Revision: revision, ToVersion: 1, Facts: []*typev1.Fact{page("1")}, AsOfTime: timestamppb.New(monday), Reset_: true,
			}, ok, 1},
			{"and on", call(1, 2, page("2")), ok, 2},
			{"a lead that is not known", func() *behaviorv1.FactsApplication { c := call(1, 2); c.Lead = leadB; return c }(), mismatch, 0},
			{"a revision that is not known", func() *behaviorv1.FactsApplication { c := call(1, 2); c.Revision = "other"; return c }(), unknown, 0},
		} {
			r := applyOne(t, s, c.call)
			if r.GetState() != c.want || r.GetEngagement().GetScore() != c.is {
				t.Errorf("%s: %v with %v points; want %v with %v", c.what, r.GetState(), r.GetEngagement().GetScore(), c.want, c.is)
			}
		}
	})
}

func TestABadLeadHarmsNobody(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, _ *sqldb.DB) {
		good := call(0, 1, activity("1", "page.viewed", monday, ``))
		bad := func(change func(*behaviorv1.FactsApplication)) *behaviorv1.FactsApplication {
			c := call(0, 1)
			c.Lead = leadB
			change(c)
			return c
		}
		calls := []*behaviorv1.FactsApplication{good}
		wants := []string{""}
		add := func(want string, change func(*behaviorv1.FactsApplication)) {
			calls, wants = append(calls, bad(change)), append(wants, want)
		}
		add("lead: expected a name", func(c *behaviorv1.FactsApplication) { c.Lead = "leads/\x00" })
		add("revision: expected", func(c *behaviorv1.FactsApplication) { c.Revision = "\x00" })
		add("toVersion: expected", func(c *behaviorv1.FactsApplication) { c.ToVersion = 0 })
		add("fromVersion: expected", func(c *behaviorv1.FactsApplication) { c.FromVersion = 2 })
		add("asOfTime: expected", func(c *behaviorv1.FactsApplication) { c.AsOfTime = nil })
		add("facts[0].effectiveTime: expected", func(c *behaviorv1.FactsApplication) { c.Facts = []*typev1.Fact{{Id: "1"}} })
		add("facts[0]: expected an activity or", func(c *behaviorv1.FactsApplication) {
			c.Facts = []*typev1.Fact{{Id: "1", EffectiveTime: timestamppb.New(monday)}}
		})
		for i, r := range apply(t, s, calls...) {
			if i == 0 {
				state(t, r, ok)
				continue
			}
			state(t, r, failed)
			if !strings.HasPrefix(r.GetError(), wants[i]) {
				t.Errorf("%q, want %q", r.GetError(), wants[i])
			}
		}
	})
}

// Chunks of one history may come in one call, and two callers may write one lead.
func TestALeadMayAppearTwiceAndBeContended(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, _ *sqldb.DB) {
		page := func(id string) *typev1.Fact { return activity(id, "page.viewed", monday, ``) }
		for i, r := range apply(t, s, call(0, 1, page("1")), call(1, 2, page("2")), call(2, 3, page("3"))) {
			state(t, r, ok)
			if got := r.GetEngagement().GetScore(); got != float64(i+1) {
				t.Errorf("after chunk %d: %v points", i, got)
			}
		}
		results := make(chan *behaviorv1.EngagementResult)
		for range 4 {
			go func() {
				out, err := s.ApplyFacts(context.Background(), &behaviorv1.ApplyFactsRequest{
					Applications: []*behaviorv1.FactsApplication{call(3, 4, activity("4", "content.downloaded", monday, `{"kind":"ebook"}`))},
				})
				if err != nil {
					t.Error(err)
				}
				results <- out.GetResults()[0]
			}()
		}
		for range 4 {
			r := <-results
			state(t, r, ok)
			if got := r.GetEngagement().GetScore(); got != 23 {
				t.Errorf("%v points, want 23", got)
			}
		}
	})
}

func TestModelsAreRefusedAsAWhole(t *testing.T) {
	dbtest.EachMigrated(t, "behavior", sqldb.Normal, behavior.Migrations, func(t *testing.T, db *sqldb.DB) {
		s := newService(t, db, nil)
		m := model()
		m.MaxPoints = proto.Float64(0.001)
		m.Groups[0].Rules[1].When = `lead.`
		m.Groups[1].Rules[0].Id = "ebook"
		m.Groups[1].Rules[1].Decay = &typev1.Decay{HalfLifeDays: 1, WindowDays: 1}
		_, err := s.RegisterEngagementModel(t.Context(), &behaviorv1.RegisterEngagementModelRequest{Revision: revision, Model: m})
		var fields []string
		for _, v := range apierr.Violations(err) {
			fields = append(fields, v.Field)
		}
		want := []string{
			"model.maxPoints", "model.groups[0].rules[1].when", "model.groups[1].rules[0].id", "model.groups[1].rules[1].decay",
		}
		if status.Code(err) != codes.InvalidArgument || !slices.Equal(fields, want) {
			t.Errorf("%v: %v, want %v", err, fields, want)
		}
		state(t, applyOne(t, s, call(0, 1)), unknown)
		register(t, s)
		register(t, s) // again changes nothing
		state(t, applyOne(t, s, call(0, 1)), ok)
	})
}

func TestGetEngagementOfUnknownLead(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, _ *sqldb.DB) {
		_, err := s.GetEngagement(t.Context(), &behaviorv1.GetEngagementRequest{Name: leadA + "/engagement"})
		if status.Code(err) != codes.NotFound {
			t.Errorf("%v, want NOT_FOUND", err)
		}
	})
}

func TestCorruptRowsAskForTheHistory(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, db *sqldb.DB) {
		page := activity("1", "page.viewed", monday, ``)
		state(t, applyOne(t, s, call(0, 1, page)), ok)
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE checkpoints SET state = $1`, []byte{99})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		state(t, applyOne(t, s, call(1, 2, page)), mismatch)
		state(t, applyOne(t, s, call(0, 2, page)), ok)
	})
}

func TestSpanIsInTheLeadsOwnTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	p, err := telemetry.Start(t.Context(), telemetry.Options{SpanExporter: spans, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(context.Background())
	s := newService(t, dbtest.Migrated(t, dbtest.SQLite(t), "behavior", sqldb.Normal, behavior.Migrations), telemetry.New("behavior", p))
	register(t, s)
	traced, untraced := call(0, 1, activity("1", "page.viewed", monday, ``)), call(0, 1)
	traced.Traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	untraced.Lead = leadB
	apply(t, s, traced, untraced)
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Name != "assay.engagement" || got[0].Parent.SpanID().String() != "b7ad6b7169203331" ||
		got[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("%+v", got)
	}
}

// arrivalOf is a lead whose facts arrive over several calls.
type arrivalOf struct {
	lead    string
	facts   []*typev1.Fact // by version
	fit     []*typev1.FitPoint
	version int32
}

// deliver brings a lead to a version as the qualifier does: a delta, and when that
// does not fit the whole history in chunks.
func deliver(t *testing.T, s *behavior.Service, leads []*arrivalOf, to []int32, asOf time.Time) []*typev1.Engagement {
	t.Helper()
	calls := make([]*behaviorv1.FactsApplication, len(leads))
	for i, l := range leads {
		calls[i] = l.call(l.version, to[i], asOf)
	}
	out := make([]*typev1.Engagement, len(leads))
	for i, r := range apply(t, s, calls...) {
		l := leads[i]
		if r.GetState() == mismatch {
			const chunk = 30
			for from := int32(0); from == 0 || from < to[i]; from += chunk {
				c := l.call(from, min(from+chunk, to[i]), asOf)
				c.Reset_ = from == 0
				r = applyOne(t, s, c)
			}
		}
		state(t, r, ok)
		l.version, out[i] = to[i], r.GetEngagement()
	}
	return out
}

// call has the facts of versions from+1 to to, one a version, some of them twice.
func (l *arrivalOf) call(from, to int32, asOf time.Time) *behaviorv1.FactsApplication {
	facts := slices.Clone(l.facts[from:to])
	if len(facts) > 2 {
		facts = append(facts, facts[0])
	}
	return &behaviorv1.FactsApplication{
		Lead: l.lead, Revision: revision, FromVersion: from, ToVersion: to, Facts: facts, FitTimeline: l.fit,
		AsOfTime: timestamppb.New(asOf),
	}
}

// However facts arrive (shuffled, late, repeated, in any batches, with the database
// lost in between), the answer is the same bytes as one application of all of them.
func TestArrivalDoesNotMatter(t *testing.T) {
	each(t, func(t *testing.T, s *behavior.Service, db *sqldb.DB) {
		r := rand.New(rand.NewPCG(3, 4))
		const leads, rounds = 50, 20
		asOf := monday.AddDate(0, 0, 3)
		for round := range rounds {
			var arriving, whole []*arrivalOf
			var ends []int32
			for i := range leads {
				l := randomArrival(r, round*leads+i)
				arriving = append(arriving, l)
				ends = append(ends, int32(len(l.facts)))
				once := *l
				once.lead = strings.Replace(l.lead, "leads/0", "leads/f", 1)
				whole = append(whole, &once)
			}
			want := deliver(t, s, whole, ends, asOf)
			var got []*typev1.Engagement
			for step := 1; step <= 4; step++ {
				to := make([]int32, leads)
				for i := range to {
					to[i] = max(ends[i]*int32(step)/4, 1)
				}
				got = deliver(t, s, arriving, to, asOf)
				if r.IntN(8) == 0 {
					loseDatabase(t, db)
					register(t, s)
				}
			}
			for i := range want {
				if a, b := marshal(t, want[i]), marshal(t, got[i]); a != b {
					t.Fatalf("%s: %s", arriving[i].lead, cmp.Diff(want[i], got[i], protocmp.Transform()))
				}
			}
		}
	})
}

func marshal(t *testing.T, m proto.Message) string {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func loseDatabase(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, table := range []string{"ledger", "checkpoints", "models"} {
			if _, err := tx.Exec(`DELETE FROM ` + table); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func randomArrival(r *rand.Rand, n int) *arrivalOf {
	l := &arrivalOf{lead: fmt.Sprintf("leads/01890a5d-ac96-774b-bcce-%012x", n)}
	count := 1 + r.IntN(20)
	if r.IntN(10) == 0 {
		count = 1 + r.IntN(300)
	}
	types := []string{"page.viewed", "content.downloaded", "form.submitted", "form.started", "email.opened"}
	properties := []string{``, `{"kind":"ebook","path":"/careers"}`, `{"form":"demo"}`}
	for i := range count {
		// A fact near the end of the time so far, sometimes far before it.
		at := monday.Add(-time.Duration(count-i)*7*time.Hour + time.Duration(r.IntN(12))*time.Hour)
		if r.IntN(6) == 0 {
			at = monday.Add(-time.Duration(r.IntN(count*7)) * time.Hour)
		}
		if r.IntN(6) == 0 {
			l.facts = append(l.facts, attr(fmt.Sprint(i), "country", at, []string{`"DE"`, `"US"`, `null`}[r.IntN(3)]))
			continue
		}
		l.facts = append(l.facts, activity(fmt.Sprint(i), types[r.IntN(len(types))], at, properties[r.IntN(len(properties))]))
	}
	for range r.IntN(3) {
		l.fit = append(l.fit, &typev1.FitPoint{
			EffectiveTime: timestamppb.New(monday.Add(-time.Duration(r.IntN(count*7)) * time.Hour)), Score: proto.Float64(float64(r.IntN(100))),
		})
	}
	return l
}

package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
)

// listed is a store with a suppression list, and the list of another process.
type listed struct {
	*fixture
	other *store.Store
}

func eachListed(t *testing.T, run func(t *testing.T, f *listed)) {
	each(t, func(t *testing.T, f *fixture) {
		l := &listed{f, f.process()}
		for _, s := range []*store.Store{l.Store, l.other} {
			s.UseKey(suppression.Key("a key"))
		}
		l.looks()
		run(t, l)
	})
}

// looks has the other process look at the list.
func (f *listed) looks() {
	f.t.Helper()
	f.ok(f.other.LoadSuppressions(f.t.Context()))
}

func (f *listed) tell() {
	f.t.Helper()
	f.ok(f.TellSuppressed(f.t.Context()))
}

func (f *listed) suppress(address string) (entry string) {
	f.t.Helper()
	added, err := f.AddSuppressions(f.t.Context(), []store.NewSuppression{{
		Of: email(address), Entry: suppression.Entry{Mode: suppression.HandOff, Reason: "customer"},
	}})
	f.ok(err)
	return added[0].ID
}

func (f *listed) unsuppress(entry string) {
	f.t.Helper()
	_, err := f.RemoveSuppression(f.t.Context(), entry)
	f.ok(err)
}

// by captures an address by a process.
func (f *listed) by(s *store.Store, address string, received time.Time) {
	f.t.Helper()
	f.ok(s.Capture(f.t.Context(), &store.Capture{Received: received, Subjects: []*store.Subject{{
		Identities: []identity.Identity{email(address)}, Effective: received, Source: "api",
	}}}))
}

// want says whether a lead is suppressed.
func (f *listed) want(address string, suppressed bool, when string) {
	f.t.Helper()
	id, err := f.Lookup(f.t.Context(), email(address))
	f.ok(err)
	if got := strings.Contains(string(f.lead(id).Attributes), `"suppressed":"customer"`); got != suppressed {
		f.t.Errorf("%s: suppressed is %v", when, got)
	}
}

// A process that has not looked yet captures by the list of before; in the end everybody is
// as the list says.
func TestWhoIsCapturedByTheListOfBefore(t *testing.T) {
	eachListed(t, func(t *testing.T, f *listed) {
		entry := f.suppress("ann@a.example")
		f.by(f.other, "ann@a.example", f.now())
		f.want("ann@a.example", false, "the other has not looked")
		f.tell()
		f.looks()
		f.pass(store.Looked)
		f.tell()
		f.want("ann@a.example", true, "all have looked")

		f.unsuppress(entry)
		f.tell()
		f.want("ann@a.example", false, "the entry is gone")
		f.pass(time.Second)
		f.by(f.other, "ann@a.example", f.now())
		f.by(f.other, "bob@b.example", f.now())
		f.want("ann@a.example", true, "the other has not looked")
		f.looks()
		f.pass(store.Looked)
		f.tell()
		f.want("ann@a.example", false, "all have looked")
		if n := f.count(`SELECT count(*) FROM suppressions`); n != 0 {
			t.Errorf("%d entries are kept", n)
		}
		f.looks()
		f.by(f.other, "ann@a.example", f.now())
		f.want("ann@a.example", false, "after all")
	})
}

// Whoever does something before anybody told them hears with that of an entry that is gone,
// also if it was said by a clock that is ahead.
func TestACaptureHearsOfAnEntryThatIsGone(t *testing.T) {
	eachListed(t, func(t *testing.T, f *listed) {
		entry := f.suppress("ann@a.example")
		f.by(f.Store, "ann@a.example", f.now().Add(time.Minute))
		f.want("ann@a.example", true, "with an entry")
		f.unsuppress(entry)
		version := f.acts("ann@a.example", act("1", 0)).Version
		f.want("ann@a.example", false, "after the entry")
		if again := f.capture(subject(email("ann@a.example"))); again.Version != version {
			t.Errorf("hearing of it again made version %d of %d", again.Version, version)
		}
	})
}

// A person of whom one lead is suppressed is, whatever the list said of the other since.
func TestAMergeWithTheSuppressed(t *testing.T) {
	eachListed(t, func(t *testing.T, f *listed) {
		f.suppress("ann@a.example")
		f.by(f.Store, "ann@a.example", f.now())
		f.pass(time.Minute)
		entry := f.suppress("bob@b.example")
		f.by(f.Store, "bob@b.example", f.now())
		f.unsuppress(entry)
		f.by(f.Store, "bob@b.example", f.now())
		f.want("bob@b.example", false, "before")
		ann, err := f.Lookup(t.Context(), email("ann@a.example"))
		f.ok(err)
		bob, err := f.Lookup(t.Context(), email("bob@b.example"))
		f.ok(err)
		_, err = f.Merge(t.Context(), ann, bob, "mia", "the same")
		f.ok(err)
		f.want("bob@b.example", true, "merged")
	})
}

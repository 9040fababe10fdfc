package standard_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// Whatever people do in whatever order: what decides was signed off by two people, for
// each side by one; a sign-off never changes; and the log tells exactly what happened.
func TestLawsOfAgreement(t *testing.T) {
	dbtest.EachMigrated(t, "handoff", sqldb.Normal, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		// It is about what is stored, not about whether it outlives a power cut.
		r := standard.NewRegistry(db, newClock().tick)
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			a := agreement{registry: r, id: fmt.Sprint("s", n), signed: map[string]map[standard.Side]string{}}
			t.Repeat(map[string]func(*rapid.T){
				"create":  a.create,
				"sign":    a.sign,
				"publish": a.publish,
				"retire":  a.retire,
				"speak":   a.speak,
				"":        a.check,
			})
			a.checkLog(t)
		})
	})
}

// agreement is what should have happened to one standard.
type agreement struct {
	registry *standard.Registry
	id       string
	versions []string
	signed   map[string]map[standard.Side]string
	active   string
	log      []string
}

func (a *agreement) draw(t *rapid.T) string {
	if len(a.versions) == 0 {
		t.Skip("no version yet")
	}
	return rapid.SampledFrom(a.versions).Draw(t, "version")
}

func actor(t *rapid.T) string {
	return rapid.SampledFrom([]string{"ana", "bob", "cy"}).Draw(t, "actor")
}

func (a *agreement) create(t *rapid.T) {
	spec, err := standard.Parse("s.yaml", []byte(version(a.id, rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, "words"))))
	if err != nil {
		t.Fatal(err)
	}
	who := actor(t)
	v, err := a.registry.Create(t.Context(), spec, who)
	if err != nil {
		t.Fatal(err)
	}
	if a.signed[v.ID] == nil {
		a.signed[v.ID] = map[standard.Side]string{}
		a.versions = append(a.versions, v.ID)
		a.log = append(a.log, "created  "+v.ID+" "+who)
	}
}

func (a *agreement) sign(t *rapid.T) {
	id, who := a.draw(t), actor(t)
	side, other := standard.Marketing, standard.Sales
	if rapid.Bool().Draw(t, "sales") {
		side, other = other, side
	}
	signed := a.signed[id]
	_, err := a.registry.SignOff(t.Context(), a.id, id, side, who, "")
	allowed := signed[side] == who || signed[side] == "" && signed[other] != who
	a.expect(t, err, allowed)
	if allowed && signed[side] == "" {
		signed[side] = who
		a.log = append(a.log, "signed_off "+string(side)+" "+id+" "+who)
	}
}

func (a *agreement) publish(t *rapid.T) {
	id, who := a.draw(t), actor(t)
	_, err := a.registry.Publish(t.Context(), a.id, id, standard.Publication{Actor: who})
	allowed := len(a.signed[id]) == 2
	a.expect(t, err, allowed)
	if allowed && a.active != id {
		a.active = id
		a.log = append(a.log, "published  "+id+" "+who)
	}
}

func (a *agreement) retire(t *rapid.T) {
	who := actor(t)
	_, err := a.registry.Retire(t.Context(), a.id, who)
	if len(a.versions) == 0 {
		if !errors.Is(err, standard.ErrNotFound) {
			t.Fatalf("retired nothing: %v", err)
		}
		return
	}
	a.expect(t, err, true)
	if a.active != "" {
		a.active = ""
		a.log = append(a.log, "retired   "+who)
	}
}

func (a *agreement) speak(t *rapid.T) {
	if len(a.versions) == 0 {
		t.Skip("no standard yet")
	}
	who := actor(t)
	_, err := a.registry.GiveFeedback(t.Context(), a.id, standard.Entry{Actor: who, Comment: "x"})
	a.expect(t, err, true)
	a.log = append(a.log, "feedback  "+a.active+" "+who)
}

func (a *agreement) expect(t *rapid.T, err error, allowed bool) {
	var state *standard.StateError
	if allowed && err != nil || !allowed && !errors.As(err, &state) {
		t.Fatalf("error %v, allowed %v", err, allowed)
	}
}

func (a *agreement) check(t *rapid.T) {
	if len(a.versions) == 0 {
		return
	}
	s, err := a.registry.Get(t.Context(), a.id)
	if err != nil || s.ActiveVersion != a.active {
		t.Fatalf("active: %+v, %v; want %s", s, err, a.active)
	}
	if a.active != "" {
		v, err := a.registry.GetVersion(t.Context(), a.id, a.active)
		if err != nil || v.Marketing.Actor == "" || v.Sales.Actor == "" || v.Marketing.Actor == v.Sales.Actor {
			t.Fatalf("decides without two who agreed: %+v, %v", v, err)
		}
	}
}

func (a *agreement) checkLog(t *rapid.T) {
	if len(a.versions) == 0 {
		return
	}
	entries, err := a.registry.ListLog(t.Context(), a.id, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for i, e := range entries {
		if e.Sequence != int64(i+1) {
			t.Fatalf("entry %d has the place %d", i+1, e.Sequence)
		}
		log = append(log, strings.Join([]string{string(e.Kind), string(e.Side), e.Version, e.Actor}, " "))
	}
	if diff := cmp.Diff(a.log, log); diff != "" {
		t.Fatalf("log:\n%s", diff)
	}
}

package engagement

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/points"
)

// engine is a fold of facts, right or wrong, as the laws see it.
type engine interface {
	// apply folds a batch in.
	apply(batch []Fact, fit []FitPoint)
	// score reads the score at an instant.
	score(micros int64) Score
	// drop loses everything stored.
	drop()
	// work is what the last apply took: entries folded and buckets visited.
	work() int
	// unknown is how many conditions could not be answered, so far.
	unknown() int
}

// law says what is wrong with how an engine scores a scenario; nil if nothing.
type law func(build func(*Compiled, Model) engine, s scenario) error

var laws = map[string]law{
	"sum": lawSum, "order": lawOrder, "time": lawTime, "replay": lawReplay,
	"growth": lawGrowth, "missing": lawMissing, "definition": lawDefinition, "void": lawVoid,
}

// lawSum: a score equals the sum of its contributions, always.
func lawSum(build func(*Compiled, Model) engine, s scenario) error {
	e := arrived(build, s)
	for _, at := range s.instants {
		score := e.score(at)
		var sum points.Points
		for _, line := range score.Contributions {
			sum += line.Points
		}
		if sum != score.Points {
			return fmt.Errorf("score %v, sum of its lines %v: %+v", score.Points, sum, score.Contributions)
		}
		if c := score.Combined; c != nil {
			for _, line := range c.Contributions {
				sum += line.Points
			}
			if sum != score.Points+c.Points {
				return fmt.Errorf("combined score %v, its lines: %+v", c.Points, c.Contributions)
			}
		}
	}
	return nil
}

// lawOrder: the same set of facts gives the same scores, in any order of arrival, with
// any repetition.
func lawOrder(build func(*Compiled, Model) engine, s scenario) error {
	shuffled, ordered := arrived(build, s), build(s.compiled, s.model)
	once := slices.Clone(s.facts)
	slices.SortFunc(once, func(a, b Fact) int { return compareFacts(&a, &b) })
	ordered.apply(once, s.fit)
	for _, at := range s.instants {
		if diff := lawtest.Diff(ordered.score(at), shuffled.score(at)); diff != "" {
			return fmt.Errorf("in order (-) and as they arrived (+): %s", diff)
		}
	}
	return nil
}

// lawTime: the score at an instant is that of a fresh fold of what was true by then.
func lawTime(build func(*Compiled, Model) engine, s scenario) error {
	e := arrived(build, s)
	for _, at := range s.instants {
		var by []Fact
		for _, f := range s.facts {
			if f.Micros <= at {
				by = append(by, f)
			}
		}
		fresh := build(s.compiled, s.model)
		fresh.apply(by, s.fit)
		if diff := lawtest.Diff(fresh.score(at), e.score(at)); diff != "" {
			return fmt.Errorf("fresh (-) and read at the instant (+): %s", diff)
		}
	}
	return nil
}

// lawReplay: after everything stored is lost and the history is sent again, in chunks
// by version, scores are the same.
func lawReplay(build func(*Compiled, Model) engine, s scenario) error {
	e := arrived(build, s)
	var before []Score
	for _, at := range s.instants {
		before = append(before, e.score(at))
	}
	e.drop()
	e.apply(nil, s.fit)
	for chunk := range slices.Chunk(s.facts, 50) {
		e.apply(chunk, s.fit)
	}
	for i, at := range s.instants {
		if diff := lawtest.Diff(before[i], e.score(at)); diff != "" {
			return fmt.Errorf("before (-) and after the loss (+): %s", diff)
		}
	}
	return nil
}

// lawGrowth: one more fact in order costs no more steps than the first, however long
// the history is.
func lawGrowth(build func(*Compiled, Model) engine, s scenario) error {
	e := arrived(build, s)
	next := Fact{Source: "web", ID: "next", Type: "page.viewed", Micros: start + 400*24*hour}
	e.apply([]Fact{next}, s.fit)
	// A step, and per rule one bucket touched and what its horizon lets go of once.
	next.ID, next.Micros = "one more", next.Micros+hour
	e.apply([]Fact{next}, s.fit)
	if most := 1 + 2*len(s.compiled.rules); e.work() > most {
		return fmt.Errorf("one more fact after %d took %d steps, want at most %d", len(s.facts), e.work(), most)
	}
	return nil
}

// lawMissing: what a condition does not know never matches, and is reported.
func lawMissing(build func(*Compiled, Model) engine, s scenario) error {
	e := build(s.compiled, s.model)
	var unasked []Fact // everything but the profile
	asked := 0
	for _, f := range s.facts {
		if f.Kind == Attribute {
			continue
		}
		unasked = append(unasked, f)
		for _, i := range s.compiled.candidates(f.Type).triggers {
			if onlyProfile(s.compiled.triggers[i].when) {
				asked++
			}
		}
	}
	e.apply(unasked, nil)
	score := e.score(start + 500*24*hour)
	for _, count := range score.Counts {
		i := slices.IndexFunc(s.compiled.rules, func(r compiledRule) bool { return r.id == count.Rule })
		of := slices.IndexFunc(s.compiled.triggers, func(t trigger) bool { return t.act >= countAct && t.act <= followAct && t.of == i })
		if onlyProfile(s.compiled.triggers[of].when) {
			return fmt.Errorf("%s matched %d times although nothing is known", count.Rule, count.Count)
		}
	}
	if e.unknown() < asked {
		return fmt.Errorf("%d conditions could not be answered, %d were reported", asked, e.unknown())
	}
	return nil
}

// onlyProfile: without a profile the condition is unknown.
func onlyProfile(w *when) bool {
	return w != nil && slices.Contains([]string{`lead.country == "DE"`, `fit.score >= 50`, `lead.nobody_knows == 1`}, w.condition.Text())
}

// lawDefinition: the score is what the plain definition says.
func lawDefinition(build func(*Compiled, Model) engine, s scenario) error {
	if s.rich {
		return nil // the definition knows limits, caps and fading only
	}
	e := arrived(build, s)
	for _, at := range s.instants {
		want, byRule := define(s.model, s.counting(), s.fit, at)
		score := e.score(at)
		if s.model.Segments == nil && score.Points != want {
			return fmt.Errorf("at %d score %v, by definition %v: %+v", at, score.Points, want, score.Contributions)
		}
		for rule, want := range byRule {
			var sum points.Points
			for _, line := range score.Contributions {
				if line.Rule == rule {
					sum += line.Points
				}
			}
			if sum != want {
				return fmt.Errorf("%s gives %v, by definition %v", rule, sum, want)
			}
		}
	}
	return nil
}

func arrived(build func(*Compiled, Model) engine, s scenario) engine {
	e := build(s.compiled, s.model)
	for _, batch := range s.batches {
		e.apply(batch, s.fit)
	}
	return e
}

// kept is the engine as a service runs it: a history at rest between arrivals, and
// its chunks in a store.
type restingEngine struct {
	compiled *Compiled
	record   Record
	chunks   map[int]Chunk
	last     Change
	unknowns int
}

func resting(c *Compiled, _ Model) engine {
	return &restingEngine{compiled: c, chunks: map[int]Chunk{}}
}

func (e *restingEngine) open() *History {
	h, err := e.compiled.OpenHistory(e.record)
	if err != nil {
		panic(err)
	}
	return h
}

func (e *restingEngine) load(before int64) ([]Chunk, error) {
	first := 1
	for seq := 1; seq <= len(e.chunks); seq++ {
		if chunk := e.chunks[seq]; chunk.After != nil && chunk.LastMicros < before {
			first = seq
		}
	}
	var chunks []Chunk
	for seq := first; seq <= len(e.chunks); seq++ {
		chunks = append(chunks, e.chunks[seq])
	}
	return chunks, nil
}

func (e *restingEngine) apply(batch []Fact, fit []FitPoint) {
	h := e.open()
	change, err := h.Apply(batch, fit, e.load)
	if err != nil {
		panic(err)
	}
	for _, chunk := range change.Sealed {
		e.chunks[chunk.Seq] = chunk
	}
	for _, seq := range change.Thinned {
		chunk := e.chunks[seq]
		chunk.After = nil
		e.chunks[seq] = chunk
	}
	e.record, e.last = h.Record(), change
	e.unknowns += change.Unknown
}

func (e *restingEngine) score(micros int64) Score {
	score, err := e.open().Score(micros, e.load)
	if err != nil {
		panic(err)
	}
	return score
}

func (e *restingEngine) drop()        { e.record, e.chunks = Record{}, map[int]Chunk{} }
func (e *restingEngine) work() int    { return e.last.Steps + e.last.Touched }
func (e *restingEngine) unknown() int { return e.unknowns }

// freshEngine folds everything again whenever it is asked: right, but its cost grows.
type freshEngine struct {
	compiled *Compiled
	facts    []Fact
	fit      []FitPoint
	unknowns int
}

func fresh(c *Compiled, _ Model) engine { return &freshEngine{compiled: c} }

func (e *freshEngine) apply(batch []Fact, fit []FitPoint) {
	e.facts, e.fit = append(e.facts, batch...), fit
	_, m := e.compiled.fold(Facts{e.facts, e.fit}, never)
	e.unknowns = m.Unknown
}

func (e *freshEngine) score(micros int64) Score {
	return e.compiled.Fold(Facts{e.facts, e.fit}, micros)
}
func (e *freshEngine) drop()        { e.facts = nil }
func (e *freshEngine) work() int    { return len(e.facts) }
func (e *freshEngine) unknown() int { return e.unknowns }

// arrivalOrder steps facts as they come.
type arrivalOrder struct {
	freshEngine
	state   State
	profile Profile
}

func (e *arrivalOrder) apply(batch []Fact, fit []FitPoint) {
	p := &e.profile
	*p = Profile{}
	p.setFit(e.compiled, fit)
	m := e.compiled.NewMatcher(p)
	for i := range batch {
		if batch[i].Kind == Attribute {
			p.put(e.compiled, &batch[i])
		} else if entry, useful := m.Match(&batch[i]); useful {
			e.compiled.Step(&e.state, &entry, m)
		}
	}
}

func (e *arrivalOrder) score(micros int64) Score {
	return e.compiled.Score(&e.state, &e.profile, micros)
}
func (e *arrivalOrder) drop() { e.state = State{} }

// doubleCount takes every repetition for a new fact.
type doubleCount struct{ freshEngine }

func (e *doubleCount) apply(batch []Fact, fit []FitPoint) {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].ID = fmt.Sprintf("%d-%d", len(e.facts), i)
	}
	e.freshEngine.apply(batch, fit)
}
func (e *doubleCount) drop() {}

// droppedCap holds scores under their caps and does not say so.
type droppedCap struct{ engine }

func (e *droppedCap) score(micros int64) Score {
	score := e.engine.score(micros)
	score.Contributions = slices.DeleteFunc(score.Contributions, func(l Contribution) bool { return l.Line == Capped })
	return score
}

// knowsAll takes unknown for true.
func knowsAll(_ *Compiled, m Model) engine {
	m.Groups = slices.Clone(m.Groups)
	for g := range m.Groups {
		m.Groups[g].Rules = slices.Clone(m.Groups[g].Rules)
		for r := range m.Groups[g].Rules {
			m.Groups[g].Rules[r].When = ""
		}
	}
	c, err := Compile(m)
	if err != nil {
		panic(err)
	}
	return fresh(c, m)
}

// Every law holds for the engine, over generated models and histories.
func TestLaws(t *testing.T) {
	for name, law := range laws {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				if err := law(resting, scenarios.Draw(t, "scenario")); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// Every law notices a fold that breaks it.
func TestLawsNoticeWrongFolds(t *testing.T) {
	wrong := map[string]func(*Compiled, Model) engine{
		"arrival order": func(c *Compiled, _ Model) engine { return &arrivalOrder{freshEngine: freshEngine{compiled: c}} },
		"counts all":    func(c *Compiled, _ Model) engine { return &countsAll{freshEngine{compiled: c}} },
		"double count":  func(c *Compiled, _ Model) engine { return &doubleCount{freshEngine{compiled: c}} },
		"dropped cap":   func(c *Compiled, m Model) engine { return &droppedCap{resting(c, m)} },
		"knows all":     knowsAll,
		"folds again":   fresh,
	}
	for law, folds := range map[string][]string{
		"sum":        {"dropped cap"},
		"order":      {"arrival order", "double count"},
		"time":       {"arrival order"},
		"replay":     {"arrival order", "double count"},
		"growth":     {"folds again", "double count"},
		"missing":    {"knows all"},
		"void":       {"counts all"},
		"definition": {"arrival order", "double count", "dropped cap", "knows all"},
	} {
		for _, fold := range folds {
			t.Run(law+"/"+fold, func(t *testing.T) {
				for seed := range uint64(300) {
					if laws[law](wrong[fold], newScenario(40, seed)) != nil {
						return
					}
				}
				t.Errorf("the law of %s holds for a fold with %s", law, fold)
			})
		}
	}
}

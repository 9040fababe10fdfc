package engagement

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
)

// scenario is a model and what is known of one lead, in the order of arrival.
type scenario struct {
	model    Model
	compiled *Compiled
	// rich models use the whole language.
	rich bool
	// batches arrive one after another: late, shuffled, repeated.
	batches [][]Fact
	// facts is the set of them, in the order of versions: as a history sent again.
	facts []Fact
	fit   []FitPoint
	// instants to ask about: before, between and long after the facts.
	instants []int64
}

func (s scenario) String() string {
	return fmt.Sprintf("%+v\n%d facts in %d batches", s.model, len(s.facts), len(s.batches))
}

var start = time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC).UnixMicro()

const hour = int64(time.Hour / time.Microsecond)

// scenarios draws the shape and lets a generator of its own fill it: histories of
// hundreds of facts would take rapid too long.
var scenarios = rapid.Custom(func(t *rapid.T) scenario {
	few, some, many := rapid.IntRange(0, 12), rapid.IntRange(0, 60), rapid.IntRange(60, 400)
	return newScenario(
		// Few find most faults; many, now and then, fill chunks.
		rapid.OneOf(few, few, few, few, some, some, some, some, some, many).Draw(t, "facts"),
		rapid.Uint64().Draw(t, "seed"),
	)
})

func newScenario(n int, seed uint64) scenario { return newScenarioOf(n, seed, func(*Model) {}) }

// newScenarioOf is newScenario of a model that is changed before it is compiled.
func newScenarioOf(n int, seed uint64, change func(*Model)) scenario {
	r := rand.New(rand.NewPCG(seed, 7))
	s := scenario{model: randomModel(r), rich: seed%2 == 1}
	if s.rich {
		speak(r, &s.model)
	}
	void := rand.New(rand.NewPCG(seed, 11)) // of its own: what else is drawn stays as it is
	if seed%3 == 0 {
		s.model.Consent = &Consent{Category: "analytics", UnknownWithholds: void.IntN(2) == 0}
	}
	change(&s.model)
	compiled, err := Compile(s.model)
	if err != nil {
		panic(err)
	}
	s.compiled = compiled
	days := 1 + r.Int64N(150)
	for i := range n {
		s.facts = append(s.facts, randomFact(r, i, days))
	}
	s.void(void, days)
	// The order of versions is not the order of time, but often near it.
	slices.SortStableFunc(s.facts, func(a, b Fact) int {
		return int((a.Micros-b.Micros)/hour) + int(hashOf(b.ID)%72) - int(hashOf(a.ID)%72)
	})
	for range r.IntN(4) {
		s.fit = append(s.fit, FitPoint{
			Micros: start + r.Int64N(days*24)*hour, Scored: r.IntN(3) > 0,
			Points: points.Points(r.IntN(100)) * points.One, Class: pick(r, "A", "B", ""),
		})
	}
	s.batches = arrivals(r, s.facts)
	for range 3 {
		s.instants = append(s.instants, start+r.Int64N(days*24*2)*hour)
	}
	far := int64(4000)
	if s.rich {
		far = 500 // what happens by itself every night takes its time
	}
	s.instants = append(s.instants, start+(days+1)*24*hour, start+far*24*hour)
	return s
}

func hashOf(s string) (h uint32) {
	for _, c := range s {
		h = h*16777619 ^ uint32(c)
	}
	return h
}

// arrivals cuts facts into batches, moves some back and repeats some.
func arrivals(r *rand.Rand, facts []Fact) [][]Fact {
	shuffled := slices.Clone(facts)
	if r.IntN(3) == 0 {
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	}
	var late, batch []Fact
	var batches [][]Fact
	size := 1 + r.IntN(40)
	for _, f := range shuffled {
		switch r.IntN(12) {
		case 0:
			late = append(late, f)
			continue
		case 1:
			late = append(late, f) // arrives now and again later
		}
		if batch = append(batch, f); r.IntN(size) == 0 {
			batches, batch = append(batches, batch), nil
			if len(late) > 0 && r.IntN(2) == 0 {
				batches, late = append(batches, late), nil
			}
		}
	}
	return append(batches, append(batch, late...))
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func maybe(r *rand.Rand, p points.Points) *points.Points {
	if r.IntN(3) > 0 {
		return nil
	}
	p = points.Points(r.Int64N(int64(p)))
	return &p
}

func randomModel(r *rand.Rand) Model {
	m := Model{
		Cap:          maybe(r, 15000),
		TimeZone:     pick(r, "", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"),
		CountWindows: pick(r, nil, []int{1, 7}, []int{30}),
		Bands:        pick(r, nil, []Edge{{"1", 8000}, {"2", 2500}, {"3", 0}}),
	}
	for g := range 1 + r.IntN(3) {
		group := Group{ID: fmt.Sprintf("g%d", g), Cap: maybe(r, 9000), Decay: randomDecay(r)}
		for i := range r.IntN(4) {
			group.Rules = append(group.Rules, randomRule(r, fmt.Sprintf("g%d_r%d", g, i)))
		}
		m.Groups = append(m.Groups, group)
	}
	enrich(r, &m)
	for i := range r.IntN(3) {
		m.Signals = append(m.Signals, Signal{ID: fmt.Sprintf("s%d", i), Activities: []string{pick(r, types...)}, When: pick(r, conditions...)})
	}
	return m
}

// enrich gives half of the models what is read from a state beside the rules.
func enrich(r *rand.Rand, m *Model) {
	if r.IntN(2) == 0 {
		return
	}
	m.Least = maybe(r, 5000)
	if m.Cap != nil && m.Least != nil {
		m.Least = nil
	}
	for i := range m.Groups {
		g := &m.Groups[i]
		g.Combine = Combine(r.IntN(3))
		if g.Cap == nil {
			g.Least = maybe(r, 5000)
		}
		for n := range r.IntN(3) {
			g.Criteria = append(g.Criteria, Criterion{
				ID: fmt.Sprintf("%s_c%d", g.ID, n), WeightPercent: points.Points(r.IntN(20000)),
				Choices: []GateChoice{{If: randomGate(r), Points: points.Points(r.IntN(4000) - 1000)}, {If: randomGate(r), Points: 333}},
			})
		}
		for n := range r.IntN(2) {
			inner := Group{ID: fmt.Sprintf("%s_g%d", g.ID, n), Cap: maybe(r, 5000)}
			for i := range 1 + r.IntN(2) {
				inner.Rules = append(inner.Rules, randomRule(r, fmt.Sprintf("%s_r%d", inner.ID, i)))
			}
			g.Groups = append(g.Groups, inner)
		}
	}
	m.Segments = []Segment{{ID: "german", When: `lead.country == "DE"`}}
	m.SegmentBands = []SegmentEdges{{Segment: "german", Edges: []Edge{{"high", 4000}, {"low", -100000}}}}
	if r.IntN(2) == 0 {
		m.Combined = &Combined{Cap: maybe(r, 15000), UnknownFitIsZero: r.IntN(2) == 0, Bands: []Edge{{"hot", 6000}, {"cold", 0}}}
	}
	if r.IntN(3) == 0 {
		m.Overrides = append(m.Overrides, Override{ID: "over", If: ptr(randomGate(r)), Points: 100, Combined: m.Combined != nil && r.IntN(2) == 0})
	}
	m.Flags = append(m.Flags, Flag{ID: "flag", If: randomGate(r)})
}

func randomGate(r *rand.Rand) Gate {
	low := points.Points(r.IntN(10000))
	switch r.IntN(12) {
	case 0:
		return Gate{When: `lead.country == "DE"`}
	case 1:
		return Gate{When: `lead.size > 100`}
	case 2:
		return Gate{FitScore: &Range{AtLeast: &low, BySegment: map[string]Range{"german": {Below: &low}}}}
	case 3:
		return Gate{FitClass: []string{"A"}}
	case 4:
		return Gate{Known: &Known{Count: 1, Attributes: []string{"country", "size"}}}
	case 5:
		return Gate{Not: ptr(randomGate(r))}
	case 6:
		return Gate{Any: []Gate{randomGate(r), randomGate(r)}}
	case 7:
		return Gate{All: []Gate{randomGate(r), randomGate(r)}}
	default:
		return Gate{Stage: []string{pick(r, "RECYCLED", "CUSTOMER")}}
	}
}

var (
	types = []string{"page.viewed", "page.*", "form.submitted", "form.*", "lifecycle.recycled", "email.clicked"}
	// conditions read the activity, the profile, both, or something nobody has.
	conditions = []string{
		"", "", "", `activity.properties.path == "/pricing"`, `lead.country == "DE"`, `fit.score >= 50`,
		`lead.country == "DE" && activity.properties.n > 2`, `fit.class == "A" || activity.campaign == "spring"`,
		`has(lead.country)`, `lead.nobody_knows == 1`, `activity.properties.path.startsWith("/pr") && lead.size > 100`, `account.size > 100`,
	}
)

func randomRule(r *rand.Rand, id string) Rule {
	rule := Rule{
		ID: id, Activities: []string{pick(r, types...)}, When: pick(r, conditions...),
		Points: points.Points(r.IntN(12000) - 4000), Cap: maybe(r, 8000),
	}
	if rule.Activities[0] == "page.viewed" && r.IntN(2) == 0 {
		rule.Activities = append(rule.Activities, "email.*")
	}
	if r.IntN(2) == 0 {
		rule.Limit = &Limit{Count: r.IntN(4), Per: Per(r.IntN(5))}
		if rule.Limit.Per != PerLead {
			rule.Limit.Every = r.IntN(4)
		}
	}
	if r.IntN(3) == 0 {
		decay := randomDecay(r)
		rule.Decay = &decay
	}
	return rule
}

func randomDecay(r *rand.Rand) Decay {
	after := max(0, r.IntN(20)-10)
	switch r.IntN(6) {
	case 0:
		return Decay{HalfLife: time.Duration(1+r.IntN(60*24)) * time.Hour, After: after}
	case 1:
		return Decay{Window: 1 + r.IntN(60), After: after}
	case 2:
		return Decay{Linear: 1 + r.IntN(60), After: after}
	case 3:
		first := DecayStep{After: 1 + r.IntN(30), Percent: points.Points(r.IntN(10001))}
		return Decay{Steps: []DecayStep{first, {After: first.After + 1 + r.IntN(30)}}}
	default:
		return Decay{}
	}
}

func randomFact(r *rand.Rand, i int, days int64) Fact {
	f := Fact{
		Source: pick(r, "web", "crm"), ID: fmt.Sprint(i),
		Micros: start + r.Int64N(days*24)*hour, // on the hour, so that instants are shared
	}
	if r.IntN(2) == 0 {
		f.ID = fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a%04x", i)
	}
	if r.IntN(6) == 0 {
		f.Kind = Attribute
		f.Name = pick(r, "country", "size", "unread", "zone", "account.size")
		f.Value = []byte(pick(r, `"DE"`, `"FR"`, `200`, `null`, ``, `"DE"`))
		if f.Name == "zone" {
			f.Value = []byte(pick(r, `"Asia/Tokyo"`, `"America/New_York"`, `"nowhere"`, `null`))
		}
		return f
	}
	f.Type = pick(r, "page.viewed", "form.submitted", "form.a.b", "lifecycle.recycled", "email.clicked", "form", "unheard.of")
	f.Campaign = pick(r, "", "spring")
	f.Properties = []byte(pick(r, ``, `{"path":"/pricing","n":3}`, `{"n":1,"path":"/"}`, `{"path":7}`, `{broken`))
	return f
}

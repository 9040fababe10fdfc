package condition_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/condition"
)

const no, yes, unknown = condition.False, condition.True, condition.Unknown

// answers asks conditions of ada, and of nobody: then none of these may be true.
func answers(t *testing.T, table []answer) {
	t.Helper()
	for _, test := range table {
		got, fault := ask(t, test.text, ada())
		if got != test.want || fault != test.fault {
			t.Errorf("%s is %v (fault %v), want %v (fault %v)", test.text, got, fault, test.want, test.fault)
		}
		if got, fault := ask(t, test.text, &condition.Facts{}); got == yes && strings.Contains(test.text, "lead.") && !strings.Contains(test.text, "!has(") || fault != condition.NoFault && fault != test.fault {
			t.Errorf("%s of nobody is %v (fault %v)", test.text, got, fault)
		}
	}
}

type answer struct {
	text  string
	want  condition.Truth
	fault condition.Fault
}

// It is 23:45 of 10 March 2026 in Berlin, 22:45 in UTC.
func TestTime(t *testing.T) {
	answers(t, []answer{
		{`now == timestamp("2026-03-10T22:45:00Z")`, yes, 0},
		{`now > timestamp(lead.renewal)`, yes, 0},
		{`now - timestamp(lead.renewal) > duration("240h")`, no, 0},
		{`now - timestamp(lead.renewal) > duration("239h")`, yes, 0},
		{`now.getHours() == 22 && now.getHours("Europe/Berlin") == 23`, yes, 0},
		{`now > timestamp(lead.budget)`, unknown, 0},
		{`now > timestamp(lead.trial)`, unknown, condition.TypeFault},
		{`now > timestamp(lead.country)`, unknown, condition.TypeFault},
		{`now > lead.renewal`, unknown, condition.TypeFault},

		// Days of the calendar: those of Berlin.
		{`daysSince(lead.trial) == 9`, yes, 0},
		{`daysSince(lead.trial) == 9.0`, yes, 0},
		{`daysSince(lead.trial) / 2 == 4.5`, yes, 0},
		{`daysSince("2026-03-10") == 0`, yes, 0},
		{`daysSince("2026-03-11") == -1`, yes, 0},
		{`daysSince("2026-02-28") == 10`, yes, 0},
		{`daysSince("2024-02-29") == 740`, yes, 0},
		{`daysSince(lead.renewal) == 9`, yes, 0}, // 00:30 of 1 March in Berlin
		{`daysSince("2026-03-10T00:00:00+01:00") == 0`, yes, 0},
		{`daysSince("2026-03-09T23:59:59.999+01:00") == 1`, yes, 0},
		{`daysSince("2026-03-10T23:00:00Z") == -1`, yes, 0},
		{`daysSince(timestamp(lead.renewal)) == 9`, yes, 0},
		{`daysSince(now) == 0`, yes, 0},
		{`daysSince(lead.trial) - daysSince(lead.renewal) == 0`, yes, 0},
		{`daysSince(lead.budget) > 3`, unknown, 0},
		{`has(lead.budget) && daysSince(lead.budget) > 3`, no, 0},
		{`daysSince(lead.country) > 3`, unknown, condition.TypeFault},
		{`daysSince(lead.employees) > 3`, unknown, condition.TypeFault},
		{`daysSince("2026-02-30") > 3`, unknown, condition.TypeFault},
		{`daysSince("2026-3-1") > 3`, unknown, condition.TypeFault},
		{`lead.country == "DE" || daysSince(lead.country) > 3`, yes, 0},
	})
	for _, text := range []string{`now > timestamp("2020-01-01T00:00:00Z")`, `daysSince("2020-01-01") > 1`} {
		if got, fault := ask(t, text, &condition.Facts{}); got != unknown || fault != condition.NoFault {
			t.Errorf("%s at no instant is %v (fault %v)", text, got, fault)
		}
	}
	utc := ada()
	utc.Zone = nil
	if got, _ := ask(t, `daysSince(lead.renewal) == 10 && daysSince(lead.trial) == 9`, utc); got != yes {
		t.Errorf("without a zone the days are not those of UTC: %v", got)
	}
	// The night in which the clocks go forward is a day like any other.
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	spring := &condition.Facts{Zone: zone, Now: time.Date(2026, 3, 29, 22, 30, 0, 0, time.UTC)} // 00:30 of the 30th
	if got, _ := ask(t, `daysSince("2026-03-28T23:30:00Z") == 1 && daysSince("2026-03-28T22:30:00Z") == 2`, spring); got != yes {
		t.Errorf("days around the change of the clocks: %v", got)
	}
}

func TestBefore(t *testing.T) {
	answers(t, []answer{
		{`before.country == "FR"`, yes, 0},
		{`before.country != lead.country`, yes, 0},
		{`lead.employees >= 250 && before.employees < 250`, yes, 0},
		{`lead.employees - before.employees == 50`, yes, 0},
		{`before.job_title == "x"`, unknown, 0},
		{`has(before.country) && !has(before.job_title)`, yes, 0},
		{"before.`account.tier` == 2", yes, 0},
		{`before.country > 3`, unknown, condition.TypeFault},
	})
}

// ada's employees n days ago were 300 - n; before 90 days nothing is known.
func TestAgo(t *testing.T) {
	answers(t, []answer{
		{`ago(lead.employees, 30) == 270`, yes, 0},
		{`ago(lead.employees, 1) == 299`, yes, 0},
		{`lead.employees < ago(lead.employees, 30)`, yes, 0},
		{`lead.employees / ago(lead.employees, 50) == 1`, yes, 0},
		{`(lead.employees - ago(lead.employees, 60)) * 2 == 20`, yes, 0},
		{`ago(account.tier, 7) == 3`, yes, 0},
		{`ago(lead.country, 30) == "DE"`, unknown, 0},
		{`ago(lead.employees, 91) > 0`, unknown, 0},
		{`has(ago(lead.employees, 30))`, yes, 0},
		{`has(ago(lead.country, 30))`, no, 0},
		{`!has(ago(lead.employees, 91)) || lead.employees > 0`, yes, 0},
		{`ago(lead.employees, 30) == "many"`, no, 0},
		{`ago(lead.employees, 30).startsWith("2")`, unknown, condition.TypeFault},
		{`[10, 270].exists(n, n == ago(lead.employees, 30))`, yes, 0},
	})
}

func TestLists(t *testing.T) {
	answers(t, []answer{
		{`lead.domain in lists.rivals`, yes, 0},
		{`!(lead.domain in lists.rivals)`, no, 0},
		{`lead.country in lists.rivals`, no, 0},
		{`lead.domain in lists.nobody`, no, 0},
		{`lead.employees in lists.rivals`, no, 0},
		{`lead.budget in lists.rivals`, unknown, 0},
		{`!(lead.budget in lists.rivals)`, unknown, 0},
		{`lead.tags.exists(tag, tag in lists.rivals)`, no, 0},
		{`hasWord(lead.job_title, lists.leaders)`, yes, 0},
		{`hasWord("SVP Sales", lists.leaders)`, no, 0},
		{`hasWord("the vice-president", lists.leaders)`, yes, 0},
		{`hasWord("vice chair, president", lists.leaders)`, no, 0},
		{`hasWord("Chief of", lists.leaders)`, no, 0},
		{`hasWord("the Chief of Staff's chief", lists.leaders)`, no, 0},
		{`hasWord("the Chief of Staff, too", lists.leaders)`, yes, 0},
		{`hasWord("営業部長", lists.leaders)`, yes, 0},
		{`hasWord("", lists.leaders)`, no, 0},
		{`hasWord("-", lists.leaders)`, no, 0},
		{`hasWord(lead.job_title, lists.nobody)`, no, 0},
		{`hasWord(lead.tags + ["vp"], lists.leaders)`, yes, 0},
		{`hasWord(lead.budget, lists.leaders)`, unknown, 0},
		{`hasWord(lead.employees, lists.leaders)`, unknown, condition.TypeFault},
		{`lists.rivals.exists(d, lead.domain.endsWith(d))`, yes, 0},
		{`size(lists.rivals) == 2 && lists.rivals[1] == "foe.com"`, yes, 0},
		{`size(lists.nobody) == 0`, yes, 0},
	})
}

// Words of a list and words written out are found alike.
func TestListsFindWhatWordsFind(t *testing.T) {
	phrases := []string{"vp", "of", "vp of", "vp of sales", "C++", "部長", "長 in", "x", "a b", "directeur général"}
	titles := []string{"VP of Sales", "vp", "of", "", "SVP", "C++ of", "C", "営業部長 in A", "Directeur General, VP", "a-b", "A. B", "b a"}
	for i := range phrases {
		for j := range phrases {
			some := []string{phrases[i], phrases[j]}
			list := map[string]*condition.List{"some": condition.NewList(some)}
			c, err := condition.CompileWith(`hasWord(lead.t, lists.some) == hasWord(lead.t, lead.words)`, condition.Options{Vars: all, Lists: list})
			if err != nil {
				t.Fatal(err)
			}
			for _, title := range titles {
				facts := &condition.Facts{Lead: condition.AttributeMap{"t": condition.Text(title), "words": condition.Texts(some...)}}
				if got, _ := c.Eval(facts); got != yes {
					t.Errorf("%q in %q: the list finds something else (%v)", some, title, got)
				}
			}
		}
	}
}

func TestLongListsCostNoMore(t *testing.T) {
	values := make([]string, 50_000)
	for i := range values {
		values[i] = fmt.Sprint("value ", i)
	}
	options := condition.Options{Vars: all, Lists: map[string]*condition.List{"many": condition.NewList(values)}}
	facts := ada()
	facts.Lead.(condition.AttributeMap)["tags"] = condition.Texts(values[:1000]...)
	for text, want := range map[string]condition.Truth{
		`lead.tags.all(tag, tag in lists.many)`:          yes,
		`lead.tags.all(tag, hasWord(tag, lists.many))`:   yes,
		`lead.tags.all(tag, lists.many == lists.many)`:   unknown, // looks at each
		`lists.many.all(a, lists.many.all(b, a != ""))`:  unknown,
		`lists.many.exists(a, a == "value 3" && a > "")`: yes,
	} {
		c, err := condition.CompileWith(text, options)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, fault := c.Eval(facts)
		if got != want || (got == unknown) != (fault == condition.CostFault) {
			t.Errorf("%s is %v (fault %v), want %v", text, got, fault, want)
		}
	}
}

func TestPersona(t *testing.T) {
	answers(t, []answer{
		{`fit.persona == "buyer"`, yes, 0},
		{`fit.persona in ["user", "admin"]`, no, 0},
	})
	if got, _ := ask(t, `fit.persona == ""`, &condition.Facts{Fit: &condition.Fit{}}); got != yes {
		t.Errorf("that there is no persona is %v", got)
	}
	if got, _ := ask(t, `fit.persona == ""`, &condition.Facts{}); got != unknown {
		t.Errorf("the persona of no fit is %v", got)
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		text  string
		want  condition.Value
		fault condition.Fault
	}{
		{`lead.employees`, condition.Number(250), 0},
		{`lead.revenue / lead.employees`, condition.Number(6000), 0},
		{`lead.revenue / 4`, condition.Number(375000), 0},
		{`activity.properties.pages * 10`, condition.Number(70), 0},
		{`activity.properties.form`, condition.Text("demo"), 0},
		{`activity.type + "/" + activity.source`, condition.Text("form.submitted/web"), 0},
		{`lead.employees > 100 ? "large" : "small"`, condition.Text("large"), 0},
		{`size(lead.tags)`, condition.Number(2), 0},
		{`7`, condition.Number(7), 0},
		{`7u`, condition.Number(7), 0},
		{`-0.0 * lead.employees`, condition.Number(0), 0},
		{`""`, condition.Text(""), 0},
		{`daysSince(lead.trial)`, condition.Number(9), 0},
		{`lead.employees - ago(lead.employees, 30)`, condition.Number(-20), 0},
		{`before.employees`, condition.Number(200), 0},
		{`fit.score`, condition.Number(62.5), 0},
		{`has(lead.budget) ? lead.budget : 0.0`, condition.Number(0), 0},

		{`lead.budget`, condition.Value{}, 0},
		{`lead.budget / 2`, condition.Value{}, 0},
		{`activity.properties.none`, condition.Value{}, 0},
		{`lead.customer`, condition.Value{}, condition.TypeFault},
		{`lead.tags`, condition.Value{}, condition.TypeFault},
		{`activity.properties.who`, condition.Value{}, condition.TypeFault},
		{`lead.country / 2`, condition.Value{}, condition.TypeFault},
		{`lead.employees / 0`, condition.Value{}, condition.TypeFault},
		{`0.0 / 0.0`, condition.Value{}, condition.TypeFault},
		{`1 / 0`, condition.Value{}, condition.TypeFault},
	} {
		e, err := condition.CompileValue(test.text, condition.Options{Vars: all})
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got, fault := e.Eval(ada()); got != test.want || fault != test.fault {
			t.Errorf("%s is %v (fault %v), want %v (fault %v)", test.text, got, fault, test.want, test.fault)
		}
		if got, fault := e.Eval(&condition.Facts{}); len(e.Reads()) > 0 && got.Known() && !strings.Contains(test.text, "has(") || fault != condition.NoFault && fault != test.fault {
			t.Errorf("%s of nobody is %v (fault %v)", test.text, got, fault)
		}
	}
	e, err := condition.CompileValue(`lead.a * 1.0`, condition.Options{Vars: all})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := e.Eval(&condition.Facts{Lead: condition.AttributeMap{"a": condition.Number(math.Copysign(0, -1))}}); fmt.Sprint(got.AsNumber()) != "0 true" {
		t.Errorf("negative zero is %v", got)
	}
	many := condition.Texts(strings.Fields(strings.Repeat("ab ", 3000))...)
	if e, err = condition.CompileValue(`lead.a.filter(x, lead.a.exists(y, x < y)).size()`, condition.Options{Vars: all}); err != nil {
		t.Fatal(err)
	}
	if got, fault := e.Eval(&condition.Facts{Lead: condition.AttributeMap{"a": many}}); got.Known() || fault != condition.CostFault {
		t.Errorf("a value that costs too much is %v (fault %v)", got, fault)
	}
}

func TestValuesSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		``:                  "an expression is expected",
		`true`:              "answers with bool, not with a number or a text",
		`lead.a > 1`:        "answers with bool",
		`now`:               "answers with timestamp",
		`[1]`:               "answers with list(int)",
		`activity.nosuch`:   "undefined field",
		`lists.nosuch[0]`:   "there is no list `nosuch`",
		`lead.a +`:          "Syntax error",
		`lists.rivals`:      "answers with list(string)",
		`lead.a.map(x, 10)`: "answers with list(int)",
	} {
		if _, err := condition.CompileValue(text, condition.Options{Vars: all, Lists: lists}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CompileValue(%s) error = %v, want %s", text, err, want)
		}
	}
}

func TestReadsOfTheLanguage(t *testing.T) {
	type reads struct {
		Paths, Attributes, Before []string
		Past                      []condition.Past
		Time, Fit                 bool
	}
	for text, want := range map[string]reads{
		`now > timestamp(lead.a)`:                      {Paths: []string{"lead.a", "now"}, Attributes: []string{"a"}, Time: true},
		`daysSince(lead.a) > 3 || daysSince(now) == 0`: {Paths: []string{"lead.a", "now"}, Attributes: []string{"a"}, Time: true},
		`lead.tags.exists(t, daysSince(t) > 1)`:        {Paths: []string{"lead.tags", "now"}, Attributes: []string{"tags"}, Time: true},
		`now.getFullYear() == 2026`:                    {Paths: []string{"now"}, Time: true},
		`timestamp("2026-01-01T00:00:00Z") > lead.a`:   {Paths: []string{"lead.a"}, Attributes: []string{"a"}},
		`before.a == lead.a || has(before.b)`:          {Paths: []string{"before.a", "before.b", "lead.a"}, Attributes: []string{"a", "b"}, Before: []string{"a", "b"}},
		`lead.domain in lists.rivals`:                  {Paths: []string{"lead.domain", "lists.rivals"}, Attributes: []string{"domain"}},
		`hasWord(lead.a, lists.leaders)`:               {Paths: []string{"lead.a", "lists.leaders"}, Attributes: []string{"a"}},
		`fit.persona == "x"`:                           {Paths: []string{"fit.persona"}, Fit: true},
		`ago(lead.b, 30) > ago(lead.a, 7)`:             {Paths: []string{"lead.a", "lead.b"}, Attributes: []string{"a", "b"}, Past: []condition.Past{{Attribute: "a", Days: 7}, {Attribute: "b", Days: 30}}},
		`ago(lead.a, 30) > ago(lead.a, 7) || lead.a > ago(lead.a, 30)`: {
			Paths: []string{"lead.a"}, Attributes: []string{"a"}, Past: []condition.Past{{Attribute: "a", Days: 7}, {Attribute: "a", Days: 30}},
		},
		`has(ago(account.tier, 90))`: {Paths: []string{"account.tier"}, Attributes: []string{"account.tier"}, Past: []condition.Past{{Attribute: "account.tier", Days: 90}}},
	} {
		c, err := condition.CompileWith(text, condition.Options{Vars: all, Lists: lists})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := reads{c.Reads(), c.Attributes(), c.Before(), c.Past(), c.ReadsTime(), c.ReadsFit()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s reads (-want +got):\n%s", text, diff)
		}
	}
}

func TestCompileSaysWhatIsWrongWithTheLanguage(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`ago(lead.a, 0) == 1`, "line 1, column 13: ago wants a literal number of days from 1 to 3650"},
		{`ago(lead.a, 3651) == 1`, "from 1 to 3650"},
		{`ago(lead.a, 1.5) == 1`, "from 1 to 3650"},
		{`ago(lead.a, lead.b) == 1`, "from 1 to 3650"},
		{`ago(lead.a, 10 + 20) == 1`, "from 1 to 3650"},
		{`ago(lead.a.b, 30) == 1`, "ago wants an attribute"},
		{`ago(lead.a + 1, 30) == 1`, "ago wants an attribute"},
		{`ago(has(lead.a), 30)`, "ago wants an attribute"},
		{`ago(lead["a"], 30) == 1`, "ago wants an attribute"},
		{`ago(lead, 30) == 1`, "ago wants an attribute"},
		{`ago(before.a, 30) == 1`, "ago wants an attribute"},
		{`ago(activity.type, 30) == "x"`, "ago wants an attribute"},
		{`ago(ago(lead.a, 1), 30) == 1`, "ago wants an attribute"},
		{`ago(lead.a) == 1`, "undeclared reference to 'ago'"},
		{`daysSince() > 1`, "daysSince"},
		{`daysSince(lead.a, lead.b) > 1`, "undeclared reference to 'daysSince'"},
		{`lead.a.daysSince() > 1`, "daysSince"},
		{`before == before`, "`before` can only be read by field, e.g. `before.job_title`"},
		{`lists == lists`, "`lists` can only be read by field, e.g. `lists.competitors`"},
		{`lead.a in lists.other`, "line 1, column 16: there is no list `other`: there are leaders, nobody, rivals"},
		{`has(lists.other)`, "there is no list `other`"},
		{`[1].exists(now, now == 1)`, "`now` is taken"},
		{`[1].exists(lists, lists == 1)`, "`lists` is taken"},
		{`now`, "answers with"},
		{`now.year == 3`, "line 1"},
		{`now > 3`, "no matching overload"},
		{`@past.x == 1`, "Syntax error"},
		{`daysSince(@clock) == 1`, "Syntax error"},
	} {
		_, err := condition.CompileWith(test.text, condition.Options{Vars: all, Lists: lists})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Compile(%s) error = %v; want %s", test.text, err, test.want)
		}
	}
	for text, vars := range map[string]condition.Vars{
		`now > timestamp("2026-01-01T00:00:00Z")`: all &^ condition.NowVar,
		`daysSince(lead.a) > 1`:                   all &^ condition.NowVar,
		`ago(lead.a, 1) > 1`:                      all &^ condition.PastVar,
		`before.a == 1`:                           all &^ condition.BeforeVar,
	} {
		if _, err := condition.Compile(text, vars); err == nil {
			t.Errorf("%s: a variable that is not offered must not compile", text)
		}
	}
	if _, err := condition.Compile(`lead.a in lists.x`, all); err == nil || !strings.Contains(err.Error(), "there is no list `x`: there are no lists") {
		t.Errorf("without lists: %v", err)
	}
}

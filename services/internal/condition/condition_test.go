package condition_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/condition"
)

const all = condition.LeadVar | condition.ActivityVar | condition.FitVar | condition.NowVar | condition.PastVar | condition.BeforeVar

// ada is the lead of these tests; `phone` and `budget` are attributes nobody knows.
func ada() *condition.Facts {
	return &condition.Facts{
		Lead: condition.AttributeMap{
			"job_title": condition.Text("VP of Engineering"),
			"country":   condition.Text("DE"),
			"employees": condition.Number(250),
			"revenue":   condition.Number(1.5e6),
			"customer":  condition.Bool(false),
			"tags":      condition.Texts("saas", "Mid Market"),
			"phone":     {},
			"trial":     condition.Text("2026-03-01"),
			"renewal":   condition.Text("2026-02-28T23:30:00Z"),
			"domain":    condition.Text("rival.com"),
		},
		Activity: &condition.Activity{
			Type: "form.submitted", Source: "web", Campaign: "spring",
			Properties: []byte(`{"form":"demo","pages":7,"ratio":0.5,"vip":true,"none":null,"Page URL":"/pricing/","who":{"role":"cto"},"list":[1,2.5,"x"]}`),
		},
		Fit:    &condition.Fit{Score: 62.5, Class: "B", Persona: "buyer"},
		Now:    time.Date(2026, 3, 10, 22, 45, 0, 0, time.UTC),
		Zone:   berlin,
		Before: condition.AttributeMap{"country": condition.Text("FR"), "employees": condition.Number(200), "account.tier": condition.Number(2)},
		Past: func(days int) condition.Attributes {
			if days > 90 {
				return nil
			}
			return condition.AttributeMap{"employees": condition.Number(float64(300 - days)), "account.tier": condition.Number(3)}
		},
	}
}

// It is 23:45 of 10 March there.
var berlin = time.FixedZone("Berlin", 60*60)

var lists = map[string]*condition.List{
	"rivals":  condition.NewList([]string{"rival.com", "foe.com"}),
	"leaders": condition.NewList([]string{"vp", "Vice President", "chief of staff", "部長", "-"}),
	"nobody":  condition.NewList(nil),
}

func ask(t *testing.T, text string, facts *condition.Facts) (condition.Truth, condition.Fault) {
	t.Helper()
	c, err := condition.CompileWith(text, condition.Options{Vars: all, Lists: lists})
	if err != nil {
		t.Fatalf("Compile(%q): %v", text, err)
	}
	return c.Eval(facts)
}

func TestConditions(t *testing.T) {
	const no, yes, unknown = condition.False, condition.True, condition.Unknown
	for _, test := range []struct {
		text string
		want condition.Truth
	}{
		// Attributes, and numbers of one kind.
		{`lead.country == "DE"`, yes},
		{`lead.country in ["FR", "DE"]`, yes},
		{`!(lead.country in ["FR", "ES"])`, yes},
		{`lead.employees >= 200`, yes},
		{`lead.employees >= 200.0`, yes},
		{`lead.employees == 250 && lead.employees == 250.0`, yes},
		{`lead.employees >= 201 && lead.employees < 1001`, yes},
		{`lead.employees in [10, 250]`, yes},
		{`lead.employees in [10.0, 250.0]`, yes},
		{`lead.employees in [1, 2.5, "250"]`, no},
		{`lead.employees > 250`, no},
		{`200 <= lead.employees`, yes},
		{`lead.revenue / lead.employees == 6000`, yes},
		{`lead.employees / 4 == 62.5`, yes},
		{`(lead.employees + 1) * 2 > 501`, yes},
		{`int(lead.employees) % 2 == 0`, yes},
		{`lead.country == 49`, no},
		{`lead.customer`, no},
		{`!lead.customer`, yes},
		{`"saas" in lead.tags`, yes},
		{`lead.tags.exists(tag, tag == "saas")`, yes},
		{`lead.tags.all(tag, tag.startsWith("s"))`, no},
		{`size(lead.tags) == 2`, yes},
		{`lead.tags[0] == "saas"`, yes},
		{`lead.job_title.matches("(?i)\\bvp\\b")`, yes},
		{`matches(lead.job_title, "^CEO")`, no},
		{`lead.job_title.lowerAscii() == "vp of engineering"`, yes},
		{`lead.job_title.contains("Eng") ? lead.country == "DE" : false`, yes},

		// Activities.
		{`activity.type == "form.submitted" && activity.source == "web"`, yes},
		{`activity.campaign.startsWith("spr")`, yes},
		{`activity.properties.form == "demo"`, yes},
		{`activity.properties["form"] == "demo"`, yes},
		{`activity.properties["Page URL"].startsWith("/pricing")`, yes},
		{`activity.properties.pages >= 7`, yes},
		{`activity.properties.ratio * 2 == 1`, yes},
		{`activity.properties.vip`, yes},
		{`activity.properties.who.role == "cto"`, yes},
		{`activity.properties.list[1] == 2.5`, yes},
		{`1 in activity.properties.list`, yes},
		{`"form" in activity.properties`, yes},
		{`"none" in activity.properties`, no},
		{`size(activity.properties.who) == 1`, yes},
		{`"role" in activity.properties.who`, yes},
		{`activity.properties.who.exists(k, k == "role")`, yes},
		{`activity.properties.who == activity.properties.who`, yes},

		// Fit.
		{`fit.score >= 50`, yes},
		{`fit.score == 62.5`, yes},
		{`fit.class in ["A", "B"]`, yes},

		// Missing is not low.
		{`lead.budget >= 100`, unknown},
		{`lead.budget == "x"`, unknown},
		{`lead.budget != "x"`, unknown},
		{`lead.budget in [1, 2]`, unknown},
		{`!(lead.budget in [1, 2])`, unknown},
		{`lead.budget + 1 > 2`, unknown},
		{`lead.budget > lead.other`, unknown},
		{`lead.phone == "x"`, unknown},
		{`lead.flag`, unknown},
		{`!lead.flag`, unknown},
		{`lead.flag ? true : true`, unknown},
		{`lead.budget.startsWith("x")`, unknown},
		{`lead.budget.matches("x")`, unknown},
		{`hasWord(lead.budget, "x")`, unknown},
		{`hasWord("x", lead.budget)`, unknown},
		{`lead.list.exists(x, x == 1)`, unknown},
		{`lead.list.all(x, x == 1)`, unknown},
		{`size(lead.list) > 0`, unknown},
		{`[lead.budget] == [1]`, unknown},
		{`activity.properties.none == 1`, unknown},
		{`activity.properties.other == 1`, unknown},
		{`activity.properties.other.deeper == 1`, unknown},
		{`activity.properties.who.name == "x"`, unknown},
		{`activity.properties.list[9] == 1`, unknown},

		// Presence is known.
		{`has(lead.country)`, yes},
		{`has(lead.budget)`, no},
		{`has(lead.phone)`, no},
		{`has(activity.campaign)`, yes},
		{`has(activity.properties.form)`, yes},
		{`has(activity.properties.none)`, no},
		{`has(activity.properties.other)`, no},
		{`has(activity.properties.who.role)`, yes},
		{`has(activity.properties.who.name)`, no},
		{`has(fit.score)`, yes},
		{`has(lead.budget) && lead.budget > 3`, no},
		{`!has(lead.budget) || lead.budget > 3`, yes},
	} {
		if got, _ := ask(t, test.text, ada()); got != test.want {
			t.Errorf("%s is %v, want %v", test.text, got, test.want)
		}
	}
}

// Every combination of the three values under the three connectives.
func TestThreeValuedLogic(t *testing.T) {
	values := map[string]condition.Truth{"true": condition.True, "false": condition.False, "lead.nothing": condition.Unknown, "lead.a > 1": condition.Unknown}
	not := map[condition.Truth]condition.Truth{condition.True: condition.False, condition.False: condition.True, condition.Unknown: condition.Unknown}
	and := func(a, b condition.Truth) condition.Truth {
		switch {
		case a == condition.False || b == condition.False:
			return condition.False
		case a == condition.True && b == condition.True:
			return condition.True
		}
		return condition.Unknown
	}
	check := func(text string, want condition.Truth) {
		if got, fault := ask(t, text, ada()); got != want || fault != condition.NoFault {
			t.Errorf("%s is %v (fault %v), want %v", text, got, fault, want)
		}
	}
	for a, av := range values {
		check(fmt.Sprintf("!(%s)", a), not[av])
		for b, bv := range values {
			check(fmt.Sprintf("(%s) && (%s)", a, b), and(av, bv))
			check(fmt.Sprintf("(%s) || (%s)", a, b), not[and(not[av], not[bv])])
			for c, cv := range values {
				want := condition.Unknown
				switch av {
				case condition.True:
					want = bv
				case condition.False:
					want = cv
				}
				check(fmt.Sprintf("(%s) ? (%s) : (%s)", a, b, c), want)
				check(fmt.Sprintf("(%s) && (%s) || (%s)", a, b, c), not[and(not[and(av, bv)], not[cv])])
			}
		}
	}
}

func TestNothingKnownAtAll(t *testing.T) {
	for text, want := range map[string]condition.Truth{
		`lead.country == "DE"`:             condition.Unknown,
		`has(lead.country)`:                condition.False,
		`activity.type == "x"`:             condition.Unknown,
		`activity.campaign == "x"`:         condition.Unknown,
		`activity.properties.a == 1`:       condition.Unknown,
		`has(activity.properties.a)`:       condition.False,
		`fit.score > 1`:                    condition.Unknown,
		`fit.class == "A"`:                 condition.Unknown,
		`has(fit.score)`:                   condition.False,
		`fit.score > 1 || !has(fit.score)`: condition.True,
	} {
		got, fault := ask(t, text, &condition.Facts{})
		// has() of a property of no activity has nothing to look into.
		if text == `has(activity.properties.a)` {
			want = condition.Unknown
		}
		if got != want || fault != condition.NoFault {
			t.Errorf("%s is %v (fault %v), want %v", text, got, fault, want)
		}
	}
	for text, want := range map[string]condition.Truth{
		`activity.campaign == ""`:           condition.Unknown,
		`has(activity.properties.a)`:        condition.False,
		`activity.properties.a == 1`:        condition.Unknown,
		`activity.type == "email.clicked"`:  condition.True,
		`activity.properties.a.b.c == true`: condition.Unknown,
	} {
		if got, _ := ask(t, text, &condition.Facts{Activity: &condition.Activity{Type: "email.clicked"}}); got != want {
			t.Errorf("%s without properties is %v, want %v", text, got, want)
		}
	}
}

func TestFaultsAreUnknownAndSayWhy(t *testing.T) {
	long := strings.Repeat("a", 100_000)
	facts := ada()
	facts.Lead.(condition.AttributeMap)["long"] = condition.Text(long)
	facts.Lead.(condition.AttributeMap)["many"] = condition.Texts(strings.Fields(strings.Repeat("ab ", 3000))...)
	for text, want := range map[string]condition.Fault{
		`lead.country >= 3`:                          condition.TypeFault,
		`lead.country`:                               condition.TypeFault,
		`lead.employees.startsWith("2")`:             condition.TypeFault,
		`hasWord(lead.employees, "2")`:               condition.TypeFault,
		`1 / 0 == 1`:                                 condition.TypeFault,
		`lead.many.all(x, lead.many.all(y, y == x))`: condition.CostFault,
		`lead.many.all(x, lead.long.matches("a"))`:   condition.CostFault,
		`lead.many.all(x, !hasWord(lead.long, x))`:   condition.CostFault,
	} {
		if got, fault := ask(t, text, facts); got != condition.Unknown || fault != want {
			t.Errorf("%s is %v (fault %v), want unknown (fault %v)", text, got, fault, want)
		}
	}
	broken := &condition.Facts{Activity: &condition.Activity{Type: "x", Properties: []byte(`{"a":1`)}}
	if got, fault := ask(t, `activity.properties.a == 1`, broken); got != condition.Unknown || fault != condition.PropertiesFault {
		t.Errorf("broken properties: %v (fault %v)", got, fault)
	}
	if got, fault := ask(t, `activity.type == "x"`, broken); got != condition.True || fault != condition.NoFault {
		t.Errorf("broken properties that are not read: %v (fault %v)", got, fault)
	}
}

func TestHasWord(t *testing.T) {
	for _, test := range []struct {
		text, words string
		want        bool
	}{
		{"VP of Sales", `"vp"`, true},
		{"SVP Sales", `"vp"`, false},
		{"VP, Sales", `"VP"`, true},
		{"vp-sales", `"vp sales"`, true},
		{"Vice  President (EMEA)", `"vice president"`, true},
		{"Vice-President", `"Vice President"`, true},
		{"Vice chair, President", `"vice president"`, false},
		{"Directeur Général", `"directeur general"`, true},
		{"Geschäftsführer", `"geschaftsfuhrer"`, true},
		{"GESCHÄFTSFÜHRER", `"Geschäftsführer"`, true},
		{"Straßenbau", `"STRASSENBAU"`, true},
		{"Bjørn, Łódź", `["bjorn", "x"]`, true},
		{"Head of R&D", `"r&d"`, true},
		{"C++ developer", `"c"`, false},
		{"C++ developer", `"C++"`, true},
		{"C# developer", `"c#"`, true},
		{"営業部長", `"部長"`, true},
		{"Ведущий инженер", `"ИНЖЕНЕР"`, true},
		{"Chief of Staff", `["cto", "chief"]`, true},
		{"Chief of Staff", `["cto", "cfo"]`, false},
		{"Chief of Staff", `""`, false},
		{"Chief of Staff", `"-"`, false},
		{"", `"x"`, false},
		{"", `""`, false},
		{"women's health", `"womens"`, true},
	} {
		facts := &condition.Facts{Lead: condition.AttributeMap{"t": condition.Text(test.text)}}
		for _, text := range []string{
			`hasWord(lead.t, ` + test.words + `)`,
			`hasWord([lead.t], ` + test.words + `)`,
		} {
			want := condition.False
			if test.want {
				want = condition.True
			}
			if got, _ := ask(t, text, facts); got != want {
				t.Errorf("%s with %q is %v, want %v", text, test.text, got, want)
			}
		}
	}
	facts := &condition.Facts{Lead: condition.AttributeMap{"w": condition.Texts("Chief", "vp"), "t": condition.Text("the vp")}}
	if got, _ := ask(t, `hasWord(lead.t, lead.w) && hasWord(lead.w, "chief") && hasWord(lead.w, ["x", "vp"])`, facts); got != condition.True {
		t.Errorf("words from attributes: %v", got)
	}
}

func TestReads(t *testing.T) {
	for text, want := range map[string][]string{
		`true`: nil,
		`lead.country in ["DE"] || lead.country == "FR"`:                   {"lead.country"},
		`has(lead.budget) && lead.employees > 3`:                           {"lead.budget", "lead.employees"},
		`lead.tags.exists(t, t == lead.country)`:                           {"lead.country", "lead.tags"},
		`lead.tags[0] == "x"`:                                              {"lead.tags"},
		`activity.properties.form == "x" && activity.type == "y"`:          {"activity.properties.form", "activity.type"},
		`activity.properties["Page URL"] == "x" || has(activity.campaign)`: {"activity.campaign", "activity.properties.Page URL"},
		`activity.properties.who.role == "x"`:                              {"activity.properties.who"},
		`"form" in activity.properties`:                                    {"activity.properties.form"},
		`fit.score > 3 ? fit.class == "A" : lead.x`:                        {"fit.class", "fit.score", "lead.x"},
	} {
		c, err := condition.Compile(text, all)
		if err != nil {
			t.Errorf("Compile(%q): %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, c.Reads()); diff != "" {
			t.Errorf("%s reads (-want +got):\n%s", text, diff)
		}
	}
	c, err := condition.Compile(`lead.b == 1 || lead.a == activity.type || fit.score > 1`, all)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, c.Attributes()); diff != "" || !c.ReadsFit() {
		t.Errorf("attributes (-want +got):\n%s, reads fit: %v", diff, c.ReadsFit())
	}
}

func TestCompileSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, test := range []struct{ text, line, want string }{
		{``, "line 1, column 1", "is empty"},
		{"  \n ", "line 1, column 1", "is empty"},
		{`lead.country = "DE"`, "line 1, column 14", "Syntax error"},
		{"lead.a == 1 &&\n  lead.b ==", "line 2", "Syntax error"},
		{`leed.country == "DE"`, "line 1, column 1", "undeclared reference to 'leed'"},
		{`activity.tpye == "x"`, "line 1, column 9", "undefined field 'tpye'"},
		{`activity.type > 3`, "line 1, column 15", "no matching overload"},
		{`lead.a + 1`, "line 1, column 1", "not with true or false"},
		{`"text"`, "line 1, column 1", "answers with string"},
		{`lead == lead`, "column 1", "can only be read by field"},
		{`lead["x"] == 1`, "column 5", "no matching overload"},
		{`has(activity.properties)`, "column", "by name"},
		{`activity.properties[lead.x] == 1`, "column 9", "literal text"},
		{`activity.properties.exists(p, p == "x")`, "column", "by name"},
		{`lead.x in activity.properties`, "column", "literal text"},
		{`[1].exists(lead, lead == 1)`, "column", "taken"},
		{`lead.x.matches(lead.y)`, "column", "literal text"},
		{`lead.x.matches("(")`, "column", "does not compile"},
		{`lead.x.matches("` + strings.Repeat("a", 513) + `")`, "column", "longer than 512"},
		{`nosuch(lead.x)`, "column 7", "undeclared reference to 'nosuch'"},
		{strings.Repeat("a", 4097), "line 1", "4097 characters"},
		{`true` + strings.Repeat(` || true`, 600), "line 1", "4804 characters"},
	} {
		_, err := condition.Compile(test.text, all)
		if err == nil || !strings.Contains(err.Error(), test.line) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Compile(%.60q) error = %v; want %s: %s", test.text, err, test.line, test.want)
		}
	}
	if _, err := condition.Compile(`activity.type == "x"`, condition.LeadVar); err == nil {
		t.Error("a variable that is not offered must not compile")
	}
}

// What an adversary would write is refused, or stopped at the cost limit, soon.
func TestCostsAreBounded(t *testing.T) {
	facts := ada()
	long := strings.Repeat("ab", 50_000)
	var many []string
	for i := range 20_000 {
		many = append(many, fmt.Sprint(i))
	}
	facts.Lead.(condition.AttributeMap)["a"] = condition.Texts(many...)
	facts.Lead.(condition.AttributeMap)["s"] = condition.Text(long)
	for _, text := range []string{
		`lead.a.all(x, lead.a.all(y, lead.a.all(z, x + y + z != "")))`,
		`lead.a.map(x, lead.a.map(y, x + y)).size() > 0`,
		`lead.a.map(x, lead.a).map(x, lead.a).size() > 0`,
		`[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, [1,2,3,4,5,6,7,8,9].all(g, true)))))))`,
		`lead.a.all(x, lead.s.matches("(a|b|ab)*(c|d)*e"))`,
		`lead.a.exists(x, hasWord(lead.s, lead.a))`,
		`hasWord(lead.a, lead.a)`,
		`(lead.s + lead.s + lead.s + lead.s).contains(lead.s + "c")`,
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200),
		strings.Repeat("!", 4000) + "true",
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + " == []",
		`lead.s.matches("((a{1,30}){1,30}){1,30}")`,
		`lead.a` + strings.Repeat(`.map(x, x + x)`, 250) + ` == []`,
	} {
		c, err := condition.Compile(text, all)
		if err != nil {
			continue
		}
		got, fault := c.Eval(facts)
		t.Logf("%.60s: %v, fault %v", text, got, fault)
		if fault != condition.CostFault && got == condition.Unknown {
			t.Errorf("%.60s is %v with fault %v", text, got, fault)
		}
	}
}

func TestConcurrentEval(t *testing.T) {
	c, err := condition.Compile(`lead.employees > 200 && hasWord(lead.job_title, ["vp", "cto"]) && activity.properties.form == "demo"`, all)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if got, _ := c.Eval(ada()); got != condition.True {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	wg.Wait()
}

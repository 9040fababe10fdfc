package traits_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/traits"
)

func TestTitles(t *testing.T) {
	for _, test := range []struct{ title, seniority, function string }{
		{"", "", ""},
		{" - ", "", ""},
		{"Wizard of Light Bulb Moments", "other", "other"},

		// The ladder.
		{"Founder & CEO", "owner", "executive"},
		{"Chief Marketing Officer", "c_level", "marketing"},
		{"Chief People & Culture Officer", "c_level", "hr"},
		{"C.E.O.", "c_level", "executive"},
		{"CTO", "c_level", "engineering"},
		{"Managing Director, Sales", "c_level", "sales"},
		{"President", "c_level", "executive"},
		{"SVP Engineering", "vp", "engineering"},
		{"Vice President of Sales & Marketing", "vp", "sales"},
		{"V.P., Finance", "vp", "finance"},
		{"Head of Demand Generation", "director", "marketing"},
		{"Senior Director, IT Operations", "director", "it"},
		{"GM", "director", "executive"},
		{"Marketing Manager", "manager", "marketing"},
		{"Sr. Manager - Human Resources", "manager", "hr"},
		{"Team Lead Data Engineering", "lead", "data"},
		{"Senior Software Engineer", "senior", "engineering"},
		{"Principal Engineer", "senior", "engineering"},
		{"Data Scientist", "staff", "data"},
		{"Junior Developer", "junior", "engineering"},
		{"Junior Account Manager", "junior", "sales"},
		{"Marketing Intern", "intern", "marketing"},
		{"Student", "intern", "other"},
		{"Management Trainee", "intern", "operations"},

		// Traps.
		{"Assistant to the CEO", "staff", "administration"},
		{"Executive Assistant to the Vice President of Sales", "staff", "administration"},
		{"Director Assistant", "staff", "administration"},
		{"Assistant Director of Nursing", "director", "healthcare"},
		{"Account Executive", "staff", "sales"},
		{"Sales Executive", "staff", "sales"},
		{"Product Owner", "staff", "product"},
		{"Lead Generation Specialist", "staff", "marketing"},
		{"Head Chef", "lead", "hospitality"},
		{"Key Account Manager", "staff", "sales"},
		{"Network Security Engineer", "staff", "security"},
		{"Sales & Marketing Manager", "manager", "sales"},
		{"CEO's assistant", "staff", "administration"},
		{"HR Business Partner", "staff", "hr"},
		{"Partner, Tax", "owner", "finance"},
		{"Director of Student Affairs", "director", "education"},
		{"Junior High School Teacher", "staff", "education"},
		{"Engineering Recruiter", "staff", "hr"},
		{"Software Sales Director", "director", "sales"},
		{"Sales Engineer", "staff", "sales"},
		{"Chief of Staff", "director", "executive"},
		{"VP Marketing at Sales Partners Inc.", "vp", "marketing"},
		{"Executive", "c_level", "executive"},

		// German.
		{"Geschäftsführerin", "c_level", "executive"},
		{"Geschaeftsfuehrer", "c_level", "executive"},
		{"Vertriebsleiterin", "director", "sales"},
		{"Leiter Marketing und Kommunikation (m/w/d)", "director", "marketing"},
		{"Dipl.-Ing.", "staff", "engineering"},
		{"Assistentin der Geschäftsführung", "staff", "administration"},
		{"Assistenz Geschäftsleitung", "staff", "administration"},
		{"Geschäftsführungsassistentin", "staff", "administration"},
		{"Personalleiterin", "director", "hr"},
		{"Produktionsleiter", "manager", "manufacturing"},
		{"Personalreferentin", "staff", "hr"},
		{"Softwareentwickler/in", "staff", "engineering"},
		{"Teamleiter Kundenservice", "lead", "support"},
		{"Werkstudent Marketing", "intern", "marketing"},
		{"Inhaberin", "owner", "executive"},
		{"Mitglied des Vorstands", "c_level", "executive"},

		// French.
		{"PDG", "c_level", "executive"},
		{"Directrice Générale", "c_level", "executive"},
		{"Directrice des ventes", "director", "sales"},
		{"Assistante commerciale", "staff", "sales"},           //nolint:misspell // French
		{"Responsable marketing", "manager", "marketing"},      //nolint:misspell // French
		{"Assistante de direction", "staff", "administration"}, //nolint:misspell // French
		{"Chef d’équipe", "lead", "other"},
		{"Ingénieure logiciel", "staff", "engineering"},
		{"Stagiaire communication", "intern", "marketing"},
		{"Chef d’atelier", "manager", "operations"},
		{"Directeur de l'ingénierie", "director", "engineering"},

		// Spanish.
		{"Jefe de Ventas", "manager", "sales"},
		{"Gerente de Recursos Humanos", "manager", "hr"},
		{"Directora de Marketing", "director", "marketing"},
		{"Ingeniera de Software", "staff", "engineering"},
		{"Consejera Delegada", "c_level", "executive"},
		{"Becario", "intern", "other"},
	} {
		if got := traits.Seniority(test.title); got != test.seniority {
			t.Errorf("Seniority(%q) = %q, want %q", test.title, got, test.seniority)
		}
		if got := traits.Function(test.title); got != test.function {
			t.Errorf("Function(%q) = %q, want %q", test.title, got, test.function)
		}
	}
}

// groups says which functions a title of a major group of O*NET's occupations may have.
// Group 11, management, is of all functions.
var groups = map[string][]string{
	"13": {"finance", "hr", "operations", "procurement", "consulting", "marketing", "legal", "sales", "logistics"},
	"15": {"it", "data", "engineering", "security", "research", "finance"},
	"17": {"engineering", "it", "manufacturing", "operations"},
	"19": {"research", "healthcare", "data", "engineering", "public_service"},
	"21": {"public_service", "healthcare", "education", "hr", "customer_success"},
	"23": {"legal", "administration"},
	"25": {"education"},
	"27": {"design", "media", "marketing"},
	"29": {"healthcare"},
	"31": {"healthcare"},
	"33": {"public_service", "security"},
	"35": {"hospitality"},
	"37": {"hospitality", "trades"},
	"39": {"hospitality", "education", "healthcare", "sales", "support"},
	"41": {"sales", "marketing", "finance"},
	"43": {"administration", "support", "finance", "logistics", "hr", "sales", "operations", "it", "legal"},
	"45": {"trades", "manufacturing"},
	"47": {"trades", "engineering"},
	"49": {"trades", "it", "engineering", "manufacturing"},
	"51": {"manufacturing", "trades"},
	"53": {"logistics", "hospitality", "trades"},
	"55": {"public_service", "operations"},
}

type onetTitle struct{ group, title string }

func onetTitles(t *testing.T) []onetTitle {
	t.Helper()
	zipped, err := gzip.NewReader(reference(t, "onet27_alternate_titles.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var all []onetTitle
	for _, list := range []io.Reader{zipped, reference(t, "onet27_reported_titles.tsv")} {
		lines := bufio.NewScanner(list)
		for lines.Scan() {
			if columns := strings.Split(lines.Text(), "\t"); len(columns) > 1 && columns[0][0] < 'A' {
				all = append(all, onetTitle{columns[0][:2], columns[1]})
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestFunctionsAgreeWithONET measures the taxonomy on 60,000 titles that O*NET assigned
// to occupations. The floors are what was measured; raise them with the taxonomy.
func TestFunctionsAgreeWithONET(t *testing.T) {
	const coverageFloor, agreementFloor, managerFloor = 0.78, 0.80, 0.74
	type tally struct{ all, known, agreed, managers int }
	var total tally
	byGroup := map[string]*tally{}
	for _, title := range onetTitles(t) {
		group := byGroup[title.group]
		if group == nil {
			group = &tally{}
			byGroup[title.group] = group
		}
		function := traits.Function(title.title)
		for _, n := range []*tally{&total, group} {
			n.all++
			if function != traits.Other {
				n.known++
			}
			if slices.Contains(groups[title.group], function) {
				n.agreed++
			}
			if slices.Contains([]string{"owner", "c_level", "vp", "director", "manager"}, traits.Seniority(title.title)) {
				n.managers++
			}
		}
	}
	for group, n := range byGroup {
		t.Logf("group %s: %5d titles, function known %3d %%, of these as expected %3d %%, manager or above %3d %%",
			group, n.all, 100*n.known/n.all, 100*n.agreed/max(n.known, 1), 100*n.managers/n.all)
	}
	management := byGroup["11"]
	coverage := float64(total.known) / float64(total.all)
	agreement := float64(total.agreed) / float64(total.known-management.known)
	managers := float64(management.managers) / float64(management.all)
	t.Logf("%d titles: function known %.3f, of these as expected %.3f; of management, manager or above %.3f", total.all, coverage, agreement, managers)
	if coverage < coverageFloor || agreement < agreementFloor || managers < managerFloor {
		t.Errorf("below the floors %v, %v, %v", coverageFloor, agreementFloor, managerFloor)
	}
}

package traits

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// scale is every answer Seniority has for a title with words.
var scale = []string{"intern", "owner", "c_level", "vp", "director", "junior", "manager", "lead", "senior", "staff", Other}

func titlesOf(t testing.TB) titlesFile {
	t.Helper()
	var file titlesFile
	if err := yaml.NewDecoder(bytes.NewReader(titlesText)).Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file
}

func functionsOf(t testing.TB) []string {
	functions := []string{Other}
	for name := range titlesOf(t).Functions {
		functions = append(functions, name)
	}
	return functions
}

// titles draws titles of words of the dictionary and of others, joined in any way.
func titles(t testing.TB) *rapid.Generator[string] {
	var words []string
	for word := range taxonomy().vocabulary {
		words = append(words, word)
	}
	slices.Sort(words)
	word := rapid.OneOf(rapid.SampledFrom(words), rapid.SampledFrom([]string{"Ärztin", "Élève", "d'équipe", "l’Été", "él'été", "to", "of", "at", "der", "des", "chief", "officer", "assistant"}), rapid.StringMatching(`[a-zA-Zäöüéñ]{1,12}`))
	joint := rapid.SampledFrom([]string{" ", " ", " ", ", ", " & ", " - ", "/", "-", " (", ". "})
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(1, 12).Draw(t, "words") {
			b.WriteString(word.Draw(t, "word") + joint.Draw(t, "joint"))
		}
		return b.String()
	})
}

func TestAnyTextHasAnAnswerOfTheScale(t *testing.T) {
	functions := functionsOf(t)
	for _, texts := range []*rapid.Generator[string]{rapid.String(), titles(t)} {
		rapid.Check(t, func(t *rapid.T) {
			text := texts.Draw(t, "title")
			seniority, function := Seniority(text), Function(text)
			if (seniority == "") != (function == "") {
				t.Fatalf("%q: seniority %q, function %q", text, seniority, function)
			}
			if seniority != "" && (!slices.Contains(scale, seniority) || !slices.Contains(functions, function)) {
				t.Fatalf("%q: seniority %q, function %q", text, seniority, function)
			}
		})
	}
}

func TestCaseAndAccentsDoNotMatter(t *testing.T) {
	texts := titles(t)
	rapid.Check(t, func(t *rapid.T) {
		title := texts.Draw(t, "title")
		plain := strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "é", "e", "ñ", "n", "Ä", "A", "É", "E").Replace(title)
		for _, other := range []string{strings.ToUpper(title), strings.ToLower(title), norm.NFD.String(title), plain, "  " + title + "!"} {
			if Seniority(other) != Seniority(title) || Function(other) != Function(title) {
				t.Fatalf("%q is %s, %s; %q is %s, %s", title, Seniority(title), Function(title), other, Seniority(other), Function(other))
			}
		}
	})
}

func TestOrderOfTheDictionaryDoesNotMatter(t *testing.T) {
	file := titlesOf(t)
	shuffle := func(lines []string) []string {
		phrases := listed(lines)
		rand.Shuffle(len(phrases), func(i, j int) { phrases[i], phrases[j] = phrases[j], phrases[i] })
		return phrases
	}
	for name, level := range file.Seniority {
		level.Words, level.Weak = shuffle(level.Words), shuffle(level.Weak)
		file.Seniority[name] = level
	}
	for name, function := range file.Functions {
		function.Professions, function.Fields, function.Open = shuffle(function.Professions), shuffle(function.Fields), shuffle(function.Open)
		file.Functions[name] = function
	}
	rand.Shuffle(len(file.Phrases), func(i, j int) { file.Phrases[i], file.Phrases[j] = file.Phrases[j], file.Phrases[i] })
	file.Aides.Words, file.Compounds = shuffle(file.Aides.Words), shuffle(file.Compounds)
	shuffled, err := file.dictionary()
	if err != nil {
		t.Fatal(err)
	}
	texts := titles(t)
	rapid.Check(t, func(t *rapid.T) {
		title := texts.Draw(t, "title")
		var one, other reading
		taxonomy().read(title, &one)
		shuffled.read(title, &other)
		if one.seniority() != other.seniority() || one.function() != other.function() {
			t.Fatalf("%q is %s, %s and, of the shuffled dictionary, %s, %s", title, one.seniority(), one.function(), other.seniority(), other.function())
		}
	})
}

func TestBadDictionaries(t *testing.T) {
	for text, want := range map[string]string{
		"seniority: {boss: {words: [x]}}":                   `"boss" is no rung`,
		"functions: {a: {fields: [x]}, b: {fields: [x]}}":   `"x" is both`,
		"seniority: {vp: {words: [x]}, lead: {words: [x]}}": `"x" is both`,
		"phrases: [{words: [x], function: nowhere}]":        `"nowhere" is no function`,
		"phrases: [{words: [x], seniority: boss}]":          `"boss" is no rung`,
		"seniority: {vp: {words: ['!']}}":                   `"!" has no words`,
		"words: [x]":                                        "field words not found",
	} {
		if _, err := parseTitles([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func FuzzTitles(f *testing.F) {
	for _, title := range []string{"Chief Marketing Officer", "Assistentin der Geschäftsführung", "V.P.", "営業部長", "l'", "-", "\xff at"} {
		f.Add(title)
	}
	functions := functionsOf(f)
	f.Fuzz(func(t *testing.T, title string) {
		seniority, function := Seniority(title), Function(title)
		if seniority != "" && (!slices.Contains(scale, seniority) || !slices.Contains(functions, function)) {
			t.Fatalf("seniority %q, function %q", seniority, function)
		}
	})
}

func FuzzDomains(f *testing.F) {
	for _, domain := range []string{"gmail.com", "https://Acme.co.uk:80/x", "ada@bücher.de", "..", "[::1]", "xn--"} {
		f.Add(domain)
	}
	kinds := []string{"", Free, Disposable, Education, Government, Business}
	f.Fuzz(func(t *testing.T, domain string) {
		kind, registered := EmailKind(domain), RegistrableDomain(domain)
		if !slices.Contains(kinds, kind) {
			t.Fatalf("kind %q", kind)
		}
		if registered != "" && (kind == "" || kind == Free || kind == Disposable) {
			t.Fatalf("a company at %q of kind %q", registered, kind)
		}
		if registered != "" && RegistrableDomain(registered) != registered {
			t.Fatalf("%q is registered, and again %q", registered, RegistrableDomain(registered))
		}
	})
}

func FuzzCountries(f *testing.F) {
	for _, country := range []string{"DE", "Germany", "côte d'ivoire", "St. Lucia", "and"} {
		f.Add(country)
	}
	f.Fuzz(func(t *testing.T, country string) {
		code := Country(country)
		if code != "" && (Country(code) != code || Region(country) != Region(code) || Region(code) == "") {
			t.Fatalf("code %q, region %q", code, Region(country))
		}
	})
}

func BenchmarkSeniority(b *testing.B) { benchmarkTitles(b, Seniority) }

func BenchmarkFunction(b *testing.B) { benchmarkTitles(b, Function) }

func benchmarkTitles(b *testing.B, of func(string) string) {
	for _, title := range []string{"VP Sales", "Senior Director of Product Marketing", "Vertriebsleiterin Süddeutschland"} {
		b.Run(title, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				of(title)
			}
		})
	}
}

func BenchmarkEmailKind(b *testing.B) {
	for _, domain := range []string{"gmail.com", "mail.acme.co.uk"} {
		b.Run(domain, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				EmailKind(domain)
			}
		})
	}
}

func BenchmarkCountry(b *testing.B) {
	for _, country := range []string{"DE", "United States"} {
		b.Run(country, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Country(country)
			}
		})
	}
}

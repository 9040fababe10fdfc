package traits

import (
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/assay-hq/assay/services/internal/fold"
)

// geography is a region of UN M49 with our word for it. CLDR, our source, follows M49 and
// adds Kosovo and Taiwan.
type geography struct {
	m49        string
	region     string // as Region says it
	subregions []geography
}

// world holds the regions of M49, but for the Americas: a standard asks for North
// America (021) or Latin America and the Caribbean, which M49 has one level below.
var world = []geography{
	{region: "africa", subregions: []geography{
		{m49: "011", region: "western_africa"},
		{m49: "014", region: "eastern_africa"},
		{m49: "015", region: "northern_africa"},
		{m49: "017", region: "middle_africa"},
		{m49: "018", region: "southern_africa"},
	}},
	{region: "north_america", subregions: []geography{
		{m49: "021", region: "northern_america"},
	}},
	{region: "latin_america", subregions: []geography{
		{m49: "005", region: "south_america"},
		{m49: "013", region: "central_america"},
		{m49: "029", region: "caribbean"},
	}},
	{region: "asia", subregions: []geography{
		{m49: "030", region: "eastern_asia"},
		{m49: "034", region: "southern_asia"},
		{m49: "035", region: "south_eastern_asia"},
		{m49: "143", region: "central_asia"},
		{m49: "145", region: "western_asia"},
	}},
	{region: "europe", subregions: []geography{
		{m49: "039", region: "southern_europe"},
		{m49: "151", region: "eastern_europe"},
		{m49: "154", region: "northern_europe"},
		{m49: "155", region: "western_europe"},
	}},
	{region: "oceania", subregions: []geography{
		{m49: "053", region: "australia_and_new_zealand"},
		{m49: "054", region: "melanesia"},
		{m49: "057", region: "micronesia"},
		{m49: "061", region: "polynesia"},
	}},
}

// places are the territories that CLDR puts elsewhere than M49 does, or nowhere.
var places = map[string]place{
	"AQ": {region: "antarctica"},
	"BV": {"latin_america", "south_america"},
	"GS": {"latin_america", "south_america"},
	"HM": {"oceania", "australia_and_new_zealand"},
	"IO": {"africa", "eastern_africa"},
	"TF": {"africa", "eastern_africa"},
	"CX": {"oceania", "australia_and_new_zealand"},
	"CC": {"oceania", "australia_and_new_zealand"},
	"UM": {"oceania", "micronesia"},
}

// aliases are names in use that CLDR's display names do not have: official forms,
// abbreviations, names of today and of yesterday.
var aliases = map[string][]string{
	"AE": {"UAE", "Emirates", "VAE", "Emirats Arabes Unis", "EAU"},
	"BA": {"Bosnia", "Bosnien"},
	"BN": {"Brunei Darussalam"},
	"BO": {"Plurinational State of Bolivia", "Bolivia (Plurinational State of)"},
	"BQ": {"Bonaire, Sint Eustatius and Saba"},
	"BY": {"Belarus", "Weißrussland", "Biélorussie", "Bielorrusia"},
	"CC": {"Cocos Islands"},
	"CD": {"DR Congo", "DRC", "Democratic Republic of the Congo", "Congo, Democratic Republic of the", "République démocratique du Congo", "Demokratische Republik Kongo", "República Democrática del Congo"},
	"CG": {"Congo", "Republic of the Congo", "Kongo"},
	"CH": {"Swiss Confederation"},
	"CI": {"Ivory Coast", "Cote d Ivoire", "Elfenbeinküste", "Costa de Marfil"},
	"CN": {"PRC", "People's Republic of China", "Mainland China", "Volksrepublik China"},
	"CV": {"Cabo Verde"},
	"CZ": {"Czech Republic", "Tschechische Republik", "République tchèque", "República Checa"},
	"DE": {"Federal Republic of Germany", "Bundesrepublik Deutschland", "BRD", "RFA"},
	"FK": {"Falkland Islands (Malvinas)"},
	"FM": {"Micronesia (Federated States of)", "Federated States of Micronesia"},
	"GB": {"UK", "U.K.", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland", "United Kingdom of Great Britain and Northern Ireland", "Großbritannien", "Grande-Bretagne", "Gran Bretaña", "Angleterre", "Inglaterra", "Royaume Uni"},
	"HK": {"Hong Kong", "Hongkong"},
	"HM": {"Heard Island and McDonald Islands"},
	"IE": {"Republic of Ireland", "Eire"},
	"IR": {"Iran (Islamic Republic of)", "Islamic Republic of Iran"},
	"KG": {"Kirgisistan"},
	"KN": {"Saint Kitts and Nevis"},
	"KP": {"North Korea", "Korea (Democratic People's Republic of)", "Democratic People's Republic of Korea"},
	"KR": {"South Korea", "Korea", "Korea, Republic of", "Republic of Korea"},
	"LA": {"Lao People's Democratic Republic", "Lao"},
	"MD": {"Moldova, Republic of", "Republic of Moldova", "Moldawien"},
	"MF": {"Saint Martin (French part)"},
	"MK": {"North Macedonia", "Nordmazedonien", "Macédoine du Nord", "Macedonia del Norte"},
	"MM": {"Myanmar", "Burma", "Birma", "Birmanie"},
	"MO": {"Macao", "Macau"},
	"NL": {"Holland", "The Netherlands", "Kingdom of the Netherlands", "Netherlands, Kingdom of the", "Hollande", "Holanda"},
	"NZ": {"Aotearoa"},
	"PN": {"Pitcairn"},
	"PS": {"Palestine", "State of Palestine", "Palestine, State of", "Palästina"},
	"RU": {"Russian Federation", "Russische Föderation"},
	"SA": {"KSA", "Kingdom of Saudi Arabia"},
	"SH": {"Saint Helena, Ascension and Tristan da Cunha"},
	"SK": {"Slovak Republic", "Slowakische Republik"},
	"SX": {"Sint Maarten (Dutch part)"},
	"SY": {"Syrian Arab Republic"},
	"SZ": {"Eswatini", "eSwatini"},
	"TL": {"East Timor"},
	"TR": {"Türkiye", "Turkiye"},
	"TW": {"Taiwan, Province of China", "Taiwan (Province of China)", "Republic of China", "Chinese Taipei"},
	"TZ": {"Tanzania, United Republic of", "United Republic of Tanzania"},
	"UM": {"United States Minor Outlying Islands"},
	"US": {"USA", "U.S.", "U.S.A.", "United States of America", "America", "EE. UU.", "EEUU", "Etats-Unis d'Amérique", "Vereinigte Staaten von Amerika", "Estados Unidos de América"},
	"VA": {"Holy See", "Vatican", "Vatikan", "Vaticano"},
	"VE": {"Venezuela (Bolivarian Republic of)", "Bolivarian Republic of Venezuela"},
	"VG": {"Virgin Islands (British)"},
	"VI": {"Virgin Islands (U.S.)"},
	"VN": {"Viet Nam"},
	"XK": {"Kosovo"},
}

type place struct{ region, subregion string }

// atlas knows the countries by their alpha-2 codes.
type atlas struct {
	codes  map[string]string // alpha-2 by alpha-2 and alpha-3, in lower case
	names  map[string]string // alpha-2 by nameKey
	places map[string]place
}

// Country returns the ISO 3166 alpha-2 code of a country, given by that code, by the
// alpha-3 code or by a name in English, German, French or Spanish; "" if nobody knows
// such a country. Kosovo has the code in use, XK.
func Country(nameOrCode string) string {
	all := countries()
	if _, ok := all.places[nameOrCode]; ok { // as most of them come: "DE"
		return nameOrCode
	}
	if name := strings.TrimSpace(nameOrCode); len(name) <= 3 {
		if code, ok := all.codes[strings.ToLower(name)]; ok {
			return code
		}
	}
	return all.names[nameKey(nameOrCode)]
}

// Region returns the part of the world of a country: `africa`, `antarctica`, `asia`,
// `europe`, `latin_america`, `north_america`, `oceania`. The country may be given as to
// [Country]; "" if that does not know it.
func Region(country string) string { return countries().places[Country(country)].region }

// Subregion returns the region of UN M49 that a country is in, one level finer than
// [Region], as `western_europe`; "" for Antarctica and where nobody knows the country.
func Subregion(country string) string { return countries().places[Country(country)].subregion }

var countries = sync.OnceValue(func() atlas {
	all := atlas{codes: make(map[string]string, 512), names: make(map[string]string, 1024), places: make(map[string]place, 256)}
	languages := []display.Namer{
		display.Regions(language.English), display.Regions(language.German),
		display.Regions(language.French), display.Regions(language.Spanish),
	}
	for _, region := range isoCountries() {
		code := region.String()
		all.places[code] = placeOf(code, region)
		all.codes[strings.ToLower(code)] = code
		all.codes[strings.ToLower(region.ISO3())] = code
		for _, names := range languages {
			all.names[nameKey(names.Name(region))] = code
		}
	}
	for code, names := range aliases {
		for _, name := range names {
			all.names[nameKey(name)] = code
		}
	}
	return all
})

// isoCountries returns the countries of ISO 3166 and Kosovo.
func isoCountries() []language.Region {
	english := display.Regions(language.English)
	var all []language.Region
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			region, err := language.ParseRegion(code)
			if err != nil || !region.IsCountry() || region.Canonicalize().String() != code || english.Name(region) == "" ||
				slices.Contains(notISO, code) {
				continue
			}
			all = append(all, region)
		}
	}
	return all
}

// notISO are territories of CLDR that are no countries of ISO 3166.
var notISO = []string{"AC", "CP", "CQ", "DG", "EA", "IC", "TA", "ZZ"}

func placeOf(code string, country language.Region) place {
	if at, ok := places[code]; ok {
		return at
	}
	for _, part := range world {
		for _, sub := range part.subregions {
			if group, err := language.ParseRegion(sub.m49); err == nil && group.Contains(country) {
				return place{part.region, sub.region}
			}
		}
	}
	return place{}
}

// nameKey is the form in which names of countries are compared: folded, without the
// small words that come and go.
func nameKey(name string) string {
	if len(name) > 256 {
		return ""
	}
	var key []byte
	for word := range strings.FieldsSeq(fold.Words(name)) {
		switch word {
		case "the", "and", "und", "et", "y":
			continue
		case "st", "ste", "sainte", "sankt":
			word = "saint"
		}
		if len(key) > 0 {
			key = append(key, ' ')
		}
		key = append(key, word...)
	}
	return string(key)
}

package leadfile

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fields are what a column can be, beside `property.<name>` and the name of an attribute.
const (
	FieldEmail          = "email"
	FieldUserID         = "user_id"
	FieldCRMID          = "crm_id"
	FieldAnonymousID    = "anonymous_id"
	FieldAccountDomain  = "account_domain"
	FieldAccountID      = "account_id"
	FieldActivityID     = "activity.id"
	FieldActivityType   = "activity.type"
	FieldActivityTime   = "activity.time"
	FieldCampaign       = "activity.campaign"
	FieldLeadSource     = "lead_source"
	FieldSourceCampaign = "lead_source_campaign"
	FieldSourceDetail   = "lead_source_detail"
	FieldTime           = "time"

	propertyPrefix = "property."
)

// words are headers in snake_case, as people and tools write them, by what they mean.
// Of two columns of one meaning the first has it.
var words = map[string][]string{
	FieldEmail: {
		"email", "e_mail", "mail", "email_address", "e_mail_address", "mail_address", "email_adresse", "e_mail_adresse", "mailadresse",
		"emailadresse", "emailaddress", "work_email", "business_email", "primary_email", "lead_email", "contact_email", "user_email",
		"adresse_email", "adresse_e_mail", "courriel", "correo", "correo_electronico", "indirizzo_email",
	},
	FieldUserID:      {"user_id", "userid", "uid"},
	FieldCRMID:       {"crm_id", "record_id", "contact_id", "lead_id", "prospect_id", "salesforce_id", "hubspot_id", "id"},
	FieldAnonymousID: {"anonymous_id", "visitor_id", "cookie_id", "device_id"},

	FieldAccountDomain: {"account_domain", "company_domain", "company_domain_name", "domain"},
	FieldAccountID:     {"account_id", "company_id"},

	FieldLeadSource:     {"lead_source", "source", "original_source", "utm_source", "quelle", "herkunft", "leadquelle"},
	FieldSourceCampaign: {"lead_source_campaign", "utm_campaign", "campaign", "campaign_name", "kampagne", "campagne"},
	FieldSourceDetail:   {"lead_source_detail", "source_detail", "original_source_detail"},

	"first_name": {"first_name", "firstname", "given_name", "vorname", "prenom", "nombre", "nome"},
	"last_name":  {"last_name", "lastname", "surname", "family_name", "nachname", "familienname", "nom", "nom_de_famille", "apellido", "apellidos", "cognome"},
	"name":       {"name", "full_name", "contact_name", "lead_name"},
	"job_title":  {"job_title", "jobtitle", "title", "position", "funktion", "berufsbezeichnung", "stellenbezeichnung", "poste", "puesto", "cargo"},
	"company":    {"company", "company_name", "organization", "organisation", "organization_name", "account_name", "employer", "firma", "unternehmen", "societe", "entreprise", "empresa", "azienda"},
	"phone":      {"phone", "phone_number", "telephone", "telefon", "telefonnummer", "tel", "mobile", "mobile_phone", "mobile_phone_number", "handy", "telefono"},
	"country":    {"country", "country_region", "country_code", "land", "pays", "pais", "paese"},
	"city":       {"city", "town", "stadt", "ort", "ville", "ciudad"},
	"industry":   {"industry", "sector", "branche", "secteur", "sector_industrial"},
	"employees":  {"employees", "number_of_employees", "num_employees", "no_of_employees", "employee_count", "headcount", "staff", "company_size", "mitarbeiter", "mitarbeiterzahl", "anzahl_mitarbeiter", "effectif", "empleados"},
	"website":    {"website", "website_url", "web_site", "webseite", "homepage"},
}

// timeWords are headers of times, the better ones first: when a row was changed says
// more of when it holds than when it was made.
var timeWords = []string{
	"occurred_at", "occurred_time", "activity_time", "activity_date", "event_time", "event_date", "timestamp", "time", "date", "datetime", "date_time",
	"datum", "zeit", "zeitpunkt", "uhrzeit", "fecha", "data",
	"updated_at", "last_modified", "last_modified_date", "modified", "modified_at", "modified_time", "geandert", "geandert_am", "zuletzt_geandert",
	"submitted_at", "submission_date", "submission_time", "submit_date", "submitted", "registered_at", "registration_date", "registration_time", "signup_date", "signed_up_at",
	"created_at", "created", "create_date", "created_date", "create_time", "created_time", "date_created", "creation_date", "date_added", "added_at",
	"erstellt", "erstellt_am", "erstelldatum", "angelegt_am", "date_de_creation", "fecha_de_creacion",
}

// activityWords are headers by what they mean in a file of activities, which come first.
var activityWords = map[string][]string{
	FieldActivityType: {"activity_type", "activity", "event_type", "event_name", "event", "aktivitat", "aktivitatstyp", "ereignis", "ereignistyp", "action", "type"},
	FieldActivityID:   {"activity_id", "event_id", "message_id", "id"},
	FieldCampaign:     {"activity_campaign", "campaign", "campaign_name", "utm_campaign", "kampagne", "campagne"},
}

// tellsActivities are headers that only a file of activities has.
var tellsActivities = []string{"activity_type", "activity", "event_type", "event_name", "event", "aktivitat", "aktivitatstyp", "ereignis", "ereignistyp"}

// snake returns a header in snake_case and ASCII: `E-Mail-Adresse` is e_mail_adresse,
// `firstName` first_name, `Größe` grosse. Empty if nothing of it is left.
func snake(header string) string {
	header = strings.NewReplacer("ß", "ss", "æ", "ae", "Æ", "Ae", "ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "&", " and ", "%", " percent ").Replace(header)
	var b strings.Builder
	last := rune('_')
	for _, c := range norm.NFD.String(header) {
		switch {
		case unicode.Is(unicode.Mn, c) || c == '\'' || c == '’':
			continue
		case c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)):
			if unicode.IsUpper(c) && (unicode.IsLower(last) || unicode.IsDigit(last)) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(c))
		case last != '_':
			b.WriteByte('_')
			c = '_'
		default:
			continue
		}
		last = c
	}
	return strings.Trim(b.String(), "_")
}

// TypeOf returns the type of activity that a cell names: the cell itself if it is one,
// else the same in the form of types, `Email Opened` as email.opened and `Booked a demo
// call` as booked_a_demo_call. Empty if it names none, or one that is reserved.
func TypeOf(cell string) string {
	typ := cell
	if !typePattern.MatchString(typ) {
		typ = snake(cell)
		if strings.Count(typ, "_") == 1 {
			typ = strings.Replace(typ, "_", ".", 1)
		}
	}
	if len(typ) > 100 || !typePattern.MatchString(typ) || strings.HasPrefix(typ, "lifecycle.") {
		return ""
	}
	return typ
}

// meaning returns what a header means in a file of leads or of activities; empty if
// nothing known.
func meaning(header string, activities bool) string {
	word := snake(header)
	if activities {
		for field, list := range activityWords {
			if slices.Contains(list, word) {
				return field
			}
		}
	}
	if slices.Contains(timeWords, word) {
		if activities {
			return FieldActivityTime
		}
		return FieldTime
	}
	for field, list := range words {
		if slices.Contains(list, word) {
			return field
		}
	}
	return ""
}

// Package condition is the one expression language of a standard: CEL, checked and
// limited in cost when it is compiled and again when it runs.
//
// A [Condition] asks a question about a lead, one of its activities, or its fit, and
// has three answers. Missing is not low: whatever reads something that is not known
// (an attribute without a value, a property the activity does not have, a fit
// without a score) is [Unknown], unless the rest of the condition decides it alone:
// `true || unknown` is true, `false && unknown` is false. Presence itself is always
// known: `has(lead.job_title)` is true or false. An [Expression] is the same language
// with a number or a text for an answer, or none.
//
// What both may read, besides literals:
//
//	lead.job_title                attribute `job_title`: string, number, bool, list
//	account.industry              the same of the account that the lead belongs to
//	before.job_title              the attribute just before the change in question
//	ago(lead.spend, 30)           the attribute 30 times 24 hours before
//	activity.type                 string; likewise activity.source, activity.campaign
//	activity.properties.form      property `form` of the activity
//	activity.properties["Page"]   the same for keys that are no identifiers
//	fit.score, fit.class          the fit at that instant; likewise fit.persona
//	now                           the instant of the question, a timestamp
//	daysSince(lead.trial_start)   whole days of the calendar until now, negative before
//	lists.competitors             a list of the standard
//
// Numbers are one kind: 200, 200.0 and the JSON numbers 200 and 2e2 are equal, and
// `lead.revenue / 3` divides without rounding. What daysSince reads is a date such as
// `2026-01-31`, a time in RFC 3339, or `now`; `-daysSince(lead.deadline)` are the days
// that are left. To the functions of standard CEL come
//
//	hasWord(lead.job_title, ["VP", "head of"])  any of these as a whole word or phrase,
//	                              whatever the case and accents; `lists.leaders` too
//	lead.city.lowerAscii()        the text with A to Z in lower case
//
// `matches` wants a literal pattern of at most 512 bytes. These ask dictionaries, and
// are unknown where those know nothing:
//
//	seniority(lead.job_title)       "vp"
//	jobFunction(lead.job_title)     "marketing"
//	emailKind(lead.email_domain)    "free", "disposable", "business" …
//	registrableDomain(lead.website) "acme.co.uk": the company, unknown for free mail
//	countryCode(lead.country)       "DE", also for "Germany" and "DEU"
//	region(lead.country)            "europe"
//	subregion(lead.country)         "western_europe"
//
// Both are compiled once, are immutable, and may be evaluated from many goroutines;
// the [Facts] they read may not.
package condition

import "cel.dev/cel-go/common/types"

const (
	// MaxLength is the most characters a condition may have.
	MaxLength = 4096
	// MaxPattern is the most bytes a pattern of `matches` may have.
	MaxPattern = 512
)

// Vars says which variables a condition may read.
type Vars uint8

// The variables of an environment; combine them with |.
const (
	// LeadVar offers `lead` and `account`: attributes by key.
	LeadVar Vars = 1 << iota
	// ActivityVar offers `activity`: type, source, campaign, properties.
	ActivityVar
	// FitVar offers `fit`: score, class, persona.
	FitVar
	// NowVar offers `now` and daysSince.
	NowVar
	// PastVar offers ago.
	PastVar
	// BeforeVar offers `before`: attributes by key, as they were before the change.
	BeforeVar
)

// Truth is the answer of a condition.
type Truth uint8

// The three answers. The zero value is Unknown: nothing is known.
const (
	Unknown Truth = iota
	False
	True
)

// String returns `unknown`, `false` or `true`.
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	default:
		return "unknown"
	}
}

// Fault says why a condition that is Unknown could not be answered, other than by
// something missing. Count faults: they are mistakes in a standard or in its data.
type Fault uint8

// Kinds of fault.
const (
	// NoFault: answered, or something was missing.
	NoFault Fault = iota
	// TypeFault: a value was not of the type the condition needs, e.g. a text
	// compared with a number by `>=`.
	TypeFault
	// CostFault: the condition was stopped at its cost limit.
	CostFault
	// PropertiesFault: the properties of the activity are not a JSON object.
	PropertiesFault
)

// String returns the fault as a metric label.
func (f Fault) String() string {
	switch f {
	case TypeFault:
		return "type"
	case CostFault:
		return "cost"
	case PropertiesFault:
		return "properties"
	default:
		return "none"
	}
}

// Options say what a condition or an expression may read.
type Options struct {
	// Vars are the variables.
	Vars Vars
	// Lists are the lists of texts by id, read as `lists.<id>`.
	Lists map[string]*List
}

// Condition is a compiled condition.
type Condition struct{ compiled }

// Compile checks a condition that may read vars and plans it. The error is an *Error
// that says where the condition is wrong.
func Compile(text string, vars Vars) (*Condition, error) {
	return CompileWith(text, Options{Vars: vars})
}

// CompileWith is Compile for a condition that may read more than variables.
func CompileWith(text string, options Options) (*Condition, error) {
	made, err := compile(text, options, question)
	if err != nil {
		return nil, err
	}
	return &Condition{made}, nil
}

// Eval answers the condition over the facts. It never fails: what cannot be answered
// is Unknown, and the fault says why if it was not for something missing.
func (c *Condition) Eval(facts *Facts) (Truth, Fault) {
	if c.quick != nil {
		if truth := c.quick.answer(facts); truth != undecided {
			return truth, NoFault
		}
	}
	return c.ask(facts)
}

// ask has CEL answer.
func (c *Condition) ask(facts *Facts) (Truth, Fault) {
	out, fault := c.run(facts)
	switch v := out.(type) {
	case types.Bool:
		if v {
			return True, NoFault
		}
		return False, NoFault
	case nil:
		return Unknown, fault
	default:
		return Unknown, TypeFault
	}
}

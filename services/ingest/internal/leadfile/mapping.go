package leadfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// Mapping says what the columns of a file mean. Its fields are the top-level keys
// of the YAML file.
type Mapping struct {
	// Source of every fact of the file. Together with an activity's id it says what
	// is the same when a file is imported again. Required.
	Source string `yaml:"source"`
	// Identities tell who a row is about, the strongest first. At least one.
	Identities []IdentityColumn `yaml:"identities"`
	// Missing are the cells that say nothing. Default: only the empty cell.
	Missing []string `yaml:"missing"`
	// Account is the column that names the account a lead belongs to.
	Account *AccountColumn `yaml:"account"`
	// Constants are attributes that every lead of the file gets.
	Constants map[string]any `yaml:"constants"`
	// Attributes are the columns that tell who a lead is.
	Attributes []AttributeColumn `yaml:"attributes"`
	// LeadSource tells where a lead first came from.
	LeadSource LeadSource `yaml:"leadSource"`
	// OccurredTime is when everything in a row became true. Default: the time of
	// the first import.
	OccurredTime *TimeColumn `yaml:"occurredTime"`
	// Activities tell what a lead did.
	Activities []ActivityRule `yaml:"activities"`
	// Outcome tells what became of the lead.
	Outcome *OutcomeColumn `yaml:"outcome"`
	// Ignored are the columns that are left out on purpose.
	Ignored []string `yaml:"ignored"`
}

// IdentityColumn is a column that names the person.
type IdentityColumn struct {
	// Kind is `user_id`, `email`, `crm_id` or `anonymous_id`.
	Kind string `yaml:"kind"`
	// Column holds the value.
	Column string `yaml:"column"`
}

// AccountColumn is a column that names an account.
type AccountColumn struct {
	// Kind is `domain` or `external_id`.
	Kind string `yaml:"kind"`
	// Column holds the value.
	Column string `yaml:"column"`
}

// AttributeColumn is a column that becomes an attribute.
type AttributeColumn struct {
	// Column holds the value.
	Column string `yaml:"column"`
	// Key of the attribute, in snake_case.
	Key string `yaml:"key"`
	// Type is `string` (default), `number` or `boolean`.
	Type string `yaml:"type"`
}

// LeadSource tells where a lead first came from.
type LeadSource struct {
	Channel  *Value `yaml:"channel"`
	Campaign *Value `yaml:"campaign"`
	Detail   *Value `yaml:"detail"`
}

// Value is a cell, or the same for every row.
type Value struct {
	// Column holds the value. Either this or Value.
	Column string `yaml:"column"`
	// Type is how to read the cell: `string` (default), `number` or `boolean`.
	Type string `yaml:"type"`
	// Value is the value for every row: a string, a number or a boolean.
	Value any `yaml:"value"`
}

// TimeColumn is a column that holds a time.
type TimeColumn struct {
	// Column holds the time, e.g. `2026-05-04T10:00:00Z` or `04.05.2026`. Without an
	// offset it is in UTC.
	Column string `yaml:"column"`
}

// ActivityRule makes at most one activity of a row.
type ActivityRule struct {
	// ID tells the activities of a row apart. Required, unique in the mapping.
	ID string `yaml:"id"`
	// Type of the activity. Either this or Column and Types.
	Type string `yaml:"type"`
	// When tells which rows make the activity. Only with Type; default: every row.
	When *Condition `yaml:"when"`
	// Column holds the cell that Types translates into the type. Without Types and
	// Otherwise the cell itself is the type: `page.viewed`, or `Page viewed`.
	Column string `yaml:"column"`
	// IDColumn holds the activity's own id. Default, and where it is empty: the id
	// follows from who did it and ID.
	IDColumn string `yaml:"idColumn"`
	// Campaign it belongs to.
	Campaign *Value `yaml:"campaign"`
	// Types are the types by cell.
	Types map[string]string `yaml:"types"`
	// Otherwise is the type of cells not listed in Types. Default: the row is
	// rejected.
	Otherwise string `yaml:"otherwise"`
	// Properties of the activity.
	Properties map[string]Value `yaml:"properties"`
	// OccurredTime of the activity. Default: that of the mapping.
	OccurredTime *TimeColumn `yaml:"occurredTime"`

	// byContent derives an id from all that the row says.
	byContent bool
}

// cellIsType reports whether a cell is the type itself.
func (a *ActivityRule) cellIsType() bool { return len(a.Types) == 0 && a.Otherwise == "" }

// Condition is a condition on one cell: exactly one of Above and Equals.
type Condition struct {
	// Column holds the cell. A missing cell holds no condition.
	Column string `yaml:"column"`
	// Above holds when the cell is a number greater than this.
	Above *float64 `yaml:"above"`
	// Equals holds when the cell is exactly this text.
	Equals *string `yaml:"equals"`
}

// OutcomeColumn is the column that tells what became of the lead.
type OutcomeColumn struct {
	Column string `yaml:"column"`
	// Won are the cells of a deal that was won.
	Won []string `yaml:"won"`
	// Lost are the cells of a deal that was lost.
	Lost []string `yaml:"lost"`
	// Otherwise is `none` if a cell in neither list is no outcome yet. Default: the
	// row is rejected. A missing cell is never an outcome.
	Otherwise string `yaml:"otherwise"`
}

var identityKinds = map[string]ingestv1.Identity_Kind{
	"user_id":      ingestv1.Identity_KIND_USER_ID,
	"email":        ingestv1.Identity_KIND_EMAIL,
	"crm_id":       ingestv1.Identity_KIND_CRM_ID,
	"anonymous_id": ingestv1.Identity_KIND_ANONYMOUS_ID,
}

var accountKinds = map[string]ingestv1.AccountIdentity_Kind{
	"domain":      ingestv1.AccountIdentity_KIND_DOMAIN,
	"external_id": ingestv1.AccountIdentity_KIND_EXTERNAL_ID,
}

var (
	sourcePattern   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9:._/-]{0,99}$`)
	keyPattern      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	typePattern     = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
	activityPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
)

// Decode reads a mapping. The error names every path that is wrong and what was
// expected there.
func Decode(data []byte) (*Mapping, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var m Mapping
	if err := dec.Decode(&m); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the mapping is empty: expected at least `source` and `identities`")
		}
		return nil, fmt.Errorf("the mapping is not what was expected: %s", plainYAML(err))
	}
	if m.Missing == nil {
		m.Missing = []string{""}
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &m, nil
}

var goTypeName = regexp.MustCompile(`type (?:leadfile\.)?\*?([A-Za-z]+)`)

// plainYAML turns the decoder's words about Go types into words about the file.
func plainYAML(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	text = goTypeName.ReplaceAllString(text, "$1")
	text = strings.ReplaceAll(text, " into leadfile.", " into ")
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

// Problems are the things that are wrong with a mapping or a header, in order.
type Problems []string

// Error lists the problems, one a line.
func (p Problems) Error() string { return strings.Join(p, "\n") }

func (p *Problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

func (m *Mapping) check() error {
	var p Problems
	if !sourcePattern.MatchString(m.Source) {
		p.add("source: expected a name of letters, digits and : . _ / -, e.g. `x-education`")
	}
	if strings.HasPrefix(m.Source, "assay:") {
		p.add("source: expected no source of the reserved assay:*")
	}
	if len(m.Identities) == 0 {
		p.add("identities: expected at least one, e.g. `{kind: email, column: Email}`")
	}
	for i, id := range m.Identities {
		if _, ok := identityKinds[id.Kind]; !ok {
			p.add("identities[%d].kind: expected one of %s", i, strings.Join(slices.Sorted(maps.Keys(identityKinds)), ", "))
		}
		p.column(fmt.Sprintf("identities[%d].column", i), id.Column)
	}
	if a := m.Account; a != nil {
		if _, ok := accountKinds[a.Kind]; !ok {
			p.add("account.kind: expected domain or external_id")
		}
		p.column("account.column", a.Column)
	}
	keys := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(m.Constants)) {
		p.key("constants."+key, key, keys)
		p.scalar("constants."+key, m.Constants[key])
	}
	for i, a := range m.Attributes {
		at := fmt.Sprintf("attributes[%d]", i)
		p.column(at+".column", a.Column)
		p.key(at+".key", a.Key, keys)
		p.cellType(at+".type", a.Type)
	}
	for name, v := range map[string]*Value{"channel": m.LeadSource.Channel, "campaign": m.LeadSource.Campaign, "detail": m.LeadSource.Detail} {
		if v != nil {
			p.value("leadSource."+name, *v)
		}
	}
	if m.OccurredTime != nil {
		p.column("occurredTime.column", m.OccurredTime.Column)
	}
	ids := map[string]bool{"outcome": m.Outcome != nil}
	for i, a := range m.Activities {
		p.activity(fmt.Sprintf("activities[%d]", i), a, ids)
	}
	if o := m.Outcome; o != nil {
		p.column("outcome.column", o.Column)
		if len(o.Won)+len(o.Lost) == 0 {
			p.add("outcome: expected `won` or `lost` to list at least one cell")
		}
		if o.Otherwise != "" && o.Otherwise != "none" {
			p.add("outcome.otherwise: expected none, or nothing to reject such rows")
		}
		for _, cell := range o.Won {
			if slices.Contains(o.Lost, cell) {
				p.add("outcome: the cell %q stands under both `won` and `lost`", cell)
			}
		}
	}
	used := m.columns()
	for i, column := range m.Ignored {
		p.column(fmt.Sprintf("ignored[%d]", i), column)
		if used[column] {
			p.add("ignored[%d]: column %q is also used above; expected one or the other", i, column)
		}
	}
	slices.Sort(p)
	return p.err()
}

func (p *Problems) column(path, column string) {
	if column == "" {
		p.add("%s: expected the name of a column", path)
	}
}

func (p *Problems) key(path, key string, seen map[string]bool) {
	switch {
	case !keyPattern.MatchString(key):
		p.add("%s: expected a name in snake_case, e.g. `job_title`", path)
	case key == "account" || key == "create_time":
		p.add("%s: expected another name: %q follows from something else", path, key)
	case seen[key]:
		p.add("%s: the attribute %q is given twice", path, key)
	}
	seen[key] = true
}

func (p *Problems) cellType(path, t string) {
	switch t {
	case "", "string", "number", "boolean":
	default:
		p.add("%s: expected string, number or boolean", path)
	}
}

func (p *Problems) scalar(path string, v any) {
	switch v.(type) {
	case string, bool, int, int64, uint64, float64:
	default:
		p.add("%s: expected a string, a number or a boolean", path)
	}
}

func (p *Problems) value(path string, v Value) {
	switch {
	case v.Column != "" && v.Value != nil, v.Column == "" && v.Value == nil:
		p.add("%s: expected either `column` or `value`", path)
	case v.Column != "":
		p.cellType(path+".type", v.Type)
	default:
		p.scalar(path+".value", v.Value)
	}
}

func (p *Problems) activity(at string, a ActivityRule, ids map[string]bool) {
	switch {
	case !activityPattern.MatchString(a.ID):
		p.add("%s.id: expected a short name, e.g. `visits`", at)
	case ids[a.ID]:
		p.add("%s.id: %q is given twice", at, a.ID)
	}
	ids[a.ID] = true
	switch {
	case a.Type != "" && (a.Column != "" || len(a.Types) > 0 || a.Otherwise != ""):
		p.add("%s: expected either `type` or `column` with `types`", at)
	case a.Type != "":
		p.activityType(at+".type", a.Type)
	case a.Column == "":
		p.add("%s: expected either `type` or `column` with `types`", at)
	case a.When != nil:
		p.add("%s.when: expected only together with `type`", at)
	}
	for _, cell := range slices.Sorted(maps.Keys(a.Types)) {
		p.activityType(fmt.Sprintf("%s.types[%q]", at, cell), a.Types[cell])
	}
	if a.Otherwise != "" {
		p.activityType(at+".otherwise", a.Otherwise)
	}
	if w := a.When; w != nil {
		p.column(at+".when.column", w.Column)
		if (w.Above == nil) == (w.Equals == nil) {
			p.add("%s.when: expected exactly one of `above` and `equals`", at)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.Properties)) {
		path := at + ".properties." + key
		if !keyPattern.MatchString(key) {
			p.add("%s: expected a name in snake_case", path)
		}
		p.value(path, a.Properties[key])
	}
	if a.Campaign != nil {
		p.value(at+".campaign", *a.Campaign)
	}
	if a.OccurredTime != nil {
		p.column(at+".occurredTime.column", a.OccurredTime.Column)
	}
}

func (p *Problems) activityType(path, t string) {
	switch {
	case len(t) > 100 || !typePattern.MatchString(t):
		p.add("%s: expected a dotted type, e.g. `page.viewed`", path)
	case strings.HasPrefix(t, "lifecycle."):
		p.add("%s: `lifecycle.*` is reserved", path)
	}
}

// columns returns the columns that the mapping uses, ignored ones aside.
func (m *Mapping) columns() map[string]bool {
	used := map[string]bool{}
	add := func(column string) {
		if column != "" {
			used[column] = true
		}
	}
	for _, id := range m.Identities {
		add(id.Column)
	}
	if m.Account != nil {
		add(m.Account.Column)
	}
	for _, a := range m.Attributes {
		add(a.Column)
	}
	for _, v := range []*Value{m.LeadSource.Channel, m.LeadSource.Campaign, m.LeadSource.Detail} {
		if v != nil {
			add(v.Column)
		}
	}
	for column := range m.times() {
		add(column)
	}
	for _, a := range m.Activities {
		add(a.Column)
		add(a.IDColumn)
		if a.When != nil {
			add(a.When.Column)
		}
		if a.Campaign != nil {
			add(a.Campaign.Column)
		}
		for _, v := range a.Properties {
			add(v.Column)
		}
	}
	if m.Outcome != nil {
		add(m.Outcome.Column)
	}
	return used
}

// times returns the columns that hold times.
func (m *Mapping) times() map[string]bool {
	used := map[string]bool{}
	if m.OccurredTime != nil {
		used[m.OccurredTime.Column] = true
	}
	for _, a := range m.Activities {
		if a.OccurredTime != nil {
			used[a.OccurredTime.Column] = true
		}
	}
	return used
}

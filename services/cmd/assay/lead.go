package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/upload"
)

type leadCmd struct {
	Capture leadCaptureCmd `cmd:"" help:"Capture a lead and what it did."`
	List    leadListCmd    `cmd:"" help:"List where leads stand."`
	Show    leadShowCmd    `cmd:"" help:"Show who a lead is and what it did."`
	Explain leadExplainCmd `cmd:"" help:"Explain a lead's verdict: reasons, points, timings."`
	Lookup  leadLookupCmd  `cmd:"" help:"Find a lead by an identity."`
}

var leadID = regexp.MustCompile(`^[0-9a-f-]{36}$`)

// leadName takes `leads/ID` or `ID`. Checked here, since the server would speak of the
// name of what is asked for, e.g. of a lead's qualification.
func leadName(arg string) (string, error) {
	id := strings.TrimPrefix(arg, "leads/")
	if !leadID.MatchString(id) {
		return "", usage("%s: expected a lead, leads/ID or ID, as `assay lead list` shows it", arg)
	}
	return "leads/" + id, nil
}

// who are the flags that name a person.
type who struct {
	Email       string `help:"Email address."`
	UserID      string `help:"Id in the product."`
	CRMID       string `name:"crm-id" help:"Id in the CRM."`
	AnonymousID string `help:"Visitor id."`
}

func (w who) identities() []*ingestv1.Identity {
	var ids []*ingestv1.Identity
	for _, id := range []*ingestv1.Identity{
		{Kind: ingestv1.Identity_KIND_USER_ID, Value: w.UserID},
		{Kind: ingestv1.Identity_KIND_EMAIL, Value: w.Email},
		{Kind: ingestv1.Identity_KIND_CRM_ID, Value: w.CRMID},
		{Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: w.AnonymousID},
	} {
		if id.GetValue() != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// captured are the flags that say who a lead is and what it did.
type captured struct {
	who
	Attribute map[string]string `short:"a" help:"Attribute as key=value, e.g. job_title=CTO. Numbers, true and false are read as such." placeholder:"KEY=VALUE" mapsep:"none"`
	Activity  []string          `short:"t" help:"Activity by its type, with properties as JSON if any: page.viewed or 'page.viewed={\"path\":\"/pricing\"}'." placeholder:"TYPE" sep:"none"`
}

// request is the capture that the flags ask for.
func (c captured) request() (*ingestv1.CaptureLeadRequest, error) {
	req := &ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: c.identities()}}
	if len(req.Lead.Identities) == 0 {
		return nil, usage("expected who the lead is: --email, --user-id, --crm-id or --anonymous-id")
	}
	if len(c.Attribute) > 0 {
		req.Lead.Attributes = &structpb.Struct{Fields: map[string]*structpb.Value{}}
		for key, text := range c.Attribute {
			req.Lead.Attributes.Fields[key] = looseValue(text)
		}
	}
	for _, text := range c.Activity {
		typ, properties, _ := strings.Cut(text, "=")
		a := &ingestv1.Activity{Type: typ}
		if properties != "" {
			a.Properties = &structpb.Struct{}
			if err := protojson.Unmarshal([]byte(properties), a.Properties); err != nil {
				return nil, usage("--activity %s: expected its properties as a JSON object after =", typ)
			}
		}
		req.Activities = append(req.Activities, a)
	}
	return req, nil
}

type leadCaptureCmd struct {
	connection
	captured
	Wait time.Duration `help:"Wait this long for the decision; 0: do not wait." default:"2s"`
}

// Run captures one lead.
func (c *leadCaptureCmd) Run(ctx context.Context, t *terminal) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	if c.Wait > 0 {
		req.WaitForDecision, req.WaitTimeout = true, durationpb.New(c.Wait)
	}
	var out ingestv1.CaptureLeadResponse
	line, err := c.post(ctx, t, "/v1/leads:capture", req, &out)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	tab := newTable(t.out)
	tab.row("lead", out.GetLead())
	tab.row("outcome", word(out.GetOutcome(), "OUTCOME_"))
	for _, r := range out.GetActivityResults() {
		state := word(r.GetState(), "STATE_")
		if r.GetErrorMessage() != "" {
			state += ": " + r.GetErrorField() + " " + r.GetErrorMessage()
		}
		tab.row(fmt.Sprintf("activity %d", r.GetIndex()), state)
	}
	if d := out.GetDecision(); d != nil {
		tab.row("verdict", word(d.GetVerdict(), "VERDICT_"))
		tab.row("stage", word(d.GetStage(), "LIFECYCLE_STAGE_"))
		tab.row("fit", score(d.FitScore)+" "+d.GetFitClass())
		tab.row("engagement", score(d.EngagementScore)+" "+d.GetEngagementBand())
		for _, r := range d.GetReasons() {
			tab.row("because", r.GetDescription()+" ("+r.GetCode()+")")
		}
	} else if out.GetDecisionPending() {
		tab.row("verdict", "pending: the capture is stored, the decision follows")
	}
	return tab.flush()
}

// looseValue reads numbers, booleans and lists as such and the rest as text.
func looseValue(text string) *structpb.Value {
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		switch v.(type) {
		case float64, bool, []any:
			if out, err := structpb.NewValue(v); err == nil {
				return out
			}
		}
	}
	return structpb.NewStringValue(text)
}

type leadListCmd struct {
	connection
	Stage    string `help:"Only leads in this stage, e.g. marketing-qualified."`
	Verdict  string `help:"Only leads with this verdict, e.g. nurture."`
	FitClass string `help:"Only leads of this fit class, e.g. A."`
	Track    string `help:"Only this track."`
	Standard string `help:"Only decided by this standard."`
	Limit    int    `help:"Most leads to print; 0: all. Default: 50 in a table, all as JSON." default:"-1"`
}

// leadLine is a line of `lead list --output json`.
type leadLine struct {
	Lead            string   `json:"lead"`
	Stage           string   `json:"stage"`
	Verdict         string   `json:"verdict"`
	FitScore        *float64 `json:"fitScore"`
	FitClass        string   `json:"fitClass"`
	EngagementScore *float64 `json:"engagementScore"`
	StandardVersion string   `json:"standardVersion"`
}

// Run lists leads, page by page.
func (c *leadListCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	filter, err := c.filter()
	if err != nil {
		return err
	}
	limit := c.Limit
	if limit < 0 {
		limit = 50
		if c.json() {
			limit = 0
		}
	}
	var tab *table
	if !c.json() {
		tab = newTable(t.out, "LEAD", "STAGE", "VERDICT", "FIT", "ENGAGEMENT", "STANDARD", "DECIDED")
	}
	count := 0
	err = upload.Pages(ctx, client, filter, limit, func(q *handoffv1.Qualification) error {
		count++
		if c.json() {
			return printJSON(t.out, leadLine{
				q.GetLead(), q.GetStage().String(), q.GetVerdict().String(), q.FitScore, q.GetFitClass(), q.EngagementScore, q.GetStandardVersion(),
			})
		}
		tab.row(q.GetLead(), word(q.GetStage(), "LIFECYCLE_STAGE_"), word(q.GetVerdict(), "VERDICT_"),
			score(q.FitScore)+" "+q.GetFitClass(), score(q.EngagementScore)+" "+q.GetEngagementBand(),
			version(q.GetStandardVersion()), when(q.GetDecideTime()))
		return nil
	})
	if tab != nil && (err == nil || count > 0) {
		_ = tab.flush()
		if err == nil && limit > 0 && count == limit {
			fmt.Fprintf(t.err, "The first %d. More: --limit 0.\n", limit)
		}
	}
	return err
}

func (c *leadListCmd) filter() (string, error) {
	var terms []string
	if c.Stage != "" {
		stage, err := stageNamed(c.Stage)
		if err != nil {
			return "", err
		}
		terms = append(terms, fmt.Sprintf("stage = %q", stage))
	}
	if c.Verdict != "" {
		verdict, err := enumNamed(c.Verdict, "VERDICT_", typev1.Verdict_value, "--verdict")
		if err != nil {
			return "", err
		}
		terms = append(terms, fmt.Sprintf("verdict = %q", verdict))
	}
	for _, term := range [][2]string{{"fit_class", c.FitClass}, {"track", c.Track}, {"standard", c.Standard}} {
		if term[1] != "" {
			if strings.ContainsAny(term[1], "\"\\\n") {
				return "", usage("%s: expected a plain name", term[0])
			}
			terms = append(terms, fmt.Sprintf(`%s = "%s"`, term[0], term[1]))
		}
	}
	return strings.Join(terms, " AND "), nil
}

// shortStages are what the trade calls some stages.
var shortStages = map[string]string{"MQL": "MARKETING_QUALIFIED", "SAL": "SALES_ACCEPTED", "SQL": "SALES_QUALIFIED"}

func stageNamed(text string) (string, error) {
	if long, ok := shortStages[strings.ToUpper(strings.TrimSpace(text))]; ok {
		return long, nil
	}
	return enumNamed(text, "LIFECYCLE_STAGE_", typev1.LifecycleStage_value, "--stage")
}

// enumNamed takes a value in any usual spelling, `marketing-qualified` or
// `Marketing Qualified`, and returns it without its prefix.
func enumNamed(text, prefix string, values map[string]int32, flag string) (string, error) {
	name := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToUpper(strings.TrimSpace(text)))
	name = strings.TrimPrefix(name, prefix)
	if values[prefix+name] > 0 {
		return name, nil
	}
	var known []string
	for _, name := range slices.SortedFunc(maps.Keys(values), func(a, b string) int { return cmp.Compare(values[a], values[b]) }) {
		if values[name] > 0 {
			known = append(known, strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", "-")))
		}
	}
	return "", usage("%s %s: expected one of %s", flag, text, strings.Join(known, ", "))
}

type leadShowCmd struct {
	connection
	Lead       string `arg:"" help:"The lead, leads/ID or ID."`
	Activities int    `help:"How many of its latest activities to show." default:"20"`
}

// Run shows a lead and its timeline.
func (c *leadShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	name, err := leadName(c.Lead)
	if err != nil {
		return err
	}
	var lead ingestv1.Lead
	line, err := client.Get(ctx, "/v1/"+name, nil, &lead)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	tab := newTable(t.out)
	showLead(tab, &lead)
	if c.Activities > 0 {
		var page ingestv1.ListActivitiesResponse
		query := url.Values{"pageSize": {fmt.Sprint(min(c.Activities, 1000))}}
		if _, err := client.Get(ctx, "/v1/"+name+"/activities", query, &page); err != nil {
			return err
		}
		for _, a := range page.GetActivities() {
			properties := ""
			if a.GetProperties() != nil {
				text, _ := json.Marshal(a.GetProperties().AsMap())
				properties = " " + string(text)
			}
			tab.row(when(a.GetOccurredTime()), a.GetType()+properties)
		}
	}
	return tab.flush()
}

func showLead(tab *table, lead *ingestv1.Lead) {
	tab.row("lead", lead.GetName())
	for _, id := range lead.GetIdentities() {
		tab.row(strings.ToLower(word(id.GetKind(), "KIND_")), id.GetValue())
	}
	if lead.GetAccount() != "" {
		tab.row("account", lead.GetAccount())
	}
	attributes := lead.GetAttributes().AsMap()
	for _, key := range sortedKeys(attributes) {
		text, _ := json.Marshal(attributes[key])
		tab.row(key, strings.Trim(string(text), `"`))
	}
	if s := lead.GetLeadSource(); s != nil {
		tab.row("lead source", strings.Join(strings.Fields(s.GetChannel()+" "+s.GetCampaign()+" "+s.GetDetail()), " "))
	}
	tab.row("captured", when(lead.GetCreateTime()))
	tab.row("updated", when(lead.GetUpdateTime()))
}

type leadLookupCmd struct {
	connection
	who
}

// Run finds a lead.
func (c *leadLookupCmd) Run(ctx context.Context, t *terminal) error {
	ids := c.identities()
	if len(ids) != 1 {
		return usage("expected exactly one of --email, --user-id, --crm-id and --anonymous-id")
	}
	var out ingestv1.LookupLeadResponse
	line, err := c.post(ctx, t, "/v1/leads:lookup", &ingestv1.LookupLeadRequest{Identity: ids[0]}, &out)
	if err != nil {
		return err
	}
	return c.answer(t, line, func(tab *table) { showLead(tab, out.GetLead()) })
}

package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

type suppressCmd struct {
	Add    suppressAddCmd    `cmd:"" help:"Keep somebody from sales, or from being captured at all."`
	Import suppressImportCmd `cmd:"" help:"Add a CSV file with a column of each identifier: email, domain, user_id, crm_id, anonymous_id; and maybe reason and mode."`
	List   suppressListCmd   `cmd:"" help:"List the entries: why and by whom, not of whom."`
	Check  suppressCheckCmd  `cmd:"" help:"Say whether somebody is on the list."`
	Remove suppressRemoveCmd `cmd:"" help:"Take an entry from the list."`
}

// suppression are the flags that say what entries do.
type suppression struct {
	Reason string `default:"opt_out" help:"Why, in snake_case: customer, partner, opt_out, competitor or another word."`
	Mode   string `default:"hand-off" enum:"hand-off,capture" help:"hand-off: captured and scored, never handed off. capture: not captured at all."`
}

func modeNamed(text string) (ingestv1.Suppression_Mode, error) {
	mode, err := enumNamed(text, "MODE_", ingestv1.Suppression_Mode_value, "mode")
	return ingestv1.Suppression_Mode(ingestv1.Suppression_Mode_value["MODE_"+mode]), err
}

type suppressAddCmd struct {
	connection
	who
	Domain string `help:"Everybody with an email address of this domain."`
	suppression
}

// Run adds an entry for each identifier.
func (c *suppressAddCmd) Run(ctx context.Context, t *terminal) error {
	mode, err := modeNamed(c.Mode)
	if err != nil {
		return err
	}
	in := &ingestv1.BatchCreateSuppressionsRequest{}
	for _, id := range c.identities() {
		in.Entries = append(in.Entries, &ingestv1.SuppressionEntry{Identity: id, Mode: mode, Reason: c.Reason})
	}
	if c.Domain != "" {
		in.Entries = append(in.Entries, &ingestv1.SuppressionEntry{Domain: c.Domain, Mode: mode, Reason: c.Reason})
	}
	if len(in.GetEntries()) == 0 {
		return usage("expected whom: --email, --domain, --user-id, --crm-id or --anonymous-id")
	}
	var out ingestv1.BatchCreateSuppressionsResponse
	line, err := c.post(ctx, t, "/v1/suppressions:batchCreate", in, &out)
	if err != nil {
		return err
	}
	return c.answer(t, line, func(tab *table) {
		for _, s := range out.GetSuppressions() {
			tab.row(s.GetName(), word(s.GetMode(), "MODE_"), s.GetReason())
		}
	})
}

type suppressImportCmd struct {
	connection
	File string `arg:"" help:"The file." type:"existingfile"`
	suppression
}

// suppressBatch is how many entries go out at a time.
const suppressBatch = 1000

// Run adds the entries of a file.
func (c *suppressImportCmd) Run(ctx context.Context, t *terminal) error {
	file, err := os.Open(c.File)
	if err != nil {
		return usage("%w", err)
	}
	defer file.Close()
	entries, err := readSuppressions(file, c.suppression)
	if err != nil {
		return err
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	for done := 0; done < len(entries); {
		n := min(len(entries)-done, suppressBatch)
		in := &ingestv1.BatchCreateSuppressionsRequest{Entries: entries[done : done+n]}
		if _, err := client.Post(ctx, "/v1/suppressions:batchCreate", in, &ingestv1.BatchCreateSuppressionsResponse{}); err != nil {
			return fmt.Errorf("after %d entries: %w", done, err)
		}
		done += n
	}
	if c.json() {
		return printLine(t.out, fmt.Appendf(nil, `{"added":%d}`, len(entries)))
	}
	_, err = fmt.Fprintf(t.out, "%d entries are on the list.\n", len(entries))
	return err
}

// readSuppressions reads the entries of a CSV file, whose first line names the columns.
func readSuppressions(file io.Reader, defaults suppression) ([]*ingestv1.SuppressionEntry, error) {
	r := csv.NewReader(bufio.NewReader(file))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	head, err := r.Read()
	if err != nil {
		return nil, usage("expected a first line with the names of the columns")
	}
	kinds := map[string]ingestv1.Identity_Kind{
		"email": ingestv1.Identity_KIND_EMAIL, "user_id": ingestv1.Identity_KIND_USER_ID,
		"crm_id": ingestv1.Identity_KIND_CRM_ID, "anonymous_id": ingestv1.Identity_KIND_ANONYMOUS_ID,
	}
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(head[i], "\ufeff")))
	}
	var entries []*ingestv1.SuppressionEntry
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, usage("%w", err)
		}
		line, _ := r.FieldPos(0)
		reason, mode := defaults.Reason, defaults.Mode
		var of []*ingestv1.SuppressionEntry
		for i, cell := range cells {
			cell = strings.TrimSpace(cell)
			if i >= len(head) || cell == "" {
				continue
			}
			kind, known := kinds[head[i]]
			switch {
			case known:
				of = append(of, &ingestv1.SuppressionEntry{Identity: &ingestv1.Identity{Kind: kind, Value: cell}})
			case head[i] == "domain":
				of = append(of, &ingestv1.SuppressionEntry{Domain: cell})
			case head[i] == "reason":
				reason = cell
			case head[i] == "mode":
				mode = cell
			}
		}
		as, err := modeNamed(mode)
		if err != nil {
			return nil, usage("line %d: %w", line, err)
		}
		for _, e := range of {
			e.Mode, e.Reason = as, reason
		}
		entries = append(entries, of...)
	}
	if len(entries) == 0 {
		return nil, usage("expected a column email, domain, user_id, crm_id or anonymous_id with somebody in it")
	}
	return entries, nil
}

type suppressListCmd struct {
	connection
	Limit int `help:"Most to print; 0: all." default:"50"`
}

// Run lists the entries.
func (c *suppressListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*ingestv1.ListSuppressionsResponse, *ingestv1.Suppression]{
		path:  "/v1/suppressions",
		limit: c.Limit,
		items: (*ingestv1.ListSuppressionsResponse).GetSuppressions,
		head:  []string{"ENTRY", "MODE", "REASON", "SINCE", "BY"},
		row: func(s *ingestv1.Suppression) []string {
			return []string{s.GetName(), word(s.GetMode(), "MODE_"), s.GetReason(), when(s.GetCreateTime()), orDash(s.GetActor())}
		},
	}.print(ctx, t, c.connection)
}

type suppressCheckCmd struct {
	connection
	who
}

// Run says whether somebody is on the list.
func (c *suppressCheckCmd) Run(ctx context.Context, t *terminal) error {
	ids := c.identities()
	if len(ids) != 1 {
		return usage("expected one of --email, --user-id, --crm-id, --anonymous-id")
	}
	var out ingestv1.CheckSuppressionResponse
	line, err := c.post(ctx, t, "/v1/suppressions:check", &ingestv1.CheckSuppressionRequest{Identity: ids[0]}, &out)
	if err != nil {
		return err
	}
	if s := out.GetSuppression(); s != nil {
		return c.sentence(t, line, "Suppressed (%s) since %s: %s. The entry is %s.", word(s.GetMode(), "MODE_"), when(s.GetCreateTime()), s.GetReason(), s.GetName())
	}
	return c.sentence(t, line, "Not on the list.")
}

type suppressRemoveCmd struct {
	connection
	Entry string `arg:"" help:"The entry, suppressions/ID or ID, as check prints it."`
}

// Run takes an entry from the list.
func (c *suppressRemoveCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out ingestv1.Suppression
	line, err := client.Send(ctx, http.MethodDelete, "/v1/suppressions/"+url.PathEscape(strings.TrimPrefix(c.Entry, "suppressions/")), nil, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s is off the list.", out.GetName())
}

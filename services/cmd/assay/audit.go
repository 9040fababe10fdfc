package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type auditCmd struct {
	List   auditListCmd   `cmd:"" help:"List who changed what, latest first."`
	Verify auditVerifyCmd `cmd:"" help:"Check that no entry was changed or removed."`
}

type auditListCmd struct {
	connection
	Actor    string `help:"Only by this actor."`
	Method   string `help:"Only by this method, e.g. assay.handoff.v1.UserService/UpdateUser."`
	Resource string `help:"Only about this, e.g. users/jane."`
	Limit    int    `help:"Most entries to print; 0: all." default:"50"`
}

// Run lists entries of the audit log.
func (c *auditListCmd) Run(ctx context.Context, t *terminal) error {
	var terms []string
	for _, term := range []struct{ field, value string }{{"actor", c.Actor}, {"method", c.Method}, {"resource", c.Resource}} {
		if term.value != "" {
			terms = append(terms, fmt.Sprintf("%s = %q", term.field, term.value))
		}
	}
	query := url.Values{}
	if len(terms) > 0 {
		query.Set("filter", strings.Join(terms, " AND "))
	}
	return listing[*handoffv1.ListAuditEntriesResponse, *handoffv1.AuditEntry]{
		path:  "/v1/auditEntries",
		query: query,
		limit: c.Limit,
		items: (*handoffv1.ListAuditEntriesResponse).GetAuditEntries,
		head:  []string{"ENTRY", "TIME", "ACTOR", "ROLE", "METHOD", "ABOUT", "FIELDS"},
		row: func(e *handoffv1.AuditEntry) []string {
			method := e.GetMethod()[strings.LastIndexByte(e.GetMethod(), '.')+1:]
			return []string{
				strings.TrimPrefix(e.GetName(), "auditEntries/"), when(e.GetCreateTime()), e.GetActor(), word(e.GetRole(), "ROLE_"),
				method, orDash(e.GetResource()), orDash(strings.Join(e.GetFields(), " ")),
			}
		},
	}.print(ctx, t, c.connection)
}

type auditVerifyCmd struct{ connection }

// Run checks the audit log; a broken one is a failure.
func (c *auditVerifyCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out handoffv1.VerifyAuditLogResponse
	line, err := client.Get(ctx, "/v1/auditEntries:verify", nil, &out)
	if err != nil {
		return err
	}
	if !out.GetIntact() {
		if c.json() {
			_ = printLine(t.out, line)
		}
		return errors.New(out.GetBrokenEntry() + " is missing or not as it was written")
	}
	return c.sentence(t, line, "%d entries are as they were written. Hash of the latest: %s", out.GetEntryCount(), orDash(out.GetHash()))
}

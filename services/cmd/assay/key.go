package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Create an API key. Its secret is shown once."`
	List   keyListCmd   `cmd:"" help:"List the API keys."`
	Revoke keyRevokeCmd `cmd:"" help:"Revoke an API key for good."`
}

type keyCreateCmd struct {
	connection
	Actor string `required:"" help:"Who uses it, e.g. web-form or jane; never an address."`
	Role  string `required:"" help:"What it may do: ingest, sales, marketing, manager, admin or auditor."`
}

// Run creates a key.
func (c *keyCreateCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	roles := maps.Clone(typev1.Role_value)
	delete(roles, typev1.Role_ROLE_SERVICE.String()) // for Assay's own processes; no key has it
	role, err := enumNamed(c.Role, "ROLE_", roles, "--role")
	if err != nil {
		return err
	}
	var out handoffv1.ApiKey
	line, err := client.Post(ctx, "/v1/apiKeys", &handoffv1.ApiKey{Actor: c.Actor, Role: typev1.Role(typev1.Role_value["ROLE_"+role])}, &out)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	tab := newTable(t.out)
	tab.row("key", out.GetName())
	tab.row("actor", out.GetActor())
	tab.row("role", word(out.GetRole(), "ROLE_"))
	tab.row("secret", out.GetSecret())
	if err := tab.flush(); err != nil {
		return err
	}
	fmt.Fprintln(t.err, "The secret is not shown again.")
	return nil
}

type keyListCmd struct{ connection }

// Run lists the keys.
func (c *keyListCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var tab *table
	if !c.json() {
		tab = newTable(t.out, "KEY", "ACTOR", "ROLE", "CREATED", "REVOKED")
	}
	query := url.Values{"pageSize": {"1000"}}
	for {
		var page handoffv1.ListApiKeysResponse
		if _, err := client.Get(ctx, "/v1/apiKeys", query, &page); err != nil {
			return err
		}
		for _, k := range page.GetApiKeys() {
			if tab != nil {
				tab.row(k.GetName(), k.GetActor(), word(k.GetRole(), "ROLE_"), when(k.GetCreateTime()), when(k.GetRevokeTime()))
				continue
			}
			line, err := messageLine(k)
			if err != nil {
				return err
			}
			if err := printLine(t.out, line); err != nil {
				return err
			}
		}
		if page.GetNextPageToken() == "" {
			break
		}
		query.Set("pageToken", page.GetNextPageToken())
	}
	if tab != nil {
		return tab.flush()
	}
	return nil
}

type keyRevokeCmd struct {
	connection
	Key string `arg:"" help:"The key, apiKeys/ID or ID; not its secret."`
}

// Run revokes a key.
func (c *keyRevokeCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	id := strings.TrimPrefix(c.Key, "apiKeys/")
	var out handoffv1.ApiKey
	line, err := client.Post(ctx, "/v1/apiKeys/"+url.PathEscape(id)+":revoke", &handoffv1.RevokeApiKeyRequest{Name: "apiKeys/" + id}, &out)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	_, err = fmt.Fprintf(t.out, "%s of %s is revoked.\n", out.GetName(), plain(out.GetActor()))
	return err
}

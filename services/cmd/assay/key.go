package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

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

	Expires time.Duration `help:"How long it works, e.g. 2160h for ninety days. Default: until it is revoked."`

	SecretOnly bool `help:"Print the secret and nothing else, for scripts."`
}

// Run creates a key.
func (c *keyCreateCmd) Run(ctx context.Context, t *terminal) error {
	roles := maps.Clone(typev1.Role_value)
	delete(roles, typev1.Role_ROLE_SERVICE.String()) // for Assay's own processes; no key has it
	role, err := enumNamed(c.Role, "ROLE_", roles, "--role")
	if err != nil {
		return err
	}
	var out handoffv1.ApiKey
	key := &handoffv1.ApiKey{Actor: c.Actor, Role: typev1.Role(typev1.Role_value["ROLE_"+role])}
	if c.Expires != 0 {
		key.ExpireTime = timestamppb.New(time.Now().Add(c.Expires))
	}
	line, err := c.post(ctx, t, "/v1/apiKeys", key, &out)
	if err != nil {
		return err
	}
	if c.SecretOnly {
		return printLine(t.out, []byte(out.GetSecret()))
	}
	err = c.answer(t, line, func(tab *table) {
		tab.row("key", out.GetName())
		tab.row("actor", out.GetActor())
		tab.row("role", word(out.GetRole(), "ROLE_"))
		if out.GetExpireTime() != nil {
			tab.row("ends", when(out.GetExpireTime()))
		}
		tab.row("secret", out.GetSecret())
	})
	if err != nil || c.json() {
		return err
	}
	fmt.Fprintln(t.err, "The secret is not shown again.")
	return nil
}

type keyListCmd struct{ connection }

// Run lists the keys.
func (c *keyListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*handoffv1.ListApiKeysResponse, *handoffv1.ApiKey]{
		path:  "/v1/apiKeys",
		items: (*handoffv1.ListApiKeysResponse).GetApiKeys,
		head:  []string{"KEY", "ACTOR", "ROLE", "CREATED", "LAST USE", "ENDS", "REVOKED"},
		row: func(k *handoffv1.ApiKey) []string {
			return []string{k.GetName(), k.GetActor(), word(k.GetRole(), "ROLE_"), when(k.GetCreateTime()), when(k.GetLastUseTime()), when(k.GetExpireTime()), when(k.GetRevokeTime())}
		},
	}.print(ctx, t, c.connection)
}

type keyRevokeCmd struct {
	connection
	Key string `arg:"" help:"The key, apiKeys/ID or ID; not its secret."`
}

// Run revokes a key.
func (c *keyRevokeCmd) Run(ctx context.Context, t *terminal) error {
	id := strings.TrimPrefix(c.Key, "apiKeys/")
	var out handoffv1.ApiKey
	line, err := c.post(ctx, t, "/v1/apiKeys/"+url.PathEscape(id)+":revoke", &handoffv1.RevokeApiKeyRequest{Name: "apiKeys/" + id}, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s of %s is revoked.", out.GetName(), plain(out.GetActor()))
}

package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

// hasKeys reports whether a source sends with write keys.
func hasKeys(s *ingestv1.Source) bool {
	return s.GetKind() == ingestv1.Source_KIND_SERVER || s.GetKind() == ingestv1.Source_KIND_BROWSER
}

func newWriteKey(ctx context.Context, client *api.Client, source string) (*handoffv1.ApiKey, error) {
	key := &handoffv1.ApiKey{}
	_, err := client.Post(ctx, "/v1/apiKeys", &handoffv1.ApiKey{
		Actor: strings.TrimPrefix(source, "sources/"), Role: typev1.Role_ROLE_INGEST, Source: source,
	}, key)
	return key, err
}

// writeKeys returns the keys of a source that are not revoked, latest first.
func writeKeys(ctx context.Context, client *api.Client, source string) (keys []*handoffv1.ApiKey, err error) {
	err = api.Each(ctx, client, "/v1/apiKeys", url.Values{"source": {source}}, 0, (*handoffv1.ListApiKeysResponse).GetApiKeys, func(k *handoffv1.ApiKey) error {
		if k.GetRevokeTime() == nil {
			keys = append(keys, k)
		}
		return nil
	})
	return keys, err
}

type sourceRotateCmd struct {
	connection
	sourceArg
	keyOnly
}

// Run gives a source another write key.
func (c *sourceRotateCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var s ingestv1.Source
	if _, err := client.Get(ctx, c.path(), nil, &s); err != nil {
		return err
	}
	key, err := newWriteKey(ctx, client, c.name())
	if err != nil {
		return err
	}
	if err := c.print(c.connection, t, &s, key); err != nil || c.json() || c.KeyOnly {
		return err
	}
	keys, err := writeKeys(ctx, client, c.name())
	if err == nil && len(keys) > 1 {
		old := keys[len(keys)-1].GetName()
		fmt.Fprintf(t.err, "%s works as before. Once nobody uses it: assay source revoke %s %s\n", old, c.id(), strings.TrimPrefix(old, "apiKeys/"))
	}
	return err
}

type sourceRevokeCmd struct {
	connection
	sourceArg
	Key string `arg:"" optional:"" help:"The key, apiKeys/ID or ID; not its secret. Default: the older of two."`
}

// Run revokes a write key.
func (c *sourceRevokeCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	keys, err := writeKeys(ctx, client, c.name())
	if err != nil {
		return err
	}
	name := "apiKeys/" + strings.TrimPrefix(c.Key, "apiKeys/")
	if c.Key == "" {
		if len(keys) != 2 {
			return usage("%s has %d keys that work: expected which to revoke, as `assay source show %s` names it", c.name(), len(keys), c.id())
		}
		name = keys[1].GetName()
	}
	found := false
	for _, k := range keys {
		found = found || k.GetName() == name
	}
	if !found {
		return usage("%s is no key of %s that works", plain(name), c.name())
	}
	var out handoffv1.ApiKey
	line, err := client.Post(ctx, "/v1/"+name+":revoke", &handoffv1.RevokeApiKeyRequest{Name: name}, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s of %s is revoked: it is refused everywhere within five seconds.", out.GetName(), c.name())
}

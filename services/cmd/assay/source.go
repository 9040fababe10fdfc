package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

type sourceCmd struct {
	Create  sourceCreateCmd  `cmd:"" help:"Add a source and its write key, which is shown once."`
	List    sourceListCmd    `cmd:"" help:"List sources."`
	Show    sourceShowCmd    `cmd:"" help:"Show a source with its write keys."`
	Update  sourceUpdateCmd  `cmd:"" help:"Change a source; what is not given stays."`
	Preview sourcePreviewCmd `cmd:"" help:"Show what a body sent to a webhook would become; nothing is stored."`
	Rotate  sourceRotateCmd  `cmd:"" help:"Give a source a second write key, to replace the first without a gap."`
	Revoke  sourceRevokeCmd  `cmd:"" help:"Revoke a write key of a source for good."`
	Disable sourceDisableCmd `cmd:"" help:"Let a source send nothing for the time being."`
	Enable  sourceEnableCmd  `cmd:"" help:"Let a disabled source send again."`
}

// sourceArg is the source a command is about.
type sourceArg struct {
	Source string `arg:"" help:"The source, sources/ID or ID, e.g. website."`
}

func (a sourceArg) id() string   { return strings.TrimPrefix(a.Source, "sources/") }
func (a sourceArg) name() string { return "sources/" + a.id() }
func (a sourceArg) path() string { return "/v1/sources/" + url.PathEscape(a.id()) }

// sourceFields are what can be said of a source.
type sourceFields struct {
	Name          *string  `help:"Name for people."`
	Origin        []string `help:"Origins whose pages may send with a browser key, e.g. https://*.example.com; an empty one for any." placeholder:"ORIGIN,…"`
	Protect       []string `help:"Attributes that it may not say, beside those that no browser may say." placeholder:"KEY,…"`
	Rate          float64  `help:"Events a second. Default: 100 for browsers, 5,000 for others." placeholder:"N"`
	Burst         int32    `help:"Events at once after a rest. Default: five seconds' worth." placeholder:"N"`
	AddressRate   float64  `help:"Events a second from one address, of browsers. Default: 20." placeholder:"N"`
	AddressBurst  int32    `help:"Events at once from one address. Default: five seconds' worth." placeholder:"N"`
	MaxBatchBytes int32    `help:"Most bytes of a batch. Default: 512000." placeholder:"N"`
	Webhook       string   `help:"File with how its webhook is verified and read, in YAML or JSON: scheme, mapping, sample." placeholder:"FILE"`
	Preset        string   `help:"Tool that calls the webhook, e.g. typeform or hubspot. One that is not known is answered with all that are." placeholder:"TOOL"`
	Secret        bool     `help:"Read what its webhook is verified with from ASSAY_SOURCE_SECRET."`
}

// fill puts what is given into a source and returns its fields as a mask names them.
func (f *sourceFields) fill(t *terminal, s *ingestv1.Source) (mask []string, err error) {
	if f.Name != nil {
		s.DisplayName, mask = *f.Name, append(mask, "displayName")
	}
	if f.Origin != nil {
		s.AllowedOrigins, mask = given(f.Origin), append(mask, "allowedOrigins")
	}
	if f.Protect != nil {
		s.ProtectedAttributes, mask = given(f.Protect), append(mask, "protectedAttributes")
	}
	limits := &ingestv1.SourceLimits{}
	if s.GetLimits() != nil {
		limits = s.GetLimits()
	}
	before := proto.CloneOf(limits)
	set(&limits.EventsPerSecond, f.Rate)
	set(&limits.Burst, f.Burst)
	set(&limits.AddressEventsPerSecond, f.AddressRate)
	set(&limits.AddressBurst, f.AddressBurst)
	set(&limits.MaxBatchBytes, f.MaxBatchBytes)
	if !proto.Equal(before, limits) {
		s.Limits, mask = limits, append(mask, "limits")
	}
	if f.Webhook == "" && f.Preset == "" && !f.Secret {
		return mask, nil
	}
	if s.GetWebhook() == nil || f.Webhook != "" {
		s.Webhook = &ingestv1.WebhookConfig{}
	}
	if f.Webhook != "" {
		if err := readMessage(f.Webhook, s.GetWebhook()); err != nil {
			return nil, err
		}
	}
	set(&s.Webhook.Preset, f.Preset)
	if f.Secret {
		if s.Webhook.Secret = strings.TrimSpace(t.env("ASSAY_SOURCE_SECRET")); s.GetWebhook().GetSecret() == "" {
			return nil, usage("--secret: expected the secret in ASSAY_SOURCE_SECRET")
		}
	}
	return append(mask, "webhook"), nil
}

func set[T comparable](to *T, given T) {
	var none T
	if given != none {
		*to = given
	}
}

// given is a list without the one empty text that stands for none.
func given(list []string) []string {
	if len(list) == 1 && list[0] == "" {
		return nil
	}
	return list
}

type sourceCreateCmd struct {
	connection
	sourceArg
	Kind string `required:"" help:"What sends: server, browser, webhook or file."`
	keyOnly
	sourceFields
}

// keyOnly prints a write key that was just made alone.
type keyOnly struct {
	KeyOnly bool `help:"Print the write key and nothing else, for scripts."`
}

// print prints a source and a key that was just made.
func (o keyOnly) print(c connection, t *terminal, s *ingestv1.Source, key *handoffv1.ApiKey) error {
	if o.KeyOnly {
		return printLine(t.out, []byte(key.GetSecret()))
	}
	return printSource(c, t, s, key)
}

// Run adds a source and a write key. It is safe to repeat after a failure between the two:
// a source that has no key yet gets one.
func (c *sourceCreateCmd) Run(ctx context.Context, t *terminal) error {
	kind, err := enumNamed(c.Kind, "KIND_", ingestv1.Source_Kind_value, "--kind")
	if err != nil {
		return err
	}
	said := &ingestv1.Source{Kind: ingestv1.Source_Kind(ingestv1.Source_Kind_value["KIND_"+kind])}
	if c.KeyOnly && !hasKeys(said) {
		return usage("--key-only: only servers and browsers send with a write key")
	}
	if _, err := c.fill(t, said); err != nil {
		return err
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	made := &ingestv1.Source{}
	_, err = client.Post(ctx, "/v1/sources?sourceId="+url.QueryEscape(c.id()), said, made)
	var refused *api.Error
	if errors.As(err, &refused) && refused.Reason == "ALREADY_EXISTS" {
		err = c.resume(ctx, client, said.GetKind(), made)
	}
	if err != nil {
		return err
	}
	if !hasKeys(made) {
		return printSource(c.connection, t, made, nil)
	}
	key, err := newWriteKey(ctx, client, made.GetName())
	if err != nil {
		return fmt.Errorf("%s is made and has no key yet; the same command again gives it one: %w", made.GetName(), err)
	}
	return c.print(c.connection, t, made, key)
}

// resume reads a source that exists, and refuses to go on unless it lacks its first key.
func (c *sourceCreateCmd) resume(ctx context.Context, client *api.Client, kind ingestv1.Source_Kind, into *ingestv1.Source) error {
	if _, err := client.Get(ctx, c.path(), nil, into); err != nil {
		return err
	}
	keys, err := writeKeys(ctx, client, c.name())
	switch {
	case err != nil:
		return err
	case into.GetKind() != kind:
		return usage("%s exists and is of the kind %s", c.name(), strings.ToLower(word(into.GetKind(), "KIND_")))
	case !hasKeys(into) || len(keys) > 0:
		return usage("%s exists; change it with `assay source update`, or give it another key with `assay source rotate`", c.name())
	}
	return nil
}

// sourceLine is what the commands print as JSON.
type sourceLine struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Disabled bool   `json:"disabled"`
	// WriteKey is the secret of a key that was just made, Key its name.
	WriteKey string `json:"writeKey,omitempty"`
	Key      string `json:"key,omitempty"`
	// Path is where its webhook is called.
	Path string `json:"path,omitempty"`
}

// printSource prints a source and a key that was just made; nil: none was.
func printSource(c connection, t *terminal, s *ingestv1.Source, key *handoffv1.ApiKey) error {
	line := sourceLine{
		Name: s.GetName(), Kind: strings.ToLower(word(s.GetKind(), "KIND_")), Disabled: s.GetDisabled(),
		WriteKey: key.GetSecret(), Key: key.GetName(),
	}
	if s.GetKind() == ingestv1.Source_KIND_WEBHOOK {
		line.Path = "/hooks/" + strings.TrimPrefix(s.GetName(), "sources/")
	}
	if c.json() {
		return printJSON(t.out, line)
	}
	tab := newTable(t.out)
	tab.row("source", line.Name)
	tab.row("kind", line.Kind)
	if line.Path != "" {
		tab.row("path", line.Path)
	}
	if key != nil {
		tab.row("key", line.Key)
		tab.row("write key", line.WriteKey)
	}
	if err := tab.flush(); err != nil || key == nil {
		return err
	}
	if s.GetKind() == ingestv1.Source_KIND_SERVER {
		fmt.Fprintln(t.err, "The write key is not shown again.")
	} else {
		fmt.Fprintln(t.err, "The write key is not shown again. It may stand in pages: it can capture, and read nothing.")
	}
	return nil
}

type sourceListCmd struct {
	connection
	Limit int `help:"Most sources to print; 0: all." default:"0"`
}

// Run lists sources.
func (c *sourceListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*ingestv1.ListSourcesResponse, *ingestv1.Source]{
		path:  "/v1/sources",
		limit: c.Limit,
		items: (*ingestv1.ListSourcesResponse).GetSources,
		head:  []string{"SOURCE", "KIND", "NAME", "STATE", "CREATED"},
		row: func(s *ingestv1.Source) []string {
			return []string{s.GetName(), strings.ToLower(word(s.GetKind(), "KIND_")), orDash(s.GetDisplayName()), stateOf(s), when(s.GetCreateTime())}
		},
	}.print(ctx, t, c.connection)
}

func stateOf(s *ingestv1.Source) string {
	if s.GetDisabled() {
		return "disabled"
	}
	return "on"
}

type sourceShowCmd struct {
	connection
	sourceArg
}

// Run shows a source.
func (c *sourceShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var s ingestv1.Source
	line, err := client.Get(ctx, c.path(), nil, &s)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	keys, err := writeKeys(ctx, client, c.name())
	var refused *api.Error
	if errors.As(err, &refused) && refused.Status == http.StatusForbidden {
		keys, err = nil, nil // keys are for admins
	}
	if err != nil {
		return err
	}
	tab := newTable(t.out)
	tab.row("source", s.GetName())
	tab.row("name", orDash(s.GetDisplayName()))
	tab.row("kind", strings.ToLower(word(s.GetKind(), "KIND_")))
	tab.row("state", stateOf(&s))
	tab.row("created", when(s.GetCreateTime()))
	for _, o := range s.GetAllowedOrigins() {
		tab.row("origin", o)
	}
	if l := s.GetLimits(); l.GetEventsPerSecond() > 0 {
		tab.row("events a second", strconv.FormatFloat(l.GetEventsPerSecond(), 'g', -1, 64))
	}
	if list := s.GetProtectedAttributes(); len(list) > 0 {
		tab.row("protected", strings.Join(list, ", "))
	}
	for _, r := range s.GetEventRules() {
		to := r.GetType()
		if r.GetDrop() {
			to = "left out"
		}
		tab.row("event", r.GetEvent()+" → "+orDash(to))
	}
	if w := s.GetWebhook(); w != nil {
		tab.row("path", "/hooks/"+c.id())
		tab.row("preset", orDash(w.GetPreset()))
		tab.row("secret set", strconv.FormatBool(w.GetSecretSet()))
	}
	for _, k := range keys {
		tab.row("key", k.GetName()+", made "+when(k.GetCreateTime())+", last used "+when(k.GetLastUseTime()))
	}
	return tab.flush()
}

type sourceUpdateCmd struct {
	connection
	sourceArg
	sourceFields
}

// Run changes a source.
func (c *sourceUpdateCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var s ingestv1.Source
	if _, err := client.Get(ctx, c.path(), nil, &s); err != nil {
		return err
	}
	mask, err := c.fill(t, &s)
	if err != nil {
		return err
	}
	if len(mask) == 0 {
		return usage("expected what to change, e.g. --name")
	}
	return c.send(ctx, c.connection, t, &s, mask)
}

// send sends the fields of a source that a mask names.
func (a sourceArg) send(ctx context.Context, c connection, t *terminal, s *ingestv1.Source, mask []string) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	s.Name, s.CreateTime, s.UpdateTime = a.name(), nil, nil
	if s.GetWebhook() != nil {
		s.Webhook.SecretSet = false
	}
	var out ingestv1.Source
	line, err := client.Send(ctx, http.MethodPatch, a.path()+"?updateMask="+url.QueryEscape(strings.Join(mask, ",")), s, &out)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	return printSource(c, t, &out, nil)
}

type sourceDisableCmd struct {
	connection
	sourceArg
}

// Run disables a source.
func (c *sourceDisableCmd) Run(ctx context.Context, t *terminal) error {
	return c.send(ctx, c.connection, t, &ingestv1.Source{Disabled: true}, []string{"disabled"})
}

type sourceEnableCmd struct {
	connection
	sourceArg
}

// Run enables a source.
func (c *sourceEnableCmd) Run(ctx context.Context, t *terminal) error {
	return c.send(ctx, c.connection, t, &ingestv1.Source{}, []string{"disabled"})
}

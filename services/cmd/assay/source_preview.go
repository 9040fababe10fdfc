package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

type sourcePreviewCmd struct {
	connection
	sourceArg
	File    string `short:"f" help:"File with a body as the tool sends it. Default: the saved sample, or the preset's." placeholder:"FILE"`
	Mapping string `help:"File with a mapping to try in place of the saved one, in YAML or JSON: what stands under mapping." placeholder:"FILE"`
}

// Run shows what a body would become. Nothing is stored.
func (c *sourcePreviewCmd) Run(ctx context.Context, t *terminal) error {
	req := &ingestv1.PreviewSourceRequest{}
	if c.File != "" {
		body, err := os.ReadFile(c.File)
		if err != nil {
			return usage("--file: %w", err)
		}
		req.Body = string(body)
	}
	if c.Mapping != "" {
		req.Mapping = &ingestv1.WebhookMapping{}
		if err := readMessage(c.Mapping, req.GetMapping()); err != nil {
			return err
		}
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var got ingestv1.PreviewSourceResponse
	line, err := client.Post(ctx, c.path()+":preview", req, &got)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	return printMapped(t.out, &got)
}

func printMapped(out io.Writer, got *ingestv1.PreviewSourceResponse) error {
	tab := newTable(out)
	for _, capture := range got.GetCaptures() {
		var who []string
		for _, i := range capture.GetLead().GetIdentities() {
			who = append(who, strings.ToLower(word(i.GetKind(), "KIND_"))+" "+i.GetValue())
		}
		tab.row("lead", strings.Join(who, ", "))
		for _, a := range capture.GetActivities() {
			at := "now"
			if a.GetOccurredTime() != nil {
				at = when(a.GetOccurredTime())
			}
			tab.row("  did", a.GetType()+", "+at)
			values(tab, "  property", a.GetProperties())
		}
		values(tab, "  attribute", capture.GetLead().GetAttributes())
		for _, category := range sortedKeys(capture.GetConsent()) {
			tab.row("  consent", category+": "+strconv.FormatBool(capture.GetConsent()[category]))
		}
		if capture.GetAccount() != nil {
			tab.row("  account", capture.GetAccount().GetValue())
		}
	}
	for _, r := range got.GetRejections() {
		tab.row("refused", fmt.Sprintf("item %d: %s: %s", r.GetIndex(), r.GetField(), r.GetMessage()))
	}
	if err := tab.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d captured, %d left out by the mapping, %d problems; nothing was stored\n",
		len(got.GetCaptures()), got.GetSkipped(), len(got.GetRejections()))
	return err
}

func values(tab *table, label string, of *structpb.Struct) {
	for _, key := range sortedKeys(of.GetFields()) {
		value, err := protojson.Marshal(of.GetFields()[key])
		if err == nil {
			tab.row(label, key+": "+string(value))
		}
	}
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type dictionaryCmd struct {
	Set  dictionarySetCmd  `cmd:"" help:"Give a dictionary its texts, one a line. Standards that read it score all leads again."`
	Show dictionaryShowCmd `cmd:"" help:"Print the texts of a dictionary, one a line."`
	List dictionaryListCmd `cmd:"" help:"List the dictionaries."`
}

type dictionarySetCmd struct {
	connection
	Dictionary string `arg:"" help:"The dictionary, e.g. competitors. It is created if it is new."`
	File       string `arg:"" help:"The texts, one a line; empty lines and those that begin with # are left out."`
}

// Run gives a dictionary its texts.
func (c *dictionarySetCmd) Run(ctx context.Context, t *terminal) error {
	file, err := os.Open(c.File)
	if err != nil {
		return usageError{err}
	}
	defer file.Close()
	in := &handoffv1.DictionaryVersion{}
	for lines := bufio.NewScanner(file); ; {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return usageError{fmt.Errorf("%s: %w", c.File, err)}
			}
			break
		}
		if text := strings.TrimSpace(lines.Text()); text != "" && !strings.HasPrefix(text, "#") {
			in.Values = append(in.Values, text)
		}
	}
	var out handoffv1.DictionaryVersion
	line, err := c.post(ctx, t, dictionaryPath(c.Dictionary)+"/versions", in, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s has %d texts now.", plain(out.GetName()), out.GetSize())
}

type dictionaryShowCmd struct {
	connection
	Dictionary string `arg:"" help:"The dictionary, e.g. competitors."`
}

// Run prints the texts of the active version.
func (c *dictionaryShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var d handoffv1.Dictionary
	if _, err := client.Get(ctx, dictionaryPath(c.Dictionary), nil, &d); err != nil {
		return err
	}
	var v handoffv1.DictionaryVersion
	line, err := client.Get(ctx, "/v1/"+d.GetActiveVersion(), nil, &v)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	for _, text := range v.GetValues() {
		if _, err := fmt.Fprintln(t.out, plain(text)); err != nil {
			return err
		}
	}
	return nil
}

type dictionaryListCmd struct{ connection }

// Run lists the dictionaries.
func (c *dictionaryListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*handoffv1.ListDictionariesResponse, *handoffv1.Dictionary]{
		path:  "/v1/dictionaries",
		items: (*handoffv1.ListDictionariesResponse).GetDictionaries,
		head:  []string{"DICTIONARY", "TEXTS", "VERSION", "SINCE"},
		row: func(d *handoffv1.Dictionary) []string {
			return []string{d.GetName(), fmt.Sprint(d.GetSize()), version(d.GetActiveVersion()), when(d.GetUpdateTime())}
		},
	}.print(ctx, t, c.connection)
}

// dictionaryPath is the path of a dictionary by its id or name.
func dictionaryPath(id string) string {
	return "/v1/dictionaries/" + url.PathEscape(strings.TrimPrefix(id, "dictionaries/"))
}

package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

type importListCmd struct {
	connection
	Limit int `help:"Most imports to print; 0: all." default:"20"`
}

// Run lists imports.
func (c *importListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*ingestv1.ListImportsResponse, *ingestv1.Import]{
		path:  "/v1/imports",
		limit: c.Limit,
		items: (*ingestv1.ListImportsResponse).GetImports,
		head:  []string{"IMPORT", "FILE", "STATE", "ROWS", "CREATED", "UPDATED", "REJECTED", "BEGAN", "BY"},
		row: func(i *ingestv1.Import) []string {
			n := i.GetCounts()
			return []string{
				i.GetName(), orDash(i.GetDisplayName()), word(i.GetState(), "STATE_"), fmt.Sprintf("%d/%d", n.GetRows(), n.GetTotal()),
				fmt.Sprint(n.GetCreated()), fmt.Sprint(n.GetUpdated()), fmt.Sprint(n.GetRejected()), when(i.GetCreateTime()), i.GetActor(),
			}
		},
	}.print(ctx, t, c.connection)
}

// importArg is the import a command is about.
type importArg struct {
	Import string `arg:"" help:"The import, imports/ID or ID."`
}

func (a importArg) name() string {
	return "imports/" + url.PathEscape(strings.TrimPrefix(a.Import, "imports/"))
}

// printImport prints an import.
func (c connection) printImport(t *terminal, line []byte, i *ingestv1.Import) error {
	err := c.answer(t, line, func(tab *table) {
		n, u := i.GetCounts(), i.GetUndoCounts()
		tab.row("import", i.GetName())
		tab.row("file", orDash(i.GetDisplayName()))
		tab.row("of", word(i.GetKind(), "KIND_"))
		tab.row("state", word(i.GetState(), "STATE_"))
		tab.row("source", i.GetSource())
		tab.row("written in", fmt.Sprintf("%s, columns separated by %q", i.GetFormat().GetEncoding(), i.GetFormat().GetDelimiter()))
		tab.row("rows", fmt.Sprintf("%d of %d", n.GetRows(), n.GetTotal()))
		tab.row("created", fmt.Sprint(n.GetCreated()))
		tab.row("updated", fmt.Sprint(n.GetUpdated()))
		tab.row("unchanged", fmt.Sprint(n.GetUnchanged()))
		tab.row("rejected", fmt.Sprint(n.GetRejected()))
		if u != nil {
			tab.row("undone", fmt.Sprintf("%d leads removed, %d restored, %d kept, %d activities withdrawn",
				u.GetRemoved(), u.GetRestored(), u.GetKept(), u.GetActivities()))
		}
		tab.row("began", when(i.GetCreateTime()))
		tab.row("ended", when(i.GetEndTime()))
		tab.row("by", orDash(i.GetActor()))
		if i.GetError() != "" {
			tab.row("error", i.GetError())
		}
		for _, w := range i.GetWarnings() {
			tab.row("look at", w)
		}
	})
	if err == nil && !c.json() {
		printColumns(t, i)
	}
	return err
}

type importShowCmd struct {
	connection
	importArg
}

// Run shows an import.
func (c *importShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var i ingestv1.Import
	line, err := client.Get(ctx, "/v1/"+c.name(), nil, &i)
	if err != nil {
		return err
	}
	return c.printImport(t, line, &i)
}

type importRunCmd struct {
	connection
	importing
	importArg
}

// Run runs an import.
func (c *importRunCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	if c.RejectsFile == "" {
		c.RejectsFile = strings.TrimPrefix(c.Import, "imports/") + ".rejects.csv"
	}
	w := &importWatch{connection: c.connection, importing: c.importing, t: t, client: client, show: newProgress(t), began: time.Now()}
	defer w.show.end()
	return w.run(ctx, &ingestv1.Import{Name: c.name()})
}

type importRejectsCmd struct {
	connection
	importArg
	File string `arg:"" help:"Where to write them."`
}

// Run writes the rejected rows to a file.
func (c *importRejectsCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	w := &importWatch{connection: c.connection, importing: importing{RejectsFile: c.File}, t: t, client: client, show: newProgress(t)}
	n, err := w.keepRejects(ctx, &ingestv1.Import{Name: c.name()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.err, "%d rows\n", n)
	return err
}

type importCancelCmd struct {
	connection
	importArg
}

// Run stops an import.
func (c *importCancelCmd) Run(ctx context.Context, t *terminal) error {
	var i ingestv1.Import
	line, err := c.post(ctx, t, "/v1/"+c.name()+":cancel", &ingestv1.CancelImportRequest{Name: c.name()}, &i)
	if err != nil {
		return err
	}
	return c.printImport(t, line, &i)
}

type importUndoCmd struct {
	connection
	importArg
	Retry time.Duration `help:"How long to try again while the server is away." default:"2m"`
}

// Run undoes an import.
func (c *importUndoCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	w := &importWatch{connection: c.connection, importing: importing{Retry: c.Retry}, t: t, client: client, show: newProgress(t), began: time.Now()}
	defer w.show.end()
	i := &ingestv1.Import{Name: c.name()}
	if err := w.call(ctx, i, ":undo"); err != nil {
		return err
	}
	if err := w.wait(ctx, i); err != nil {
		return err
	}
	w.show.end()
	line, err := messageLine(i)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	u := i.GetUndoCounts()
	_, err = fmt.Fprintf(t.out, "removed %d leads, restored %d, kept %d; withdrew %d activities\n", u.GetRemoved(), u.GetRestored(), u.GetKept(), u.GetActivities())
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
	"github.com/assay-hq/assay/services/cmd/assay/internal/upload"
	"github.com/assay-hq/assay/services/internal/tabular"
)

type importCmd struct {
	Leads      importLeadsCmd      `cmd:"" help:"Import leads from a CSV file. Importing it again changes nothing."`
	Activities importActivitiesCmd `cmd:"" help:"Import what leads did from a CSV file, an activity in each row. Importing it again changes nothing."`
	Outcomes   importOutcomesCmd   `cmd:"" help:"Import what became of handoffs from a CSV file. Importing it again changes nothing."`
	List       importListCmd       `cmd:"" help:"List imports, latest first."`
	Show       importShowCmd       `cmd:"" help:"Show an import: what its columns mean, how far it is, what it did."`
	Run        importRunCmd        `cmd:"" help:"Run an import that was only tried."`
	Rejects    importRejectsCmd    `cmd:"" help:"Write the rows that an import rejected, each with its line and a reason, to a file that can be imported."`
	Cancel     importCancelCmd     `cmd:"" help:"Stop an import, or forget one that did not run. What it did stays."`
	Undo       importUndoCmd       `cmd:"" help:"Undo an import: leads are as if it had never been."`
}

type importLeadsCmd struct{ importFileCmd }

// Run imports a file of leads.
func (c *importLeadsCmd) Run(ctx context.Context, t *terminal) error {
	return c.run(ctx, t, &ingestv1.Import{Kind: ingestv1.Import_KIND_LEADS})
}

type importActivitiesCmd struct {
	importFileCmd
	Type string `help:"Type of all activities of the file, e.g. event.attended. Default: a column says it." placeholder:"TYPE"`
}

// Run imports a file of activities.
func (c *importActivitiesCmd) Run(ctx context.Context, t *terminal) error {
	return c.run(ctx, t, &ingestv1.Import{Kind: ingestv1.Import_KIND_ACTIVITIES, ActivityType: c.Type})
}

// importFileCmd is what files of leads and of activities have in common.
type importFileCmd struct {
	connection
	importing
	File      string            `arg:"" help:"The file, .csv or .csv.gz. Its encoding and what separates its columns are found out."`
	Mapping   string            `help:"A YAML file that says what each column is. Default: the headers say it." placeholder:"FILE"`
	Column    map[string]string `help:"What one column is, e.g. --column 'Mail 2=email'; with nothing after the = it is left out." placeholder:"HEADER=FIELD"`
	Source    string            `help:"Source of the facts. Default: import: and the name of the file." placeholder:"NAME"`
	DateOrder string            `help:"How dates such as 03/04/2026 are read. Default: what the dates of each column show." enum:",dmy,mdy,ymd" default:"" placeholder:"dmy|mdy|ymd"`
	Encoding  string            `help:"How characters are written: utf-8, utf-16le, utf-16be or windows-1252. Default: found out." placeholder:"NAME"`
	Delimiter string            `help:"What separates columns: a comma, a semicolon, tab or |. Default: found out." placeholder:"CHAR"`
	Time      time.Time         `help:"When rows without a time of their own became true. Default: now." format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME"`
	DryRun    bool              `help:"Only say what would become of it."`
	HandOff   bool              `help:"Hand off leads that qualify. Default: imported facts are history; they are decided and nothing is handed off."`
}

// importing is how a command waits for an import.
type importing struct {
	RejectsFile string        `name:"rejects" help:"Where rows that are rejected go, with a reason. Default: beside the file." placeholder:"FILE"`
	NoWait      bool          `help:"Do not wait until every lead is decided."`
	Retry       time.Duration `help:"How long to try again while the server is away." default:"2m"`
}

// run uploads the file, says what its columns are, and tries or runs the import.
func (c *importFileCmd) run(ctx context.Context, t *terminal, about *ingestv1.Import) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	about.Source = c.Source
	if !c.Time.IsZero() {
		about.DefaultTime = timestamppb.New(c.Time)
	}
	for header, field := range c.Column {
		about.Columns = append(about.Columns, &ingestv1.ImportColumn{Header: header, Field: field})
	}
	if c.Mapping != "" {
		text, err := os.ReadFile(c.Mapping)
		if err != nil {
			return usageError{err}
		}
		if about.Mapping = string(text); strings.TrimSpace(about.GetMapping()) == "" {
			return usage("%s: the mapping is empty: expected at least `source` and `identities`", c.Mapping)
		}
	}
	w := &importWatch{connection: c.connection, importing: c.importing, t: t, client: client, show: newProgress(t), began: time.Now()}
	if w.RejectsFile == "" {
		w.RejectsFile = c.File + ".rejects.csv"
	}
	defer w.show.end()
	i, err := c.upload(ctx, w, about)
	if err != nil {
		return c.misfit(err)
	}
	// What is said of the columns may be too long for the query of an upload.
	if about.Name = i.GetName(); about.GetMapping() != "" || about.GetColumns() != nil || about.GetDefaultTime() != nil {
		err := upload.Retry(ctx, c.Retry, func() error {
			_, err := client.Send(ctx, http.MethodPatch, "/v1/"+i.GetName(), about, i)
			return err
		})
		if err != nil {
			_, _ = client.Post(ctx, "/v1/"+i.GetName()+":cancel", &ingestv1.CancelImportRequest{Name: i.GetName()}, nil) // else it goes in a week
			return c.misfit(err)
		}
	}
	if c.DryRun {
		return w.try(ctx, i)
	}
	return w.run(ctx, i)
}

// misfit is the error of a file or of what was said of it.
func (c *importFileCmd) misfit(err error) error {
	var refused *api.Error
	if errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusRequestEntityTooLarge) {
		return usage("nothing was imported: %s: %w", c.File, err)
	}
	return err
}

// upload sends the file, with what it is a file of, again while the server is away.
func (c *importFileCmd) upload(ctx context.Context, w *importWatch, about *ingestv1.Import) (*ingestv1.Import, error) {
	query := url.Values{"displayName": {filepath.Base(c.File)}, "kind": {about.GetKind().String()}}
	for name, value := range map[string]string{
		"source": c.Source, "activityType": about.GetActivityType(), "format.dateOrder": c.DateOrder, "format.encoding": c.Encoding, "format.delimiter": strings.ReplaceAll(c.Delimiter, "tab", "\t"),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if c.HandOff {
		query.Set("handOff", "true")
	}
	i := &ingestv1.Import{}
	return i, upload.Retry(ctx, c.Retry, func() error {
		file, err := os.Open(c.File)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = file.Close() }()
		size := int64(1)
		if info, err := file.Stat(); err == nil {
			size = max(info.Size(), 1)
		}
		read := &sentFile{Reader: file, sent: func(n int64) { w.show.line("%s uploading %s", bar(float64(n)/float64(size)), filepath.Base(c.File)) }}
		_, err = w.client.Upload(ctx, "/v1/imports:upload", query, read, strings.HasSuffix(c.File, ".gz"), i)
		return err
	})
}

// sentFile tells how much of it was read.
type sentFile struct {
	io.Reader
	n    atomic.Int64
	sent func(int64)
}

// Read implements [io.Reader].
func (f *sentFile) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	f.sent(f.n.Add(int64(n)))
	return n, err
}

// importWatch sees an import through.
type importWatch struct {
	connection
	importing
	t      *terminal
	client *api.Client
	show   *progress
	began  time.Time
}

// try tries an import and says what would become of it.
func (w *importWatch) try(ctx context.Context, i *ingestv1.Import) error {
	if err := w.call(ctx, i, ":try"); err != nil {
		return err
	}
	return w.through(ctx, i)
}

// run runs an import and waits until its leads are decided.
func (w *importWatch) run(ctx context.Context, i *ingestv1.Import) error {
	if err := w.call(ctx, i, ":run"); err != nil {
		return err
	}
	return w.through(ctx, i)
}

// call begins work on an import. What the call before began, whose answer was lost, goes on.
func (w *importWatch) call(ctx context.Context, i *ingestv1.Import, verb string) error {
	began := false
	return upload.Retry(ctx, w.Retry, func() error {
		// Each of the three requests says the name alone.
		_, err := w.client.Post(ctx, "/v1/"+i.GetName()+verb, &ingestv1.RunImportRequest{Name: i.GetName()}, i)
		var refused *api.Error
		if began && errors.As(err, &refused) && refused.Reason == "WRONG_STATE" {
			return nil
		}
		began = began || api.Temporary(err)
		return err
	})
}

// through waits for the end, keeps the rejected rows and prints what became of all.
func (w *importWatch) through(ctx context.Context, i *ingestv1.Import) error {
	err := w.wait(ctx, i)
	took := time.Since(w.began)
	rejected := 0
	if err == nil {
		rejected, err = w.keepRejects(ctx, i)
	}
	if err == nil && !w.NoWait && i.GetState() == ingestv1.Import_STATE_DONE {
		err = w.decided(ctx, i)
	}
	w.show.end()
	return errors.Join(err, w.print(i, took, rejected))
}

// wait waits until no work is under way. A server that is away for a while is waited for.
func (w *importWatch) wait(ctx context.Context, i *ingestv1.Import) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := upload.Retry(ctx, w.Retry, func() error {
			_, err := w.client.Get(ctx, "/v1/"+i.GetName(), nil, i)
			return err
		})
		if err != nil {
			return err
		}
		switch c := i.GetCounts(); i.GetState() {
		case ingestv1.Import_STATE_TRYING, ingestv1.Import_STATE_RUNNING:
			w.show.line("%s %d of %d rows, %d rejected, %.0f rows/s", bar(float64(c.GetRows())/float64(max(c.GetTotal(), 1))),
				c.GetRows(), c.GetTotal(), c.GetRejected(), float64(c.GetRows())/max(time.Since(w.began).Seconds(), 0.001))
		case ingestv1.Import_STATE_UNDOING:
			u := i.GetUndoCounts()
			w.show.line("%d leads removed, %d restored, %d kept", u.GetRemoved(), u.GetRestored(), u.GetKept())
		case ingestv1.Import_STATE_FAILED:
			return &api.Error{Status: http.StatusConflict, Detail: i.GetName() + " failed: " + i.GetError()}
		default:
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stallLimit is longer than a lease of the qualifier.
const stallLimit = 45 * time.Second

// decided waits until every lead of an import is decided. It gives up when for a while
// none was.
func (w *importWatch) decided(ctx context.Context, i *ingestv1.Import) error {
	all, last := i.GetCounts().GetUndecided(), time.Now()
	for left := all; left > 0; {
		w.show.decided(int(all-left), int(all))
		began := time.Now()
		err := upload.Retry(ctx, w.Retry, func() error {
			_, err := w.client.Get(ctx, "/v1/"+i.GetName(), nil, i)
			return err
		})
		if err != nil {
			return err
		}
		if now := i.GetCounts().GetUndecided(); now < left {
			left, last = now, time.Now()
		} else if time.Since(last) > stallLimit {
			return fmt.Errorf("%w for %s: %d leads are not decided", upload.ErrStalled, stallLimit, now)
		}
		select {
		case <-time.After(max(100*time.Millisecond, 4*time.Since(began))): // counting is work
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// keepRejects writes the rejected rows to a file, if there are any.
func (w *importWatch) keepRejects(ctx context.Context, i *ingestv1.Import) (rows int, err error) {
	var file *os.File
	for line := int32(0); ; {
		var page ingestv1.ImportRejects
		err := upload.Retry(ctx, w.Retry, func() error {
			_, err := w.client.Get(ctx, "/v1/"+i.GetName()+"/rejects", url.Values{"afterLine": {fmt.Sprint(line)}}, &page)
			return err
		})
		switch {
		case err != nil:
			return rows, err
		case page.GetRows() == 0 && file == nil:
			return 0, nil
		case file == nil:
			// Rows are personal: only the owner may read them.
			if file, err = os.OpenFile(w.RejectsFile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
				return rows, usageError{err}
			}
		}
		if _, err := file.WriteString(page.GetCsv()); err != nil {
			return rows, errors.Join(err, file.Close())
		}
		rows += int(page.GetRows())
		if line = page.GetNextLine(); line == 0 {
			return rows, file.Close()
		}
	}
}

// importSummary is what became of the rows, as JSON.
type importSummary struct {
	Import string `json:"import"`
	upload.Summary
	DryRun bool `json:"dryRun"`
}

// print says what became of an import, also after a failure.
func (w *importWatch) print(i *ingestv1.Import, took time.Duration, rejected int) error {
	c := i.GetCounts()
	sum := importSummary{
		i.GetName(),
		upload.Summary{Created: int(c.GetCreated()), Updated: int(c.GetUpdated()), Unchanged: int(c.GetUnchanged()), Rejected: int(c.GetRejected())},
		i.GetState() == ingestv1.Import_STATE_TRIED,
	}
	if w.json() {
		return printJSON(w.t.out, sum)
	}
	for _, warning := range i.GetWarnings() {
		_, _ = fmt.Fprintln(w.t.err, warning)
	}
	if sum.DryRun {
		_, _ = fmt.Fprintf(w.t.out, "would create %d, update %d, leave %d unchanged, reject %d\n", sum.Created, sum.Updated, sum.Unchanged, sum.Rejected)
	} else {
		_, _ = fmt.Fprintf(w.t.out, "created %d, updated %d, unchanged %d, rejected %d in %s (%.0f leads/s)\n",
			sum.Created, sum.Updated, sum.Unchanged, sum.Rejected, took.Round(10*time.Millisecond), float64(sum.Leads())/max(took.Seconds(), 0.001))
	}
	if rejected > 0 {
		_, _ = fmt.Fprintf(w.t.out, "Rejected rows are in %s, each with a reason.\n", w.RejectsFile)
	}
	if sum.DryRun {
		printColumns(w.t, i)
		_, err := fmt.Fprintf(w.t.out, "\nNothing was imported. `assay import run %s` does it.\n", i.GetName())
		return err
	}
	_, err := fmt.Fprintf(w.t.out, "`assay import undo %s` takes it back.\n", i.GetName())
	return err
}

// printColumns prints what the columns of a file mean.
func printColumns(t *terminal, i *ingestv1.Import) {
	if i.GetMapping() != "" {
		return
	}
	tab := newTable(t.out, "COLUMN", "IS", "READ AS")
	for _, c := range i.GetColumns() {
		is := c.GetField()
		if is == "" {
			is = "(left out)"
		}
		tab.row(c.GetHeader(), is, orDash(c.GetReadsAs()))
	}
	_, _ = fmt.Fprintln(t.out)
	_ = tab.flush()
}

// rejectedRow is what is kept of a row until it is known to be good.
type rejectedRow struct {
	line  int
	cells []string
}

// rejectFile is a CSV of the rows that were rejected, made with the first of them.
type rejectFile struct {
	path   string
	header []string
	file   *os.File
	csv    *tabular.Writer
	count  int
}

func (f *rejectFile) add(row rejectedRow, reason string) error {
	if f.file == nil {
		// Rows are personal: only the owner may read them.
		file, err := os.OpenFile(f.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return usageError{err}
		}
		f.file, f.csv = file, tabular.NewWriter(file)
		if err := f.csv.Write(slices.Concat([]string{tabular.LineColumn, tabular.ReasonColumn}, f.header)...); err != nil {
			return err
		}
	}
	f.count++
	return f.csv.Write(slices.Concat([]string{fmt.Sprint(row.line), reason}, row.cells)...)
}

func (f *rejectFile) close() error {
	if f.file == nil {
		return nil
	}
	return errors.Join(f.csv.Flush(), f.file.Close())
}

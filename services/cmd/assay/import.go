package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/cmd/assay/internal/leadfile"
	"github.com/assay-hq/assay/services/cmd/assay/internal/upload"
)

type importCmd struct {
	Leads    importLeadsCmd    `cmd:"" help:"Import leads from a CSV file by a mapping. Importing it again changes nothing."`
	Outcomes importOutcomesCmd `cmd:"" help:"Import what became of handoffs from a CSV file. Importing it again changes nothing."`
}

type importLeadsCmd struct {
	connection
	File    string        `arg:"" help:"The file, .csv or .csv.gz, in UTF-8."`
	Mapping string        `required:"" help:"The mapping, a YAML file that says what each column is." placeholder:"FILE"`
	HandOff bool          `help:"Hand off leads that qualify. Default: imported facts are history; they are decided and nothing is handed off."`
	Rejects string        `help:"Where rows that are rejected go, with a reason. Default: beside the file." placeholder:"FILE"`
	NoWait  bool          `help:"Do not wait until every lead is decided."`
	Retry   time.Duration `help:"How long to try again while the server is away." default:"2m"`
}

// rejectedRow is what is kept of a row until it is known to be good.
type rejectedRow struct {
	line  int
	cells []string
}

// Run imports a file.
func (c *importLeadsCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	rows, binding, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	rejects := &rejectFile{path: c.Rejects, header: rows.Header}
	if rejects.path == "" {
		rejects.path = c.File + ".rejects.csv"
	}
	show := newProgress(t)
	uploader := upload.Uploader[rejectedRow]{
		Client:   client,
		Next:     func() (upload.Item[rejectedRow], error) { return c.next(rows, binding) },
		Reject:   func(row rejectedRow, reason string) error { return rejects.add(row, reason) },
		Progress: func(s upload.Summary) { show.captured(s, rows.Progress()) },
		Patience: c.Retry,
	}
	began := time.Now()
	sum, versions, err := uploader.Run(ctx)
	took := time.Since(began)
	if closeErr := rejects.close(); err == nil {
		err = closeErr
	}
	if err == nil && !c.NoWait {
		err = upload.Decided(ctx, client, versions, show.decided)
	}
	show.end()
	return finish(t, c.json(), sum, took, rejects, err)
}

// open checks the mapping against the file, before anything is sent.
func (c *importLeadsCmd) open() (*leadfile.Rows, *leadfile.Binding, error) {
	text, err := os.ReadFile(c.Mapping)
	if err != nil {
		return nil, nil, usageError{err}
	}
	mapping, err := leadfile.Decode(text)
	if err != nil {
		return nil, nil, usage("%s: %w", c.Mapping, err)
	}
	rows, err := leadfile.Open(c.File)
	if err != nil {
		return nil, nil, usageError{err}
	}
	binding, err := mapping.Bind(rows.Header)
	if err != nil {
		_ = rows.Close()
		return nil, nil, usage("nothing was imported: %s and %s do not fit\n%w", c.File, c.Mapping, err)
	}
	return rows, binding, nil
}

func (c *importLeadsCmd) next(rows *leadfile.Rows, binding *leadfile.Binding) (upload.Item[rejectedRow], error) {
	row, err := rows.Next()
	if err != nil {
		return upload.Item[rejectedRow]{}, err
	}
	item := upload.Item[rejectedRow]{Tag: rejectedRow{row.Line, row.Cells}}
	broken := row.Err
	if broken == nil {
		item.Request, broken = binding.Capture(row.Cells)
	}
	switch {
	case broken != nil:
		item.Reason = broken.Error() // the row's trouble, not the import's
	default:
		item.Request.Historical = !c.HandOff
	}
	return item, nil
}

// finish prints the summary, also after a failure, for what was done by then.
func finish(t *terminal, asJSON bool, sum upload.Summary, took time.Duration, rejects *rejectFile, err error) error {
	if asJSON {
		if printErr := printJSON(t.out, sum); err == nil {
			err = printErr
		}
		return err
	}
	rate := float64(sum.Leads()) / max(took.Seconds(), 0.001)
	_, _ = fmt.Fprintf(t.out, "created %d, updated %d, unchanged %d, rejected %d in %s (%.0f leads/s)\n",
		sum.Created, sum.Updated, sum.Unchanged, sum.Rejected, took.Round(10*time.Millisecond), rate)
	if rejects != nil && rejects.count > 0 {
		_, _ = fmt.Fprintf(t.out, "%d rows are in %s, each with a reason\n", rejects.count, rejects.path)
	}
	return err
}

// rejectFile is a CSV of the rows that were rejected, made with the first of them.
type rejectFile struct {
	path   string
	header []string
	file   *os.File
	csv    *csv.Writer
	count  int
}

func (f *rejectFile) add(row rejectedRow, reason string) error {
	if f.file == nil {
		// Rows are personal: only the owner may read them.
		file, err := os.OpenFile(f.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return usageError{err}
		}
		f.file, f.csv = file, csv.NewWriter(file)
		if err := f.csv.Write(append([]string{"line", "error"}, f.header...)); err != nil {
			return err
		}
	}
	f.count++
	return f.csv.Write(append([]string{fmt.Sprint(row.line), reason}, row.cells...))
}

func (f *rejectFile) close() error {
	if f.file == nil {
		return nil
	}
	f.csv.Flush()
	if err := f.csv.Error(); err != nil {
		return err
	}
	return f.file.Close()
}

// progress shows how far a command is, on a terminal.
type progress struct {
	w     io.Writer
	began time.Time
	shown bool
}

func newProgress(t *terminal) *progress {
	p := &progress{w: io.Discard, began: time.Now()}
	if t.interactive {
		p.w = t.err
	}
	return p
}

func (p *progress) line(format string, args ...any) {
	p.shown = true
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
}

// captured shows how much of the file, from 0 to 1, became leads.
func (p *progress) captured(s upload.Summary, part float64) {
	rate := float64(s.Leads()) / max(time.Since(p.began).Seconds(), 0.001)
	p.line("%s %d leads captured, %d rejected, %.0f leads/s", bar(part), s.Leads(), s.Rejected, rate)
}

func (p *progress) decided(decided, all int) {
	p.line("%s %d of %d leads decided", bar(float64(decided)/float64(max(all, 1))), decided, all)
}

func bar(part float64) string {
	const width = 30
	full := int(part * width)
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "]"
}

func (p *progress) end() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}

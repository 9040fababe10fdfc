package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
	"github.com/assay-hq/assay/services/cmd/assay/internal/outcomefile"
	"github.com/assay-hq/assay/services/cmd/assay/internal/textfile"
	"github.com/assay-hq/assay/services/cmd/assay/internal/upload"
	"github.com/assay-hq/assay/services/internal/tabular"
)

// outcomeBatch is how many outcomes are sent at once.
const outcomeBatch = 500

type importOutcomesCmd struct {
	connection
	File    string        `arg:"" help:"The file, .csv or .csv.gz, with columns handoff, lead or email, outcome, reason, subReason, amount, currency, time, track."`
	Ignore  []string      `help:"Columns to leave out." placeholder:"COLUMN"`
	DryRun  bool          `help:"Only say what would become of it."`
	Rejects string        `help:"Where rows that are refused go, with a reason. Default: beside the file." placeholder:"FILE"`
	Retry   time.Duration `help:"How long to try again while the server is away." default:"2m"`
}

// outcomeCounts are what became of the rows.
type outcomeCounts struct {
	Recorded  int  `json:"recorded"`
	Unchanged int  `json:"unchanged"`
	Rejected  int  `json:"rejected"`
	DryRun    bool `json:"dryRun"`
}

// outcomeImport is an import on its way.
type outcomeImport struct {
	*importOutcomesCmd
	client  *api.Client
	rejects *rejectFile
	counts  outcomeCounts
	rows    []rejectedRow
	reports []*handoffv1.OutcomeReport
}

// Run imports a file. Importing it again changes nothing.
func (c *importOutcomesCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	rows, err := textfile.Open(c.File)
	if err != nil {
		return usageError{err}
	}
	defer func() { _ = rows.Close() }()
	binding, err := outcomefile.Bind(rows.Header, c.Ignore)
	if err != nil {
		return usage("nothing was imported: %s: %w", c.File, err)
	}
	in := &outcomeImport{importOutcomesCmd: c, client: client, rejects: &rejectFile{path: c.Rejects, header: rows.Header}}
	in.counts.DryRun = c.DryRun
	if in.rejects.path == "" {
		in.rejects.path = c.File + ".rejects.csv"
	}
	show := newProgress(t)
	err = in.read(ctx, rows, binding, func() {
		show.line("%s %d outcomes recorded, %d unchanged, %d refused", bar(rows.Progress()), in.counts.Recorded, in.counts.Unchanged, in.counts.Rejected)
	})
	if closeErr := in.rejects.close(); err == nil {
		err = closeErr
	}
	show.end()
	return in.finish(t, err)
}

// read sends row after row, in their order: one may build on the one before it.
func (in *outcomeImport) read(ctx context.Context, rows *textfile.File, binding *outcomefile.Binding, progress func()) error {
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return in.send(ctx)
		}
		if err != nil {
			return errors.Join(in.send(ctx), err)
		}
		kept := rejectedRow{row.Line, row.Cells}
		report, broken := in.report(ctx, row, binding)
		var wrong wrongRow
		switch {
		case errors.As(broken, &wrong):
			if err := in.reject(kept, broken.Error()); err != nil {
				return err
			}
			continue
		case broken != nil:
			return errors.Join(in.send(ctx), broken)
		}
		in.rows, in.reports = append(in.rows, kept), append(in.reports, report)
		if len(in.reports) == outcomeBatch {
			if err := in.send(ctx); err != nil {
				return err
			}
			progress()
		}
	}
}

// wrongRow is the row's trouble, not the import's.
type wrongRow struct{ error }

// report is what a row says, with the lead of an email looked up.
func (in *outcomeImport) report(ctx context.Context, row tabular.Row, binding *outcomefile.Binding) (*handoffv1.OutcomeReport, error) {
	if row.Err != nil {
		return nil, wrongRow{row.Err}
	}
	report, email, err := binding.Report(row.Cells)
	if err != nil {
		return nil, wrongRow{err}
	}
	if email == "" {
		return report, nil
	}
	var found ingestv1.LookupLeadResponse
	err = upload.Retry(ctx, in.Retry, func() error {
		_, err := in.client.Post(ctx, "/v1/leads:lookup", &ingestv1.LookupLeadRequest{
			Identity: &ingestv1.Identity{Kind: ingestv1.Identity_KIND_EMAIL, Value: email},
		}, &found)
		return err
	})
	var refused *api.Error
	if errors.As(err, &refused) && (refused.Status == http.StatusNotFound || refused.Status == http.StatusBadRequest) {
		return nil, wrongRow{errors.New("email: expected that of a lead that is known")}
	}
	report.Lead = found.GetLead().GetName()
	return report, err
}

func (in *outcomeImport) reject(row rejectedRow, reason string) error {
	in.counts.Rejected++
	return in.rejects.add(row, reason)
}

// send sends what has gathered and counts what became of it.
func (in *outcomeImport) send(ctx context.Context) error {
	if len(in.reports) == 0 {
		return nil
	}
	var out handoffv1.BatchRecordOutcomesResponse
	err := upload.Retry(ctx, in.Retry, func() error {
		_, err := in.client.Post(ctx, "/v1/handoffs:batchRecordOutcomes",
			&handoffv1.BatchRecordOutcomesRequest{Outcomes: in.reports, ValidateOnly: in.DryRun}, &out)
		return err
	})
	if err != nil {
		return err
	}
	if got, want := len(out.GetResults()), len(in.reports); got != want {
		return fmt.Errorf("the server answered %d results to %d outcomes", got, want)
	}
	for i, result := range out.GetResults() {
		switch result.GetStatus() {
		case handoffv1.OutcomeResult_STATUS_RECORDED:
			in.counts.Recorded++
		case handoffv1.OutcomeResult_STATUS_UNCHANGED:
			in.counts.Unchanged++
		default:
			if err := in.reject(in.rows[i], result.GetError()); err != nil {
				return err
			}
		}
	}
	in.rows, in.reports = in.rows[:0], in.reports[:0]
	return nil
}

// finish prints the counts, also after a failure, for what was done by then.
func (in *outcomeImport) finish(t *terminal, err error) error {
	if in.json() {
		return errors.Join(err, printJSON(t.out, in.counts))
	}
	verb := "recorded"
	if in.DryRun {
		verb = "would record"
	}
	_, _ = fmt.Fprintf(t.out, "%s %d, unchanged %d, rejected %d\n", verb, in.counts.Recorded, in.counts.Unchanged, in.counts.Rejected)
	if in.rejects.count > 0 {
		_, _ = fmt.Fprintf(t.out, "Rejected rows are in %s, each with a reason.\n", in.rejects.path)
	}
	return err
}

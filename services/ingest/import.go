package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/tabular"
)

// importAPI takes files of leads and activities, and tries, runs and undoes them. What
// takes long is done by the worker.
type importAPI struct {
	ingestv1.UnimplementedImportServiceServer
	*Service
}

const (
	// maxFile and maxRows are how large a file may be.
	maxFile = 50 << 20
	maxRows = 500_000
	// uploadTimeout bounds how long a file may take to come in.
	uploadTimeout = 10 * time.Minute
	// maxRejects is how many bytes of rejected rows one answer has, about.
	maxRejects = 900 << 10
)

// UploadImport implements the method.
func (a *importAPI) UploadImport(stream grpc.ClientStreamingServer[ingestv1.UploadImportRequest, ingestv1.Import]) error {
	ctx, cancel := context.WithTimeout(stream.Context(), uploadTimeout)
	defer cancel()
	id := uuid.Must(uuid.NewV7()).String()
	i, err := a.upload(ctx, id, stream.Recv)
	if err != nil {
		dropping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, a.store.DropImport(dropping, id)) // what is left goes with the next pruning
	}
	m, err := importMessage(i)
	if err != nil {
		return err
	}
	return stream.SendAndClose(m)
}

// upload takes a file in and finds out what it is.
func (a *importAPI) upload(ctx context.Context, id string, next func() (*ingestv1.UploadImportRequest, error)) (*store.Import, error) {
	first, err := next()
	if errors.Is(err, io.EOF) || err == nil && first.GetImport() == nil {
		return nil, apierr.InvalidField("import", "what is known of the file, with its first piece")
	} else if err != nil {
		return nil, err
	}
	if err := rpc.Validate(first.GetImport()); err != nil { // streams are not checked before
		return nil, err
	}
	about, err := a.asked(ctx, first.GetImport())
	if err != nil {
		return nil, err
	}
	if err := a.store.BeginImport(ctx, id); err != nil {
		return nil, err
	}
	var sniffer tabular.Sniffer
	size, number := 0, 0
	for piece := first; ; {
		if n := len(piece.GetPiece()); n > 0 {
			if size += n; size > maxFile {
				return nil, apierr.TooLarge("", "50 MiB")
			}
			_, _ = sniffer.Write(piece.GetPiece())
			if err := a.store.AddPiece(ctx, id, number, piece.GetPiece()); err != nil {
				return nil, err
			}
			number++
		}
		if piece, err = next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	about.Format.Bytes = int32(size)
	if about.GetFormat().GetEncoding() == "" {
		about.Format.Encoding = string(sniffer.Encoding())
	}
	f, err := a.survey(ctx, id, about)
	if err != nil {
		return nil, err
	}
	if err := f.describe(about, said(about.GetColumns())); err != nil {
		return nil, err
	}
	return a.setImport(ctx, id, about, f.rows)
}

// setImport stores what a file is.
func (a *importAPI) setImport(ctx context.Context, id string, about *ingestv1.Import, rows int) (*store.Import, error) {
	text, err := proto.Marshal(about)
	if err != nil {
		return nil, err
	}
	return a.store.SetImport(ctx, id, text, int64(rows))
}

// asked is what a caller says of a file, with what follows from that.
func (a *importAPI) asked(ctx context.Context, in *ingestv1.Import) (*ingestv1.Import, error) {
	about := &ingestv1.Import{
		DisplayName: in.GetDisplayName(), Kind: in.GetKind(), Source: in.GetSource(), HandOff: in.GetHandOff(), Columns: in.GetColumns(),
		Format:      &ingestv1.FileFormat{Encoding: in.GetFormat().GetEncoding(), Delimiter: in.GetFormat().GetDelimiter(), DateOrder: in.GetFormat().GetDateOrder()},
		DefaultTime: in.GetDefaultTime(), Mapping: in.GetMapping(), ActivityType: in.GetActivityType(),
	}
	if who, ok := caller.From(ctx); ok {
		about.Actor = who.Actor
	}
	if about.GetSource() == "" {
		about.Source = sourceOf(about.GetDisplayName())
	}
	if strings.HasPrefix(about.GetSource(), "assay:") {
		return nil, apierr.InvalidField("import.source", "no source of the reserved assay:*")
	}
	if t := about.GetDefaultTime(); t != nil && t.CheckValid() != nil {
		return nil, apierr.InvalidField("import.defaultTime", "a time in the years 1 to 9999")
	}
	return about, nil
}

var notInSource = regexp.MustCompile(`[^a-z0-9._-]+`)

// sourceOf is the source of a file of a name: `import:trade-fair` of `C:\Trade fair.csv`.
func sourceOf(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".csv"), ".tsv"), ".txt")
	name = strings.Trim(notInSource.ReplaceAllString(name, "-"), "-.")
	if name == "" {
		name = "file"
	}
	return "import:" + name[:min(len(name), 80)]
}

// importID returns the id in the name of an import, or the error of a bad one.
func importID(field, name string) (string, error) {
	id, ok := strings.CutPrefix(name, "imports/")
	if !ok || len(id) != 36 || uuid.Validate(id) != nil || id != strings.ToLower(id) {
		return "", apierr.InvalidField(field, "imports/{import}, where {import} is a UUID in lower case")
	}
	return id, nil
}

// importMessage is an import as the API shows it.
func importMessage(i *store.Import) (*ingestv1.Import, error) {
	m := &ingestv1.Import{}
	if err := proto.Unmarshal(i.About, m); err != nil {
		return nil, fmt.Errorf("ingest: stored import: %w", err)
	}
	m.Name, m.State, m.Error, m.CreateTime = "imports/"+i.ID, i.State, i.Error, timestamppb.New(i.CreatedAt)
	if !i.EndedAt.IsZero() {
		m.EndTime = timestamppb.New(i.EndedAt)
	}
	m.Counts = &ingestv1.ImportCounts{
		Rows: int32(i.Done), Total: int32(i.Total),
		Created: int32(i.Counts.Created), Updated: int32(i.Counts.Updated), Unchanged: int32(i.Counts.Unchanged), Rejected: int32(i.Counts.Rejected),
	}
	switch i.State {
	case ingestv1.Import_STATE_UNDOING, ingestv1.Import_STATE_UNDONE:
		m.UndoCounts = &ingestv1.UndoCounts{
			Removed: int32(i.Undone.Removed), Restored: int32(i.Undone.Restored), Kept: int32(i.Undone.Kept), Activities: int32(i.Undone.Withdrawn),
		}
	}
	return m, nil
}

// importError turns what the store says of an import into an API error.
func importError(err error, name string, i *store.Import, want string) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return apierr.NotFound(name)
	case errors.Is(err, store.ErrWrongState):
		return apierr.WrongState(name, stateWord(i.State), want)
	}
	return err
}

func stateWord(s ingestv1.Import_State) string { return strings.TrimPrefix(s.String(), "STATE_") }

// find returns an import by its name.
func (a *importAPI) find(ctx context.Context, name string) (*store.Import, *ingestv1.Import, error) {
	id, err := importID("name", name)
	if err != nil {
		return nil, nil, err
	}
	i, err := a.store.Import(ctx, id)
	if err != nil {
		return nil, nil, importError(err, name, nil, "")
	}
	m, err := importMessage(i)
	return i, m, err
}

// GetImport implements the method.
func (a *importAPI) GetImport(ctx context.Context, req *ingestv1.GetImportRequest) (*ingestv1.Import, error) {
	i, m, err := a.find(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	switch i.State {
	case ingestv1.Import_STATE_UPLOADED, ingestv1.Import_STATE_TRIED:
		return m, a.addSamples(ctx, i.ID, m)
	case ingestv1.Import_STATE_DONE, ingestv1.Import_STATE_UNDONE:
		n, err := a.store.Undecided(ctx, i.ID)
		m.Counts.Undecided = int32(n)
		return m, err
	}
	return m, nil
}

// ListImports implements the method.
func (a *importAPI) ListImports(ctx context.Context, req *ingestv1.ListImportsRequest) (*ingestv1.ListImportsResponse, error) {
	list, next, err := page.List[*store.Import]{
		Query: "imports", Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]*store.Import, error) { return a.store.Imports(ctx, after, limit) },
		At:   func(i *store.Import) page.Place { return page.Created(i.CreatedAt, i.ID) },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListImportsResponse{NextPageToken: next}
	for _, i := range list {
		m, err := importMessage(i)
		if err != nil {
			return nil, err
		}
		response.Imports = append(response.Imports, m)
	}
	return response, nil
}

// UpdateImport implements the method.
func (a *importAPI) UpdateImport(ctx context.Context, req *ingestv1.UpdateImportRequest) (*ingestv1.Import, error) {
	in := req.GetImport()
	id, err := importID("import.name", in.GetName())
	if err != nil {
		return nil, err
	}
	i, about, err := a.find(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	asked, err := a.asked(ctx, in)
	if err != nil {
		return nil, err
	}
	columns := said(about.GetColumns())
	if asked.GetKind() != ingestv1.Import_KIND_UNSPECIFIED && asked.GetKind() != about.GetKind() {
		columns = nil // they mean something else there
		about.Kind = asked.GetKind()
	}
	if asked.GetDisplayName() != "" {
		about.DisplayName = asked.GetDisplayName()
	}
	if in.GetSource() != "" {
		about.Source = in.GetSource()
	}
	if f := asked.GetFormat(); f.GetEncoding() != "" {
		about.Format.Encoding = f.GetEncoding()
	}
	if f := asked.GetFormat(); f.GetDelimiter() != "" {
		about.Format.Delimiter = f.GetDelimiter()
	}
	if f := asked.GetFormat(); f.GetDateOrder() != "" {
		about.Format.DateOrder = f.GetDateOrder()
	}
	if asked.GetDefaultTime() != nil {
		about.DefaultTime = asked.GetDefaultTime()
	}
	if asked.GetMapping() != "" {
		about.Mapping = asked.GetMapping()
	}
	if asked.GetActivityType() != "" {
		about.ActivityType = asked.GetActivityType()
	}
	about.HandOff = about.GetHandOff() || in.GetHandOff()
	for header, field := range said(in.GetColumns()) {
		if columns == nil {
			columns = map[string]string{}
		}
		columns[header] = field
	}
	const want = "UPLOADED or TRIED"
	if i.State != ingestv1.Import_STATE_UPLOADED && i.State != ingestv1.Import_STATE_TRIED {
		return nil, importError(store.ErrWrongState, in.GetName(), i, want)
	}
	f, err := a.survey(ctx, id, about)
	if err != nil {
		return nil, err
	}
	if err := f.describe(about, columns); err != nil {
		return nil, err
	}
	if i, err = a.setImport(ctx, id, about, f.rows); err != nil {
		return nil, importError(err, in.GetName(), i, want)
	}
	return importMessage(i)
}

// said is what columns are said to be, by header.
func said(columns []*ingestv1.ImportColumn) map[string]string {
	if len(columns) == 0 {
		return nil
	}
	m := make(map[string]string, len(columns))
	for _, c := range columns {
		m[c.GetHeader()] = c.GetField()
	}
	return m
}

// TryImport implements the method.
func (a *importAPI) TryImport(ctx context.Context, req *ingestv1.TryImportRequest) (*ingestv1.Import, error) {
	return a.begin(ctx, req.GetName(), ingestv1.Import_STATE_TRYING, "UPLOADED or TRIED", ingestv1.Import_STATE_UPLOADED, ingestv1.Import_STATE_TRIED)
}

// RunImport implements the method.
func (a *importAPI) RunImport(ctx context.Context, req *ingestv1.RunImportRequest) (*ingestv1.Import, error) {
	return a.begin(ctx, req.GetName(), ingestv1.Import_STATE_RUNNING, "UPLOADED or TRIED", ingestv1.Import_STATE_UPLOADED, ingestv1.Import_STATE_TRIED)
}

// UndoImport implements the method. What is undone, or being undone, stays so.
func (a *importAPI) UndoImport(ctx context.Context, req *ingestv1.UndoImportRequest) (*ingestv1.Import, error) {
	i, m, err := a.find(ctx, req.GetName())
	switch {
	case err != nil:
		return nil, err
	case i.State == ingestv1.Import_STATE_UNDOING || i.State == ingestv1.Import_STATE_UNDONE:
		return m, nil
	case !i.EndedAt.IsZero() && a.now().After(i.EndedAt.Add(store.KeepUndo)):
		return nil, apierr.WrongState(req.GetName(), "older than 90 days", "one that ended since")
	}
	return a.begin(ctx, req.GetName(), ingestv1.Import_STATE_UNDOING, "DONE, CANCELLED or FAILED",
		ingestv1.Import_STATE_DONE, ingestv1.Import_STATE_CANCELLED, ingestv1.Import_STATE_FAILED)
}

// begin begins work on an import that is in one of the states.
func (a *importAPI) begin(ctx context.Context, name string, to ingestv1.Import_State, want string, from ...ingestv1.Import_State) (*ingestv1.Import, error) {
	i, about, err := a.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if to != ingestv1.Import_STATE_UNDOING && (i.State == ingestv1.Import_STATE_UPLOADED || i.State == ingestv1.Import_STATE_TRIED) {
		if _, err := bindingOf(about); err != nil {
			return nil, err
		}
	}
	if i, err = a.store.StartImport(ctx, i.ID, to, from...); err != nil {
		return nil, importError(err, name, i, want)
	}
	return importMessage(i)
}

// CancelImport implements the method.
func (a *importAPI) CancelImport(ctx context.Context, req *ingestv1.CancelImportRequest) (*ingestv1.Import, error) {
	id, err := importID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	i, err := a.store.CancelImport(ctx, id)
	if err != nil {
		return nil, importError(err, req.GetName(), i, "UPLOADED, TRYING, TRIED or RUNNING")
	}
	return importMessage(i)
}

// GetImportRejects implements the method.
func (a *importAPI) GetImportRejects(ctx context.Context, req *ingestv1.GetImportRejectsRequest) (*ingestv1.ImportRejects, error) {
	i, about, err := a.find(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	list, err := a.store.Rejects(ctx, i.ID, int64(req.GetAfterLine()), 1000)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tabular.NewWriter(&out)
	if req.GetAfterLine() == 0 {
		header := []string{tabular.LineColumn, tabular.ReasonColumn}
		for _, c := range about.GetColumns() {
			header = append(header, c.GetHeader())
		}
		if err := w.Write(header...); err != nil {
			return nil, err
		}
	}
	answer := &ingestv1.ImportRejects{}
	more := len(list) == 1000
	for _, r := range list {
		var cells []string
		if err := json.Unmarshal(r.Cells, &cells); err != nil {
			return nil, fmt.Errorf("ingest: stored row: %w", err)
		}
		if err := w.Write(append([]string{strconv.FormatInt(r.Line, 10), r.Reason}, cells...)...); err != nil {
			return nil, err
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
		answer.Rows++
		answer.NextLine = int32(r.Line)
		if out.Len() > maxRejects {
			more = true
			break
		}
	}
	if !more {
		answer.NextLine = 0
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	answer.Csv = out.String()
	return answer, nil
}

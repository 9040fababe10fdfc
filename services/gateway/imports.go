package gateway

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

const (
	// uploadPath takes a file of leads or activities as it is.
	uploadPath = "/v1/imports:upload"
	// maxFile is the most bytes of a file, unpacked.
	maxFile, maxFileWords = 50 << 20, "50 MiB"
	// pieceBytes is how much of it goes to the service at once.
	pieceBytes = 256 << 10
	// uploadTimeout bounds how long a file may take to come in.
	uploadTimeout = 10 * time.Minute
)

// uploads takes files in: the body is the file, plain or with the encoding gzip, and the
// query says what is known of it, as the fields of an Import. It never has more of a file
// in memory than a piece.
type uploads struct{ imports ingestv1.ImportServiceClient }

func newUploads(conns Conns) *uploads { return &uploads{ingestv1.NewImportServiceClient(conns.Ingest)} }

// ServeHTTP answers for one file.
func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), uploadTimeout)
	defer cancel()
	// Files take longer than other bodies.
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Now().Add(uploadTimeout))
	_ = deadlines.SetWriteDeadline(time.Now().Add(uploadTimeout))
	visitFrom(ctx).route = uploadPath
	span := trace.SpanFromContext(ctx)
	span.SetName(r.Method + " " + uploadPath)
	span.SetAttributes(attribute.String("http.route", uploadPath))
	answer, err := u.upload(ctx, w, r)
	if err != nil {
		writeProblem(ctx, w, r, err)
		return
	}
	body, err := newCodec().Marshal(answer)
	if err != nil {
		writeProblem(ctx, w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (u *uploads) upload(ctx context.Context, w http.ResponseWriter, r *http.Request) (*ingestv1.Import, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, apierr.MethodNotAllowed(http.MethodPost)
	}
	if _, ok := caller.From(ctx); !ok {
		return nil, whyUnknown(ctx)
	}
	about, err := aboutFile(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	file, err := fileOf(http.MaxBytesReader(w, r.Body, maxFile), r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	visitFrom(ctx).forwarded = true
	ctx = metadata.AppendToOutgoingContext(ctx, rpc.RequestIDHeader, requestID(ctx))
	stream, err := u.imports.UploadImport(ctx)
	if err != nil {
		return nil, err
	}
	if err := send(stream, about, file); err != nil {
		return nil, err
	}
	return stream.CloseAndRecv()
}

// aboutFile reads what the query says of a file.
func aboutFile(raw string) (*ingestv1.Import, error) {
	about := &ingestv1.Import{}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, apierr.InvalidField("query", "name=value pairs with `&` between, other characters percent-encoded")
	}
	if violations := queryViolations(about.ProtoReflect().Descriptor(), query); len(violations) > 0 {
		return nil, apierr.InvalidFields(violations...)
	}
	if err := (&queryParser{}).Parse(about, query, utilities.NewDoubleArray(nil)); err != nil {
		return nil, apierr.InvalidField("query", "the fields of an import")
	}
	return about, nil
}

// fileOf is the file in a body.
func fileOf(body io.Reader, encoding string) (io.Reader, error) {
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		packed, err := gzip.NewReader(body)
		if err != nil {
			return nil, apierr.MalformedBody(apierr.Violation{Expected: "a body in gzip, as Content-Encoding says"})
		}
		return packed, nil
	}
	return nil, httpError(http.StatusUnsupportedMediaType, apierr.InvalidField("Content-Encoding", "gzip or none"))
}

// send sends a file in pieces. A service that has seen enough says why when it answers.
func send(stream ingestv1.ImportService_UploadImportClient, about *ingestv1.Import, file io.Reader) error {
	piece := make([]byte, pieceBytes)
	for size := 0; ; {
		n, err := io.ReadFull(file, piece)
		if size += n; size > maxFile {
			return tooLargeFile()
		}
		if n > 0 || about != nil {
			if err := stream.Send(&ingestv1.UploadImportRequest{Import: about, Piece: piece[:n]}); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			about = nil
		}
		var over *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case errors.As(err, &over):
			return tooLargeFile()
		case err != nil:
			return apierr.MalformedBody(apierr.Violation{Expected: "a whole file: it broke off"})
		}
	}
}

func tooLargeFile() error {
	return httpError(http.StatusRequestEntityTooLarge, apierr.TooLarge("", maxFileWords))
}

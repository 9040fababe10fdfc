package ingest

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/source"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/webhook"
)

// PreviewSource implements the method. It maps and checks as the door and a capture do, and
// stores nothing.
func (a *sourceAPI) PreviewSource(ctx context.Context, req *ingestv1.PreviewSourceRequest) (*ingestv1.PreviewSourceResponse, error) {
	found, err := a.store.Source(ctx, source.ID(req.GetName()))
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	config := found.Said.GetWebhook()
	if config == nil {
		return nil, apierr.InvalidField("name", "a source of the kind WEBHOOK, or one with a mapping for CloudEvents")
	}
	under := "source.webhook."
	if req.GetMapping() != nil {
		config, under = proto.CloneOf(config), ""
		config.Mapping = req.GetMapping()
	}
	mapping, wrong := webhook.NewMapping(config)
	if len(wrong) > 0 {
		for i := range wrong {
			wrong[i].Field = under + wrong[i].Field
		}
		return nil, apierr.InvalidFields(wrong...)
	}
	body := req.GetBody()
	if body == "" {
		body = webhook.Sample(config)
	}
	if body == "" {
		return nil, apierr.InvalidField("body", "a body as the sender sends it: the source has no sample")
	}
	document, err := webhook.Read([]byte(body))
	if err != nil {
		return nil, apierr.InvalidField("body", "JSON or the fields of a form: "+strings.TrimPrefix(err.Error(), condition.ErrDocument.Error()+": "))
	}
	return a.foresee(mapping.Map(document, found.ID, "")), nil
}

// foresee says what would become of what was read.
func (a *sourceAPI) foresee(result webhook.Result) *ingestv1.PreviewSourceResponse {
	captures, received := &ingestAPI{Service: a.Service}, a.now()
	response := &ingestv1.PreviewSourceResponse{Skipped: int32(result.Skipped)}
	for i := range result.Items {
		item := &result.Items[i]
		reject := func(reason, field, message string) {
			response.Rejections = append(response.Rejections, &ingestv1.PreviewRejection{
				Index: int32(item.Index), Reason: reason, Field: field, Message: message,
			})
		}
		for _, p := range item.Problems {
			reject(p.Reason, p.Field, p.Message)
		}
		if item.Capture == nil {
			continue
		}
		said, v := captures.readItem(item.Capture, received, false)
		if v != nil {
			why := refusalOf(v)
			reject(why.reason, why.field, why.message)
			continue
		}
		response.Captures = append(response.Captures, item.Capture)
		for _, activity := range said.results {
			if refused := activity.refused; refused != nil {
				reject(refused.GetErrorReason(), refused.GetErrorField(), refused.GetErrorMessage())
			}
		}
	}
	return response
}

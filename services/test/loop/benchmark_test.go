package loop_test

import (
	"fmt"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/standards"
)

// BenchmarkNewLeads captures new leads of one activity in batches and waits until
// the last one is decided by the default standard.
func BenchmarkNewLeads(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			const batches, size = 20, 250
			for b.Loop() {
				h := open(b, url(b), string(standards.Default), nil)
				ctx := caller.With(b.Context(), caller.Caller{Actor: "import", Role: typev1.Role_ROLE_MARKETING})
				start := time.Now()
				var last string
				for batch := range batches {
					request := &ingestv1.BatchCaptureLeadsRequest{}
					for i := range size {
						request.Requests = append(request.Requests, &ingestv1.CaptureLeadRequest{
							Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{{
								Kind: ingestv1.Identity_KIND_EMAIL, Value: fmt.Sprintf("lead%d@example.com", batch*size+i),
							}}},
							Activities: []*ingestv1.Activity{{Id: fmt.Sprint(batch, "-", i), Source: "web", Type: "page.viewed"}},
							Historical: true,
						})
					}
					r, err := h.ingest.BatchCaptureLeads(ctx, request)
					h.ok(err)
					last = r.GetResults()[size-1].GetResponse().GetLead()
				}
				captured := time.Since(start)
				for n := 0; n < batches*size; time.Sleep(5 * time.Millisecond) {
					_, err := h.handoff.GetQualification(h.as(typev1.Role_ROLE_SALES), &handoffv1.GetQualificationRequest{Name: last + "/qualification"})
					if err != nil {
						continue
					}
					n = h.count(batches * size)
				}
				b.ReportMetric(batches*size/captured.Seconds(), "captured/s")
				b.ReportMetric(batches*size/time.Since(start).Seconds(), "decided/s")
			}
		})
	}
}

// count is how many leads were decided, as far as one page after another tells.
func (h *house) count(most int) int {
	n, token := 0, ""
	for n < most {
		page, err := h.handoff.ListQualifications(h.as(typev1.Role_ROLE_SALES), &handoffv1.ListQualificationsRequest{PageSize: 1000, PageToken: token})
		h.ok(err)
		n += len(page.GetQualifications())
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	return n
}

package app

import (
	"fmt"
	"io"
)

// Greet says what to try next, with commands that can be pasted.
func (a *App) Greet(w io.Writer) {
	if !a.runs("gateway") {
		_, _ = fmt.Fprintf(w, "Assay runs %v: gRPC on %s, health and metrics on http://%s\n", a.settings.Services, a.GRPCAddr(), a.HTTPAddr())
		// The gateway, which says the rest, never sees the key: it is made here.
		if a.adminKey != "" {
			_, _ = fmt.Fprintf(w, "\nThis admin key is shown once. Keep it:\n\n  export ASSAY_KEY=%s\n\n", a.adminKey)
		}
		return
	}
	key := "…        # the admin key: ASSAY_ADMIN_KEY, or what the first start of handoff showed"
	note := ""
	switch {
	case a.adminKey != "":
		key = a.adminKey
		note = "This admin key is shown once. Keep it; more: assay key create --actor jane --role sales\n\n"
	case a.settings.AdminKey != "":
		key = "$ASSAY_ADMIN_KEY"
	}
	server := ""
	if a.HTTPAddr() != DefaultHTTPAddr {
		server = "export ASSAY_SERVER=http://" + a.HTTPAddr() + "\n  "
	}
	_, _ = fmt.Fprintf(w, `
Assay is ready: REST on http://%[1]s, gRPC on %[2]s, %[3]s.

%[4]sIn another terminal:

  %[5]sexport ASSAY_KEY=%[6]s

  bin/assay demo                                   # a few hundred synthetic leads
  bin/assay lead list --stage marketing-qualified  # whom sales should call
  bin/assay lead explain LEAD                      # and why
  bin/assay handoff list                           # what waits for sales

  curl -s http://%[1]s/v1/leads:capture -H "Authorization: Bearer $ASSAY_KEY" -d '{
    "lead": {"identities": [{"kind": "KIND_EMAIL", "value": "ana@example.com"}],
             "attributes": {"job_title": "VP Engineering", "employees": 250}},
    "activities": [{"type": "demo.requested"}], "waitForDecision": true}'

The API: http://%[1]s/openapi.json. Stop with Ctrl-C.

`, a.HTTPAddr(), a.GRPCAddr(), a.settings.describeDB(), note, server, key)
}

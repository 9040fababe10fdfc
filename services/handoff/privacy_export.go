package handoff

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

// exportPage is how much is asked for at a time; of an export nothing is left out.
const exportPage = 1000

// ExportLead puts together what each service holds, section by section, and leaves an
// entry in the audit log.
func (s *privacyServer) ExportLead(ctx context.Context, in *handoffv1.ExportLeadRequest) (*handoffv1.LeadExport, error) {
	lead, err := s.ingest.GetLead(ctx, &ingestv1.GetLeadRequest{Name: in.GetName()})
	if err != nil {
		return nil, err
	}
	e := &export{privacyServer: s, ctx: ctx, lead: lead, document: map[string]any{}}
	for _, section := range []func() error{
		e.person, e.facts, e.activities, e.permissions, e.decisions, e.handoffs, e.approvals, e.deliveries, e.audit,
	} {
		if err := section(); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(e.document)
	if err != nil {
		return nil, err
	}
	if err := s.store.NoteExport(ctx, in.GetName()); err != nil {
		return nil, err
	}
	return &handoffv1.LeadExport{Lead: lead.GetName(), ExportTime: timestamppb.New(s.now()), Document: string(text)}, nil
}

// export is one document on its way.
type export struct {
	*privacyServer
	ctx      context.Context //nolint:containedctx // of the one call that this is
	lead     *ingestv1.Lead
	document map[string]any
	about    []string // names of what the audit log may speak of
}

// raw is a message as the API has it.
func raw(m proto.Message) json.RawMessage {
	text, err := protojson.Marshal(m)
	if err != nil {
		return json.RawMessage(`null`) // what is stored is valid
	}
	return text
}

func raws[M proto.Message](list []M) []json.RawMessage {
	out := make([]json.RawMessage, len(list))
	for i, m := range list {
		out[i] = raw(m)
	}
	return out
}

// all reads a list of the API to its end.
func all[M proto.Message](page func(token string) (rows []M, next string, err error)) (list []json.RawMessage, err error) {
	list = []json.RawMessage{}
	for token := ""; ; {
		rows, next, err := page(token)
		if err != nil {
			return nil, err
		}
		list = append(list, raws(rows)...)
		if token = next; token == "" {
			return list, nil
		}
	}
}

func (e *export) person() error {
	e.document["lead"] = raw(e.lead)
	e.about = append(e.about, e.lead.GetMembers()...)
	for _, i := range e.lead.GetIdentities() {
		found, err := e.suppressions.CheckSuppression(e.ctx, &ingestv1.CheckSuppressionRequest{Identity: i})
		if err != nil && status.Code(err) != codes.FailedPrecondition { // without a key there is no list
			return err
		}
		if found.GetSuppression() != nil {
			e.document["suppression"] = raw(found.GetSuppression())
		}
	}
	if e.lead.GetAccount() != "" {
		account, err := e.accounts.GetAccount(e.ctx, &ingestv1.GetAccountRequest{Name: e.lead.GetAccount()})
		if err != nil {
			return err
		}
		e.document["account"] = raw(account)
	}
	links, err := all(func(token string) ([]*ingestv1.IdentityLink, string, error) {
		r, err := e.identities.ListIdentityLinks(e.ctx, &ingestv1.ListIdentityLinksRequest{Parent: e.lead.GetName(), PageSize: exportPage, PageToken: token})
		return r.GetIdentityLinks(), r.GetNextPageToken(), err
	})
	e.document["identityLinks"] = links
	return err
}

// saying is what was said of an attribute: its history, consent among it.
type saying struct {
	Lead          string          `json:"lead"`
	Key           string          `json:"key"`
	Value         json.RawMessage `json:"value"`
	Source        string          `json:"source"`
	EffectiveTime time.Time       `json:"effectiveTime"`
	ReceivedTime  time.Time       `json:"receivedTime"`
}

// corrected is an activity that counts as if it had never happened, and why.
type corrected struct {
	Source     string `json:"source"`
	ID         string `json:"id"`
	Correction string `json:"correction"`
}

func (e *export) facts() error {
	said, withheld := []saying{}, []corrected{}
	ctx := caller.With(e.ctx, caller.System("handoff"))
	for after := int32(0); ; {
		r, err := e.pending.ListFacts(ctx, &ingestv1.ListFactsRequest{Lead: e.lead.GetName(), AfterVersion: after, ChunkSize: exportPage})
		if err != nil {
			return err
		}
		for _, f := range r.GetFacts() {
			if a := f.GetAttribute(); a != nil {
				said = append(said, saying{
					f.GetLead(), a.GetKey(), a.GetValueJson(), f.GetSource(), f.GetEffectiveTime().AsTime(), f.GetReceivedTime().AsTime(),
				})
			}
			if why := f.GetActivity().GetCorrection(); why != typev1.ActivityFact_CORRECTION_UNSPECIFIED {
				withheld = append(withheld, corrected{f.GetSource(), f.GetId(), why.String()})
			}
		}
		if after = r.GetVersion(); !r.GetMore() {
			e.document["attributeHistory"], e.document["corrections"] = said, withheld
			return nil
		}
	}
}

func (e *export) activities() (err error) {
	e.document["activities"], err = all(func(token string) ([]*ingestv1.Activity, string, error) {
		r, err := e.ingest.ListActivities(e.ctx, &ingestv1.ListActivitiesRequest{Parent: e.lead.GetName(), PageSize: exportPage, PageToken: token})
		return r.GetActivities(), r.GetNextPageToken(), err
	})
	return err
}

func (e *export) permissions() (err error) {
	e.document["permissions"], err = all(func(token string) ([]*ingestv1.PermissionRecord, string, error) {
		r, err := e.consents.ListPermissionRecords(e.ctx, &ingestv1.ListPermissionRecordsRequest{Parent: e.lead.GetName(), PageSize: exportPage, PageToken: token})
		return r.GetPermissionRecords(), r.GetNextPageToken(), err
	})
	return err
}

// rows reads a list of the store to its end.
func rows[Row any](read func(after []any) ([]Row, error), at func(Row) []any, found func(Row)) error {
	for after := []any(nil); ; {
		page, err := read(after)
		if err != nil {
			return err
		}
		for _, row := range page {
			found(row)
		}
		if len(page) < exportPage {
			return nil
		}
		after = at(page[len(page)-1])
	}
}

// decisions are the scores now, with what they came from, and all that was decided before.
func (e *export) decisions() error {
	id := id(e.lead.GetName())
	q, err := e.store.Qualification(e.ctx, id, "")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil {
		e.document["qualification"] = raw(q)
	}
	decisions, moves := []json.RawMessage{}, []json.RawMessage{}
	err = rows(func(after []any) ([]store.Record, error) { return e.store.Decisions(e.ctx, id, after, exportPage) },
		func(r store.Record) []any { return r.Place }, func(r store.Record) { decisions = append(decisions, raw(r.Decision)) })
	if err != nil {
		return err
	}
	err = rows(func(after []any) ([]store.Move, error) { return e.store.Moves(e.ctx, id, after, exportPage) },
		func(m store.Move) []any { return m.Place() }, func(m store.Move) { moves = append(moves, raw(m.Proto())) })
	e.document["decisions"], e.document["stageMoves"] = decisions, moves
	return err
}

// mine is the term for the person's rows of a list.
func (e *export) mine() []store.Term {
	return []store.Term{{Column: store.LeadColumn, Value: id(e.lead.GetName())}}
}

func (e *export) handoffs() error {
	handoffs, packets := []json.RawMessage{}, []json.RawMessage{}
	var failed error
	err := rows(func(after []any) ([]store.RankedHandoff, error) {
		return e.store.Handoffs(e.ctx, e.mine(), false, after, exportPage)
	},
		func(h store.RankedHandoff) []any { return h.Place }, func(h store.RankedHandoff) {
			handoffs = append(handoffs, raw(h.Handoff))
			e.about = append(e.about, h.GetName())
			packet, err := e.store.Packet(e.ctx, h.GetName())
			switch {
			case err == nil:
				packets = append(packets, raw(packet))
			case !errors.Is(err, store.ErrNotFound):
				failed = err
			}
		})
	e.document["handoffs"], e.document["packets"] = handoffs, packets
	return errors.Join(err, failed)
}

func (e *export) approvals() error {
	approvals := []json.RawMessage{}
	err := rows(func(after []any) ([]*handoffv1.Approval, error) {
		return e.store.Approvals(e.ctx, e.mine(), after, exportPage)
	},
		func(a *handoffv1.Approval) []any { return page.Created(a.GetRequestTime().AsTime(), id(a.GetName())) }, func(a *handoffv1.Approval) {
			approvals = append(approvals, raw(a))
			e.about = append(e.about, a.GetName())
		})
	e.document["approvals"] = approvals
	return err
}

func (e *export) deliveries() error {
	deliveries := []json.RawMessage{}
	err := rows(func(after []any) ([]*store.ListedDelivery, error) {
		return e.store.Deliveries(e.ctx, e.mine(), after, exportPage)
	},
		func(d *store.ListedDelivery) []any { return d.Place }, func(d *store.ListedDelivery) {
			deliveries = append(deliveries, raw(d.Delivery))
		})
	e.document["deliveries"] = deliveries
	return err
}

// entry is what the audit log says of the person: who did what when.
type entry struct {
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"`
	Role     string    `json:"role"`
	Method   string    `json:"method"`
	Resource string    `json:"resource"`
	Fields   []string  `json:"fields"`
}

func (e *export) audit() error {
	entries := []entry{}
	for _, name := range e.about {
		for before := int64(0); ; {
			list, err := e.log.List(e.ctx, audit.Filter{Resource: name}, before, exportPage)
			if err != nil {
				return err
			}
			for _, a := range list {
				entries = append(entries, entry{a.Time, a.Actor, typev1.Role_name[int32(a.Role)], a.Method, a.Resource, a.Fields})
				before = a.Number
			}
			if len(list) < exportPage {
				break
			}
		}
	}
	e.document["auditEntries"] = entries
	return nil
}

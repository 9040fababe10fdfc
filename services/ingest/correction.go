package ingest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/page"
)

type correctionAPI struct {
	ingestv1.UnimplementedCorrectionServiceServer
	*Service
}

const correctionPrefix = "corrections/"

// GetCorrection implements the method.
func (a *correctionAPI) GetCorrection(ctx context.Context, req *ingestv1.GetCorrectionRequest) (*ingestv1.Correction, error) {
	id, err := correctionID(req.GetName())
	if err != nil {
		return nil, err
	}
	c, err := a.store.Correction(ctx, id)
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	return correctionMessage(c)
}

func correctionID(name string) (string, error) {
	id, ok := strings.CutPrefix(name, correctionPrefix)
	if !ok || len(id) != 36 || uuid.Validate(id) != nil {
		return "", apierr.InvalidField("name", "corrections/{correction}, where {correction} is a UUID")
	}
	return id, nil
}

// ListCorrections implements the method.
func (a *correctionAPI) ListCorrections(ctx context.Context, req *ingestv1.ListCorrectionsRequest) (*ingestv1.ListCorrectionsResponse, error) {
	list, next, err := page.List[store.Correction]{
		Query: "corrections", Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]store.Correction, error) {
			return a.store.Corrections(ctx, after, limit)
		},
		At: func(c store.Correction) page.Place { return page.Created(c.CreatedAt, c.ID) },
	}.Page(req)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.ListCorrectionsResponse{NextPageToken: next}
	for _, c := range list {
		m, err := correctionMessage(c)
		if err != nil {
			return nil, err
		}
		response.Corrections = append(response.Corrections, m)
	}
	return response, nil
}

// CreateCorrection implements the method.
func (a *correctionAPI) CreateCorrection(ctx context.Context, req *ingestv1.CreateCorrectionRequest) (*ingestv1.Correction, error) {
	requestID, v := checkRequestID(req.GetRequestId())
	if v != nil {
		return nil, invalid(v)
	}
	in := req.GetCorrection()
	n := &store.NewCorrection{Once: store.Once{RequestID: requestID}}
	who, _ := caller.From(ctx)
	n.Kind, n.Reason, n.Actor = traffic.Kind(in.GetKind()), in.GetReason(), who.Actor
	if v := readCorrection(n, in); v != nil {
		return nil, invalid(v.Under("correction"))
	}
	var err error
	if n.Digest, err = bodyDigest(requestID, in); err != nil {
		return nil, err
	}
	made, err := a.store.Correct(ctx, n)
	if err != nil {
		return nil, refused(err, "the correction", "")
	}
	return a.begin(ctx, made)
}

// readCorrection reads what a correction is about.
func readCorrection(n *store.NewCorrection, in *ingestv1.Correction) *violation.Violation {
	if _, known := typev1.ActivityFact_Correction_name[int32(in.GetKind())]; !known || in.GetKind() == 0 {
		return violation.New("kind", "one of CORRECTION_BOT, CORRECTION_TEST, CORRECTION_SCANNER, CORRECTION_WITHDRAWN")
	}
	if v := activity.CheckText("reason", in.GetReason(), 500); v != nil {
		return v
	}
	if (len(in.GetActivities()) == 0) == (in.GetSelection() == nil) {
		return violation.New("activities", "either activities or selection")
	}
	for i, ref := range in.GetActivities() {
		key := store.ActivityKey{Source: ref.GetSource(), ID: ref.GetId()}
		if key.Source == "" {
			key.Source = activity.DefaultSource
		}
		if v := activity.CheckSource("source", key.Source, false); v != nil {
			return v.At("activities", i)
		}
		n.Listed = append(n.Listed, key)
	}
	if in.GetSelection() == nil {
		return nil
	}
	if _, _, v := readSelection(in.GetSelection()); v != nil {
		return v.Under("selection")
	}
	text, err := protojson.Marshal(in.GetSelection())
	if err != nil {
		return violation.New("selection", "texts in valid UTF-8")
	}
	var v *violation.Violation
	n.Selection, v = canonical.Object(text) // protojson varies its white space
	return v
}

// readSelection returns which activities a selection has, and the id of the lead they are
// of, empty for all.
func readSelection(in *ingestv1.ActivitySelection) (*traffic.Selection, string, *violation.Violation) {
	s := &traffic.Selection{Source: in.GetSource(), Type: in.GetType()}
	person := ""
	var v *violation.Violation
	if in.GetLead() != "" {
		if person, v = lead.ParseName("lead", in.GetLead()); v != nil {
			return nil, "", v
		}
	}
	for field, bound := range map[string]struct {
		t  *timestamppb.Timestamp
		to *int64
	}{"fromTime": {in.GetFromTime(), &s.From}, "toTime": {in.GetToTime(), &s.To}} {
		if bound.t == nil {
			continue
		}
		t, v := effective.Time(field, bound.t)
		if v != nil {
			return nil, "", v
		}
		*bound.to = t.UnixMicro()
	}
	if in.GetCondition() != "" {
		if err := s.Where(in.GetCondition()); err != nil {
			return nil, "", violation.New("condition", "a condition on the activity: "+err.Error())
		}
	}
	if s.Source == "" && s.Type == "" && person == "" && s.From == 0 && s.To == 0 && in.GetCondition() == "" {
		return nil, "", violation.New("", "something that the activities have in common")
	}
	return s, person, nil
}

// RevokeCorrection implements the method.
func (a *correctionAPI) RevokeCorrection(ctx context.Context, req *ingestv1.RevokeCorrectionRequest) (*ingestv1.Correction, error) {
	id, err := correctionID(req.GetName())
	if err != nil {
		return nil, err
	}
	if v := activity.CheckText("reason", req.GetReason(), 500); v != nil {
		return nil, invalid(v)
	}
	who, _ := caller.From(ctx)
	c, err := a.store.Revoke(ctx, id, who.Actor, req.GetReason())
	if err != nil {
		return nil, refused(err, req.GetName(), "")
	}
	return a.begin(ctx, c)
}

// atOnce is how many steps of a correction a call takes itself; the others are taken in
// the background.
const atOnce = 4

// begin takes the first steps of a correction and returns how it stands then. The others
// are taken in the background, which also looks for what has arrived late.
func (a *correctionAPI) begin(ctx context.Context, c store.Correction) (*ingestv1.Correction, error) {
	c, err := a.step(ctx, c, atOnce)
	if err != nil {
		a.log.Log.WarnContext(ctx, "a correction goes on in the background", "correction", c.ID, "error", err)
	}
	a.store.TakeUp()
	return correctionMessage(c)
}

func atWork(c store.Correction) bool {
	return c.State == store.CorrectionRunning || c.State == store.CorrectionRevoking
}

// step takes up to so many steps of a correction.
func (s *Service) step(ctx context.Context, c store.Correction, steps int) (store.Correction, error) {
	var of *traffic.Selection
	person := ""
	if c.Selection != nil {
		in := &ingestv1.ActivitySelection{}
		if err := protojson.Unmarshal(c.Selection, in); err != nil {
			return c, err
		}
		var v *violation.Violation
		if of, person, v = readSelection(in); v != nil {
			return c, errors.New("stored selection: " + v.Field)
		}
	}
	var err error
	for ; atWork(c) && steps > 0 && err == nil; steps-- {
		c, err = s.store.StepCorrection(ctx, c, of, person)
	}
	return c, err
}

// correctEvery is how often corrections are looked at that another process may have left,
// and whose activities may have arrived.
const correctEvery = 5 * time.Second

// correct takes the steps of corrections, and takes over rules that changed elsewhere.
func (s *Service) correct(ctx context.Context) {
	ticker := time.NewTicker(correctEvery)
	defer ticker.Stop()
	var late store.ActivityKey
	for {
		var err error
		late, err = s.correctAll(ctx, late)
		if err != nil && ctx.Err() == nil {
			s.log.Log.WarnContext(ctx, "activities could not be corrected", "error", err)
		}
		select {
		case <-s.store.Correcting():
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// correctAll takes all steps there are to take. What is wrong with one correction does
// not stop the others.
func (s *Service) correctAll(ctx context.Context, late store.ActivityKey) (next store.ActivityKey, failed error) {
	list, failed := s.store.CorrectionsAtWork(ctx)
	for _, c := range list {
		var err error
		for atWork(c) && err == nil && ctx.Err() == nil {
			c, err = s.step(ctx, c, 1)
		}
		failed = errors.Join(failed, err)
	}
	next, err := s.store.CorrectLate(ctx, late)
	return next, errors.Join(failed, err)
}

// correctionKind is a kind as callers read it: who undoes an import takes back what its
// source said.
func correctionKind(k traffic.Kind) typev1.ActivityFact_Correction {
	if k == traffic.Undone {
		k = traffic.Withdrawn
	}
	return typev1.ActivityFact_Correction(k)
}

func correctionMessage(c store.Correction) (*ingestv1.Correction, error) {
	m := &ingestv1.Correction{
		Name: correctionPrefix + c.ID, Kind: correctionKind(c.Kind), Reason: c.Reason, State: ingestv1.Correction_State(c.State),
		Corrected: int32(c.Corrected), Leads: int32(c.Leads), CreateTime: timestamppb.New(c.CreatedAt), Actor: c.Actor, RevokeActor: c.RevokeActor,
	}
	if c.Selection != nil {
		m.Selection = &ingestv1.ActivitySelection{}
		if err := protojson.Unmarshal(c.Selection, m.GetSelection()); err != nil {
			return nil, err
		}
	}
	if !c.RevokedAt.IsZero() {
		m.RevokeTime = timestamppb.New(c.RevokedAt)
	}
	return m, nil
}

// GetTrafficRules implements the method.
func (a *correctionAPI) GetTrafficRules(ctx context.Context, _ *ingestv1.GetTrafficRulesRequest) (*ingestv1.TrafficRules, error) {
	r, err := a.store.TrafficRules(ctx)
	if err != nil {
		return nil, err
	}
	return rulesMessage(r), nil
}

const rulesName = "trafficRules"

func rulesMessage(r store.TrafficRules) *ingestv1.TrafficRules {
	m := &ingestv1.TrafficRules{
		Name: rulesName, Etag: strconv.FormatInt(r.Version, 10), ScannerRulesOff: r.Scanner.Off,
		ClickAfterDeliverySeconds: int32(r.Scanner.Delivery / time.Second), ClickBurstLinks: int32(r.Scanner.Links),
		ClickBurstSeconds: int32(r.Scanner.Burst / time.Second),
	}
	for _, rule := range r.Rules {
		m.Rules = append(m.Rules, &ingestv1.TrafficRule{
			Id: rule.ID, Kind: typev1.ActivityFact_Correction(rule.Kind), Source: rule.Source, Type: rule.Type, Condition: rule.Condition,
		})
	}
	return m
}

// UpdateTrafficRules implements the method.
func (a *correctionAPI) UpdateTrafficRules(ctx context.Context, req *ingestv1.UpdateTrafficRulesRequest) (*ingestv1.TrafficRules, error) {
	in := req.GetTrafficRules()
	r := store.TrafficRules{Rules: []traffic.Rule{}, Scanner: traffic.Scanner{
		Off: in.GetScannerRulesOff(), Delivery: time.Duration(in.GetClickAfterDeliverySeconds()) * time.Second,
		Links: int(in.GetClickBurstLinks()), Burst: time.Duration(in.GetClickBurstSeconds()) * time.Second,
	}.OrDefault()}
	for i, rule := range in.GetRules() {
		if _, known := typev1.ActivityFact_Correction_name[int32(rule.GetKind())]; !known || rule.GetKind() == 0 {
			return nil, invalid(violation.New("kind", "what such activities are").At("rules", i).Under("trafficRules"))
		}
		r.Rules = append(r.Rules, traffic.Rule{
			ID: rule.GetId(), Kind: traffic.Kind(rule.GetKind()), Source: rule.GetSource(), Type: rule.GetType(), Condition: rule.GetCondition(),
		})
	}
	if _, v := traffic.Compile(r.Rules, r.Scanner); v != nil {
		return nil, invalid(v.Under("trafficRules"))
	}
	version := int64(-1)
	if in.GetEtag() != "" {
		var err error
		if version, err = strconv.ParseInt(in.GetEtag(), 10, 64); err != nil || version < 0 {
			return nil, apierr.EtagMismatch(rulesName)
		}
	}
	r, err := a.store.SetTrafficRules(ctx, r, version)
	if err != nil {
		return nil, refused(err, rulesName, "")
	}
	return rulesMessage(r), nil
}

// judge marks an activity that arrives by what the rules say of it; domain is that of the
// address that was named with it, if any was.
func (s *Service) judge(a *activity.Activity, domain string) {
	if store.Correctable(a.Source, a.Type) {
		a.Mark = a.Mark.Rule(s.store.Judge(&traffic.Activity{
			Type: a.Type, Source: a.Source, Campaign: a.Campaign, Properties: a.Properties, EmailDomain: domain,
		}))
	}
}

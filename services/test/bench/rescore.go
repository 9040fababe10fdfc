package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

const (
	// history is how many activities a lead has that is scored again.
	history = 20
	// span is how many days they are spread over.
	span = 60
)

// rescore measures how fast all leads are decided again after a publish, from the facts
// in the store to scores and decisions in the store.
func (b *bench) rescore(ctx context.Context, t *target) error {
	s, err := b.whole(ctx, t)
	if err != nil {
		return err
	}
	defer s.stop()
	leads := b.leads
	if leads == 0 {
		leads = b.count(5000)
	}
	begin := time.Now()
	if err := s.fill(ctx, leads); err != nil {
		return err
	}
	err = s.send(ctx, "history", leads*(history-1), func(v *visitors, i int) act { return v.past(i / (history - 1)) })
	if err != nil {
		return err
	}
	if err := s.decided(ctx); err != nil {
		return err
	}
	live := float64(leads*history) / time.Since(begin).Seconds()
	load := fmt.Sprintf("%s leads of %d activities", thousands(strconv.Itoa(leads)), history)
	kept, err := size(ctx, s.url, "behavior")
	if err != nil {
		return err
	}

	for _, m := range []struct {
		name, what    string
		aim, aimLeads string
		begin         func() (*handoffv1.Operation, error)
	}{
		{"models", "8 re-score, other models", "50,000/s", "3,000/s", func() (*handoffv1.Operation, error) { return s.publish(ctx) }},
		{"gates", "8 re-score, models as before", "", "", func() (*handoffv1.Operation, error) {
			return handoffv1.NewOperationServiceClient(s.grpc).RescoreLeads(withKey(ctx), &handoffv1.RescoreLeadsRequest{})
		}},
		{"preview", "8 preview, other models", "", "", func() (*handoffv1.Operation, error) {
			version, err := s.version(ctx, 3)
			if err != nil {
				return nil, err
			}
			return handoffv1.NewOperationServiceClient(s.grpc).PreviewStandardVersion(withKey(ctx), &handoffv1.PreviewStandardVersionRequest{Name: version})
		}},
	} {
		var took, used time.Duration
		var done *handoffv1.Operation
		err := b.profile(t.name+"-rescore-"+m.name, func() error {
			usedBefore := processorTime()
			o, err := m.begin()
			if err != nil {
				return err
			}
			done, err = s.ended(ctx, o.GetName())
			took, used = done.GetEndTime().AsTime().Sub(done.GetCreateTime().AsTime()), processorTime()-usedBefore
			return err
		})
		if err != nil {
			return err
		}
		if p := done.GetProgress(); int(p.GetDone()) != leads || p.GetFailed() > 0 {
			return fmt.Errorf("%s: %v", m.what, done)
		}
		rate := float64(leads) / took.Seconds()
		b.add(figure{
			store: t.name, what: m.what, load: load, value: perSecond(rate*history, "act"), processor: used / time.Duration(leads*history),
			baseline: perSecond(t.rawBatched, "act"), beside: "store alone", aim: m.aim,
			note: fmt.Sprintf("in %s; captured and decided live before: %s", took.Round(10*time.Millisecond), perSecond(live, "act")),
		})
		b.add(figure{
			store: t.name, what: m.what, load: load, value: perSecond(rate, "leads"), processor: used / time.Duration(leads), aim: m.aimLeads,
		})
	}
	after, err := size(ctx, s.url, "behavior")
	if err != nil {
		return err
	}
	b.add(figure{
		store: t.name, what: "8 behavior, stored for a lead", load: load, value: quantity{kept / float64(leads), "B"},
		note: fmt.Sprintf("%s after the re-scores", quantity{after / float64(leads), "B"}),
	})
	return nil
}

// version stores a version of the default standard that scores every activity by so
// many points more.
func (s *system) version(ctx context.Context, more float64) (string, error) {
	standards := handoffv1.NewStandardServiceClient(s.grpc)
	standard, err := standards.GetStandard(withKey(ctx), &handoffv1.GetStandardRequest{Name: "standards/default"})
	if err != nil {
		return "", err
	}
	active, err := standards.GetStandardVersion(withKey(ctx), &handoffv1.GetStandardVersionRequest{Name: standard.GetActiveVersion()})
	if err != nil {
		return "", err
	}
	spec := proto.CloneOf(active.GetSpec())
	for _, g := range spec.GetEngagement().GetGroups() {
		for _, r := range g.GetRules() {
			r.Points += more
		}
	}
	for _, g := range spec.GetFit().GetGroups() {
		for _, c := range g.GetCriteria() {
			c.UnknownPoints++
		}
	}
	v, err := standards.CreateStandardVersion(withKey(ctx), &handoffv1.CreateStandardVersionRequest{Parent: "standards/default", Spec: spec})
	return v.GetName(), err
}

// publish makes other models decide and returns the re-score that begins with it.
func (s *system) publish(ctx context.Context) (*handoffv1.Operation, error) {
	version, err := s.version(ctx, 1)
	if err != nil {
		return nil, err
	}
	key, err := handoffv1.NewAccessServiceClient(s.grpc).CreateApiKey(withKey(ctx), &handoffv1.CreateApiKeyRequest{
		ApiKey: &handoffv1.ApiKey{Actor: "sam", Role: typev1.Role_ROLE_SALES},
	})
	if err != nil {
		return nil, err
	}
	standards := handoffv1.NewStandardServiceClient(s.grpc)
	sales := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key.GetSecret())
	for side, as := range map[handoffv1.SignOff_Side]context.Context{
		handoffv1.SignOff_SIDE_MARKETING: withKey(ctx), handoffv1.SignOff_SIDE_SALES: sales,
	} {
		if _, err := standards.SignOffStandardVersion(as, &handoffv1.SignOffStandardVersionRequest{Name: version, Side: side}); err != nil {
			return nil, err
		}
	}
	if _, err := standards.PublishStandardVersion(withKey(ctx), &handoffv1.PublishStandardVersionRequest{Name: version}); err != nil {
		return nil, err
	}
	list, err := handoffv1.NewOperationServiceClient(s.grpc).ListOperations(withKey(ctx), &handoffv1.ListOperationsRequest{PageSize: 1})
	if err != nil || len(list.GetOperations()) == 0 {
		return nil, fmt.Errorf("no operation follows the publish: %w", err)
	}
	return list.GetOperations()[0], nil
}

// ended waits for the end of an operation.
func (s *system) ended(ctx context.Context, name string) (*handoffv1.Operation, error) {
	for {
		o, err := handoffv1.NewOperationServiceClient(s.grpc).GetOperation(withKey(ctx), &handoffv1.GetOperationRequest{Name: name})
		if err != nil || o.GetDone() {
			return o, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

package erasure

import (
	"context"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// Keepers are all services that keep something of leads, in the order in which they delete.
func Keepers(s *store.Store, i ingestv1.PrivacyServiceClient, p profilefitv1.PrivacyServiceClient, b behaviorv1.PrivacyServiceClient) []Named {
	return []Named{{"ingest", ingest{i}}, {"handoff", own{s}}, {"profilefit", profilefit{p}}, {"behavior", behavior{b}}}
}

// Scorers are the services that keep what follows from the facts of leads, and nothing else.
type Scorers []Keeper

// NewScorers returns them.
func NewScorers(p profilefitv1.PrivacyServiceClient, b behaviorv1.PrivacyServiceClient) Scorers {
	return Scorers{profilefit{p}, behavior{b}}
}

// Forget has them delete what they keep of leads, `leads/{lead}`.
func (s Scorers) Forget(ctx context.Context, leads []string) error {
	for _, scorer := range s {
		if _, err := scorer.Erase(ctx, "", leads); err != nil {
			return err
		}
	}
	return nil
}

// deleted is the step of a service that says how many rows it deleted.
func deleted(rows map[string]int32) []*handoffv1.ErasureStep {
	return []*handoffv1.ErasureStep{{Rows: rows}}
}

type ingest struct{ client ingestv1.PrivacyServiceClient }

func (k ingest) Erase(ctx context.Context, _ string, leads []string) ([]*handoffv1.ErasureStep, error) {
	r, err := k.client.EraseLeads(ctx, &ingestv1.EraseLeadsRequest{Leads: leads})
	return deleted(r.GetRows()), err
}

func (k ingest) Scrub(ctx context.Context) error {
	_, err := k.client.ScrubStore(ctx, &ingestv1.ScrubStoreRequest{})
	return err
}

type profilefit struct {
	client profilefitv1.PrivacyServiceClient
}

func (k profilefit) Erase(ctx context.Context, _ string, leads []string) ([]*handoffv1.ErasureStep, error) {
	r, err := k.client.EraseLeads(ctx, &profilefitv1.EraseLeadsRequest{Leads: leads})
	return deleted(r.GetRows()), err
}

func (k profilefit) Scrub(ctx context.Context) error {
	_, err := k.client.ScrubStore(ctx, &profilefitv1.ScrubStoreRequest{})
	return err
}

type behavior struct {
	client behaviorv1.PrivacyServiceClient
}

func (k behavior) Erase(ctx context.Context, _ string, leads []string) ([]*handoffv1.ErasureStep, error) {
	r, err := k.client.EraseLeads(ctx, &behaviorv1.EraseLeadsRequest{Leads: leads})
	return deleted(r.GetRows()), err
}

func (k behavior) Scrub(ctx context.Context) error {
	_, err := k.client.ScrubStore(ctx, &behaviorv1.ScrubStoreRequest{})
	return err
}

// own is what handoff itself keeps.
type own struct{ store *store.Store }

func (k own) Erase(ctx context.Context, erasure string, leads []string) ([]*handoffv1.ErasureStep, error) {
	ids := make([]string, len(leads))
	for i, name := range leads {
		ids[i] = store.LeadID(name)
	}
	gone, told, err := k.store.Erase(ctx, erasure, ids)
	steps := deleted(gone)
	if told > 0 {
		steps = append(steps, &handoffv1.ErasureStep{Step: "tell", Rows: map[string]int32{"deliveries": int32(told)}})
	}
	return steps, err
}

func (k own) Scrub(ctx context.Context) error { return k.store.Scrub(ctx) }

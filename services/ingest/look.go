package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What every capture goes by is kept in memory, so that it asks no table: who is suppressed,
// which identities are nobody's, what a bot looks like. It is there before the first capture,
// and looked at again every few moments for what other processes did.

// lookEvery is how often: what another process changed holds here within 5 s.
const lookEvery = 2 * time.Second

// look reads what captures go by, and says that somebody looks.
func (s *Service) look(ctx context.Context) error {
	err := errors.Join(s.store.LoadSuppressions(ctx), s.store.LoadIdentitySettings(ctx), s.store.LoadTrafficRules(ctx), s.store.ShowAlive(ctx))
	if err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// lookAgain keeps what captures go by as it is in the tables. It does nothing else, and so
// nothing that takes long keeps it from looking.
func (s *Service) lookAgain(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.log.Log.WarnContext(ctx, "what captures go by could not be read again", "error", err)
		}
	}
}

package duework

import (
	"context"
	"sync"

	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Background is work of a service that goes on until it is stopped. Workers embed it.
type Background struct {
	stop context.CancelFunc
	work sync.WaitGroup
}

// Begin begins to work, once, as a service and in no trace. The context gives values only:
// Stop ends the work.
func (b *Background) Begin(ctx context.Context, service string, work func(context.Context)) {
	ctx = caller.With(context.WithoutCancel(ctx), caller.System(service))
	ctx, b.stop = context.WithCancel(telemetry.WithRemoteParent(ctx, ""))
	b.work.Go(func() { work(ctx) })
}

// Stop stops the work, after what is on its way. Without a beginning it does nothing.
func (b *Background) Stop() {
	if b.stop != nil {
		b.stop()
		b.work.Wait()
	}
}

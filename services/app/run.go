package app

import (
	"context"
	"io"
)

// Run starts the services, greets, and stops them when the context ends or a listener
// breaks.
func Run(ctx context.Context, settings Settings, o Options, greet io.Writer) error {
	a, err := Start(ctx, settings, o)
	if err != nil {
		return err
	}
	a.Greet(greet)
	select {
	case <-ctx.Done():
	case err = <-a.Failed():
	}
	a.Stop(context.WithoutCancel(ctx))
	return err
}

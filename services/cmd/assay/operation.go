package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

type operationCmd struct {
	List    operationListCmd    `cmd:"" help:"List operations, latest first."`
	Get     operationGetCmd     `cmd:"" help:"Show how far an operation is."`
	Wait    operationWaitCmd    `cmd:"" help:"Wait for the end of an operation. Exit code 3 if it did not succeed."`
	Cancel  operationCancelCmd  `cmd:"" help:"Stop an operation."`
	Rescore operationRescoreCmd `cmd:"" help:"Score and decide all leads again. Publishing does so by itself."`
}

type operationListCmd struct {
	connection
	Limit int `help:"Most operations to print; 0: all." default:"20"`
}

// Run lists operations.
func (c *operationListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*handoffv1.ListOperationsResponse, *handoffv1.Operation]{
		path:  "/v1/operations",
		limit: c.Limit,
		items: (*handoffv1.ListOperationsResponse).GetOperations,
		head:  []string{"OPERATION", "KIND", "STATE", "LEADS", "FOR", "BEGAN", "BY"},
		row: func(o *handoffv1.Operation) []string {
			p := o.GetProgress()
			return []string{
				o.GetName(), word(o.GetKind(), "KIND_"), word(o.GetState(), "STATE_"), fmt.Sprintf("%d/%d", p.GetDone(), p.GetTotal()),
				version(o.GetStandardVersion()), when(o.GetCreateTime()), o.GetActor(),
			}
		},
	}.print(ctx, t, c.connection)
}

// operationArg is the operation a command is about.
type operationArg struct {
	Operation string `arg:"" optional:"" help:"The operation, operations/ID or ID. Default: the latest."`
}

// path is the path of the operation.
func (a operationArg) path(ctx context.Context, client *api.Client) (string, error) {
	if a.Operation != "" {
		return "/v1/operations/" + url.PathEscape(strings.TrimPrefix(a.Operation, "operations/")), nil
	}
	var list handoffv1.ListOperationsResponse
	if _, err := client.Get(ctx, "/v1/operations", url.Values{"pageSize": {"1"}}, &list); err != nil {
		return "", err
	}
	if len(list.GetOperations()) == 0 {
		return "", usage("there is no operation yet")
	}
	return "/v1/" + list.GetOperations()[0].GetName(), nil
}

type operationGetCmd struct {
	connection
	operationArg
}

// Run shows an operation.
func (c *operationGetCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	path, err := c.path(ctx, client)
	if err != nil {
		return err
	}
	var o handoffv1.Operation
	line, err := client.Get(ctx, path, nil, &o)
	if err != nil {
		return err
	}
	return c.operation(t, line, &o)
}

// operation prints an operation, and the result of a preview.
func (c connection) operation(t *terminal, line []byte, o *handoffv1.Operation) error {
	err := c.answer(t, line, func(tab *table) {
		p := o.GetProgress()
		tab.row("operation", o.GetName())
		tab.row("kind", word(o.GetKind(), "KIND_"))
		tab.row("for", version(o.GetStandardVersion()))
		tab.row("state", word(o.GetState(), "STATE_"))
		tab.row("leads", fmt.Sprintf("%d of %d, %d failed", p.GetDone(), p.GetTotal(), p.GetFailed()))
		tab.row("newly qualified", fmt.Sprint(p.GetNewlyQualified()))
		tab.row("dropped", fmt.Sprint(p.GetDropped()))
		tab.row("began", when(o.GetCreateTime()))
		if o.GetEndTime() != nil {
			tab.row("took", o.GetEndTime().AsTime().Sub(o.GetCreateTime().AsTime()).Round(time.Millisecond).String())
		}
		if o.GetError() != "" {
			tab.row("error", o.GetError())
		}
	})
	if err != nil || c.json() || o.GetPreview() == nil {
		return err
	}
	return printPreview(t, o.GetPreview())
}

type operationWaitCmd struct {
	connection
	operationArg
}

// Run waits for the end of an operation.
func (c *operationWaitCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	path, err := c.path(ctx, client)
	if err != nil {
		return err
	}
	return c.wait(ctx, t, client, path)
}

// unfinished is the error of an operation that ended in another way than by succeeding.
func unfinished(o *handoffv1.Operation) error {
	if o.GetState() == handoffv1.Operation_STATE_SUCCEEDED {
		return nil
	}
	return &api.Error{Status: 409, Detail: strings.TrimSpace(o.GetName() + " is " + word(o.GetState(), "STATE_") + " " + o.GetError())}
}

// wait shows the progress of an operation until it ends, and prints it then. A server
// that is away for a while is waited for: the operation goes on when it is back.
func (c connection) wait(ctx context.Context, t *terminal, client *api.Client, path string) error {
	p := newProgress(t)
	defer p.end()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var o handoffv1.Operation
		line, err := client.Get(ctx, path, nil, &o)
		switch {
		case err != nil && !api.Temporary(err):
			return err
		case err == nil && o.GetDone():
			p.end()
			if err := c.operation(t, line, &o); err != nil {
				return err
			}
			return unfinished(&o)
		case err == nil:
			p.through(&o)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// through shows how far an operation is.
func (p *progress) through(o *handoffv1.Operation) {
	done, total := o.GetProgress().GetDone(), o.GetProgress().GetTotal()
	p.line("%s %d of %d leads, %d newly qualified, %d dropped", bar(float64(done)/float64(max(total, 1, done))), done, total,
		o.GetProgress().GetNewlyQualified(), o.GetProgress().GetDropped())
}

type operationCancelCmd struct {
	connection
	operationArg
}

// Run stops an operation.
func (c *operationCancelCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	path, err := c.path(ctx, client)
	if err != nil {
		return err
	}
	var o handoffv1.Operation
	line, err := client.Post(ctx, path+":cancel", &handoffv1.CancelOperationRequest{Name: strings.TrimPrefix(path, "/v1/")}, &o)
	if err != nil {
		return err
	}
	return c.operation(t, line, &o)
}

type operationRescoreCmd struct {
	connection
	Wait bool `help:"Wait for its end."`
}

// Run decides all leads again.
func (c *operationRescoreCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var o handoffv1.Operation
	line, err := client.Post(ctx, "/v1/leads:rescore", &handoffv1.RescoreLeadsRequest{}, &o)
	if err != nil {
		return err
	}
	if c.Wait {
		return c.wait(ctx, t, client, "/v1/"+o.GetName())
	}
	return c.operation(t, line, &o)
}

// Command assay decides which leads sales should call, and can say why.
//
// `assay serve` runs the services; every other command is a thin client of the public
// API, but for `assay migrate`, which works on the database.
//
// Exit codes:
//
//	0  done
//	1  failed: an error of ours, on either side; of `standard lint`: something is wrong
//	2  wrong use: a flag, an argument or a local file
//	3  refused by the server: not found, wrong state, invalid
//	4  not allowed: no key, a wrong one, or a role that may not
//	5  no server answers, or a service behind it is away
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

type cli struct {
	Serve      serveCmd      `cmd:"" help:"Run the services: all in one process, or some of many."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the schemas of a PostgreSQL database up to date."`
	Demo       demoCmd       `cmd:"" help:"Load a few hundred synthetic leads with ninety days of activities."`
	Import     importCmd     `cmd:"" help:"Import files."`
	Lead       leadCmd       `cmd:"" help:"Capture leads and see where they stand."`
	Handoff    handoffCmd    `cmd:"" help:"Work the leads that were handed to sales."`
	Approval   approvalCmd   `cmd:"" help:"Ask for exceptions and grant them: approvals in place of the gates."`
	Report     reportCmd     `cmd:"" help:"See what came of qualified leads."`
	Standard   standardCmd   `cmd:"" help:"Read, check, agree on and publish standards."`
	Dictionary dictionaryCmd `cmd:"" help:"Keep the lists that standards read: competitors, named accounts, titles."`
	Operation  operationCmd  `cmd:"" help:"See how far work over all leads is: re-scoring and previews."`
	Held       heldCmd       `cmd:"" help:"See and release leads that a publish qualified."`
	User       userCmd       `cmd:"" help:"Manage the people who work with Assay."`
	Team       teamCmd       `cmd:"" help:"Manage teams: who works together, and whose turn it is."`
	Source     sourceCmd     `cmd:"" help:"Manage where facts come from: sources and their write keys."`
	Key        keyCmd        `cmd:"" help:"Manage API keys."`
	Rejected   rejectedCmd   `cmd:"" help:"See what was sent and refused, and why."`
	Correction correctionCmd `cmd:"" help:"Correct activities: bots, tests and scanners count as if they had never happened."`
	Suppress   suppressCmd   `cmd:"" help:"Keep the suppression list: who is not handed off, or not captured at all."`
	Erase      eraseCmd      `cmd:"" help:"Forget a person: nothing of them is left anywhere."`
	Export     exportCmd     `cmd:"" help:"Print all that is held on a person, as JSON."`
	Audit      auditCmd      `cmd:"" help:"See who changed what, and check that the log is whole."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// exit codes, see the command's documentation.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitRefused
	exitDenied
	exitUnreachable
)

// terminal is where a command talks to.
type terminal struct {
	out, err io.Writer
	// interactive tells whether err is a terminal, so that progress may be shown.
	interactive bool
	env         func(string) string
}

// usageError is wrong use that only shows when the command runs.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	// What the gRPC libraries log is not in our form, and may repeat what a caller sent.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to stop; after it the default is back, so that a second
	// one ends the process at once.
	context.AfterFunc(ctx, stop)
	t := &terminal{out: os.Stdout, err: os.Stderr, interactive: term.IsTerminal(int(os.Stderr.Fd())), env: os.Getenv}
	os.Exit(run(ctx, os.Args[1:], t))
}

// run is main without the process, for tests.
func run(ctx context.Context, args []string, t *terminal) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("assay"),
		kong.Description("Assay decides which leads sales should call, and can say why."),
		kong.Writers(t.out, t.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(c int) { code = c }),
		kong.Vars{"server": defaultServer},
		kong.Bind(t),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(t.err, "assay:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // help was asked for and given
		return code
	}
	if err != nil {
		fmt.Fprintf(t.err, "assay: %v\nRun `assay --help` for what there is.\n", err)
		return exitUsage
	}
	err = parsed.Run()
	if err != nil {
		fmt.Fprintf(t.err, "assay: %v\n", err)
		if hint := hint(err, t); hint != "" {
			fmt.Fprintln(t.err, hint)
		}
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var refused *api.Error
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.As(err, &refused):
		switch {
		case refused.Status == 401 || refused.Status == 403:
			return exitDenied
		case api.Temporary(refused):
			return exitUnreachable
		case refused.Status < 500:
			return exitRefused
		}
	}
	return exitFailed
}

func hint(err error, t *terminal) string {
	var refused *api.Error
	switch {
	case errors.Is(err, api.ErrUnreachable):
		return "Is `assay serve` running there? Another address: --server URL."
	case errors.As(err, &refused) && refused.Status == 401 && t.env("ASSAY_KEY") == "":
		return "Set ASSAY_KEY to an API key. `assay serve` prints the first one when it starts for the first time."
	}
	return ""
}

const defaultServer = "http://127.0.0.1:8080"

// connection are the flags of every command that calls the API.
type connection struct {
	Server string `default:"${server}" env:"ASSAY_SERVER" help:"Address of the REST API. The key is read from ASSAY_KEY." placeholder:"URL"`
	Output string `default:"table" enum:"table,json" help:"How to print: ${enum}." placeholder:"table|json"`
}

func (c connection) client(t *terminal) (*api.Client, error) {
	client, err := api.New(c.Server, strings.TrimSpace(t.env("ASSAY_KEY")))
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// post sends a message and reads the answer into out.
func (c connection) post(ctx context.Context, t *terminal, path string, in, out proto.Message) ([]byte, error) {
	client, err := c.client(t)
	if err != nil {
		return nil, err
	}
	return client.Post(ctx, path, in, out)
}

// answer prints what the server answered: its line as JSON, or a table.
func (c connection) answer(t *terminal, line []byte, fill func(*table)) error {
	if c.json() {
		return printLine(t.out, line)
	}
	tab := newTable(t.out)
	fill(tab)
	return tab.flush()
}

// sentence prints what the server answered: its line as JSON, or a sentence.
func (c connection) sentence(t *terminal, line []byte, format string, args ...any) error {
	if c.json() {
		return printLine(t.out, line)
	}
	_, err := fmt.Fprintf(t.out, format+"\n", args...)
	return err
}

func (c connection) json() bool { return c.Output == "json" }

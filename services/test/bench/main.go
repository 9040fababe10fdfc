package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// bench is one run.
type bench struct {
	scale    float64
	leads    int // that are scored again; 0: as scale says
	only     string
	profiles string
	dir      string // for everything that is written
	figures  []figure
}

// phases of a store, in order. Later ones take figures of earlier ones as baselines.
var phases = []struct {
	name string
	run  func(*bench, context.Context, *target) error
}{
	{"raw", (*bench).raw},
	{"ingest", (*bench).ingest},
	{"events", (*bench).events},
	{"flow", (*bench).flow},
	{"latency", (*bench).latency},
	{"rescore", (*bench).rescore},
	{"explain", (*bench).explain},
	{"clocks", (*bench).clocks},
	{"deliver", (*bench).deliver},
	{"binary", (*bench).binary},
}

// target is a store and what is known of it by now.
type target struct {
	name string
	// url returns the URL of a store that is empty.
	url func() (string, error)
	// rawSingle and rawBatched are activities/s of the store itself, rawCommit the
	// median time of one commit; newLeads is what the whole flow did.
	rawSingle, rawBatched, newLeads float64
	rawCommit                       time.Duration
}

func main() {
	var b bench
	stores := flag.String("store", "both", "`sqlite`, postgres or both")
	flag.StringVar(&b.only, "only", "", "measure only one of raw, ingest, events, flow, latency, rescore, explain, clocks, deliver, binary, fold (comma-separated)")
	flag.Float64Var(&b.scale, "scale", 1, "part of the whole run, e.g. 0.1 for a quick look")
	flag.IntVar(&b.leads, "leads", 0, "how many `leads` of 20 activities are scored again, e.g. 100000; default: 5,000 times the scale")
	flag.StringVar(&b.profiles, "cpuprofile", "", "write CPU profiles of ingest and flow into this `folder`")
	asMarkdown := flag.Bool("markdown", false, "print the table as Markdown")
	flag.Parse()

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	begin := time.Now()
	err := b.measure(ctx, *stores)
	fmt.Printf("%d cores shared by the load and what is measured, %s, %s\n\n", runtime.NumCPU(), runtime.Version(), time.Since(begin).Round(time.Second))
	print(os.Stdout, b.figures, *asMarkdown)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) measure(ctx context.Context, stores string) (err error) {
	if b.dir, err = os.MkdirTemp("", "assay-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return err
		}
	}
	var targets []*target
	if stores == "sqlite" || stores == "both" {
		targets = append(targets, &target{name: "sqlite", url: func() (string, error) {
			dir, err := os.MkdirTemp(b.dir, "sqlite-")
			return "sqlite:" + dir, err
		}})
	}
	if stores == "postgres" || stores == "both" {
		targets = append(targets, &target{name: "postgres"})
	}
	if len(targets) == 0 {
		return errors.New("-store: expected sqlite, postgres or both")
	}
	for _, t := range targets {
		if err := b.store(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if b.wants("fold") {
		return b.fold(ctx)
	}
	return nil
}

// store measures one store, on a server that keeps what it acknowledges.
func (b *bench) store(ctx context.Context, t *target) error {
	for _, p := range phases {
		// The raw figures are the baselines of most others.
		isBaseline := p.name == "raw" && b.only != "binary" && b.only != "fold" && b.only != "clocks"
		if !b.wants(p.name) && !isBaseline {
			continue
		}
		progress("%s: %s", t.name, p.name)
		err := func() error {
			if t.name == "postgres" {
				url, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Durable: true})
				if err != nil {
					return err
				}
				defer stop()
				t.url = inDatabases(ctx, url)
			}
			return p.run(b, ctx, t)
		}()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func (b *bench) wants(phase string) bool {
	return b.only == "" || strings.Contains(","+b.only+",", ","+phase+",")
}

func (b *bench) add(f figure) { b.figures = append(b.figures, f) }

// seconds of a phase that is measured by time.
func (b *bench) seconds(n float64) time.Duration {
	return max(time.Duration(n*b.scale*float64(time.Second)), 200*time.Millisecond)
}

// count of a phase that is measured by work.
func (b *bench) count(n int) int { return max(int(float64(n)*b.scale), batch) }

// profile writes a CPU profile of what do does, if profiles are wanted.
func (b *bench) profile(name string, do func() error) (err error) {
	if b.profiles == "" {
		return do()
	}
	file, err := os.Create(filepath.Join(b.profiles, name+".pprof"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return do()
}

// progress says on the terminal what is going on; the table is for standard output.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

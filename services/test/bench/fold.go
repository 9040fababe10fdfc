package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// engagement is where the fold lives.
const engagement = "github.com/assay-hq/assay/services/behavior"

// fold runs the benchmarks of the fold: whole histories, those of published standards,
// and one more activity on a history at rest.
func (b *bench) fold(ctx context.Context) error {
	progress("fold")
	rules, err := benchmarks(ctx, engagement+"/internal/engagement", "Fold|OneMore|Growth")
	if err != nil {
		return err
	}
	published, err := benchmarks(ctx, engagement, "FoldPublished")
	if err != nil {
		return err
	}
	lengths := []int{10, 1000, 10000}
	for _, n := range lengths {
		f := folded("7 fold, twenty rules", n, rules.best[fmt.Sprint("Fold/", n)])
		if n == 10 {
			f.aim = "" // reading the score is most of it
		}
		b.add(f)
	}
	for _, name := range published.names {
		_, standard, _ := strings.Cut(name, "/")
		b.add(folded("7 fold, "+standard, 1000, published.best[name]))
	}
	for _, more := range []struct{ what, name, aim string }{
		{"7 one more in order", "Growth/scored=false/%d", "≤ 2 times"},
		{"7 one more in order, and its score", "Growth/scored=true/%d", "≤ 2 times"},
		{"7 one more, late by a day", "OneMore/%d/late_by_a_day", ""},
		{"7 one more, late by half the history", "OneMore/%d/late_by_half_the_history", ""},
	} {
		for _, n := range lengths {
			f := figure{
				store: "memory", what: more.what, load: "history of " + thousands(strconv.Itoa(n)),
				value: quantity{rules.best[fmt.Sprintf(more.name, n)].Seconds() * 1e6, "µs"},
			}
			if n > lengths[0] {
				f.baseline, f.beside, f.aim = quantity{rules.best[fmt.Sprintf(more.name, lengths[0])].Seconds() * 1e6, "µs"}, "with 10", more.aim
			}
			b.add(f)
		}
	}
	return nil
}

// folded is the figure of a whole history of n activities.
func folded(what string, n int, took time.Duration) figure {
	return figure{
		store: "memory", what: what, load: thousands(strconv.Itoa(n)) + " activities, 1 core",
		value: perSecond(float64(n)/took.Seconds(), "act"), processor: took / time.Duration(n), aim: "250,000/s",
	}
}

// runs are benchmarks of a package with their best time for one operation.
type runs struct {
	names []string
	best  map[string]time.Duration
}

var runLine = regexp.MustCompile(`(?m)^Benchmark(\S+)\s+\d+\s+([\d.]+) ns/op`)

// benchmarks runs the benchmarks of a package that are named, on one core, each three
// times: the best says what the code needs, the others what else went on.
func benchmarks(ctx context.Context, pkg, names string) (runs, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^Benchmark("+names+")$", "-benchtime=150ms", "-count=3", "-cpu=1", pkg).CombinedOutput()
	if err != nil {
		return runs{}, fmt.Errorf("%w\n%s", err, out)
	}
	r := runs{best: map[string]time.Duration{}}
	for _, m := range runLine.FindAllSubmatch(out, -1) {
		name := string(m[1])
		each, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return r, err
		}
		took := time.Duration(each)
		if best, known := r.best[name]; !known {
			r.names, r.best[name] = append(r.names, name), took
		} else {
			r.best[name] = min(best, took)
		}
	}
	return r, nil
}

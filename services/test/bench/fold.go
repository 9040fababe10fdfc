package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// fold runs the benchmark of the fold where it lives.
func (b *bench) fold(ctx context.Context) error {
	progress("fold")
	out, err := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^BenchmarkFold$", "-benchtime=500ms",
		"github.com/assay-hq/assay/services/behavior/internal/engagement").CombinedOutput()
	if err != nil {
		return fmt.Errorf("fold: %w\n%s", err, out)
	}
	for _, m := range regexp.MustCompile(`BenchmarkFold/(\d+)\S*\s.*?([\d.]+) activities/s`).FindAllSubmatch(out, -1) {
		rate, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return err
		}
		f := figure{store: "memory", what: "7 fold, history of " + thousands(string(m[1])), load: "1 core", value: perSecond(rate, "act")}
		if string(m[1]) != "10" {
			f.aim = "250,000/s"
		}
		b.add(f)
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// many is how many leads the memory is measured with.
const many = 100_000

// program is the real binary.
type program struct {
	path, dir string
}

// build builds the binary.
func (b *bench) build(ctx context.Context) (program, error) {
	p := program{filepath.Join(b.dir, "assay"), b.dir}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", p.path, "github.com/assay-hq/assay/services/cmd/assay").CombinedOutput()
	if err != nil {
		return p, fmt.Errorf("%w\n%s", err, out)
	}
	return p, nil
}

// run runs a command of the binary against a server and returns what it prints.
func (p program) run(ctx context.Context, server string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = append(os.Environ(), "ASSAY_KEY="+adminKey, "ASSAY_SERVER=http://"+server)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("assay %s: %w\n%s", args[0], err, failed.Bytes())
	}
	return out, err
}

// served is a running `assay serve`.
type served struct {
	*system
	process *os.Process
	// ready is how long it took from the start to the first good answer of /readyz.
	ready time.Duration
}

// serve starts the binary.
func (p program) serve(ctx context.Context, url string) (*served, error) {
	httpAddr, err1 := deadAddr(ctx)
	grpcAddr, err2 := deadAddr(ctx)
	log, err3 := os.Create(filepath.Join(p.dir, "serve.log"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.path, "serve", "--db="+url, "--http-addr="+httpAddr, "--grpc-addr="+grpcAddr)
	cmd.Env = append(os.Environ(), "ASSAY_ADMIN_KEY="+adminKey)
	cmd.Stdout, cmd.Stderr = log, log
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is stopped by a signal
		log.Close()
		close(exited)
	}()
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-exited
	}
	for {
		if response, err := get(ctx, httpAddr, "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-exited:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("assay serve ended: %s", text)
		case <-time.After(2 * time.Millisecond):
		}
	}
	s := &served{process: cmd.Process, ready: time.Since(begin)}
	var err error
	s.system, err = connect(httpAddr, grpcAddr, stop)
	return s, err
}

var residentLine = regexp.MustCompile(`(?m)^(VmRSS|VmHWM):\s+(\d+) kB`)

// resident returns how much memory the process has now and had at most, in MiB.
func (s *served) resident() (now, most float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for _, m := range residentLine.FindAllSubmatch(text, -1) {
		kib, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return 0, 0, err
		}
		if string(m[1]) == "VmRSS" {
			now = kib / 1024
		} else {
			most = kib / 1024
		}
	}
	return now, most, nil
}

// binary measures the real binary: time to ready, import, memory.
func (b *bench) binary(ctx context.Context, t *target) error {
	p, err := b.build(ctx)
	if err != nil {
		return err
	}
	url, err := t.url()
	if err == nil && t.name == "postgres" {
		_, err = p.run(ctx, "", "migrate", "--db="+url)
	}
	if err != nil {
		return err
	}
	if err := b.startUp(ctx, t, p, url); err != nil {
		return err
	}
	s, err := p.serve(ctx, url)
	if err != nil {
		return err
	}
	defer s.stop()
	idle, _, err := s.resident()
	if err != nil {
		return err
	}
	if err := b.importLeads(ctx, t, p, s); err != nil {
		return err
	}
	leads := b.count(many)
	if err := errors.Join(s.fill(ctx, leads), s.decided(ctx)); err != nil {
		return err
	}
	now, most, err := s.resident()
	if err != nil {
		return err
	}
	b.add(figure{
		store: t.name, what: "6 resident memory, all five services", load: thousands(strconv.Itoa(leads)) + " leads, just decided",
		value: mebibytes(now), baseline: mebibytes(idle), beside: "idle", aim: "< 256 MiB", note: fmt.Sprintf("%.0f MiB at most", most),
	})
	return nil
}

// startUp measures the time to ready: the first start, which makes everything, and
// the median of later ones.
func (b *bench) startUp(ctx context.Context, t *target, p program, url string) error {
	began := time.Now()
	if _, err := p.run(ctx, "", "version"); err != nil {
		return err
	}
	version := time.Since(began)
	var first time.Duration
	var later latencies
	for i := range 6 {
		s, err := p.serve(ctx, url)
		if err != nil {
			return err
		}
		s.stop()
		if i == 0 {
			first = s.ready
		} else {
			later = append(later, s.ready)
		}
	}
	for _, f := range []figure{{what: "6 time to ready, first start", value: lasting(first)}, {what: "6 time to ready", value: lasting(later.quantile(.5))}} {
		f.store, f.baseline, f.beside, f.aim = t.name, lasting(version), "assay version", "< 1 s"
		b.add(f)
	}
	return nil
}

// mapping of the file that importLeads makes.
const mapping = `
source: bench-import
identities: [{kind: email, column: Email}]
attributes:
  - {column: Title, key: job_title}
  - {column: Industry, key: industry}
  - {column: Country, key: country}
  - {column: Employees, key: employees, type: number}
activities:
  - {type: form.submitted, id: form, properties: {form: {column: Form}}}
`

// importLeads measures the command `import`, with its checks, until every lead is
// decided.
func (b *bench) importLeads(ctx context.Context, t *target, p program, s *served) error {
	leads := b.count(crowd)
	table, rules := filepath.Join(p.dir, "leads.csv"), filepath.Join(p.dir, "mapping.yaml")
	var text strings.Builder
	w := csv.NewWriter(&text)
	rows := [][]string{{"Email", "Title", "Industry", "Country", "Employees", "Form"}}
	for i := range leads {
		rows = append(rows, []string{
			"imported-" + email(i), titles[i%len(titles)], industries[i%len(industries)], countries[i%len(countries)], strconv.Itoa(i % 4000), "newsletter",
		})
	}
	err := w.WriteAll(rows)
	err = errors.Join(err, os.WriteFile(table, []byte(text.String()), 0o600), os.WriteFile(rules, []byte(mapping), 0o600))
	if err != nil {
		return err
	}
	began := time.Now()
	out, err := p.run(ctx, s.http, "import", "leads", table, "--mapping="+rules, "--output=json")
	took := time.Since(began)
	if err != nil {
		return err
	}
	var sum struct{ Created int }
	if err := json.Unmarshal(out, &sum); err != nil || sum.Created != leads {
		return fmt.Errorf("import: created %d of %d leads: %s %w", sum.Created, leads, out, err)
	}
	b.add(figure{
		store: t.name, what: "5 import of a CSV, every lead decided", load: thousands(strconv.Itoa(leads)) + " rows",
		value: perSecond(float64(leads)/took.Seconds(), "leads"), baseline: perSecond(t.newLeads, "leads"), beside: "flow, new leads",
	})
	return nil
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

const (
	adminKey       = "admin-key-of-the-benchmarks-0123456789"
	internalSecret = "internal-secret-of-the-benchmarks-0123456789"
)

// system is a running installation, in this process or another one.
type system struct {
	url  string // of its store; empty where nobody asks
	http string // HOST:PORT
	grpc *grpc.ClientConn
	stop func()
}

// start runs services in this process, with their log in a file.
func (b *bench) start(ctx context.Context, s app.Settings) (*system, error) {
	s.HTTPAddr, s.GRPCAddr, s.AdminKey = "127.0.0.1:0", "127.0.0.1:0", adminKey
	log, err := os.Create(filepath.Join(b.dir, "log"))
	if err != nil {
		return nil, err
	}
	a, err := app.Start(ctx, s, app.Options{Telemetry: telemetry.Options{Log: log}})
	if err != nil {
		return nil, err
	}
	stop := func() {
		a.Stop(context.WithoutCancel(ctx))
		log.Close()
	}
	return connect(a.HTTPAddr(), a.GRPCAddr(), stop)
}

func connect(httpAddr, grpcAddr string, stop func()) (*system, error) {
	conn, err := grpc.NewClient(grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		stop()
		return nil, err
	}
	return &system{http: httpAddr, grpc: conn, stop: func() { conn.Close(); stop() }}, nil
}

// whole runs all the services over an empty store.
func (b *bench) whole(ctx context.Context, t *target) (*system, error) {
	url, err := t.url()
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, url); err != nil {
		return nil, err
	}
	s, err := b.start(ctx, app.Settings{DB: url})
	if err != nil {
		return nil, err
	}
	s.url = url
	return s, nil
}

func migrate(ctx context.Context, url string) error {
	if strings.HasPrefix(url, "sqlite:") {
		return nil // on start
	}
	return app.Migrate(ctx, app.Settings{DB: url}, func(string) {})
}

// withKey returns the context of calls from outside.
func withKey(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+adminKey)
}

// browser keeps a connection for every caller.
var browser = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// post makes a REST call and returns the body of the answer.
func (s *system) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := browser.Do(request)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d: %s", path, response.StatusCode, answer)
	}
	return answer, err
}

// get makes a GET call; the caller closes the body.
func get(ctx context.Context, addr, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return nil, err
	}
	return browser.Do(request)
}

// metric returns a figure of /metrics, summed over its labels.
func (s *system) metric(ctx context.Context, name string) (float64, error) {
	response, err := get(ctx, s.http, "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, name+"{") {
			continue
		}
		n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// decided waits until what was acknowledged is stored and no lead waits for a decision.
func (s *system) decided(ctx context.Context) error {
	for {
		deferred, err := s.metric(ctx, "assay_journal_captures")
		if err != nil {
			return err
		}
		depth, err := s.metric(ctx, "assay_queue_depth") // after it: what is stored waits here
		if err != nil || deferred == 0 && depth == 0 {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

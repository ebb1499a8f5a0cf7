// Command load asks a server on this machine mixed questions and has it write
// for a time, and fails when a request failed or when memory or goroutines
// stayed up after it.
//
//	retinue serve --metrics 127.0.0.1:9464 &
//	RETINUE_TOKEN=… go run ./internal/testkit/cmd/load -for 2m
//
// It is bounded: so many workers, each with one request at a time, on loopback
// only.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	server := flag.String("server", "http://127.0.0.1:8420", "the server, on loopback")
	metrics := flag.String("metrics", "http://127.0.0.1:9464/metrics", "where it serves its metrics")
	length := flag.Duration("for", 2*time.Minute, "how long, at most ten minutes")
	workers := flag.Int("workers", 8, "how many requests at once, at most 64")
	rest := flag.Duration("rest", 20*time.Second, "how long to wait before looking at memory again")
	flag.Parse()
	l := &load{server: *server, metrics: *metrics, token: os.Getenv("RETINUE_TOKEN"), client: &http.Client{Timeout: 30 * time.Second},
		took: map[string][]time.Duration{}, failed: map[string]int{}}
	if err := l.run(context.Background(), min(*length, 10*time.Minute), min(*workers, 64), *rest); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type load struct {
	server, metrics, token string
	client                 *http.Client
	findings               []string

	mu     sync.Mutex
	took   map[string][]time.Duration
	failed map[string]int
}

func (l *load) run(ctx context.Context, length time.Duration, workers int, rest time.Duration) error {
	for _, address := range []string{l.server, l.metrics} {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			return fmt.Errorf("%s is not this machine", address)
		}
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	// The first requests fill caches and pools; what grows after them counts.
	l.work(ctx, min(length/10, 10*time.Second), workers)
	time.Sleep(rest / 2)
	before, err := l.gauges(ctx)
	if err != nil {
		return err
	}
	clear(l.took)
	start := time.Now()
	l.work(ctx, length, workers)
	l.report(time.Since(start))
	time.Sleep(rest)
	after, err := l.gauges(ctx)
	if err != nil {
		return err
	}
	return l.judge(before, after)
}

// prepare reads what writes need.
func (l *load) prepare(ctx context.Context) error {
	var p struct {
		Items []struct{ ID string }
	}
	b, _, err := l.do(ctx, http.MethodGet, "/findings?limit=100", nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	for _, f := range p.Items {
		l.findings = append(l.findings, f.ID)
	}
	return nil
}

func (l *load) work(ctx context.Context, length time.Duration, workers int) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				l.one(ctx)
			}
		})
	}
	wg.Wait()
}

// reads are the pages of the console, as often as people look at them.
var reads = []string{"/me", "/overview", "/identities?limit=50", "/identities?limit=50&sort=-priority&class=non_human", "/identities?owner=none&sort=-lastUsed",
	"/identities?text=prod", "/credentials?limit=50&sort=expires", "/credentials?static=true", "/findings?limit=50", "/findings?severity=critical&severity=high",
	"/facets/identities?column=kind", "/changes?limit=50", "/search?text=admin", "/rules", "/identities?as_of=2026-06-01T00:00:00Z", "/records?limit=50"}

func (l *load) one(ctx context.Context) {
	if rand.IntN(10) == 0 && len(l.findings) > 0 {
		id := l.findings[rand.IntN(len(l.findings))]
		state := []string{"acknowledged", "open"}[rand.IntN(2)]
		l.timed(ctx, http.MethodPost, "/findings/decisions", map[string]any{"ids": []string{id}, "state": state})
		return
	}
	l.timed(ctx, http.MethodGet, reads[rand.IntN(len(reads))], nil)
}

func (l *load) timed(ctx context.Context, method, path string, body any) {
	start := time.Now()
	_, status, err := l.do(ctx, method, path, body)
	took := time.Since(start)
	if ctx.Err() != nil {
		return // the time was over
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name, _, _ := strings.Cut(method+" "+path, "?")
	l.took[name] = append(l.took[name], took)
	if err != nil {
		l.failed[fmt.Sprintf("%s: %d %v", name, status, err)]++
	}
}

func (l *load) do(ctx context.Context, method, path string, body any) ([]byte, int, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, 0, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, l.server+"/api/v1"+path, r)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%.200s", b)
	}
	return b, resp.StatusCode, err
}

// gauges reads the metrics that must not stay up.
func (l *load) gauges(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.metrics, nil)
	if err != nil {
		return nil, err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]float64{}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		name, value, ok := strings.Cut(s.Text(), " ")
		if ok && (name == "go_goroutines" || name == "go_memstats_heap_inuse_bytes" || name == "process_resident_memory_bytes" || name == "process_open_fds") {
			if out[name], err = strconv.ParseFloat(value, 64); err != nil {
				return nil, err
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no metrics at " + l.metrics)
	}
	return out, nil
}

func (l *load) report(took time.Duration) {
	total := 0
	names := make([]string, 0, len(l.took))
	for name, all := range l.took {
		names, total = append(names, name), total+len(all)
		slices.Sort(all)
	}
	slices.Sort(names)
	fmt.Printf("%d requests in %s: %.0f a second\n", total, took.Round(time.Second), float64(total)/took.Seconds())
	for _, name := range names {
		all := l.took[name]
		fmt.Printf("  %-28s %7d  median %8s  99%% %8s  worst %8s\n", name, len(all), all[len(all)/2].Round(time.Microsecond*100),
			all[len(all)*99/100].Round(time.Microsecond*100), all[len(all)-1].Round(time.Microsecond*100))
	}
}

// judge reports failures, and what stayed up.
func (l *load) judge(before, after map[string]float64) error {
	var errs []error
	for text, n := range l.failed {
		errs = append(errs, fmt.Errorf("%d times %s", n, text))
	}
	for name, was := range before {
		now := after[name]
		fmt.Printf("  %-32s %14.0f before %14.0f after\n", name, was, now)
		room := 1.5*was + 20
		if strings.HasSuffix(name, "bytes") {
			room = 1.5*was + 64<<20
		}
		if now > room {
			errs = append(errs, fmt.Errorf("%s stayed up: %.0f, was %.0f", name, now, was))
		}
	}
	return errors.Join(errs...)
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
)

// tokenEnv names the variable that holds the token of the one who hands in.
const tokenEnv = "RETINUE_TOKEN"

// compare imports the files and hands them in, in turn, and prints what each took
// and the median of the ratios of the rounds.
func compare(ctx context.Context, o options) error {
	files, stored, err := sizeOf(o.dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d files, %d MB as they are stored; load %s\n", o.dir, files, stored>>20, load())
	var clock, processors []float64
	for i := range o.rounds {
		here, there, server, err := oneOfEach(ctx, o)
		if err != nil {
			return err
		}
		hw, hc := here.speeds()
		tw, _ := there.speeds()
		both := float64(there.records) / (there.cpu + server.cpu).Seconds()
		fmt.Printf("round %d: import %d records: %.0f a second, %.0f a second of processors, peak %d MB; hand in %d: %.0f, %.0f (here %s, there %s), peaks %d and %d MB; ratio %.2f by the clock, %.2f by processors; load %s\n",
			i+1, here.records, hw, hc, here.peak, there.records, tw, both, there.cpu.Round(time.Millisecond), server.cpu.Round(time.Millisecond), there.peak, server.peak,
			tw/hw, both/hc, load())
		clock, processors = append(clock, tw/hw), append(processors, both/hc)
	}
	fmt.Printf("median ratio: %.2f by the clock, %.2f by processors\n", median(clock), median(processors))
	return nil
}

// oneOfEach imports the files and hands them in once.
func oneOfEach(ctx context.Context, o options) (here, there, server result, err error) {
	work, err := os.MkdirTemp("", "trailload")
	if err != nil {
		return here, there, server, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if here, err = child(ctx, "-do", "import", "-dir", o.dir, "-db", filepath.Join(work, "here.db")); err != nil {
		return here, there, server, err
	}
	s, err := startServer(ctx, o.dir, filepath.Join(work, "there.db"))
	if err != nil {
		return here, there, server, err
	}
	there, err = child(ctx, "-do", "handin", "-dir", o.dir, "-server", s.url)
	stopped, serr := s.stop()
	return here, there, stopped, errors.Join(err, serr)
}

// served is a server that runs in a process of its own.
type served struct {
	url string
	cmd *exec.Cmd
}

func startServer(ctx context.Context, dir, db string) (*served, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-do", "serve", "-dir", dir, "-db", db) //nolint:gosec // this program
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	at, token, ok := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("start server: it said %q: %w", line, errors.Join(err, cmd.Wait()))
	}
	return &served{at, cmd}, os.Setenv(tokenEnv, token)
}

// stop ends the server and says what it took.
func (s *served) stop() (result, error) {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return result{}, err
	}
	err := s.cmd.Wait()
	return taken(s.cmd), err
}

// serve serves an installation, and prints its address and a token that may hand
// in.
func serve(ctx context.Context, o options) error {
	keys := filepath.Dir(o.db)
	a, err := app.Open(ctx, app.Config{Database: o.db, KeyFile: filepath.Join(keys, "there.key"), SigningKeyFile: filepath.Join(keys, "there.sign")}, app.Options{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return err
	}
	free := l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	at, link := make(chan string, 1), make(chan string, 1)
	go func() {
		url := <-at
		token, err := setUp(ctx, url, <-link)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(url, token)
	}()
	err = a.Serve(ctx, app.ServeOptions{Listen: free, Started: func(u string, _ net.Addr) { at <- u }, Link: func(_, u string) { link <- u }})
	return errors.Join(err, a.Close())
}

// setUp makes the first account of a server, and a token of it.
func setUp(ctx context.Context, server, link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar}
	post := func(path string, in, out any) error {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/api/v1"+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := browser.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode > 299 {
			err = fmt.Errorf("POST %s: %s %s", path, resp.Status, text)
		}
		if err != nil || out == nil {
			return err
		}
		return json.Unmarshal(text, out)
	}
	if err := post("/auth/setup", map[string]any{"token": u.Fragment, "login": "ada@example.org", "name": "Ada", "password": "violet harbour ticket"}, nil); err != nil {
		return "", err
	}
	var made struct {
		Secret string `json:"secret"`
	}
	err = post("/tokens", map[string]any{"name": "trail", "permissions": []string{"ingest.write", "sources.manage"}, "scope": map[string]any{"all": true},
		"expiresAt": time.Now().Add(time.Hour)}, &made)
	return made.Secret, err
}

// handIn reads the files here and hands what they tell in to a server.
func handIn(ctx context.Context, o options) error {
	c, err := client.New(o.server, client.Options{Token: retinue.NewSecret(os.Getenv(tokenEnv))})
	if err != nil {
		return err
	}
	keys, err := os.MkdirTemp("", "trailload")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(keys) }()
	k, err := app.OpenKeys(filepath.Join(keys, "key"))
	if err != nil {
		return err
	}
	reads, err := app.HandInActivity(ctx, app.Specs(), k, []app.SourceConfig{sourceOf(o)}, app.ActivityOptions{Actor: app.Actor(), Getenv: noEnv}, taker{c})
	say(reads)
	return err
}

// taker is a server that counts what was read here.
type taker struct{ c *client.Client }

// Position implements app.LogTaker.
func (t taker) Position(ctx context.Context, kind, input string) (p app.ActivityPosition, err error) {
	_, err = t.c.Do(ctx, client.Request{Path: "/activity/imports/position", Query: url.Values{"kind": {kind}, "input": {input}}}, &p)
	return p, err
}

// Take implements app.LogTaker.
func (t taker) Take(ctx context.Context, kind, source string, part []byte) (got app.TakenActivity, err error) {
	err = t.c.ImportActivity(ctx, kind, source, part, &got)
	return got, err
}

package exec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	osexec "os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	// maxLine bounds one line, in bytes: the largest fact is a policy document
	// of retinue.MaxDocument with every character escaped.
	maxLine = 6*retinue.MaxDocument + 1<<20
	// keptStderr is how much of the end of standard error is kept.
	keptStderr = 8 << 10
	// grace is how long what a program left running may hold its output open.
	grace = 2 * time.Second
)

// passed are the variables that every program gets.
var passed = [...]string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SystemRoot"}

// program is a program that can be run.
type program struct {
	path string
	args []string
	env  []string // names to hand on
	host connector.Env
}

// run runs the program with an operation ("discover", "check") and calls each
// for every line. When each returns an error or ctx ends, the program and what
// it started are killed. It returns each's error, else how the program failed.
func (p *program) run(ctx context.Context, op string, clean func(string) string, each func(n int, text []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%w: run %s: %v", retinue.ErrUnavailable, p.name(), err)
	}
	defer func() { _ = r.Close() }()
	cmd := osexec.CommandContext(ctx, p.path, p.args...)
	stderr := &tail{}
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.environ(op), w, stderr, grace
	ownGroup(cmd)
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return p.startError(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		endGroup(cmd) // what it started would hold the pipe open
		ended <- err
	}()
	lineErr := readLines(r, each)
	if lineErr != nil {
		cancel()
		_ = r.Close()
	}
	waitErr := <-ended
	switch {
	case lineErr != nil:
		return lineErr
	case ctx.Err() != nil:
		return ctx.Err()
	case waitErr != nil && !errors.Is(waitErr, osexec.ErrWaitDelay):
		return p.exitError(waitErr, clean(stderr.String()))
	}
	return nil
}

func (p *program) name() string { return retinue.CleanName(p.path) }

func (p *program) startError(err error) error {
	kind := retinue.ErrInvalid
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = retinue.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		kind = retinue.ErrDenied
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%w: run %s: %v", kind, p.name(), err)
}

func (p *program) exitError(err error, said string) error {
	if said != "" {
		said = ": " + said
	}
	return fmt.Errorf("%w: run %s: %v%s", retinue.ErrUnavailable, p.name(), err, said)
}

// environ is the program's environment: little, so that nothing is handed on
// by accident.
func (p *program) environ(op string) []string {
	env := []string{"RETINUE_PROTOCOL=" + strconv.Itoa(protocol), "RETINUE_OP=" + op, "RETINUE_USER_AGENT=" + p.host.UserAgent}
	for _, names := range [][]string{passed[:], p.env} {
		for _, n := range names {
			if v := p.host.Getenv(n); v != "" {
				env = append(env, n+"="+v)
			}
		}
	}
	return env
}

// readLines calls each for every line that is not empty. A last line without
// its end is one too.
func readLines(r io.Reader, each func(n int, text []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var buf []byte
	for n := 1; ; n++ {
		buf = buf[:0]
		for {
			part, err := in.ReadSlice('\n')
			buf = append(buf, part...)
			if len(buf) > maxLine {
				return fmt.Errorf("%w: line %d: more than %d MiB", retinue.ErrInvalid, n, maxLine>>20)
			}
			if err == nil {
				break
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if len(trim(buf)) > 0 {
				if err := each(n, trim(buf)); err != nil {
					return err
				}
			}
			return nil // the end, or the pipe closed: how the program ended says more
		}
		if text := trim(buf); len(text) > 0 {
			if err := each(n, text); err != nil {
				return err
			}
		}
	}
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r' || b[len(b)-1] == ' ') {
		b = b[:len(b)-1]
	}
	return b
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
	cut bool
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if len(p) > keptStderr {
		p, t.cut = p[len(p)-keptStderr:], true
	}
	if extra := len(t.buf) + len(p) - keptStderr; extra > 0 {
		t.buf, t.cut = append(t.buf[:0], t.buf[extra:]...), true
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// String returns what was kept, from the first whole line if there was more.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buf
	if t.cut {
		for i, c := range b {
			if c == '\n' {
				b = b[i+1:]
				break
			}
		}
	}
	return string(trim(b))
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// result is what one process took.
type result struct {
	records   int64
	wall, cpu time.Duration
	peak      int64 // MB
}

// speeds are records a second by the clock, and a second of processors.
func (r result) speeds() (float64, float64) {
	return float64(r.records) / r.wall.Seconds(), float64(r.records) / r.cpu.Seconds()
}

// measure decodes and imports in turn and prints what each took, and the median
// of the ratios of the rounds.
func measure(ctx context.Context, o options) error {
	files, stored, err := sizeOf(o.dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d files, %d MB as they are stored; %d processors, load %s\n", o.dir, files, stored>>20, runtime.GOMAXPROCS(0), load())
	var clock, processors []float64
	for i := range o.rounds {
		work, err := os.MkdirTemp("", "trailload")
		if err != nil {
			return err
		}
		d, err := child(ctx, "-do", "decode", "-dir", o.dir, "-kind", o.kind)
		var m result
		if err == nil {
			m, err = child(ctx, "-do", "import", "-dir", o.dir, "-db", filepath.Join(work, "r.db"), "-kind", o.kind, "-option", o.option)
		}
		if rerr := os.RemoveAll(work); err == nil {
			err = rerr
		}
		if err != nil {
			return err
		}
		dw, dc := d.speeds()
		mw, mc := m.speeds()
		fmt.Printf("round %d: decode %d records: %.0f a second, %.0f a second of processors, peak %d MB; import %d: %.0f, %.0f, peak %d MB; ratio %.2f by the clock, %.2f by processors; load %s\n",
			i+1, d.records, dw, dc, d.peak, m.records, mw, mc, m.peak, mw/dw, mc/dc, load())
		clock, processors = append(clock, mw/dw), append(processors, mc/dc)
	}
	fmt.Printf("median ratio: %.2f by the clock, %.2f by processors\n", median(clock), median(processors))
	return nil
}

// child runs this program again and reports what it took.
func child(ctx context.Context, args ...string) (result, error) {
	var r result
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // this program
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	start := time.Now()
	err = cmd.Run()
	r.wall = time.Since(start)
	if err != nil {
		return r, fmt.Errorf("run %s: %w", strings.Join(args, " "), err)
	}
	wall := r.wall
	r = taken(cmd)
	r.wall = wall
	r.records, err = strconv.ParseInt(strings.TrimSpace(out.String()), 10, 64)
	return r, err
}

// taken is what a process that ended took of processors and memory.
func taken(cmd *exec.Cmd) (r result) {
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peak = u.Maxrss >> 10
	}
	return r
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// load is that of the machine, of the last minute.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

func sizeOf(dir string) (files, bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files++
			bytes += info.Size()
		}
		return err
	})
	return files, bytes, err
}

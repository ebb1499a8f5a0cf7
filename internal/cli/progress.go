package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// progress shows how far each source is: bars on a terminal, a line now and
// then elsewhere.
type progress struct {
	w    io.Writer
	bars *mpb.Progress
	mu   sync.Mutex
	of   map[string]*sourceProgress
}

type sourceProgress struct {
	bar    *mpb.Bar
	stage  string
	scopes int
	said   time.Time
}

// lineEvery is the least time between two lines about one source.
const lineEvery = 5 * time.Second

func newProgress(w io.Writer, _ int) *progress {
	p := &progress{w: w, of: map[string]*sourceProgress{}}
	if isTerminal(w) {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(30), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return p
}

func (p *progress) source(name string) *sourceProgress {
	s := p.of[name]
	if s == nil {
		s = &sourceProgress{}
		p.of[name] = s
		if p.bars != nil {
			label := retinue.CleanName(name)
			if len(label) > 40 {
				label = label[:18] + "…" + label[len(label)-18:]
			}
			s.bar = p.bars.AddBar(0, mpb.BarRemoveOnComplete(),
				mpb.PrependDecorators(decor.Name(label+" ")),
				mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
					p.mu.Lock()
					defer p.mu.Unlock()
					return s.stage
				})))
		}
	}
	return s
}

// progress takes a connector's report. It is called from many goroutines.
func (p *progress) progress(name string, c connector.Progress) {
	p.mu.Lock()
	s := p.source(name)
	s.stage = retinue.CleanName(c.Stage)
	if c.Done > 0 {
		s.stage += fmt.Sprintf(" (%d", c.Done)
		if c.Total > 0 {
			s.stage += fmt.Sprintf(" of %d", c.Total)
		}
		s.stage += " " + c.Unit + ")"
	}
	say := p.bars == nil && time.Since(s.said) >= lineEvery
	if say {
		s.said = time.Now()
	}
	text := s.stage
	bar := s.bar
	p.mu.Unlock()
	if bar != nil && c.Total > 0 {
		bar.SetTotal(c.Total, false)
		bar.SetCurrent(c.Done)
	}
	if say {
		_, _ = fmt.Fprintf(p.w, "%s: %s\n", retinue.CleanName(name), text)
	}
}

// scope notes that a scope has been written.
func (p *progress) scope(name string, _ store.ScopeRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.source(name).scopes++
}

func (p *progress) close() {
	if p.bars == nil {
		return
	}
	p.mu.Lock()
	var bars []*mpb.Bar
	for _, s := range p.of {
		bars = append(bars, s.bar)
	}
	p.mu.Unlock()
	for _, b := range bars {
		b.Abort(true)
	}
	p.bars.Wait()
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func terminalWidth(w any) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return min(n, 120)
		}
	}
	return 80
}

func colour(w any, getenv func(string) string) bool {
	return isTerminal(w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

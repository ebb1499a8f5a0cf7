package export

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Target is the file or folder that a source names, with ~ as the home folder.
func Target(cfg connector.Config, env connector.Env) string {
	home := env.Getenv("HOME")
	if rest, ok := strings.CutPrefix(cfg.Target, "~/"); ok && home != "" {
		return home + "/" + rest
	}
	return cfg.Target
}

// WouldRead notes every file for a dry run.
func (s *Set) WouldRead(sink connector.Sink) {
	for _, f := range s.Files {
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: fmt.Sprintf("read %s, %d bytes", retinue.CleanName(f.Name), f.Size)})
	}
}

// Paging finds listings that break off: pages that name a next one, where the
// last page of the kind is not there. The zero Paging is ready.
type Paging[Kind comparable] struct {
	paged map[Kind]string
	last  map[Kind]bool
}

// File takes the kinds of thing that a file holds, and whether it names a next
// page.
func (p *Paging[Kind]) File(name string, kinds map[Kind]bool, more bool) {
	if p.paged == nil {
		p.paged, p.last = map[Kind]string{}, map[Kind]bool{}
	}
	for k := range kinds {
		if more && p.paged[k] == "" {
			p.paged[k] = name
		}
		p.last[k] = p.last[k] || !more
	}
}

// Broken adds the files whose next page is missing, with an error that wraps
// retinue.ErrInvalid.
func (p *Paging[Kind]) Broken(errs map[string]error) {
	for k, name := range p.paged {
		if !p.last[k] {
			errs[name] = fmt.Errorf("read %s: %w: the page names a next one that is not there", retinue.CleanName(name), retinue.ErrInvalid)
		}
	}
}

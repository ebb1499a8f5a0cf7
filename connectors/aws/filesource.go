package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// together is how far apart in time files may be to count as one export. A
// newer file supersedes what is older than that: reading an old export beside a
// new one must not bring back what is gone.
const together = time.Hour

// fileSource answers calls from the files of an export.
type fileSource struct {
	root *os.Root
	docs map[call][]exportFile // newest first
	all  []exportFile
}

func newFileSource(root *os.Root, s *scanned, sink connector.Sink) *fileSource {
	f := &fileSource{root: root, docs: map[call][]exportFile{}, all: s.files}
	for _, e := range s.files {
		if e.kind != kindAnswer || e.account == "" {
			continue
		}
		c := e.call
		subjects := e.subjects
		if len(subjects) == 0 {
			subjects = []string{c.subject}
		}
		for _, sub := range subjects {
			c.subject = sub
			f.docs[c] = append(f.docs[c], e)
		}
	}
	old := map[string]string{}
	for c, docs := range f.docs {
		slices.SortFunc(docs, func(a, b exportFile) int {
			if d := b.observed().Compare(a.observed()); d != 0 {
				return d
			}
			return strings.Compare(a.name, b.name)
		})
		newest := docs[0].observed()
		for i, d := range docs {
			if newest.Sub(d.observed()) > together {
				for _, o := range docs[i:] {
					old[o.name] = docs[0].name
				}
				docs = docs[:i]
				break
			}
		}
		f.docs[c] = docs
	}
	for _, name := range sortedKeys(old) {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Text: fmt.Sprintf("%s was not read: %s is a newer export of the same; scan the older one by itself to put it into history",
			retinue.CleanName(name), retinue.CleanName(old[name]))})
	}
	return f
}

// pages implements source.
func (f *fileSource) pages(ctx context.Context, c call, fn func(io.Reader) error) (time.Time, error) {
	docs := f.docs[c]
	if len(docs) == 0 {
		return time.Time{}, errNotExported
	}
	var at time.Time
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return at, err
		}
		if t := d.observed(); at.IsZero() || t.Before(at) {
			at = t
		}
		if d.err != "" {
			if err := exportedError(d); err != nil {
				return at, err
			}
			continue
		}
		if err := f.page(ctx, d, fn); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (f *fileSource) page(ctx context.Context, d exportFile, fn func(io.Reader) error) error {
	file, _, err := openFile(f.root, d.name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := fn(contextReader{ctx, file}); err != nil {
		if se := (sinkError{}); errors.As(err, &se) {
			return se
		}
		return fmt.Errorf("read %s: %w", retinue.CleanName(d.name), err)
	}
	return nil
}

// exportedError is the error that the export script got from AWS.
func exportedError(d exportFile) error {
	kind := errorKind(d.err)
	if errors.Is(kind, errAbsent) {
		return errAbsent
	}
	return fmt.Errorf("%s: the export was refused: %w: %s", retinue.CleanName(d.name), kind, retinue.CleanName(d.err))
}

// contextReader ends the reading of a large file when the run ends.
type contextReader struct {
	ctx context.Context //nolint:containedctx // a reader for the length of one call
	r   io.Reader
}

// Read implements io.Reader.
func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// workers implements source: files are read one after the other, which is as
// fast and in a stable order.
func (*fileSource) workers() int { return 1 }

// regions implements source: those that the files name, and whether the files
// say which regions are enabled.
func (f *fileSource) regions(ctx context.Context, account string) ([]string, bool, error) {
	var out []string
	for c := range f.docs {
		if c.account == account && c.region != "" {
			out = append(out, c.region)
		}
	}
	_, err := f.pages(ctx, call{account: account, op: opRegions}, func(r io.Reader) error {
		return listOf(r, "Regions", func(g struct{ RegionName, OptInStatus string }) error {
			if g.RegionName != "" && g.OptInStatus != "not-opted-in" {
				out = append(out, g.RegionName)
			}
			return nil
		})
	})
	slices.Sort(out)
	return slices.Compact(out), err == nil, err
}

// when implements source.
func (f *fileSource) when(account string) time.Time {
	var at time.Time
	for _, e := range f.all {
		if t := e.observed(); e.account == account && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// subjects returns what the files hold answers about.
func (f *fileSource) subjects(account, region, op string) []string {
	var out []string
	for c := range f.docs {
		if c.account == account && c.region == region && c.op == op && c.subject != "" {
			out = append(out, c.subject)
		}
	}
	slices.Sort(out)
	return out
}

// holding returns the accounts of which the files hold an operation's answer.
func (f *fileSource) holding(op string) []string {
	var out []string
	for c := range f.docs {
		if c.op == op {
			out = append(out, c.account)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// answers reports whether the files hold any answer of the account's, and not
// only code that declares it.
func (f *fileSource) answers(account string) bool {
	for c := range f.docs {
		if c.account == account {
			return true
		}
	}
	return false
}

// partition returns the partition that the account's ARNs name.
func (f *fileSource) partition(account string) string {
	n := map[string]int{}
	for _, e := range f.all {
		if e.account == account && e.partition != "" {
			n[e.partition]++
		}
	}
	if p := most(n); p != "" {
		return p
	}
	return "aws"
}

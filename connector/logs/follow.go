package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue/connector"
)

// trail is what is remembered of a file that was named by itself: what it held
// when it was looked at last, and what it held before that may yet be written to. It
// is kept as the position of an input of its own.
type trail struct {
	Version int    `json:"v"`
	Now     held   `json:"now"`
	Before  []held `json:"before,omitempty"`
}

// held is content that the file held.
type held struct {
	imprint
	// Seen is when it was last written, as it was looked at last, and Last when its
	// last event happened.
	Seen time.Time `json:"seen,omitzero"`
	Last time.Time `json:"last,omitzero"`
	// File is where it was, links resolved, and Found true once it was read on
	// under another name.
	File  string `json:"file,omitempty"`
	Found bool   `json:"found,omitempty"`
}

const (
	trailVersion = 1
	// maxBefore bounds the contents that may yet be written to.
	maxBefore = 16
	// maxTrail bounds what is kept of a file, in bytes.
	maxTrail = 16 << 10
)

// followed is the following of one file in one run.
type followed struct {
	*inputRun
	key   string
	kept  string // the trail as it is kept
	trail trail
	known bool // the file was looked at before
	// before are contents that it held, newest last, lost those of them that are
	// nowhere, and chain the input that the file's own content goes on from; empty
	// where something between is lost.
	before []held
	lost   []held
	why    []string
	chain  string
	begins time.Time // when the first event behind what is lost happened
}

// follow begins to follow the file of f, which is open or could not be opened.
func (f *inputRun) follow() (*followed, error) {
	if !f.in.named || f.req.Position == nil || f.content != nil && f.content.compressed {
		return nil, nil
	}
	path, err := filepath.Abs(f.in.Name)
	if err != nil {
		return nil, nil //nolint:nilerr // without a working folder nothing is known of the file but its name
	}
	w := &followed{inputRun: f, key: "file " + path}
	if f.reader != nil && f.reader.opts.As != "" {
		w.key = f.reader.opts.As + " " + w.key
	}
	if len(w.key) > 1024 {
		w.key = "file " + sumOf([]byte(w.key))
	}
	p, err := f.position(w.key)
	if err != nil {
		return nil, err
	}
	w.kept = p.Cursor
	if text, ok := strings.CutPrefix(p.Cursor, "trail="); ok && json.Unmarshal([]byte(text), &w.trail) == nil && w.trail.Version == trailVersion {
		w.known = true
	}
	return w, nil
}

// ready reads what was written before the file was rotated, and remembers a file
// that is followed for the first time before anything of it is read.
func (w *followed) ready() error {
	if !w.known {
		return w.keep(trail{Version: trailVersion, Now: held{imprint: imprintOf(w.head), Seen: w.in.Modified, File: w.real()}})
	}
	err := w.lead()
	w.in.after = w.chain
	return err
}

// lead reads what the file held before what it holds now, where that was not read
// to its end.
func (w *followed) lead() error {
	now := w.trail.Now
	same := now.imprint.begins(w.head)
	w.before = slices.Clone(w.trail.Before)
	replaced := w.known && !same && now.Size > 0
	if !w.known || !replaced && !now.weak() && len(w.before) == 0 {
		return nil
	}
	if replaced {
		w.before = append(w.before, now)
	}
	list := w.candidates()
	since, more := now.Seen, replaced || now.weak()
	var strong []held
	for _, h := range w.before {
		if !h.imprint.weak() {
			strong = append(strong, h)
			continue
		}
		// So little can be known again nowhere: whatever was written since is read.
		more, since = true, earlier(since, h.Seen)
		if !slices.ContainsFunc(list, func(c candidate) bool { return h.imprint.begins(c.head) }) && !h.Found {
			w.lose(h, list)
		}
	}
	w.before = strong
	for i := range w.before {
		if err := w.rest(&w.before[i], list); err != nil {
			return err
		}
	}
	// Where nobody has it followed, a file of the same name may be of another log.
	if sure := w.req.Files != nil || replaced && len(w.lost) == 0; sure && more {
		return w.between(list, since)
	}
	return nil
}

// candidates are the files that may hold what the file held.
func (w *followed) candidates() []candidate {
	since := w.trail.Now.Seen
	for _, h := range w.before {
		if h.Seen.Before(since) {
			since = h.Seen
		}
	}
	list := rotatedBeside(w.in.Name, since)
	if was := w.trail.Now.File; was != "" && was != w.real() { // it was, or is, a link
		list = append(list, rotatedBeside(was, since)...)
		if c, ok := candidateAt(was); ok && !c.Modified.Before(since) {
			list = append(list, c)
		}
	}
	own := imprintOf(w.head)
	for i := range list {
		list[i].look(w.ctx)
		list[i].taken = len(list[i].head) == 0 || !own.weak() && own.begins(list[i].head) // empty, or a copy of what the file itself holds
	}
	return list
}

// rest reads on in what the file held.
func (w *followed) rest(h *held, list []candidate) error {
	found := false
	// A file that is being compressed lies there twice: the whole one comes first.
	for _, packed := range []bool{false, true} {
		for i := len(list) - 1; i >= 0 && !found; i-- {
			c := &list[i]
			if c.taken || strings.HasSuffix(c.Name, ".gz") != packed || !h.imprint.begins(c.head) {
				continue
			}
			c.known = true
			g, err := w.one(c.Input)
			if err != nil {
				return err
			}
			if found = g.went; !found {
				continue
			}
			c.taken = true
			h.Found, h.Seen, h.Last, h.File = true, c.Modified, later(h.Last, g.last), c.Name
			w.chain = g.id
		}
	}
	for i := range list { // other copies of it
		list[i].taken = list[i].taken || found && h.imprint.begins(list[i].head)
	}
	if !found && !h.Found {
		w.lose(*h, list)
	}
	return nil
}

// lose notes that content is nowhere, with the files that may have it and cannot
// be read.
func (w *followed) lose(h held, list []candidate) {
	w.lost, w.chain = append(w.lost, h), ""
	for _, c := range list {
		if c.unreadable != "" {
			w.why = append(w.why, filepath.Base(c.Name)+" "+c.unreadable)
		}
	}
}

// between reads files that were begun and rotated since the file was looked at
// last.
func (w *followed) between(list []candidate, since time.Time) error {
	for i := range list {
		c := &list[i]
		if c.taken || c.unreadable != "" || c.Modified.Before(since) {
			continue
		}
		c.after = w.chain
		g, err := w.one(c.Input)
		if err != nil {
			return err
		}
		w.chain = g.id
		w.begin(g)
		w.before = append(w.before, held{imprint: imprintOf(c.head), Seen: c.Modified, Last: g.last, File: c.Name, Found: true})
	}
	return nil
}

// begin notes when the first event behind what is lost happened.
func (w *followed) begin(g *inputRun) {
	if len(w.lost) > 0 && w.begins.IsZero() {
		w.begins = g.begun
	}
}

// one reads another input within the reading of this one.
func (w *followed) one(in Input) (*inputRun, error) {
	in.beside = true
	g := &inputRun{run: w.run, in: in}
	err := g.read()
	var stop *stopError
	if errors.As(err, &stop) {
		return g, err
	}
	if err != nil {
		g.fault(connector.Fault{Err: err})
	}
	g.finish()
	return g, nil
}

// end keeps how the file stands, and tells what is nowhere.
func (w *followed) end() error {
	w.begin(w.inputRun)
	w.tell()
	next := trail{Version: trailVersion, Now: held{imprint: imprintOf(w.head), Seen: w.in.Modified, Last: w.last, File: w.real()}}
	if w.known && w.trail.Now.imprint.begins(w.head) {
		next.Now.Last = later(w.trail.Now.Last, next.Now.Last)
	}
	if w.known && next.Now.Seen.IsZero() { // it is not there
		next.Now.Seen = w.trail.Now.Seen
	}
	for _, h := range w.before {
		// Whoever writes may have it open until the new file is written to.
		if h.Found && (next.Now.Size == 0 || w.req.Now.Sub(h.Seen) < settled) {
			next.Before = append(next.Before, h)
		}
	}
	next.Before = next.Before[max(0, len(next.Before)-maxBefore):]
	return w.keep(next)
}

// keep has the host keep a trail, where it is another than the one that is kept.
func (w *followed) keep(t trail) error {
	enc, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("remember %s: %w", w.in.Label, err)
	}
	for len(enc) > maxTrail && len(t.Before) > 0 { // very long paths
		t.Before = t.Before[1:]
		if enc, err = json.Marshal(t); err != nil {
			return fmt.Errorf("remember %s: %w", w.in.Label, err)
		}
	}
	text := "trail=" + string(enc)
	if text == w.kept {
		return nil
	}
	p := connector.Position{Cursor: text}
	if err := w.sink.Batch(w.ctx, connector.Batch{Input: w.key, Label: w.in.Label, Position: p}); err != nil {
		return &stopError{err}
	}
	w.kept = text
	return nil
}

// away reads what a file held that is not there now. For an hour that is the way of
// logs that are rotated; then it is a mistake.
func (f *inputRun) away() error {
	w, err := f.follow()
	if err != nil {
		return err
	}
	if w != nil && w.known {
		if err := w.lead(); err != nil {
			return err
		}
		if f.ctx.Err() != nil {
			return nil //nolint:nilerr // the run tells why it ended
		}
		if err := w.end(); err != nil {
			return err
		}
		for _, h := range w.before {
			if h.Found && f.req.Now.Sub(h.Seen) < time.Hour {
				f.run.found.Add(1)
				f.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Count: 1, Text: f.in.Label + " is not there now: what it held is read from " + filepath.Base(h.File)})
				return nil
			}
		}
	}
	f.fault(connector.Fault{Err: f.in.missing})
	return nil
}

func (w *followed) real() string {
	path, err := filepath.EvalSymlinks(w.in.Name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return ""
	}
	return path
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

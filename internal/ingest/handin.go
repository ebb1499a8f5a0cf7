package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// HandInFormat names the form in which a scan made elsewhere is handed in:
// NDJSON, for each source a line "begin", its facts, completions, problems and
// notes as the connector made them, and a line "end".
const HandInFormat = "retinue.handin.v1"

// maxHandInLine bounds a line, in bytes: a policy document and what is around
// it.
const maxHandInLine = 2*retinue.MaxDocument + 1<<20

// HandIn sums up one source of a hand-in.
type HandIn struct {
	Kind, Name string
	Access     connector.Access
	Facts      int64
	Complete   int
	Problems   int
	Error      string
}

// line is one line of a hand-in.
type line struct {
	Op         string                `json:"op"`
	Format     string                `json:"format,omitempty"`
	Kind       string                `json:"kind,omitempty"`
	Name       string                `json:"name,omitempty"`
	Target     string                `json:"target,omitempty"`
	At         time.Time             `json:"at,omitzero"`
	Access     *connector.Access     `json:"access,omitempty"`
	Scope      *retinue.Scope        `json:"scope,omitempty"`
	Fact       json.RawMessage       `json:"fact,omitempty"`
	Completion *connector.Completion `json:"completion,omitempty"`
	Note       *connector.Note       `json:"note,omitempty"`
	Error      string                `json:"error,omitempty"`
}

// HandInWriter writes scans to be handed in elsewhere.
type HandInWriter struct {
	mu  sync.Mutex
	w   *bufio.Writer
	enc *json.Encoder
	err error
	cur *HandIn
}

// NewHandInWriter writes to w; Close flushes.
func NewHandInWriter(w io.Writer) *HandInWriter {
	b := bufio.NewWriterSize(w, 1<<16)
	return &HandInWriter{w: b, enc: json.NewEncoder(b)}
}

// Write scans with a connector and writes what it states.
func (h *HandInWriter) Write(ctx context.Context, kind, name, target string, c connector.Connector, now func() time.Time) (HandIn, error) {
	access, checkErr := c.Check(ctx)
	h.cur = &HandIn{Kind: kind, Name: name, Access: access}
	h.put(line{Op: "begin", Format: HandInFormat, Kind: kind, Name: name, Target: target, At: now().UTC(), Access: &access})
	if checkErr == nil {
		checkErr = c.Discover(ctx, connector.Request{Now: now()}, (*handInSink)(h))
	}
	end := line{Op: "end"}
	if checkErr != nil {
		end.Error = retinue.CleanName(checkErr.Error())
		h.cur.Error = end.Error
	}
	h.put(end)
	return *h.cur, errors.Join(h.err, ctx.Err())
}

// Close flushes what was written.
func (h *HandInWriter) Close() error {
	if err := errors.Join(h.err, h.w.Flush()); err != nil {
		return fmt.Errorf("%w: write scan: %v", retinue.ErrUnavailable, err)
	}
	return nil
}

func (h *HandInWriter) put(l line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = h.enc.Encode(l)
	}
}

// handInSink is the sink of a scan that is written to a file.
type handInSink HandInWriter

func (h *handInSink) writer() *HandInWriter { return (*HandInWriter)(h) }

// Emit implements connector.Sink.
func (h *handInSink) Emit(scope retinue.Scope, facts ...retinue.Fact) error {
	for _, f := range facts {
		b, err := retinue.MarshalFact(f)
		if err != nil {
			return err
		}
		h.writer().put(line{Op: "fact", Scope: &scope, Fact: b})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cur.Facts += int64(len(facts))
	return h.err
}

// Complete implements connector.Sink.
func (h *handInSink) Complete(scope retinue.Scope, c connector.Completion) error {
	h.writer().put(line{Op: "complete", Scope: &scope, Completion: &c})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cur.Complete++
	return h.err
}

// Problem implements connector.Sink.
func (h *handInSink) Problem(scope retinue.Scope, err error) {
	h.writer().put(line{Op: "problem", Scope: &scope, Error: retinue.CleanName(err.Error())})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cur.Problems++
}

// Note implements connector.Sink.
func (h *handInSink) Note(n connector.Note) { h.writer().put(line{Op: "note", Note: &n}) }

// HandInReader reads what a HandInWriter wrote.
type HandInReader struct {
	r    *bufio.Reader
	n    int
	keys []string
	may  func(retinue.Realm) bool
	last *Handed
}

// NewHandInReader reads from r. Fingerprints under other keys than the given
// ones are dropped.
func NewHandInReader(r io.Reader, keys []string) *HandInReader {
	return &HandInReader{r: bufio.NewReaderSize(r, 1<<16), keys: keys, may: func(retinue.Realm) bool { return true }}
}

// Bind has what is said about other realms than those that may names refused:
// a source that reads another system fails, scopes of other systems are passed
// over, and a scope with a refused fact is not completed.
func (h *HandInReader) Bind(may func(retinue.Realm) bool) { h.may = may }

// Handed is one source of a hand-in, as the connector that it came from.
type Handed struct {
	Kind, Name, Target string
	access             connector.Access
	reader             *HandInReader
	ended              bool
	dropped            int
	refused            int
	foreign            map[retinue.Realm]bool
}

// maxForeign bounds how many refused realms are named.
const maxForeign = 20

// Dropped is how many fingerprints were dropped so far.
func (c *Handed) Dropped() int { return c.dropped }

// Refused is how many statements about other realms were refused so far, and
// which realms those were, some of them.
func (c *Handed) Refused() (int, []retinue.Realm) {
	return c.refused, slices.Sorted(maps.Keys(c.foreign))
}

// refuse counts a statement about a realm that is not the sender's.
func (c *Handed) refuse(realm retinue.Realm) error {
	c.refused++
	if c.foreign == nil {
		c.foreign = map[retinue.Realm]bool{}
	}
	if len(c.foreign) < maxForeign {
		c.foreign[realm] = true
	}
	return fmt.Errorf("%w: it is about realm %s, and the collector is not bound to that", retinue.ErrDenied, retinue.CleanName(string(realm)))
}

// Next returns the next source, or io.EOF. The one before is read to its end.
func (h *HandInReader) Next() (*Handed, error) {
	if h.last != nil && !h.last.ended {
		if err := h.last.replay(context.Background(), nil); err != nil {
			return nil, err
		}
	}
	l, err := h.line()
	if err != nil {
		return nil, err
	}
	if l.Op != "begin" || l.Access == nil {
		return nil, h.bad("want a line with op begin")
	}
	if l.Format != HandInFormat {
		return nil, h.bad("format %q: want %s", l.Format, HandInFormat)
	}
	h.last = &Handed{Kind: l.Kind, Name: l.Name, Target: l.Target, access: *l.Access, reader: h}
	return h.last, nil
}

func (h *HandInReader) bad(format string, args ...any) error {
	return fmt.Errorf("%w: handed-in scan: line %d: %s", retinue.ErrInvalid, h.n, fmt.Sprintf(format, args...))
}

func (h *HandInReader) line() (line, error) {
	var l line
	var text []byte
	for {
		part, err := h.r.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > maxHandInLine {
			h.n++
			return l, h.bad("longer than %d bytes", maxHandInLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return l, io.EOF
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return l, fmt.Errorf("%w: read handed-in scan: %v", retinue.ErrUnavailable, err)
		}
		break
	}
	h.n++
	if err := json.Unmarshal(text, &l); err != nil {
		return l, h.bad("%v", err)
	}
	return l, nil
}

// Check implements connector.Connector.
func (c *Handed) Check(context.Context) (connector.Access, error) {
	if r := c.access.Realm; r != "" && !c.reader.may(r) {
		return connector.Access{}, c.refuse(r)
	}
	c.access.Missing = slices.DeleteFunc(c.access.Missing, func(m connector.Missing) bool { return !c.reader.may(m.Scope.Realm) })
	return c.access, nil
}

// Close implements connector.Connector.
func (c *Handed) Close() error { return nil }

// Discover implements connector.Connector. A file that breaks off leaves the
// scopes that it had not completed incomplete.
func (c *Handed) Discover(ctx context.Context, _ connector.Request, sink connector.Sink) error {
	return c.replay(ctx, sink)
}

func (c *Handed) replay(ctx context.Context, sink connector.Sink) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := c.reader.line()
		if errors.Is(err, io.EOF) {
			c.ended = true
			return fmt.Errorf("%w: handed-in scan: it breaks off after line %d", retinue.ErrInvalid, c.reader.n)
		}
		if err != nil {
			c.ended = true
			return err
		}
		if l.Op == "end" {
			return c.end(l, sink)
		}
		if sink == nil {
			continue
		}
		if err := c.pass(l, sink); err != nil {
			return err
		}
	}
}

func (c *Handed) end(l line, sink connector.Sink) error {
	c.ended = true
	if c.dropped > 0 && sink != nil {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: c.dropped,
			Text: "fingerprints were taken under a key that this installation does not have and were dropped: enrol the collector with `retinue keys export` and `retinue keys enroll`"})
	}
	if c.refused > 0 && sink != nil {
		_, realms := c.Refused()
		names := make([]string, len(realms))
		for i, r := range realms {
			names[i] = retinue.CleanName(string(r))
		}
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: c.refused,
			Text: "statements were refused: the collector is not bound to " + strings.Join(names, ", ")})
	}
	if l.Error != "" {
		return fmt.Errorf("%w: %s", retinue.ErrUnavailable, l.Error)
	}
	return nil
}

// pass hands one line on.
func (c *Handed) pass(l line, sink connector.Sink) error {
	if l.Op == "note" && l.Note != nil {
		sink.Note(*l.Note)
		return nil
	}
	if l.Scope == nil {
		return c.reader.bad("op %q without a scope", l.Op)
	}
	if !c.reader.may(l.Scope.Realm) {
		_ = c.refuse(l.Scope.Realm) // counted; there is no scope to report it of
		return nil
	}
	switch l.Op {
	case "fact":
		f, err := retinue.UnmarshalFact(l.Fact)
		if err != nil {
			sink.Problem(*l.Scope, c.reader.bad("%v", err))
			return nil
		}
		if r := f.FactRef().Realm; !c.reader.may(r) {
			sink.Problem(*l.Scope, fmt.Errorf("%s refused: %w", f.FactType(), c.refuse(r)))
			return nil
		}
		return sink.Emit(*l.Scope, c.known(f))
	case "complete":
		if l.Completion == nil {
			return c.reader.bad("op complete without completion")
		}
		for _, child := range l.Completion.Children {
			if !c.reader.may(child.Realm) {
				sink.Problem(*l.Scope, fmt.Errorf("scope inside it refused: %w", c.refuse(child.Realm)))
			}
		}
		l.Completion.Children = slices.DeleteFunc(l.Completion.Children, func(s retinue.Scope) bool { return !c.reader.may(s.Realm) })
		return sink.Complete(*l.Scope, *l.Completion)
	case "problem":
		sink.Problem(*l.Scope, fmt.Errorf("%w: %s", retinue.ErrUnavailable, l.Error))
		return nil
	}
	return c.reader.bad("op %q: want fact, complete, problem, note or end", l.Op)
}

// known drops fingerprints under keys that are not ours.
func (c *Handed) known(f retinue.Fact) retinue.Fact {
	cred, ok := f.(retinue.Credential)
	if !ok {
		return f
	}
	kept := slices.DeleteFunc(slices.Clone(cred.Fingerprints), func(p retinue.Fingerprint) bool {
		return !slices.Contains(c.reader.keys, p.KeyID)
	})
	c.dropped += len(cred.Fingerprints) - len(kept)
	cred.Fingerprints = kept
	return cred
}

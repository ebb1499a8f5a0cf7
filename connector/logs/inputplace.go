package logs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// identify names the input and goes to where its reading stands.
func (f *inputRun) identify(beginning []byte) (inputState, error) {
	f.id = f.in.ID
	if f.id == "" {
		sum := sha256.Sum256(beginning)
		f.id = "sha256:" + hex.EncodeToString(sum[:16])
	}
	if as := f.reader.opts.As; as != "" {
		f.id = bound(as + " " + f.id)
	}
	if !f.claim() {
		return inputDone, nil
	}
	p, err := f.position(f.id)
	if err != nil {
		return inputDone, err
	}
	f.start, f.given = p, p
	if p.Offset == 0 && p.Cursor == "" {
		f.went = true
		return inputFound, nil
	}
	var mode jsonMode
	var line, num, size int64
	if _, err := fmt.Sscanf(p.Cursor, "mode=%d line=%d record=%d size=%d", &mode, &line, &num, &size); err != nil {
		return inputDone, fmt.Errorf("%w: go on in %s: position %q is not one of ours", retinue.ErrInvalid, f.in.Label, p.Cursor)
	}
	if p.Done && size == f.in.Size {
		f.went = true
		f.ended(f.in)
		f.hashed(p)
		return inputDone, nil
	}
	if !f.seek(p) {
		if f.in.known { // of a copy that was made before the last lines nothing is left to be read
			f.went = f.reader.w.base+int64(f.reader.w.end) < p.Offset
			return inputDone, nil
		}
		if f.in.ID != "" {
			f.fault(connector.Fault{Err: fmt.Errorf("%w: the content changed since it was read: it is read from the beginning", retinue.ErrConflict)})
			f.in.ID, f.start, f.given = "", connector.Position{}, connector.Position{}
		}
		return inputOther, nil
	}
	f.reader.mode, f.reader.line, f.reader.num = mode, line, num
	f.resume(p)
	f.went = true
	return inputFound, nil
}

// hashed tells the hash of an input that an earlier run read whole.
func (f *inputRun) hashed(p connector.Position) {
	_, text, ok := strings.Cut(p.Cursor, " sha256=")
	text, _, _ = strings.Cut(text, " ")
	if sum, err := hex.DecodeString(text); ok && err == nil && len(sum) == sha256.Size && f.run.opts.Hashed != nil {
		f.run.opts.Hashed(f.in, [sha256.Size]byte(sum))
	}
}

// claim reports whether this input may be read now. One that begins like one
// that is being read is put off.
func (f *inputRun) claim() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, taken := f.claimed[f.id]
	switch {
	case taken && f.first:
		f.later, f.putOff = append(f.later, f.in), true
		return false
	case taken && f.in.beside: // the run reads it anyhow
		f.went = true
		return false
	}
	if !taken {
		f.claimed[f.id] = connector.Position{Digest: unread}
	}
	return true
}

// unread marks an input that is claimed and of which nothing was read in this
// run.
const unread = "unread"

// position is where reading of an input stands, by this run or those before.
func (f *inputRun) position(id string) (connector.Position, error) {
	f.mu.Lock()
	p, ok := f.claimed[id]
	f.mu.Unlock()
	if ok && p.Digest != unread {
		return p, nil
	}
	if f.req.Position == nil {
		return connector.Position{}, nil
	}
	p, err := f.req.Position(id)
	if err != nil {
		return p, &stopError{fmt.Errorf("look up where %s stands: %w", f.in.Label, err)}
	}
	return p, nil
}

// seek goes to a position and reports whether the content is the one that it
// was taken in.
func (f *inputRun) seek(p connector.Position) bool {
	w := &f.reader.w
	if s := f.content.seeker; s != nil && p.Offset > w.base+int64(w.end) {
		at := p.Offset - tailBytes
		raw, ok := s.(io.Reader)
		if _, err := s.Seek(at, io.SeekStart); err != nil || !ok {
			return false
		}
		*w = window{r: raw, base: at, buf: w.buf}
	}
	return w.skipTo(p.Offset, p.Digest)
}

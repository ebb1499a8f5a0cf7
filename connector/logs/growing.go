package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/retinue-id/retinue/connector"
)

// settled is how long a file must have been left alone before its last line
// counts as whole without an end.
const settled = time.Minute

// closed reports whether content is one JSON object or array with nothing behind
// it but white space. It is whole without an end of line: no more of it can come.
func closed(content []byte) bool {
	content = bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")))
	return len(content) > 0 && (content[0] == '{' || content[0] == '[') && json.Valid(content)
}

// packing reports a compressed file that may yet be on its way to being whole.
func (f *inputRun) packing() bool {
	return f.content.compressed && f.in.ID == "" && f.req.Now.Sub(f.in.Modified) < settled
}

// unfinished says what of a file that still grows was left for the next run:
// what stands behind its last whole line or record.
func (f *inputRun) unfinished() {
	n := len(bytes.TrimSpace(f.reader.w.rest()))
	if f.packing() && Cut(f.reader.w.err) {
		f.leave(max(n, 1), "or more bytes at the end are not there yet: they are read when the file is whole, or was left alone for a minute")
		return
	}
	if !f.growing || n == 0 {
		return
	}
	f.leave(n, "bytes at the end are not a whole line yet: they are read when it ends, or when the file was left alone for a minute")
}

// tooShort says that a file that still grows is too short to be known again.
func (f *inputRun) tooShort(content []byte) {
	f.leave(len(content), "bytes are too few yet to know the file by: they are read when it has grown, or was left alone for a minute")
}

func (f *inputRun) leave(n int, why string) {
	f.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: fmt.Sprintf("%s: %d %s", f.in.Label, n, why), Count: n})
}

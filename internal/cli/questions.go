package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/retinue-id/retinue"
)

// The bounds of a file of questions: a line (several policy documents of the
// largest size that a vendor takes, with room to spare), and what is read ahead
// for one worker.
const (
	maxQuestion = 16 << 20
	aheadLines  = 256
	aheadBytes  = 1 << 20
	// roomAnswer is what most answers have room in.
	roomAnswer = 256
)

// questions is a file of questions, one JSON object a line, each answered by one
// line of output in the same order. Lines are answered on all processors.
type questions struct {
	// what they are, for errors: "questions" or "pairs".
	what string
	// answer answers a line: what is written for it, with the line's id. It is
	// called from several goroutines.
	answer func(id json.RawMessage, line []byte) (any, error)
	// refuse is what is written for a line that is no question.
	refuse func(id json.RawMessage, why string) any
}

// batch is some lines on their way to their answers.
type batch struct {
	lines []questionLine
	last  bool // nothing waits behind it, so that its answers are wanted now
	out   bytes.Buffer
	wrong []string
	err   error
	done  chan struct{}
}

type questionLine struct {
	n    int
	text []byte
	err  error
}

// answerAll answers a file, as much of it at a time as there are processors for.
// What was answered before an error is written.
func (e *env) answerAll(ctx context.Context, in io.Reader, q questions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the goroutines where this ends early
	// Questions are read, answered and forgotten: collecting less often takes a
	// third off the time, for some 60 MB.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *batch), make(chan *batch, workers)
	go func() {
		defer close(order)
		defer close(work)
		q.read(in, func(b *batch) bool { return send(ctx, order, b) && send(ctx, work, b) })
	}()
	for range workers {
		go func() {
			for b := range work {
				b.err = errors.Join(b.err, q.work(b))
				close(b.done)
			}
		}()
	}
	w, malformed := bufio.NewWriterSize(e.out, 64<<10), 0
	for b := range order {
		select {
		case <-b.done:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), w.Flush())
		}
		for _, text := range b.wrong {
			e.say("%s", text)
		}
		malformed += len(b.wrong)
		_, err := w.Write(b.out.Bytes())
		if err == nil && b.last {
			err = w.Flush()
		}
		if err != nil {
			return fmt.Errorf("%w: write answers: %v", retinue.ErrUnavailable, err)
		}
		if b.err != nil {
			return errors.Join(b.err, w.Flush())
		}
	}
	if err := errors.Join(ctx.Err(), w.Flush()); err != nil {
		return fmt.Errorf("%w: write answers: %w", retinue.ErrUnavailable, err)
	}
	if malformed > 0 {
		return &exitError{ExitIncomplete, fmt.Sprintf("%d lines were no %s; see above", malformed, q.what)}
	}
	return nil
}

func send(ctx context.Context, to chan<- *batch, b *batch) bool {
	select {
	case to <- b:
		return true
	case <-ctx.Done():
		return false
	}
}

// read cuts the input into batches. One ends where no more of the input is
// there yet, so that whoever types gets answers.
func (q questions) read(in io.Reader, send func(*batch) bool) {
	r := bufio.NewReaderSize(in, 64<<10)
	b, size := &batch{done: make(chan struct{})}, 0
	for n := 1; ; n++ {
		line, err := readQuestion(r)
		b.last = r.Buffered() == 0
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended && !errors.Is(err, errLongLine) {
			b.err = fmt.Errorf("%w: read %s: line %d: %v", retinue.ErrUnavailable, q.what, n, err)
			ended = true
		} else if text := bytes.TrimSpace(line); len(text) > 0 {
			l := questionLine{n: n, text: text}
			if errors.Is(err, errLongLine) {
				l.err = err
			}
			b.lines, size = append(b.lines, l), size+len(text)
		}
		if !ended && !b.last && len(b.lines) < aheadLines && size < aheadBytes {
			continue
		}
		if !send(b) || ended {
			return
		}
		b, size = &batch{done: make(chan struct{})}, 0
	}
}

// work answers the lines of a batch.
func (q questions) work(b *batch) error {
	enc := json.NewEncoder(&b.out)
	enc.SetEscapeHTML(false)
	b.out.Grow(len(b.lines) * roomAnswer)
	for _, l := range b.lines {
		id, err := questionID(l.text, l.n), l.err
		var out any
		if err == nil {
			out, err = q.answer(id, l.text)
		}
		if err != nil {
			why := retinue.CleanName(err.Error())
			b.wrong = append(b.wrong, fmt.Sprintf("line %d: %s", l.n, why))
			out = q.refuse(id, why)
		}
		if c, ok := out.(checked); ok {
			if text, ok := c.appendJSON(b.out.AvailableBuffer()); ok {
				_, _ = b.out.Write(text)
				continue
			}
		}
		if err := enc.Encode(out); err != nil {
			return fmt.Errorf("write the answer of line %d: %w", l.n, err)
		}
	}
	return nil
}

var errLongLine = fmt.Errorf("%w: question: longer than %d bytes", retinue.ErrInvalid, maxQuestion)

// readQuestion reads a line. Of one that is too long it drops the rest.
func readQuestion(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxQuestion {
			long, part = true, nil // what was kept stays, so that the line counts
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return line, errLongLine
		}
		return line, err
	}
}

// questionID is a question's own id, a text or a number, else the number of its
// line.
func questionID(line []byte, n int) json.RawMessage {
	if id := idIn(line); len(id) > 0 && id[0] != '{' && id[0] != '[' && string(id) != "null" && json.Valid(id) {
		return id
	}
	return strconv.AppendInt(nil, int64(n), 10)
}

// idIn finds the value of the member "id" of an object without reading the rest
// of it, which the engine does.
func idIn(line []byte) []byte {
	depth, key, start := 0, false, -1
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case '"':
			end := textEnd(line, i+1)
			if start < 0 {
				key = depth == 1 && end < len(line) && string(line[i+1:end]) == "id"
			}
			i = end
		case ':':
			if depth == 1 && key {
				start, key = i+1, false
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 1 && start >= 0 {
				return bytes.TrimSpace(line[start:i])
			}
			key = false
			if c != ',' {
				depth--
			}
		}
	}
	return nil
}

// textEnd returns where a JSON string ends that starts before i: at its quote, or
// behind the line.
func textEnd(line []byte, i int) int {
	for i < len(line) {
		quote := bytes.IndexByte(line[i:], '"')
		if quote < 0 {
			return len(line)
		}
		escape := bytes.IndexByte(line[i:i+quote], '\\')
		if escape < 0 {
			return i + quote
		}
		i += escape + 2
	}
	return i
}

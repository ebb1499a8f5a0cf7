package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/app"
)

// maxQuestion bounds a line of questions, in bytes: several policy documents of
// the largest size that a vendor takes, with room to spare.
const maxQuestion = 16 << 20

type accessCheckFlags struct{ language, cases, state, realm string }

func (e *env) accessCheckCommand() *cobra.Command {
	var f accessCheckFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Answer a file of access questions",
		Long: `Check reads questions, one JSON object a line, and prints an answer for each, in
their order: {"id", "decision", "because"}. The decision is Allowed,
ImplicitlyDenied, ExplicitlyDenied or Unknown; because names the statements,
bindings or grants that decided. Unknown means that something that would decide
is not understood or not known: it is never a guess.

Questions in aws, azure and gcp bring their documents. Those in kubernetes and
postgres are answered from the inventory, or with --state from an export: the
connector reads it into a throwaway inventory that is deleted before the first
answer.

A line that is no question gets Unknown, is told on standard error with its
number, and makes the exit code 3.`,
		Example: `  retinue access check --language kubernetes --cases questions.jsonl --state ./export
  retinue access check --language postgres --cases - --state catalog.json < questions.jsonl
  retinue access check --language kubernetes --cases questions.jsonl --realm kubernetes:2f1c…`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.accessCheck(cmd.Context(), f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.language, "language", "", "language of the questions: "+strings.Join(app.AccessLanguages(), ", "))
	fl.StringVar(&f.cases, "cases", "", `file of questions, one JSON object a line; "-" is standard input`)
	fl.StringVar(&f.state, "state", "", "export that the answers rest on, as the connector reads it, instead of the inventory")
	fl.StringVar(&f.realm, "realm", "", "the system of the inventory that is asked about, where there are several")
	return c
}

func (f accessCheckFlags) check() (needsState bool, err error) {
	switch {
	case f.language == "":
		return false, usageError{fmt.Errorf("--language is missing: want one of %s", strings.Join(app.AccessLanguages(), ", "))}
	case f.cases == "":
		return false, usageError{errors.New(`--cases is missing: want a file, or "-" for standard input`)}
	case f.state != "" && f.realm != "":
		return false, usageError{errors.New("--realm names a system of the inventory, and --state replaces the inventory: give one of them")}
	}
	needs, err := app.AccessNeedsState(f.language)
	if err == nil && !needs && (f.state != "" || f.realm != "") {
		err = usageError{fmt.Errorf("questions in %s bring their documents: leave out --state and --realm", f.language)}
	}
	return needs, err
}

func (e *env) accessCheck(ctx context.Context, f accessCheckFlags) error {
	needsState, err := f.check()
	if err != nil {
		return err
	}
	in := e.in
	if f.cases != "-" {
		file, err := os.Open(f.cases)
		if err != nil {
			return fmt.Errorf("%w: read questions: %v", retinue.ErrInvalid, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	var c app.AccessChecker
	switch {
	case !needsState:
		c, err = app.AccessCheckCases(f.language)
	case f.state != "":
		c, err = app.AccessCheckState(ctx, f.language, f.state, app.ScanOptions{Actor: app.Actor(), Getenv: e.getenv})
	default:
		err = e.with(ctx, func(a *app.App) error {
			var err error
			c, err = a.AccessCheck(ctx, f.language, retinue.Realm(f.realm))
			return err
		})
	}
	if err != nil {
		return err
	}
	for _, gap := range c.Gaps {
		e.say("not all of %s was read, so that what is not allowed is Unknown: %s", c.Realm, retinue.CleanName(gap))
	}
	return e.answer(ctx, in, c.Decide)
}

// checked is one line of answers. Its fields are a contract.
type checked struct {
	ID json.RawMessage `json:"id"`
	access.Decision
}

// answer reads questions and writes their answers as they come, so that memory
// holds one of them.
func (e *env) answer(ctx context.Context, in io.Reader, decide func([]byte) (access.Decision, error)) error {
	r, w := bufio.NewReaderSize(in, 64<<10), bufio.NewWriterSize(e.out, 64<<10)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	malformed := 0
	var line []byte
	for n := 1; ; n++ {
		var err, end error
		line, end = readQuestion(r, line[:0])
		if end != nil && !errors.Is(end, io.EOF) && !errors.Is(end, errLongLine) {
			return errors.Join(fmt.Errorf("%w: read questions: line %d: %v", retinue.ErrUnavailable, n, end), w.Flush())
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			out := checked{ID: questionID(text, n)}
			if errors.Is(end, errLongLine) {
				err = end
			} else {
				out.Decision, err = decide(text)
			}
			if err != nil {
				malformed++
				e.say("line %d: %s", n, retinue.CleanName(err.Error()))
				out.Decision = access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "question", Effect: "none", Text: retinue.CleanName(err.Error())}}}
			}
			if err := enc.Encode(out); err != nil {
				return fmt.Errorf("%w: write answers: %v", retinue.ErrUnavailable, err)
			}
		}
		if errors.Is(end, io.EOF) {
			break
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), w.Flush())
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("%w: write answers: %v", retinue.ErrUnavailable, err)
	}
	if malformed > 0 {
		return &exitError{ExitIncomplete, fmt.Sprintf("%d lines were no questions; see above", malformed)}
	}
	return nil
}

var errLongLine = fmt.Errorf("%w: question: longer than %d bytes", retinue.ErrInvalid, maxQuestion)

// readQuestion reads a line into room. Of one that is too long it drops the
// rest.
func readQuestion(r *bufio.Reader, room []byte) ([]byte, error) {
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if len(room)+len(part) > maxQuestion {
			long, part = true, nil // what was kept stays, so that the line counts
		}
		room = append(room, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return room, errLongLine
		}
		return room, err
	}
}

// questionID is a question's own id, else the number of its line.
func questionID(line []byte, n int) json.RawMessage {
	var q struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &q) == nil && len(q.ID) > 0 && string(q.ID) != "null" && (q.ID[0] == '"' || q.ID[0] != '{' && q.ID[0] != '[') {
		return q.ID
	}
	return strconv.AppendInt(nil, int64(n), 10)
}

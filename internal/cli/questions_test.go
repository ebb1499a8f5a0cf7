package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func echo(id json.RawMessage, line []byte) (any, error) {
	if !json.Valid(line) {
		return nil, errors.New("no question")
	}
	return map[string]any{"id": id, "length": len(line)}, nil
}

func refused(id json.RawMessage, why string) any { return map[string]any{"id": id, "why": why} }

// TestAnswersKeepTheirOrder answers more lines than fit a batch, good and bad
// ones, and finds an answer for each in its place.
func TestAnswersKeepTheirOrder(t *testing.T) {
	var in strings.Builder
	const lines = 5000
	for n := 1; n <= lines; n++ {
		switch {
		case n%7 == 0:
			in.WriteString("not a question\n")
		case n%11 == 0:
			in.WriteString("  \n")
		default:
			fmt.Fprintf(&in, `{"a":{"id":9},"id":"q%d","fill":%q}`+"\n", n, strings.Repeat("x", n%300))
		}
	}
	var out, complaints bytes.Buffer
	e := &env{out: &out, err: &complaints}
	err := e.answerAll(t.Context(), strings.NewReader(in.String()), questions{what: "questions", answer: echo, refuse: refused})
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != ExitIncomplete {
		t.Errorf("error %v: want an incomplete end", err)
	}
	d := json.NewDecoder(&out)
	for n := 1; n <= lines; n++ {
		if n%7 != 0 && n%11 == 0 {
			continue
		}
		var got struct{ ID any }
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		want := any(fmt.Sprintf("q%d", n))
		if n%7 == 0 {
			want = float64(n)
		}
		if got.ID != want {
			t.Fatalf("line %d: answer of %v: want %v", n, got.ID, want)
		}
	}
	if d.More() {
		t.Error("more answers than questions")
	}
	if got := strings.Count(complaints.String(), "no question"); got != lines/7 {
		t.Errorf("%d complaints: want %d", got, lines/7)
	}
}

// TestAnswersComeWhileQuestionsAreTyped asks the second question only once the
// first is answered.
func TestAnswersComeWhileQuestionsAreTyped(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error, 1)
	go func() {
		e := &env{out: outW, err: io.Discard}
		done <- e.answerAll(t.Context(), inR, questions{what: "questions", answer: echo, refuse: refused})
	}()
	d := json.NewDecoder(outR)
	for n := range 3 {
		if _, err := fmt.Fprintf(inW, `{"id":%d}`+"\n", n); err != nil {
			t.Fatal(err)
		}
		var got struct{ ID int }
		if err := d.Decode(&got); err != nil || got.ID != n {
			t.Fatalf("answer %+v, error %v: want that of question %d", got, err, n)
		}
	}
	_ = inW.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAnswersEnd ends where reading or writing fails or the caller gives up.
func TestAnswersEnd(t *testing.T) {
	q := questions{what: "questions", answer: echo, refuse: refused}
	broken := io.MultiReader(strings.NewReader(`{"id":1}`+"\n"), errReader{})
	var out bytes.Buffer
	e := &env{out: &out, err: io.Discard}
	if err := e.answerAll(t.Context(), broken, q); err == nil || !strings.Contains(err.Error(), "line 2: the disk is gone") {
		t.Errorf("error %v: want that of reading line 2", err)
	}
	if !strings.Contains(out.String(), `"id":1`) {
		t.Errorf("answers %q: want that of line 1", out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.answerAll(ctx, strings.NewReader(`{"id":1}`), q); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v: want that it was cancelled", err)
	}
	full := &env{out: failWriter{}, err: io.Discard}
	if err := full.answerAll(t.Context(), strings.NewReader(strings.Repeat(`{"id":1}`+"\n", 10000)), q); err == nil {
		t.Error("no error where nothing can be written")
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

type failWriter struct{}

func (failWriter) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestQuestionID(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":"a"}`: `"a"`, `{"id": 5 }`: `5`, `{"x":{"id":1},"id":"b\"c"}`: `"b\"c"`, `{"x":"id","y":1}`: "7", `{"id":null}`: "7",
		`{"id":{"a":1}}`: "7", `{"id":["a"]}`: "7", `nonsense`: "7", `{"id":`: "7", `{"id":tru}`: "7", `["id",1]`: "7", `{"a":["id",2],"b":3}`: "7", `{"id":true}`: "true",
	} {
		if got := string(questionID([]byte(line), 7)); got != want {
			t.Errorf("%s: id %s: want %s", line, got, want)
		}
	}
}

// FuzzQuestionID holds the quick reading of an id against encoding/json.
func FuzzQuestionID(f *testing.F) {
	for _, s := range []string{`{"id":"a"}`, `{"x":{"id":1},"id":2}`, `{"id":[1]}`, `{"a":"\"id\":3","id":4}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got := questionID(line, 7)
		if !json.Valid(got) {
			t.Fatalf("id %q is not JSON", got)
		}
		var q map[string]json.RawMessage
		if json.Unmarshal(line, &q) != nil || strings.Count(string(line), "id") != 1 || bytes.Contains(line, []byte(`\`)) {
			return // other spellings and repetitions are the engine's to judge
		}
		if want, ok := q["id"]; ok && want[0] != '{' && want[0] != '[' && string(want) != "null" && !bytes.Equal(want, got) {
			t.Errorf("%s: id %s: want %s", line, got, want)
		}
	})
}

package export

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

func read(t testing.TB, text string) ([]string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	var out []string
	_, err = s.Read(t.Context(), s.Files[0], []string{"value", "data"}, func(raw json.RawMessage) error {
		c, err := Canonical(raw)
		out = append(out, c)
		return err
	})
	return out, err
}

func TestRead(t *testing.T) {
	utf16 := "\xff\xfe"
	for _, c := range `[{"a":1}]` {
		utf16 += string([]byte{byte(c), 0})
	}
	spaces := strings.Repeat(" ", 200_000)
	for text, want := range map[string]string{
		`{"a":1}`:                          `{"a":1}`,
		`[{"a":1}, {"b":2}, 3, "x", null]`: `{"a":1} {"b":2}`,
		"{\"a\":1}\n{\"b\":2}\n":           `{"a":1} {"b":2}`,
		`{"@odata.context":"x","value":[{"a":1},{"b":2}],"@odata.nextLink":"y"}`: `{"a":1} {"b":2}`,
		`{"value"` + spaces + `:` + spaces + `[{"a":1}]}`:                        `{"a":1}`,
		`{"kind":"AZApp","data":{"a":1}}`:                                        `{"data":{"a":1},"kind":"AZApp"}`,
		`{"data":[{"kind":"k","data":{"value":[1]}}],"meta":{}}`:                 `{"data":{"value":[1]},"kind":"k"}`,
		`[]`: ``, `{"value":[]}`: ``,
		"\xef\xbb\xbf{\"a\":1}": `{"a":1}`, utf16: `{"a":1}`,
	} {
		got, err := read(t, text)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%.60q: %v, %v, want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{``, `{"a":`, `[{"a":1}`, `{"value":[{"a":1}`, `{"a":1}}`, `nonsense`, strings.Repeat("[", 100_000)} {
		if _, err := read(t, bad); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestMore(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.json": `{"value":[],"@odata.nextLink":"x"}`, "b.json": `{"value":[],"nextLink":null}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i, want := range []bool{true, false} {
		more, err := s.Read(t.Context(), s.Files[i], []string{"value"}, func(json.RawMessage) error { return nil })
		if err != nil || more != want {
			t.Errorf("%s: %v, %v", s.Files[i].Name, more, err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("empty: %v", err)
	}
	for _, name := range []string{"b.json", "a.jsonl", "README.md", ".git/x.json"} {
		_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if len(s.Files) != 2 || s.Files[0].Name != "a.jsonl" || s.Ignored != 1 {
		t.Errorf("%+v", s)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"value":[{"a":1}]}`)
	f.Add("[1,{}]\n{\"data\" : [ ]}")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := read(t, text); err == nil && !json.Valid([]byte(strings.Join(got, " "))) && len(got) == 1 {
			t.Errorf("%q gives %q", text, got)
		}
	})
}

package logs_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/retinue-id/retinue/connector/logs"
)

// tree turns what Fields says of a value into what encoding/json says.
func tree(v logs.Value) (any, bool) {
	switch {
	case v.IsNull():
		return nil, true
	case v.IsObject():
		out := map[string]any{}
		f := v.Fields()
		for f.Next() {
			x, ok := tree(f.Value)
			if !ok {
				return nil, false
			}
			out[string(f.Key)] = x
		}
		return out, f.Err() == nil
	case v[0] == '[':
		out := []any{}
		for e := range v.Elements() {
			x, ok := tree(e)
			if !ok {
				return nil, false
			}
			out = append(out, x)
		}
		return out, true
	case v[0] == '"':
		return v.Text(), true
	case string(v) == "true" || string(v) == "false":
		return v.IsTrue(), true
	}
	return json.Number(v.Word()), true
}

func compare(t *testing.T, text []byte) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var want map[string]any
	if !json.Valid(text) || dec.Decode(&want) != nil || want == nil {
		return
	}
	got, ok := tree(logs.Value(strings.TrimSpace(string(text))))
	if !ok {
		t.Fatalf("%s: not read", text)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("%s: read %s, want %s", text, a, b)
	}
}

func TestFields(t *testing.T) {
	for _, text := range []string{
		`{}`, ` { "a" : 1 , "b" : [ 1, "x", {"c":null}, [] ] , "d":{"e":{"f":true}} } `,
		`{"a\"b":"\u00e9\ud83d\ude00\n\\\/","x":"\ud83d","y":"\ud83d\u0041"}`, `{"a":-1.5e9,"b":false,"c":""}`,
	} {
		compare(t, []byte(text))
	}
	v := logs.Value(`{"a":{"b":{"c":"x"},"n":5}}`)
	if got := v.Get("a", "b", "c").Text(); got != "x" {
		t.Errorf("a.b.c is %q", got)
	}
	if v.Get("a", "z", "c") != nil || v.Get("a", "n").Word() != "5" {
		t.Errorf("a.z.c is there, or a.n is not 5")
	}
	for _, text := range []string{`[]`, `{"a"`, `{"a":`, `{"a":}`, `{"a":[}`, `{"a":"`, `{a:1}`, `{"a":1`, `"x"`,
		`{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`} {
		f := logs.NewFields([]byte(text))
		for f.Next() {
		}
		if f.Err() == nil {
			t.Errorf("%.20s: no error", text)
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u0041"}],"c":null}`))
	f.Add([]byte(`{"a":1 2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fields := logs.NewFields(data)
		for fields.Next() {
			_ = fields.Value.Text()
			for range fields.Value.Elements() {
			}
		}
		if utf8.Valid(data) && strings.Count(string(data), "{")+strings.Count(string(data), "[") < 100 {
			compare(t, data)
		}
	})
}

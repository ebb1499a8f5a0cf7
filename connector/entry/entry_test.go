package entry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connector/entry"
)

func parse(t testing.TB, s string) entry.Object {
	t.Helper()
	o, err := entry.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFields(t *testing.T) {
	o := parse(t, ` {"a":{"b":{"c":"deep"},"list":[1,"two",null,{"x":true}]},"meta.user":"flat","meta":{"user":"nested"},"n":42,"zero":0,"yes":"true","no":false,
		"one":{"k":"v"},"text":" spaced \u202e ","big":123456789012345678901234567890} `)
	for _, c := range []struct{ got, want string }{
		{o.Text("a.b.c"), "deep"}, {o.Text("meta.user"), "flat"}, {o.Text("n"), "42"}, {o.Text("nothing", "n"), "42"}, {o.Text("a"), ""},
		{o.ID("zero", "n"), "42"}, {o.ID("zero"), ""}, {o.Text("text"), `spaced \u202e`}, {o.Raw("big"), "123456789012345678901234567890"},
		{strings.Join(o.Texts("a.list"), ","), "1,two"}, {strings.Join(o.Texts("n"), ","), "42"}, {strings.Join(o.Texts("nothing"), ","), ""},
		{o.Object("one").Text("k"), "v"}, {o.Object("n").Text("k"), ""}, {entry.Object(nil).Text("x"), ""},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if n, ok := o.Int("n"); n != 42 || !ok {
		t.Errorf("n is %d, %v", n, ok)
	}
	if _, ok := o.Int("big"); ok {
		t.Errorf("a number that no int64 holds is one")
	}
	for name, want := range map[string][2]bool{"yes": {true, true}, "no": {false, true}, "n": {false, false}, "nothing": {false, false}} {
		if v, known := o.Flag(name); v != want[0] || known != want[1] {
			t.Errorf("%s is %v, %v", name, v, known)
		}
	}
	if len(o.Objects("a.list")) != 1 || len(o.Objects("one")) != 1 || len(o.Objects("n")) != 0 {
		t.Errorf("objects: %v, %v, %v", o.Objects("a.list"), o.Objects("one"), o.Objects("n"))
	}
	if !o.Has("a.b") || o.Has("a.z", "zz") {
		t.Errorf("has")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "null", "[]", `"x"`, "{", `{"a":1} {"b":2}`, `{"a":1}x`, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40),
		`{"a":"` + strings.Repeat("x", entry.MaxRecord) + `"}`} {
		_, err := entry.Parse([]byte(s))
		if !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.20q: %v", s, err)
		}
	}
	_, err := entry.Parse([]byte(`{"password":"planted" x}`))
	if err == nil || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "byte") {
		t.Errorf("%v: want the place and no value", err)
	}
	if _, err := entry.Parse([]byte(`{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`)); err != nil {
		t.Errorf("brackets in a text: %v", err)
	}
}

func TestParseTime(t *testing.T) {
	at := time.Date(2022, 8, 16, 16, 56, 49, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"2022-08-16T16:56:49Z": at, "2022-08-16T18:56:49+02:00": at, "2022-08-16 16:56:49": at, "2022-08-16 16:56:49 UTC": at, "2022-08-16T16:56:49": at,
		"2022-08-16T18:56:49+0200": at, "2022-08-16 16:56:49.309": at.Add(309 * time.Millisecond), "2022-08-16 16:56:49.309000000": at.Add(309 * time.Millisecond),
		"2022-08-16 16:56:4900000000": at, "1660669009": at, "1660669009000": at, "1660669009000000": at, "1660669009000000000": at, "1660669009.25": at.Add(250 * time.Millisecond),
		"1660669009000.0": at, "1.660669009e9": at,
	} {
		if got, ok := entry.ParseTime(s); !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %s, %v; want %s", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "0", "-5", "now", "1990-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "12", "NaN", "1e400", strings.Repeat("1", 80)} {
		if got, ok := entry.ParseTime(s); ok {
			t.Errorf("%q: %s", s, got)
		}
	}
}

func TestAddress(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", " 192.0.2.1 ": "192.0.2.1", "192.0.2.1:443": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1",
		"[2001:db8::1]": "2001:db8::1", "fe80::1%eth0": "fe80::1", "192.0.2.1, 127.0.0.1": "192.0.2.1", "somewhere": "invalid IP", "": "invalid IP",
	} {
		if got := entry.Address(s).String(); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestRefs(t *testing.T) {
	for _, r := range []retinue.Ref{entry.Ref("", "user", "a"), entry.Ref("a:b", "user", " "), entry.Ref("a:b", "Big", "a"), entry.Ref("a:b", "user", strings.Repeat("x", retinue.MaxRefKey+1))} {
		if !r.IsZero() {
			t.Errorf("got %s", r)
		}
	}
	if r := entry.Ref("a:b", "user", "x\x00y"); r.Key != `x\u0000y` {
		t.Errorf("got %q", r.Key)
	}
	if entry.Realm("a", "") != "" || entry.Realm("a", strings.Repeat("x", 600)) != "" || entry.Realm("a", "b") != "a:b" {
		t.Errorf("realms")
	}
}

func TestBound(t *testing.T) {
	long := strings.Repeat("é", retinue.MaxEventText)
	ev := retinue.Event{Operation: long, Origin: retinue.Origin{Agent: "a\x1b"}, Context: []retinue.ContextValue{{Key: "b", Value: long}, {Key: "a", Value: "1"}, {Key: "c"}}}
	for range 40 {
		ev.Via = append(ev.Via, retinue.NewRef("a:b", "user", "x"), retinue.Ref{})
		ev.More = append(ev.More, "x")
		ev.Touches = append(ev.Touches, retinue.Touch{Kind: retinue.TouchEdit})
	}
	entry.Bound(&ev)
	if len(ev.Operation) > retinue.MaxEventText || !strings.HasSuffix(ev.Operation, "é") || ev.Origin.Agent != `a\u001b` || len(ev.Via) != retinue.MaxEventVia ||
		len(ev.More) != retinue.MaxEventActions || len(ev.Touches) != 1 || len(ev.Context) != 2 || ev.Context[0].Key != "a" || ev.Outcome != retinue.OutcomeUnknown {
		t.Errorf("got %+v", ev)
	}
}

func TestName(t *testing.T) {
	var a, b, c retinue.Event
	entry.Name(&a, "id-1", nil)
	entry.Name(&b, "", []byte(" {} \n"))
	entry.Name(&c, strings.Repeat("x", 300), []byte("{}"))
	if a.ID != "id-1" || a.Digest != [16]byte{} || b.ID != "" || b.Digest == [16]byte{} || c.Digest != b.Digest {
		t.Errorf("%+v %+v %+v", a, b, c)
	}
	raw := []byte(`{"x":1}`)
	u := entry.Unknown(b, append(raw, make([]byte, 2*retinue.MaxEventUnknown)...))
	if len(u.Raw) != retinue.MaxEventUnknown || u.Class != retinue.EventUnknown || u.Digest != b.Digest {
		t.Errorf("unknown: %d bytes, %s", len(u.Raw), u.Class)
	}
}

// TestSigns tells the blind spots of one realm from those of another.
func TestSigns(t *testing.T) {
	r := &entry.Reader{
		Paths: []string{connectortest.LogFile(t, "a.json", `[{"realm":"a:1","api":true},{"realm":"a:2"}]`)},
		Decode: func(record []byte) ([]retinue.Event, error) {
			o, err := entry.Parse(record)
			if err != nil {
				return nil, err
			}
			ev := retinue.Event{Log: "a.b", At: connectortest.Epoch(), Realm: retinue.Realm(o.Text("realm")), Class: retinue.EventData, Operation: "x", Person: o.Has("api")}
			entry.Name(&ev, "", record)
			return []retinue.Event{ev}, nil
		},
		Signs: func(ev retinue.Event) []string {
			if ev.Person {
				return []string{"api"}
			}
			return nil
		},
		Blind: func(log string, seen func(string) bool) []retinue.BlindSpot {
			if log != "a.b" || seen("api") {
				return nil
			}
			return []retinue.BlindSpot{{Code: "a.b", Text: "b"}}
		},
	}
	got := map[retinue.Realm]int{}
	for _, c := range connectortest.Read(t, r, nil).Coverage {
		got[c.Realm] = len(c.BlindSpots)
		if !slices.Equal(c.Classes, []retinue.EventClass{retinue.EventData}) || c.Proof != "" || c.Authenticated {
			t.Errorf("coverage %+v", c)
		}
	}
	if len(got) != 2 || got["a:1"] != 0 || got["a:2"] != 1 {
		t.Errorf("blind spots: %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"2",null]},"at":"2022-08-16 16:56:49"}`))
	f.Add([]byte(`{"a.b":{"":1}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		o, err := entry.Parse(record)
		if err != nil {
			return
		}
		agrees(t, record, o)
		for name := range o {
			if s := o.Text(name); len(s) > retinue.MaxEventText || retinue.CleanName(s) != s {
				t.Errorf("%q: %q", name, s)
			}
			o.Objects(name)
			o.Texts(name)
			if at, ok := o.Time(name); ok && (at.Year() < 2000 || at.Year() > 2100) {
				t.Errorf("%q: %s", name, at)
			}
			if a := entry.Address(o.Raw(name)); a.IsValid() && a != a.Unmap() {
				t.Errorf("%q: %s", name, a)
			}
		}
	})
}

// agrees compares texts and numbers with what encoding/json reads.
func agrees(t *testing.T, record []byte, o entry.Object) {
	t.Helper()
	if !utf8.Valid(record) || bytes.ContainsRune(record, '\\') { // both mend what is no UTF-8, each in its own way
		return
	}
	dec := json.NewDecoder(bytes.NewReader(record))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("it was read, and encoding/json says %v", err)
	}
	if len(m) != len(o) {
		t.Errorf("%d fields, and encoding/json finds %d", len(o), len(m))
	}
	for name, v := range m {
		want := ""
		switch v := v.(type) {
		case string:
			want = strings.TrimSpace(v)
		case json.Number:
			want = v.String()
		}
		if got := o.Raw(name); got != want {
			t.Errorf("%q: %q, and encoding/json reads %q", name, got, want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	record := []byte(`{"@timestamp":1713596671828,"_document_id":"x","action":"git.fetch","actor":"app[bot]","actor_id":111058333,"actor_ip":"192.0.2.48","actor_location":{"country_code":"US"},"business":"example","business_id":3082,"org":"example","org_id":86825428,"programmatic_access_type":"GitHub App server-to-server token","repo":"example/repo","repository":"example/repo","repository_public":false,"token_id":0,"transport_protocol":1,"transport_protocol_name":"http","user":"","user_agent":"go-git/5.x","user_id":0}`)
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if _, err := entry.Parse(record); err != nil {
			b.Fatal(err)
		}
	}
}

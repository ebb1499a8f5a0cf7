package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// plainEvents are read by encoding/json alone.
type plainEvents []HandedEvent

func readPlain(b []byte) (out plainEvents, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err = dec.Decode(&out)
	return out, err
}

// fill gives every field of a value something, and reports the empty ones.
func fill(t *testing.T, v reflect.Value, word string) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 2, 3, 4, 5, 6, 700, time.UTC)
		return
	case *netip.Addr:
		*x = netip.MustParseAddr("2001:db8::1")
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(word)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(0xfe)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), word)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), word+"/"+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("an event has a %s: write and read it", v.Type())
	}
}

// TestEventsAreHandedInAsTheyAre: whatever fields an event has are written and read
// as encoding/json does, whatever stands in them.
func TestEventsAreHandedInAsTheyAre(t *testing.T) {
	for _, word := range []string{"plain", `"quoted" \\ back`, "line\nend\x00", "Zürich \u2028 漢字 😀", "<b>&amp;", "broken \xff\xfe", strings.Repeat("long", 200)} {
		var full retinue.Event
		fill(t, reflect.ValueOf(&full).Elem(), word)
		for _, e := range []retinue.Event{full, {}, {At: full.At, Origin: retinue.Origin{Agent: word}}} {
			text, err := AppendHandedEvent(nil, &e)
			if err != nil {
				t.Fatal(err)
			}
			slow, err := json.Marshal(NewHandedEvent(e))
			if err != nil {
				t.Fatal(err)
			}
			want, err := readPlain([]byte("[" + string(slow) + "]"))
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range [][]byte{append(append([]byte{'['}, text...), ']'), append(append([]byte{'['}, slow...), ']')} {
				var got HandedEvents
				if err := json.Unmarshal(list, &got); err != nil {
					t.Fatalf("%v: %s", err, list)
				}
				if !reflect.DeepEqual(plainEvents(got), want) {
					t.Errorf("%q:\n%+v, want\n%+v", word, got, want)
				}
			}
		}
	}
	late := retinue.Event{At: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := AppendHandedEvent(nil, &late); err == nil {
		t.Error("a year of five digits is written")
	}
	for _, bad := range []string{`{}`, `[{"at":"x"}]`, `[{"log":1}]`, `[{"secret":"x"}]`, `[{"identity":"x"}]`, `[{"identity":{"name":"x"}}]`, `[{"via":{}}]`, `[{"origin":{"os":"x"}}]`,
		`[{"context":[{"key":1}]}]`, `[{"person":"yes"}]`, `["x"]`, `[{"touches":[{"verb":"x"}]}]`} {
		var got HandedEvents
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken for %+v", bad, got)
		}
	}
	var none HandedEvents
	if err := json.Unmarshal([]byte("null"), &none); err != nil || none != nil {
		t.Errorf("null: %+v, %v", none, err)
	}
}

// FuzzHandedEvents: what is read is what encoding/json reads, but for names of fields
// in another case.
func FuzzHandedEvents(f *testing.F) {
	f.Add([]byte(`[{"log":"aws.cloudtrail","id":"1","at":"2026-01-02T03:04:05Z","realm":"aws:1","identity":{"realm":"aws:1","kind":"role","key":"a\u0041"},"via":[{"key":"x"},null],"more":["a"]}]`))
	f.Add([]byte(`[{"origin":{"address":"10.0.0.1","interactive":true},"context":[{"key":"a","value":"b"}],"raw":"AAA=","digest":"00"},null,{}]`))
	f.Add([]byte(`[{"joins":[{"kind":"k","value":"v"}],"touches":[{"kind":"read"}],"fingerprints":[{"keyId":"a","mac":"b"}]}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got HandedEvents
		err := json.Unmarshal(b, &got)
		if err != nil {
			return // it may be stricter
		}
		want, werr := readPlain(b)
		if werr != nil && !errors.Is(werr, retinue.ErrInvalid) {
			t.Fatalf("%s is read, and %v by encoding/json", b, werr)
		}
		if !reflect.DeepEqual(plainEvents(got), want) {
			t.Fatalf("%s\n%+v, want\n%+v", b, got, want)
		}
	})
}

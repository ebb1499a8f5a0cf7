package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func rows(rs ...Row) iter.Seq2[Row, error] { return Each(rs) }

var columns = []Column{{Name: "id"}, {Name: "name", Title: "Name"}, {Name: "count"}, {Name: "ratio"}, {Name: "active"},
	{Name: "seenAt"}, {Name: "tags"}, {Name: "raw"}}

func sampleRows() iter.Seq2[Row, error] {
	at := time.Date(2026, 3, 1, 12, 30, 15, 0, time.FixedZone("x", 3600))
	return rows(
		Row{"a", "plain, \"quoted\"\nname", int64(-5), 0.25, true, at, []string{"x", "y"}, json.RawMessage(`{"a": 1}`)},
		Row{"b", `=HYPERLINK("http://evil")`, 7, nil, false, time.Time{}, []string(nil), nil},
		Row{"c", nil, int64(1) << 60, 1e21, nil, nil, nil, nil},
	)
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	out, err := WriteJSON(&b, Table{Columns: columns, Rows: sampleRows()})
	if err != nil || out.Rows != 3 {
		t.Fatal(out, err)
	}
	want := `[
{"id":"a","name":"plain, \"quoted\"\nname","count":-5,"ratio":0.25,"active":true,"seenAt":"2026-03-01T11:30:15Z","tags":["x","y"],"raw":{"a":1}},
{"id":"b","name":"=HYPERLINK(\"http://evil\")","count":7,"ratio":null,"active":false,"seenAt":null,"tags":[],"raw":null},
{"id":"c","name":null,"count":1152921504606846976,"ratio":1e+21,"active":null,"seenAt":null,"tags":null,"raw":null}
]
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if _, err := WriteJSON(&b, Table{Columns: columns, Rows: rows()}); err != nil || !json.Valid(b.Bytes()) {
		t.Errorf("no rows: %q, %v", b.String(), err)
	}
}

func TestWriteCSV(t *testing.T) {
	var b bytes.Buffer
	out, err := WriteCSV(&b, Table{Columns: columns, Rows: sampleRows()})
	if err != nil || out.Rows != 3 {
		t.Fatal(out, err)
	}
	want := "id,Name,count,ratio,active,seenAt,tags,raw\n" +
		"a,\"plain, \"\"quoted\"\"\nname\",-5,0.25,true,2026-03-01T11:30:15Z,x; y,\"{\"\"a\"\": 1}\"\n" +
		"b,\"'=HYPERLINK(\"\"http://evil\"\")\",7,,false,,,\n" +
		"c,,1152921504606846976,1000000000000000000000,,,,\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestCSVIsFormulaSafeAndReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'=1", "''", ""})).Draw(t, "cell")
		s = strings.ReplaceAll(s, "\r\n", "\n") // CSV readers fold these
		var b bytes.Buffer
		if _, err := WriteCSV(&b, Table{Columns: []Column{{Name: "a"}, {Name: "b"}}, Rows: rows(Row{s, "x"})}); err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
		cell := got[1][0]
		if cell != "" && strings.IndexByte("=+-@\t\r\n", cell[0]) >= 0 {
			t.Fatalf("cell %q begins a formula", cell)
		}
		if strings.TrimPrefix(cell, "'") != s {
			t.Fatalf("%q reads back as %q", s, cell)
		}
	})
}

func TestTablesRefuseWhatTheyCannotWrite(t *testing.T) {
	boom := errors.New("boom")
	failing := func(yield func(Row, error) bool) {
		_ = yield(Row{"a"}, nil) && yield(nil, boom)
	}
	for name, write := range map[string]func(Table) (Written, error){
		"JSON": func(t Table) (Written, error) { return WriteJSON(&bytes.Buffer{}, t) },
		"CSV":  func(t Table) (Written, error) { return WriteCSV(&bytes.Buffer{}, t) },
		"XLSX": func(t Table) (Written, error) { return WriteXLSX(&bytes.Buffer{}, t) },
	} {
		one := []Column{{Name: "a"}}
		if out, err := write(Table{Columns: one, Rows: failing}); !errors.Is(err, boom) || out.Rows != 1 {
			t.Errorf("%s: %+v, %v; want one row and the iterator's error", name, out, err)
		}
		if _, err := write(Table{Columns: one, Rows: rows(Row{"a", "b"})}); err == nil {
			t.Errorf("%s: a row that is too long was written", name)
		}
		if _, err := write(Table{Columns: one, Rows: rows(Row{struct{}{}})}); err == nil || !strings.Contains(err.Error(), "row 1: column a") {
			t.Errorf("%s: a value of another type: %v", name, err)
		}
	}
}

func TestDraw(t *testing.T) {
	id := func(s string) string { return s }
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,6}`), 1, 60, id).Draw(t, "ids")
		n := rapid.IntRange(1, 70).Draw(t, "n")
		seed := rapid.String().Draw(t, "seed")
		got, s, err := Draw(Each(ids), n, seed, id)
		if err != nil || len(got) != min(n, len(ids)) || s.Population != int64(len(ids)) || s.Selected != len(got) {
			t.Fatal(got, s, err)
		}
		shuffled := rapid.Permutation(ids).Draw(t, "shuffled")
		again, _, err := Draw(Each(shuffled), n, seed, id)
		if err != nil {
			t.Fatal(err)
		}
		chosen := map[string]bool{}
		for _, x := range again {
			chosen[x] = true
		}
		at := -1
		for _, x := range got {
			if !chosen[x] {
				t.Fatalf("another order of the same rows gives another sample: %v, %v", got, again)
			}
			for i, y := range ids {
				if x == y {
					if i < at {
						t.Fatal("the sample is not in the order of the list")
					}
					at = i
				}
			}
		}
	})
	if _, _, err := Draw(Each([]string(nil)), 0, "", id); err == nil {
		t.Error("a sample of nothing was drawn")
	}
	// Two seeds choose differently, and every row has about the same chance.
	var all []string
	for i := range 100 {
		all = append(all, string(rune('a'+i%26))+strings.Repeat("x", i))
	}
	hits := map[string]int{}
	for i := range 400 {
		got, _, _ := Draw(Each(all), 25, strings.Repeat("s", i), id)
		for _, x := range got {
			hits[x]++
		}
	}
	for _, x := range all {
		if hits[x] < 60 || hits[x] > 140 { // 100 expected, deviation 8.7
			t.Errorf("row %.3s… was drawn %d times of 400, want about 100", x, hits[x])
		}
	}
}

func FuzzXLSXText(f *testing.F) {
	f.Add("a\x00b_x0041_\ufffe\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		var b bytes.Buffer
		if _, err := WriteXLSX(&b, Table{Name: s, Columns: []Column{{Name: s}}, Rows: rows(Row{s})}); err != nil {
			t.Fatal(err)
		}
		book := readWorkbook(t, b.Bytes())
		want, cut := cutText(s)
		if got := book.sheets[0].rows; len(got) != 2 || (s != "" && got[1][0] != want) {
			t.Fatalf("%q (cut: %t) reads back as %q", s, cut, got)
		}
	})
}

package export

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// A small reader of workbooks, so that the test does not depend on a program.
type workbookRead struct {
	sheets []sheetRead
}

type sheetRead struct {
	name   string
	rows   [][]string
	filter string
}

func readWorkbook(t testing.TB, raw []byte) workbookRead {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string, v any) {
		f, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		body, err := io.ReadAll(f)
		if err == nil {
			err = xml.Unmarshal(body, v)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, body)
		}
	}
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	part("xl/workbook.xml", &book)
	var rels struct {
		Rels []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	part("xl/_rels/workbook.xml.rels", &rels)
	part("xl/styles.xml", &struct{}{})
	part("[Content_Types].xml", &struct{}{})
	part("_rels/.rels", &struct{}{})
	var out workbookRead
	for _, s := range book.Sheets {
		for _, r := range rels.Rels {
			if r.ID != s.ID {
				continue
			}
			var sheet struct {
				Rows []struct {
					Cells []struct {
						Ref    string `xml:"r,attr"`
						Type   string `xml:"t,attr"`
						Value  string `xml:"v"`
						Inline string `xml:"is>t"`
					} `xml:"c"`
				} `xml:"sheetData>row"`
				Filter struct {
					Ref string `xml:"ref,attr"`
				} `xml:"autoFilter"`
			}
			part("xl/"+r.Target, &sheet)
			read := sheetRead{name: s.Name, filter: sheet.Filter.Ref}
			for i, row := range sheet.Rows {
				cells := make([]string, 8)
				for _, c := range row.Cells {
					col := int(c.Ref[0] - 'A')
					if c.Ref[1:] != strconv.Itoa(i+1) {
						t.Fatalf("cell %s stands in row %d", c.Ref, i+1)
					}
					cells[col] = c.Value
					if c.Type == "inlineStr" {
						cells[col] = unescapeXstring(c.Inline)
					}
				}
				read.rows = append(read.rows, cells)
			}
			out.sheets = append(out.sheets, read)
		}
	}
	return out
}

func unescapeXstring(s string) string {
	return regexp.MustCompile(`_x[0-9a-fA-F]{4}_`).ReplaceAllStringFunc(s, func(m string) string {
		n, _ := strconv.ParseUint(m[2:6], 16, 16)
		return string(rune(n))
	})
}

func TestWriteXLSX(t *testing.T) {
	var b bytes.Buffer
	out, err := WriteXLSX(&b, Table{Name: "Identities: [all]", Columns: columns, Rows: sampleRows()})
	if err != nil || out.Rows != 3 || out.Cut != 0 {
		t.Fatal(out, err)
	}
	book := readWorkbook(t, b.Bytes())
	if len(book.sheets) != 1 || book.sheets[0].name != "Identities all" || book.sheets[0].filter != "A1:H4" {
		t.Fatalf("%+v", book)
	}
	got := book.sheets[0].rows
	serial := strconv.FormatFloat(46082+(11.0*3600+30*60+15)/86400, 'f', -1, 64) // 1 March 2026
	for i, want := range [][]string{
		{"id", "Name", "count", "ratio", "active", "seenAt", "tags", "raw"},
		{"a", "plain, \"quoted\"\nname", "-5", "0.25", "1", serial, "x; y", `{"a": 1}`},
		{"b", `=HYPERLINK("http://evil")`, "7", "", "0", "", "", ""},
		{"c", "", "1152921504606846976", "1e+21", "", "", "", ""},
	} {
		if fmt.Sprint(got[i]) != fmt.Sprint(want) {
			t.Errorf("row %d: %q, want %q", i+1, got[i], want)
		}
	}
	var again bytes.Buffer
	if _, err := WriteXLSX(&again, Table{Name: "Identities: [all]", Columns: columns, Rows: sampleRows()}); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("equal tables give different files")
	}
}

func TestXLSXGoesOnInFurtherSheets(t *testing.T) {
	var b bytes.Buffer
	many := func(yield func(Row, error) bool) {
		for i := range 7 {
			if !yield(Row{i}, nil) {
				return
			}
		}
	}
	// A sheet of four rows: the titles and three.
	if out, err := writeXLSX(&b, Table{Name: strings.Repeat("n", 40), Columns: []Column{{Name: "n"}}, Rows: many}, 4); err != nil || out.Rows != 7 {
		t.Fatal(out, err)
	}
	book := readWorkbook(t, b.Bytes())
	if len(book.sheets) != 3 || len(book.sheets[2].rows) != 2 || book.sheets[2].rows[1][0] != "6" {
		t.Fatalf("%+v", book)
	}
	for _, s := range book.sheets {
		if s.rows[0][0] != "n" || len(s.name) > maxSheetName {
			t.Errorf("sheet %q begins with %q", s.name, s.rows[0][0])
		}
	}
}

func TestXLSXCutsWhatACellCannotHold(t *testing.T) {
	for _, s := range []string{strings.Repeat("a", maxCellUnits), strings.Repeat("é", maxCellUnits), strings.Repeat("😀", maxCellUnits/2)} {
		if got, cut := cutText(s); cut || got != s {
			t.Errorf("%.2s…, %d units: cut", s, len(utf16.Encode([]rune(s))))
		}
		got, cut := cutText(s + "zz")
		if n := len(utf16.Encode([]rune(got))); !cut || n > maxCellUnits || n < maxCellUnits-2 || !strings.HasSuffix(got, cutMark) {
			t.Errorf("%.2s…: cut to %d units, %t", s, n, cut)
		}
	}
	out, err := WriteXLSX(io.Discard, Table{Columns: []Column{{Name: "a"}}, Rows: rows(Row{strings.Repeat("x", maxCellUnits+1)}, Row{"x"})})
	if err != nil || out.Cut != 1 {
		t.Errorf("%+v, %v; want one cut value", out, err)
	}
}

func TestColumnName(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 701: "ZZ", 702: "AAA", 16383: "XFD"} {
		if got := columnName(i); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
	if _, ok := excelDate(time.Date(1900, 2, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Error("a time that spreadsheets count differently became a date")
	}
}

// TestXLSXOpensElsewhere reads a workbook with openpyxl, where a Python that
// has it is on the machine. The tests above hold without it.
func TestXLSXOpensElsewhere(t *testing.T) {
	python := ""
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), p, "-c", "import openpyxl").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		t.Skip("no python3 with openpyxl: the workbook is read by this package's own reader only")
	}
	path := filepath.Join(t.TempDir(), "t.xlsx")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := WriteXLSX(f, Table{Name: "T", Columns: columns, Rows: sampleRows()}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import json, openpyxl, sys
ws = openpyxl.load_workbook(sys.argv[1]).active
print(json.dumps([ws.freeze_panes, ws.auto_filter.ref, ws["A1"].font.b, ws["F2"].is_date, ws["F2"].value.isoformat(),
  ws["B3"].data_type, ws["B3"].value, ws["C2"].value, ws["E2"].value, ws["F3"].value]))`, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `["A2","A1:H4",true,true,"2026-03-01T11:30:15","s","=HYPERLINK(\"http://evil\")",-5,true,null]`
	var compact bytes.Buffer
	if err := json.Compact(&compact, bytes.TrimSpace(out)); err != nil || compact.String() != want {
		t.Errorf("openpyxl reads %s\nwant %s", compact.String(), want)
	}
}

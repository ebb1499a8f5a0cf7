package export

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// The limits of a worksheet, from Microsoft, "Excel specifications and limits".
const (
	maxSheetRows  = 1_048_576
	maxSheetCols  = 16_384
	maxCellUnits  = 32_767 // UTF-16 code units of text in a cell
	cutMark       = " [cut]"
	maxExactInt   = 1 << 53 // numbers are doubles there
	maxSheetName  = 31
	dateStyle     = "1"
	headerStyle   = "2"
	maxColumnWide = 60
)

// WriteXLSX writes a table as an Office Open XML workbook (ECMA-376), with the
// titles in a fixed first row, a filter, times as dates in UTC and text as text:
// a cell is never a formula. Rows past a sheet's limit go on in further sheets.
// Text longer than a cell holds is cut with a mark, and counted.
func WriteXLSX(w io.Writer, t Table) (Written, error) { return writeXLSX(w, t, maxSheetRows) }

func writeXLSX(w io.Writer, t Table, sheetRows int) (Written, error) {
	if len(t.Columns) == 0 || len(t.Columns) > maxSheetCols {
		return Written{}, fmt.Errorf("write XLSX: %d columns: want 1 to %d", len(t.Columns), maxSheetCols)
	}
	x := &workbook{zip: zip.NewWriter(w), table: t, sheetRows: sheetRows}
	if err := x.part("[Content_Types].xml", contentTypes); err != nil {
		return Written{}, err
	}
	if err := x.openSheet(); err != nil {
		return Written{}, err
	}
	n, err := t.each("XLSX", x.row)
	out := Written{Rows: n, Cut: x.cut}
	if err != nil {
		return out, err
	}
	if err := x.close(); err != nil {
		return out, fmt.Errorf("write XLSX: %w", err)
	}
	return out, nil
}

type workbook struct {
	zip       *zip.Writer
	table     Table
	sheetRows int
	sheets    int
	out       *bufio.Writer // of the open sheet
	rowNumber int           // of the last row in the open sheet
	cut       int64
}

// The parts that do not depend on the table. Worksheets are the default for
// .xml, because the list of types comes first and the number of sheets is known
// last; every other part is named.
const (
	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

	mainNS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relNS  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

	contentTypes = xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`

	packageRels = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="` + relNS + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`

	// Style 0 is plain, 1 a date and time, 2 a heading.
	styles = xmlHead + `<styleSheet xmlns="` + mainNS + `">` +
		`<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts>` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
		`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>` +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`
)

// part writes a whole part. Every part has the same date (the first that the
// zip format knows), so that equal tables give equal files.
func (x *workbook) part(name, body string) error {
	w, err := x.create(name)
	if err == nil {
		_, err = io.WriteString(w, body)
	}
	if err != nil {
		return fmt.Errorf("write XLSX: %s: %w", name, err)
	}
	return nil
}

func (x *workbook) create(name string) (io.Writer, error) {
	return x.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
}

func (x *workbook) openSheet() error {
	x.sheets++
	w, err := x.create(fmt.Sprintf("xl/worksheets/sheet%d.xml", x.sheets))
	if err != nil {
		return fmt.Errorf("write XLSX: sheet %d: %w", x.sheets, err)
	}
	x.out = bufio.NewWriterSize(w, 64<<10)
	x.rowNumber = 0
	fmt.Fprintf(x.out, `%s<worksheet xmlns="%s"><sheetViews><sheetView workbookViewId="0">`+
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`, xmlHead, mainNS)
	for i, c := range x.table.Columns {
		width := max(c.Width, len(c.title())+2, 8)
		fmt.Fprintf(x.out, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, min(width, maxColumnWide))
	}
	_, _ = x.out.WriteString(`</cols><sheetData>`)
	x.beginRow()
	for i, c := range x.table.Columns {
		x.text(i, c.title(), headerStyle)
	}
	_, err = x.out.WriteString("</row>")
	return err
}

func (x *workbook) closeSheet() error {
	// The filter's range is known only now, and stands behind the data.
	_, _ = fmt.Fprintf(x.out, `</sheetData><autoFilter ref="A1:%s%d"/></worksheet>`, columnName(len(x.table.Columns)-1), x.rowNumber)
	return x.out.Flush()
}

func (x *workbook) beginRow() {
	x.rowNumber++
	fmt.Fprintf(x.out, `<row r="%d">`, x.rowNumber)
}

func (x *workbook) row(row Row) error {
	if x.rowNumber >= x.sheetRows {
		if err := x.closeSheet(); err != nil {
			return err
		}
		if err := x.openSheet(); err != nil {
			return err
		}
	}
	x.beginRow()
	for i, v := range row {
		if err := x.cell(i, v); err != nil {
			return fmt.Errorf("column %s: %w", x.table.Columns[i].Name, err)
		}
	}
	_, err := x.out.WriteString("</row>")
	return err
}

func (x *workbook) cell(col int, v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		n := 0
		if v {
			n = 1
		}
		fmt.Fprintf(x.out, `<c r="%s" t="b"><v>%d</v></c>`, x.at(col), n)
		return nil
	case int:
		return x.cell(col, int64(v))
	case int64:
		if v <= maxExactInt && v >= -maxExactInt {
			fmt.Fprintf(x.out, `<c r="%s"><v>%d</v></c>`, x.at(col), v)
			return nil
		}
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			fmt.Fprintf(x.out, `<c r="%s"><v>%s</v></c>`, x.at(col), strconv.FormatFloat(v, 'g', -1, 64))
			return nil
		}
	case time.Time:
		if serial, ok := excelDate(v); ok {
			fmt.Fprintf(x.out, `<c r="%s" s="%s"><v>%s</v></c>`, x.at(col), dateStyle, strconv.FormatFloat(serial, 'f', -1, 64))
			return nil
		}
	}
	s, _, err := cellText(v)
	if err == nil && s != "" {
		x.text(col, s, "")
	}
	return err
}

func (x *workbook) at(col int) string { return columnName(col) + strconv.Itoa(x.rowNumber) }

func (x *workbook) text(col int, s, style string) {
	if cut, ok := cutText(s); ok {
		s = cut
		x.cut++
	}
	if style != "" {
		style = ` s="` + style + `"`
	}
	fmt.Fprintf(x.out, `<c r="%s"%s t="inlineStr"><is><t xml:space="preserve">`, x.at(col), style)
	_ = xml.EscapeText(x.out, []byte(escapeXstring(s)))
	_, _ = x.out.WriteString(`</t></is></c>`)
}

func (x *workbook) close() error {
	if err := x.closeSheet(); err != nil {
		return err
	}
	var book, rels strings.Builder
	fmt.Fprintf(&book, `%s<workbook xmlns="%s" xmlns:r="%s"><sheets>`, xmlHead, mainNS, relNS)
	fmt.Fprintf(&rels, `%s<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`, xmlHead)
	for i := 1; i <= x.sheets; i++ {
		fmt.Fprintf(&book, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, sheetName(x.table.Name, i), i, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i, relNS, i)
	}
	book.WriteString(`</sheets></workbook>`)
	fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/></Relationships>`, x.sheets+1, relNS)
	for _, p := range [][2]string{{"xl/workbook.xml", book.String()}, {"xl/_rels/workbook.xml.rels", rels.String()},
		{"xl/styles.xml", styles}, {"_rels/.rels", packageRels}} {
		if err := x.part(p[0], p[1]); err != nil {
			return err
		}
	}
	return x.zip.Close()
}

// columnName returns A for 0, Z for 25, AA for 26.
func columnName(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// excelDate returns the serial number of a time in UTC: days since the
// beginning of 1900 as spreadsheets count them. Times before March 1900 have
// none that all programs agree on (they count a day that was not).
func excelDate(t time.Time) (float64, bool) {
	if t.Before(time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)) || t.Year() > 9999 {
		return 0, false
	}
	ms := t.UTC().UnixMilli() - time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).UnixMilli()
	return float64(ms) / 86_400_000, true
}

// sheetName returns a name that a workbook allows, numbered from the second on.
func sheetName(name string, i int) string {
	name = strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f || c >= 0xfffd && c <= 0xffff || strings.ContainsRune(`[]:*?/\'"<>&`, c) {
			return -1
		}
		return c
	}, name)
	if name == "" {
		name = "Sheet"
	}
	suffix := ""
	if i > 1 {
		suffix = " " + strconv.Itoa(i)
	}
	runes := []rune(name)
	for len(utf16.Encode(runes))+len(suffix) > maxSheetName {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + suffix
}

func cutText(s string) (string, bool) {
	if len(s) <= maxCellUnits { // as many bytes as units, at least
		return s, false
	}
	units := 0
	keep := -1
	for i, c := range s {
		if keep < 0 && units+utf16.RuneLen(c) > maxCellUnits-len(cutMark) {
			keep = i
		}
		units += utf16.RuneLen(c)
		if units > maxCellUnits {
			return s[:keep] + cutMark, true
		}
	}
	return s, false
}

// escapeXstring writes characters that XML cannot carry as _xHHHH_, and escapes
// text that looks like that already (ECMA-376 part 1, 22.9.2.19, ST_Xstring).
func escapeXstring(s string) string {
	escape := func(c rune) bool {
		return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f || c == 0xfffe || c == 0xffff
	}
	if strings.IndexFunc(s, escape) < 0 && !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		switch {
		case escape(c):
			fmt.Fprintf(&b, "_x%04X_", c)
		case c == '_' && isXEscape(s[i:]):
			b.WriteString("_x005F_")
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func isXEscape(s string) bool {
	return len(s) >= 7 && s[1] == 'x' && s[6] == '_' && strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}

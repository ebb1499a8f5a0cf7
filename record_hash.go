package retinue

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// RecordGenesis is the PrevHash of the first record of a log: 64 zeros.
const RecordGenesis = "0000000000000000000000000000000000000000000000000000000000000000"

// recordHashDomain opens every hashed encoding, so that a record's hash can
// never be the hash of something else that Retinue makes. It changes when the
// encoding does.
const recordHashDomain = "retinue.record.v1"

// recordTime is how a time is written in the hashed encoding: UTC, always six
// digits of fraction.
const recordTime = "2006-01-02T15:04:05.000000Z"

// maxRecordDepth bounds the nesting of Details when they are canonicalised.
const maxRecordDepth = 64

// ComputeHash returns the SHA-256 of the record's canonical encoding, lower-case
// hexadecimal. It covers every field but Hash itself, PrevHash included.
//
// The canonical encoding is a sequence of netstrings (decimal length, colon,
// bytes, comma), in this order:
//
//	"retinue.record.v1", id, seq in decimal, at, actor.kind, actor.name,
//	actor.host, action, subject, details, prevHash
//
// Text is UTF-8. Seq has no sign or leading zero; at is UTC in the form
// 2026-01-02T15:04:05.000000Z, cut to the microsecond. A byte that is not
// UTF-8 is encoded as U+FFFD, as JSON would carry it.
//
// Details are one JSON value made canonical: no white space; the members of an
// object sorted by the bytes of their decoded names; strings with the escapes
// \" \\ \b \f \n \r \t, other control characters as \u00xx in lower case, and
// everything else as UTF-8; numbers as they were written. Absent Details are
// the empty netstring. Details that are not valid JSON are encoded as a byte 0
// followed by the bytes as they stand, which no JSON text can equal.
//
// The encoding does not depend on how a store or an export writes the record:
// anyone who has its JSON can compute the hash.
func (r Record) ComputeHash() string {
	sum := sha256.Sum256(r.canonical())
	return hex.EncodeToString(sum[:])
}

// Seal returns the record as it is appended to a log whose last record has the
// given hash (RecordGenesis for none) and sequence number (0 for none): time
// cut to the microsecond in UTC, texts made valid UTF-8, details canonical,
// and Seq, PrevHash and Hash set. What Seal returns survives a round trip
// through JSON or a database unchanged. It reports details that are not JSON.
func (r Record) Seal(prevHash string, prevSeq int64) (Record, error) {
	if len(r.Details) > 0 {
		d, err := canonicalJSON(r.Details)
		if err != nil {
			return Record{}, fmt.Errorf("seal record %s: details: %w: %w", r.ID, ErrInvalid, err)
		}
		r.Details = d
	}
	r.At = r.At.UTC().Truncate(time.Microsecond)
	r.Actor = Actor{Kind: validUTF8(r.Actor.Kind), Name: validUTF8(r.Actor.Name), Host: validUTF8(r.Actor.Host)}
	r.Action = RecordAction(validUTF8(string(r.Action)))
	r.Subject = validUTF8(r.Subject)
	r.Seq = prevSeq + 1
	r.PrevHash = prevHash
	r.Hash = r.ComputeHash()
	return r, nil
}

func (r Record) canonical() []byte {
	details := []byte(nil)
	if len(r.Details) > 0 {
		d, err := canonicalJSON(r.Details)
		if err != nil {
			d = append([]byte{0}, r.Details...)
		}
		details = d
	}
	var b []byte
	for _, f := range []string{recordHashDomain, string(r.ID), strconv.FormatInt(r.Seq, 10), r.At.UTC().Format(recordTime),
		r.Actor.Kind, r.Actor.Name, r.Actor.Host, string(r.Action), r.Subject} {
		b = appendNetstring(b, []byte(validUTF8(f)))
	}
	b = appendNetstring(b, details)
	return appendNetstring(b, []byte(r.PrevHash))
}

func appendNetstring(b, s []byte) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	b = append(b, s...)
	return append(b, ',')
}

// validUTF8 replaces each byte that is not UTF-8 by U+FFFD, as encoding/json
// does.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.Map(func(c rune) rune { return c }, s)
}

// canonicalJSON rewrites one JSON value as ComputeHash documents.
func canonicalJSON(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	out, err := appendCanonical(nil, d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return out, nil
}

func appendCanonical(b []byte, d *json.Decoder, depth int) ([]byte, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxRecordDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxRecordDepth)
	}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return appendCanonicalObject(b, d, depth)
		}
		return appendCanonicalArray(b, d, depth)
	case string:
		return appendCanonicalString(b, v), nil
	case json.Number:
		return append(b, v.String()...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	}
	return append(b, "null"...), nil
}

func appendCanonicalObject(b []byte, d *json.Decoder, depth int) ([]byte, error) {
	type member struct {
		name  string
		value []byte
	}
	var members []member
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // the decoder lets nothing else stand here
		value, err := appendCanonical(nil, d, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, value})
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	// Stable: members of one name keep their order and are all hashed.
	slices.SortStableFunc(members, func(x, y member) int { return strings.Compare(x.name, y.name) })
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCanonicalString(b, m.name)
		b = append(b, ':')
		b = append(b, m.value...)
	}
	return append(b, '}'), nil
}

func appendCanonicalArray(b []byte, d *json.Decoder, depth int) ([]byte, error) {
	b = append(b, '[')
	for i := 0; d.More(); i++ {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendCanonical(b, d, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	return append(b, ']'), nil
}

func appendCanonicalString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}

package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// moment is a time in any of the forms that AWS's tools print: RFC 3339, the
// same with a space, with a zone without a colon or with none (UTC), and
// seconds since 1970 as a number (version 1 of the AWS CLI, for services that
// speak JSON).
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler. Text that is no time becomes the
// zero time: a report writes "N/A" and "no_information".
func (m *moment) UnmarshalJSON(b []byte) error {
	m.Time = time.Time{}
	if len(b) > 0 && b[0] != '"' {
		if f, err := strconv.ParseFloat(string(b), 64); err == nil && f > 0 && f < 253402300800 {
			m.Time = time.UnixMilli(int64(f * 1000)).UTC().Truncate(time.Second)
		}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	m.Time = parseMoment(s)
	return nil
}

// parseMoment reads a time to the second, which is what every AWS interface
// gives alike: some print fractions that others leave out.
func parseMoment(s string) time.Time {
	if len(s) < 10 || s[0] < '0' || s[0] > '9' {
		return time.Time{}
	}
	for _, l := range [...]string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05-0700",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(l, s); err == nil {
			if t.Year() < 1 || t.Year() > 9999 {
				return time.Time{}
			}
			return t.UTC().Truncate(time.Second)
		}
	}
	return time.Time{}
}

// words is a JSON value that is a string or a list of strings.
type words []string

// UnmarshalJSON implements json.Unmarshaler. Other JSON inside is kept as its
// text, so that an odd policy still shows what it says.
func (w *words) UnmarshalJSON(b []byte) error {
	*w = nil
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	if b[0] != '[' {
		*w = words{scalar(b)}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, e := range list {
		*w = append(*w, scalar(e))
	}
	return nil
}

func scalar(b []byte) string {
	var s string
	if json.Unmarshal(b, &s) == nil {
		return s
	}
	return string(b)
}

// document returns the text of a policy document that an export or an API
// carries as a JSON object, as a string of JSON, or as a string of JSON that is
// escaped for a URL. The text is the document in the order it was written in,
// without white space between its parts, so that it is the same whichever way
// it came. A document that is not JSON is returned as it is.
func document(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return canonicalJSON(raw)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return documentText(s)
}

// documentText is document for text that is not inside JSON. IAM escapes by
// RFC 3986, in which "+" stands for itself.
func documentText(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "%") {
		if plain, err := url.PathUnescape(s); err == nil {
			s = strings.TrimSpace(plain)
		}
	}
	return canonicalJSON([]byte(s))
}

// canonicalJSON removes white space between tokens and writes every string with
// the fewest escapes. Order and repetition of keys stay.
func canonicalJSON(text []byte) string {
	var b bytes.Buffer
	b.Grow(len(text))
	if err := json.Compact(&b, text); err != nil {
		return strings.ToValidUTF8(string(text), "\uFFFD")
	}
	out := b.Bytes()
	if bytes.IndexByte(out, '\\') >= 0 {
		if plain, err := plainEscapes(out); err == nil {
			return strings.ToValidUTF8(plain, "\uFFFD")
		}
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// plainEscapes rewrites the strings of compact JSON with the fewest escapes.
func plainEscapes(compact []byte) (string, error) {
	var b strings.Builder
	for i := 0; i < len(compact); {
		if compact[i] != '"' {
			b.WriteByte(compact[i])
			i++
			continue
		}
		end := i + 1
		for end < len(compact) && compact[end] != '"' {
			if compact[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(compact) {
			return "", fmt.Errorf("%w: string without an end", retinue.ErrInvalid)
		}
		var s string
		if err := json.Unmarshal(compact[i:end+1], &s); err != nil {
			return "", err
		}
		quoted, err := quote(s)
		if err != nil {
			return "", err
		}
		b.WriteString(quoted)
		i = end + 1
	}
	return b.String(), nil
}

func quote(s string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// tags is a list of tags in the forms that AWS services print: a list of
// {Key, Value} (in either case) or an object.
type tags map[string]string

// UnmarshalJSON implements json.Unmarshaler.
func (t *tags) UnmarshalJSON(b []byte) error {
	*t = nil
	if len(b) > 0 && b[0] == '{' {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		*t = tags{}
		for k, v := range m {
			(*t)[retinue.CleanName(k)] = retinue.CleanName(scalar(v))
		}
		return nil
	}
	var list []struct {
		Key      string `json:"Key"`
		Value    string `json:"Value"`
		TagKey   string `json:"TagKey"` // KMS
		TagValue string `json:"TagValue"`
	}
	_ = json.Unmarshal(b, &list) // what is not tags is none: nothing else depends on them
	for _, e := range list {
		if *t == nil {
			*t = tags{}
		}
		(*t)[retinue.CleanName(e.Key+e.TagKey)] = retinue.CleanName(e.Value + e.TagValue)
	}
	return nil
}

// labels returns the tags as labels, nil where there are none.
func (t tags) labels() map[string]string {
	if len(t) == 0 {
		return nil
	}
	return t
}

// attrs builds the attributes of a fact from pairs, leaving out empty values.
func attrs(pairs ...any) retinue.Attrs {
	out := retinue.Attrs{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name := pairs[i].(string)
		switch v := pairs[i+1].(type) {
		case string:
			if v != "" {
				out[name] = retinue.CleanName(v)
			}
		case []string:
			if len(v) > 0 {
				clean := make([]string, len(v))
				for j := range v {
					clean[j] = retinue.CleanName(v[j])
				}
				out[name] = clean
			}
		case bool:
			if v {
				out[name] = true
			}
		case int:
			if v != 0 {
				out[name] = v
			}
		case moment:
			if !v.IsZero() {
				out[name] = v.Format(time.RFC3339)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

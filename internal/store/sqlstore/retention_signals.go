package sqlstore

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// eraser takes words out of what is kept as text.
type eraser struct {
	words []string // in lower case, the longest first
	mask  func(name string) string
	// masks are the pseudonyms of the names that were met, with what stands in
	// their place.
	masks map[string]string
}

func newEraser(words []string, mask func(string) string) *eraser {
	e := &eraser{words: slices.Clone(words), mask: mask, masks: map[string]string{}}
	slices.SortFunc(e.words, func(a, b string) int { return len(b) - len(a) })
	return e
}

// text returns a text with Erased for each word in it that stands by itself, and
// for each pseudonym of a name that was met.
func (e *eraser) text(s string) string {
	for _, w := range e.words {
		s = e.word(s, w)
	}
	for old, now := range e.masks {
		s = strings.ReplaceAll(s, old, now)
	}
	return s
}

// word takes one word out of a text. A name is another one where letters, digits
// or what joins the parts of a name go on at either end.
func (e *eraser) word(s, w string) string {
	var b strings.Builder
	for rest := s; ; {
		i := strings.Index(strings.ToLower(rest), w)
		if i < 0 || i+len(w) > len(rest) || len(strings.ToLower(rest)) != len(rest) { // a letter whose other case is longer: left alone
			b.WriteString(rest)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:i])
		after, size := utf8.DecodeRuneInString(rest[i+len(w):])
		if after == '.' { // of a sentence, or of a name
			after, _ = utf8.DecodeRuneInString(rest[i+len(w)+size:])
		}
		b.WriteString(rest[:i])
		if found := rest[i : i+len(w)]; (i > 0 && joins(before)) || (i+len(w) < len(rest) && joins(after)) {
			b.WriteString(found)
		} else {
			b.WriteString(Erased)
			if e.mask != nil {
				e.masks[e.mask(found)] = e.mask(Erased)
			}
		}
		rest = rest[i+len(w):]
	}
}

func joins(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_@", r))
}

// body takes the words out of every text of a JSON document, and reports whether
// one was there. Names of members stay.
func (e *eraser) body(doc string) (string, bool, error) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return doc, false, err
	}
	changed := false
	v = e.value(v, &changed)
	if !changed {
		return doc, false, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSpace(b.String()), true, err
}

func (e *eraser) value(v any, changed *bool) any {
	switch x := v.(type) {
	case string:
		s := e.text(x)
		*changed = *changed || s != x
		return s
	case []any:
		for i := range x {
			x[i] = e.value(x[i], changed)
		}
	case map[string]any:
		for k := range x {
			x[k] = e.value(x[k], changed)
		}
	}
	return v
}

// networksOf are the networks, in lower case, from which nobody was seen but
// consumers of a name, and those that acted as, or for, one of some refs.
func (tx *Tx) networksOf(words any, refs []int64) ([]string, error) {
	var out []string
	theirs := `(lower(c.name) IN (SELECT v FROM ` + tx.db.d.each("$1") + ` j) OR EXISTS (SELECT 1 FROM usage_behaviours b WHERE b.consumer = c.id
		AND (b.identity IN (SELECT v FROM ` + tx.db.d.eachInt("$2") + ` k) OR b.behalf IN (SELECT v FROM ` + tx.db.d.eachInt("$2") + ` k))))`
	others := `EXISTS (SELECT 1 FROM usage_behaviours b WHERE b.consumer = c.id
		AND (b.identity IS NULL OR b.identity NOT IN (SELECT v FROM ` + tx.db.d.eachInt("$2") + ` k)) AND (b.behalf IS NULL OR b.behalf NOT IN (SELECT v FROM ` + tx.db.d.eachInt("$2") + ` k)))
		AND lower(c.name) NOT IN (SELECT v FROM ` + tx.db.d.each("$1") + ` j)`
	err := tx.query(func(rows *sql.Rows) error {
		var n string
		err := rows.Scan(&n)
		out = append(out, strings.ToLower(n))
		return err
	}, "SELECT DISTINCT c.network FROM usage_consumers c WHERE c.network <> '' AND c.network <> '"+Erased+"' AND "+theirs+
		" AND c.network NOT IN (SELECT c.network FROM usage_consumers c WHERE "+others+") ORDER BY c.network", words, tx.db.d.ints(refs))
	return out, err
}

// purgeNetworks takes networks out of what used something, where they were one
// person's.
func (tx *Tx) purgeNetworks(e *eraser) (ids []int64, err error) {
	type consumer struct{ name, network string }
	found := map[int64]consumer{}
	err = tx.query(func(rows *sql.Rows) error {
		var id int64
		var c consumer
		err := rows.Scan(&id, &c.name, &c.network)
		found[id] = c
		return err
	}, "SELECT id, name, network FROM usage_consumers WHERE lower(network) IN (SELECT v FROM "+tx.db.d.each("$1")+" j)", tx.db.d.list(e.words))
	for id, c := range found {
		if err == nil {
			err = tx.exec("UPDATE usage_consumers SET name = $1, network = $2, hash = $3 WHERE id = $4", e.text(c.name), e.text(c.network), unguessable(), id)
		}
		ids = append(ids, id)
	}
	return ids, err
}

// purgeSignals takes a person out of what was noticed of use, out of what people
// said of it, and out of the findings that tell of it, whatever state they had.
// Signals keep their place: they are named by what is left, as the next look at
// the use names them, so that nobody is told anew.
func (tx *Tx) purgeSignals(e *eraser) (signals, dismissals int64, err error) {
	if signals, err = tx.purgeNoticed(e); err != nil {
		return 0, 0, err
	}
	bodies := map[int64][]string{}
	err = tx.query(func(rows *sql.Rows) error {
		var id int64
		text := make([]string, 4)
		if err := rows.Scan(&id, &text[0], &text[1], &text[2], &text[3]); err != nil {
			return err
		}
		next := []string{e.text(text[0]), e.text(text[1]), e.text(text[2]), ""}
		var err error
		if next[3], _, err = e.body(text[3]); err == nil && !slices.Equal(text, next) {
			bodies[id] = next
		}
		return err
	}, "SELECT id, made_by, revoked_by, reason, body FROM usage_dismissals")
	for id, x := range bodies {
		if err == nil {
			err = tx.exec("UPDATE usage_dismissals SET made_by = $1, revoked_by = $2, reason = $3, body = $4 WHERE id = $5", x[0], x[1], x[2], x[3], id)
		}
	}
	return signals, int64(len(bodies)), err
}

// purgedSignal is a signal whose body changed.
type purgedSignal struct{ was, finding, body string }

func (tx *Tx) purgeNoticed(e *eraser) (int64, error) {
	list, err := tx.withWords(e)
	if err == nil {
		list, err = tx.withWords(e) // pseudonyms stand in others than the names do
	}
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		var kept struct {
			Signal struct {
				Subject retinue.Ref `json:"subject"`
				Kind    string      `json:"kind"`
				What    string      `json:"what"`
			} `json:"signal"`
		}
		if err := json.Unmarshal([]byte(s.body), &kept); err != nil {
			return 0, err
		}
		name, err := tx.freshFingerprint(s.was, store.SignalFingerprint(kept.Signal.Subject, kept.Signal.Kind, kept.Signal.What))
		if err == nil {
			err = tx.exec("UPDATE usage_signals SET fingerprint = $1, body = $2 WHERE fingerprint = $3", name, s.body, s.was)
		}
		if err == nil && s.finding != "" {
			err = tx.purgeFinding(e, s.finding, s.was, name)
		}
		if err != nil {
			return 0, err
		}
	}
	return int64(len(list)), nil
}

// withWords are the signals in which there is a word of an eraser, without them.
func (tx *Tx) withWords(e *eraser) (list []purgedSignal, err error) {
	err = tx.query(func(rows *sql.Rows) error {
		var s purgedSignal
		if err := rows.Scan(&s.was, &s.finding, &s.body); err != nil {
			return err
		}
		body, changed, err := e.body(s.body)
		if changed {
			s.body = body
			list = append(list, s)
		}
		return err
	}, "SELECT fingerprint, finding, body FROM usage_signals ORDER BY fingerprint")
	return list, err
}

// freshFingerprint is the name of a signal after a word was taken out of it. Where
// another has it, what is left of this one names nothing that can be found again.
func (tx *Tx) freshFingerprint(was, name string) (string, error) {
	if name == was {
		return name, nil
	}
	taken, err := tx.any("SELECT 1 FROM usage_signals WHERE fingerprint = $1 UNION SELECT 1 FROM findings WHERE fingerprint = $1", name)
	if taken {
		name = fmt.Sprintf("%x", unguessable()[:12])
	}
	return name, err
}

// purgeFinding takes the words of an eraser out of a finding, as it is and was.
func (tx *Tx) purgeFinding(e *eraser, finding, was, fingerprint string) error {
	bodies := map[string]map[int64]string{"findings": {}, "finding_versions": {}}
	for table, q := range map[string]string{
		"findings":         "SELECT id, body FROM findings WHERE public_id = $1",
		"finding_versions": "SELECT v.id, v.body FROM finding_versions v JOIN findings f ON f.id = v.finding_id WHERE f.public_id = $1",
	} {
		err := tx.query(func(rows *sql.Rows) error {
			var id int64
			var body string
			if err := rows.Scan(&id, &body); err != nil {
				return err
			}
			next, _, err := e.body(body)
			bodies[table][id] = strings.ReplaceAll(next, was, fingerprint)
			return err
		}, q, finding)
		if err != nil {
			return err
		}
	}
	for id, body := range bodies["findings"] {
		var f retinue.Finding
		if err := json.Unmarshal([]byte(body), &f); err != nil {
			return err
		}
		if err := tx.exec("UPDATE findings SET fingerprint = $1, body = $2, search = $3 WHERE id = $4", fingerprint, body, findingSearch(f), id); err != nil {
			return err
		}
	}
	for id, body := range bodies["finding_versions"] {
		if err := tx.exec("UPDATE finding_versions SET body = $1 WHERE id = $2", body, id); err != nil {
			return err
		}
	}
	return nil
}

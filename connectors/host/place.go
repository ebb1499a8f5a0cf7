package host

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// found is a secret, or the name of one, that a parser found in a file.
type found struct {
	// field is the variable or path inside the file, name what people call the
	// credential; line counts from 1, 0 where it is not known.
	field, name string
	line        int
	// value is the secret; zero for a reference.
	value retinue.Secret
	// kind and subtype are what the file's format says; an empty kind leaves
	// it to the value and the field's name.
	kind    retinue.CredentialKind
	subtype string
	// reference is true where the file only names the secret.
	reference bool
	expires   time.Time
	scopes    []string
	joins     []retinue.JoinKey
	attrs     retinue.Attrs
	short     bool // a platform renews it by itself
	// id is the vendor's own id of the credential, which is not secret.
	id string
	// guess is true where the parser does not know that the value is a secret.
	guess bool
}

// holder is the file that holds what was found, and who reads it there.
type holder struct {
	path     string
	kind     retinue.PlaceKind
	exposure retinue.Exposure
	at       time.Time
	consumer retinue.Ref
	// tool names the format, as the detector.
	tool string
}

func (m *machine) holder(f file, tool string, consumer retinue.Ref) holder {
	return holder{path: f.path, kind: retinue.PlaceFile, exposure: m.exposure(f.path), at: f.modified(), consumer: consumer, tool: tool}
}

// state states what was found as credentials with their placements, and reports
// whether anything was.
func (a *area) state(h holder, list []found) bool {
	stated := false
	for _, f := range list {
		stated = a.stateOne(h, f) || stated
	}
	return stated
}

func (a *area) stateOne(h holder, f found) bool {
	m := a.m
	v, ok := m.secrets.judge(h, f)
	if !ok {
		return false
	}
	c := m.secrets.credential(m.secretRef(h.path, f.field), orElse(f.name, f.field), v)
	for _, j := range f.joins {
		if !slices.Contains(c.Joins, j) {
			c.Joins = append(c.Joins, j)
		}
	}
	if !f.expires.IsZero() {
		c.ExpiresAt = f.expires
	}
	c.Scopes, c.ShortLived = f.scopes, c.ShortLived || f.short
	for k, val := range f.attrs {
		if c.Attrs == nil {
			c.Attrs = retinue.Attrs{}
		}
		c.Attrs[k] = val
	}
	p := retinue.Placement{Credential: c.Ref, Consumer: h.consumer, Exposure: h.exposure, Confidence: v.confidence,
		Detector: v.detector, Reference: v.reference, At: h.at, Place: m.filePlace(h.path, f.field, f.line)}
	p.Place.Kind = h.kind
	a.add(c, p)
	return true
}

// judge brings together what the file's format says of a secret and what its
// value says. False: it is none.
func (r *recognizer) judge(h holder, f found) (verdict, bool) {
	v := verdict{kind: f.kind, subtype: f.subtype, confidence: retinue.ConfidenceHigh, detector: h.tool, secret: f.value, reference: f.reference}
	if !f.reference {
		judged, ok := r.value(f.field, f.value.Reveal())
		switch {
		case !ok && (f.guess || isPlaceholder(f.value.Reveal())):
			return verdict{}, false
		case ok && judged.reference:
			v.reference, v.secret = true, retinue.Secret{}
		case ok && f.guess:
			v = judged
		case ok && judged.finding != nil && !judged.finding.Generic:
			v.finding, v.confidence, v.secret, v.detector = judged.finding, judged.confidence, judged.secret, judged.detector
			if v.kind == "" {
				v.kind, v.subtype = judged.kind, judged.subtype
			}
		}
	}
	if known, ok := r.format("id", f.id); ok && f.id != "" && !known.finding.Generic {
		of := *known.finding
		of.Kind, of.Parsed.IDOnly, of.Secret = f.kind, false, v.secret
		v.finding = &of
	}
	v.kind = retinue.CredentialKind(orElse(string(v.kind), string(kindByName(f.field))))
	v.subtype = orElse(v.subtype, f.subtype)
	return v, true
}

// secretRef names a secret by its place.
func (m *machine) secretRef(p, field string) retinue.Ref {
	return retinue.NewRef(m.realm, "secret", clipKey(retinue.CleanName(p)+"#"+retinue.CleanName(field)))
}

// clipKey bounds a key; a longer one ends in the hash of the whole.
func clipKey(key string) string {
	const limit = 1024
	if len(key) <= limit {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return strings.ToValidUTF8(key[:limit-65], "") + "~" + hex.EncodeToString(sum[:])
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

package retinue

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxRefKey bounds the key of a Ref, in bytes. Vendors' own limits are far
// lower (an ARN is at most 2,048 characters); the bound keeps hostile input out
// of indexes.
const MaxRefKey = 4096

// Realm is the observed system's own stable id in the form "kind:id", such as
// "aws:111111111111", "kubernetes:<uid of the kube-system namespace>",
// "postgres:<system identifier>", "host:<machine id>" or "git:<root commit>".
// It never depends on how the system was reached, so two sources that see one
// system state facts about one realm.
type Realm string

// NewRealm returns the realm of a system kind and its own id.
func NewRealm(kind, id string) Realm { return Realm(kind + ":" + id) }

// Kind returns the part before the first colon.
func (r Realm) Kind() string { k, _, _ := strings.Cut(string(r), ":"); return k }

// ID returns the part after the first colon.
func (r Realm) ID() string { _, id, _ := strings.Cut(string(r), ":"); return id }

// Validate reports a realm that is not of the form "kind:id" or that holds
// control characters.
func (r Realm) Validate() error {
	k, id, ok := strings.Cut(string(r), ":")
	if !ok || k == "" || id == "" {
		return fmt.Errorf("%w: realm %q: want kind:id", ErrInvalid, string(r))
	}
	return checkName("realm", string(r), 512)
}

// Ref names a thing, whichever source saw it: the realm it lives in, its kind
// there in lower snake case ("role", "service_account", "access_key") and the
// vendor's own key (an ARN, "namespace/name", a role name, a fingerprint). It
// may point at something that no source has seen yet. The zero Ref names
// nothing.
type Ref struct {
	Realm Realm  `json:"realm"`
	Kind  string `json:"kind"`
	Key   string `json:"key"`
}

// NewRef returns the Ref of a thing.
func NewRef(realm Realm, kind, key string) Ref { return Ref{Realm: realm, Kind: kind, Key: key} }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// String returns "realm/kind/key", for people and logs. It is not parsed back.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return string(r.Realm) + "/" + r.Kind + "/" + r.Key
}

// Compare orders refs bytewise by realm, kind and key.
func (r Ref) Compare(o Ref) int {
	if c := strings.Compare(string(r.Realm), string(o.Realm)); c != 0 {
		return c
	}
	if c := strings.Compare(r.Kind, o.Kind); c != 0 {
		return c
	}
	return strings.Compare(r.Key, o.Key)
}

// Validate reports a Ref that is incomplete, too long, not UTF-8 or holds
// control characters.
func (r Ref) Validate() error {
	if err := r.Realm.Validate(); err != nil {
		return err
	}
	if !isSnake(r.Kind) {
		return fmt.Errorf("%w: ref kind %q: want lower_snake_case", ErrInvalid, r.Kind)
	}
	if r.Key == "" {
		return fmt.Errorf("%w: ref of kind %s has no key", ErrInvalid, r.Kind)
	}
	return checkName("ref key", r.Key, MaxRefKey)
}

// Scope is a part of a realm that can be listed completely, such as the IAM
// roles of an account or one namespace of a cluster. Path is slash-separated;
// the empty path is the whole realm. Scopes nest: "namespace/pay" lies in
// "namespace".
type Scope struct {
	Realm Realm  `json:"realm"`
	Path  string `json:"path"`
}

// NewScope returns the scope of a realm made of the given path elements. A
// slash inside an element is escaped, so that names which a system allows
// slashes in do not nest by accident.
func NewScope(realm Realm, elem ...string) Scope {
	for i, e := range elem {
		elem[i] = strings.ReplaceAll(strings.ReplaceAll(e, "%", "%25"), "/", "%2F")
	}
	return Scope{Realm: realm, Path: strings.Join(elem, "/")}
}

// Contains reports whether o is s or lies inside it.
func (s Scope) Contains(o Scope) bool {
	if s.Realm != o.Realm {
		return false
	}
	return s.Path == "" || s.Path == o.Path || strings.HasPrefix(o.Path, s.Path+"/")
}

// String returns "realm/path".
func (s Scope) String() string {
	if s.Path == "" {
		return string(s.Realm)
	}
	return string(s.Realm) + "/" + s.Path
}

// Validate reports a scope with a bad realm or path.
func (s Scope) Validate() error {
	if err := s.Realm.Validate(); err != nil {
		return err
	}
	if strings.HasPrefix(s.Path, "/") || strings.HasSuffix(s.Path, "/") || strings.Contains(s.Path, "//") {
		return fmt.Errorf("%w: scope path %q: empty element", ErrInvalid, s.Path)
	}
	return checkName("scope path", s.Path, MaxRefKey)
}

func checkName(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%w: %s of %d bytes: the limit is %d", ErrInvalid, what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s %q: not UTF-8", ErrInvalid, what, s)
	}
	for _, c := range s {
		if c < 0x20 || c == 0x7f {
			return fmt.Errorf("%w: %s %q: control character", ErrInvalid, what, s)
		}
	}
	return nil
}

// CleanName makes a name from foreign input safe to use in a Ref, a Scope or on
// a terminal: control characters and invalid UTF-8 become visible escapes.
// Equal input gives equal output, and a clean name is returned as it is.
func CleanName(s string) string {
	clean := utf8.ValidString(s)
	if clean {
		for _, c := range s {
			if c < 0x20 || c == 0x7f || (c >= 0x80 && c <= 0x9f) || isBidi(c) {
				clean = false
				break
			}
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case c < 0x20 || (c >= 0x7f && c <= 0x9f) || isBidi(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
		i += n
	}
	return b.String()
}

// isBidi reports the characters that reorder text around them, which make a
// name look like another one.
func isBidi(c rune) bool {
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f
}

func isSnake(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i, c := range s {
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && (c == '_' || (c >= '0' && c <= '9')):
		default:
			return false
		}
	}
	return true
}

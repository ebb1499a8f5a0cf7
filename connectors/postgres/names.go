package postgres

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// quoteIdent writes an identifier as SQL does: bare where lower-case letters,
// digits and underscores make it up, else in double quotes. Keywords are not
// quoted; the result is a key, not a statement.
func quoteIdent(s string) string {
	bare := s != ""
	for i, c := range s {
		if c == '_' || (c >= 'a' && c <= 'z') || (i > 0 && (c >= '0' && c <= '9' || c == '$')) {
			continue
		}
		bare = false
		break
	}
	if bare {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// qualify joins identifiers with dots, leaving out empty ones.
func qualify(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(quoteIdent(p))
	}
	return b.String()
}

// maxKey leaves room in a Ref for the realm's other parts.
const maxKey = 3500

// ref names a thing of this server. The key is cleaned and bounded, as names of
// hostile input may be.
func (w *writer) ref(kind, key string) retinue.Ref {
	return retinue.NewRef(w.realm, kind, boundKey(key))
}

func (w *writer) roleRef(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	return w.ref("role", name)
}

// relationKind turns pg_class.relkind into a kind of resource.
func relationKind(relkind string) string {
	switch relkind {
	case "r":
		return "table"
	case "p":
		return "partitioned_table"
	case "v":
		return "view"
	case "m":
		return "materialized_view"
	case "S":
		return "sequence"
	case "f":
		return "foreign_table"
	}
	return "relation"
}

// routineKind turns pg_proc.prokind into a kind of resource.
func routineKind(prokind string) string {
	switch prokind {
	case "p":
		return "procedure"
	case "a":
		return "aggregate"
	case "w":
		return "window_function"
	}
	return "function"
}

// defaultACLKind turns pg_default_acl.defaclobjtype into a word.
func defaultACLKind(t string) string {
	switch t {
	case "r":
		return "table"
	case "S":
		return "sequence"
	case "f":
		return "function"
	case "T":
		return "type"
	case "n":
		return "schema"
	case "L":
		return "large_object"
	}
	return t
}

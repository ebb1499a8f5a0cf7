package pgacl

import (
	"slices"
	"strings"
)

// identifiers reads a qualified name as SQL does: parts are separated by dots
// and folded to lower case unless they are in double quotes.
func identifiers(s string) (parts []string, rest string, ok bool) {
	for {
		var part string
		s = strings.TrimLeft(s, " \t\n")
		if strings.HasPrefix(s, `"`) {
			end := 1
			for {
				i := strings.IndexByte(s[end:], '"')
				if i < 0 {
					return nil, "", false
				}
				end += i + 1
				if !strings.HasPrefix(s[end:], `"`) {
					break
				}
				end++
			}
			part, s = strings.ReplaceAll(s[1:end-1], `""`, `"`), s[end:]
		} else {
			end := strings.IndexAny(s, ".( \t\n\"")
			if end < 0 {
				end = len(s)
			}
			part, s = strings.ToLower(s[:end]), s[end:]
		}
		if part == "" {
			return nil, "", false
		}
		parts = append(parts, part)
		s = strings.TrimLeft(s, " \t\n")
		if !strings.HasPrefix(s, ".") {
			return parts, s, true
		}
		s = s[1:]
	}
}

// typeName writes a type as the server does, as far as it can be told without
// its catalog.
func typeName(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if !strings.Contains(s, `"`) {
		s = strings.ToLower(s)
	}
	s = strings.TrimPrefix(s, "pg_catalog.")
	array := ""
	for strings.HasSuffix(s, "[]") {
		s, array = strings.TrimSpace(strings.TrimSuffix(s, "[]")), array+"[]"
	}
	if array != "" {
		array = "[]" // the server keeps no number of dimensions
	}
	if open := strings.IndexByte(s, '('); open > 0 { // a length or precision, which signatures leave out
		if end := strings.IndexByte(s, ')'); end > open {
			s = strings.Join(strings.Fields(s[:open]+s[end+1:]), " ")
		}
	}
	return alias(s) + array
}

// alias undoes the other spellings of types: PostgreSQL manual, chapter "Data
// Types", table "Data Types".
func alias(s string) string {
	switch s {
	case "int", "int4":
		return "integer"
	case "int8":
		return "bigint"
	case "int2":
		return "smallint"
	case "bool":
		return "boolean"
	case "varchar", "char varying":
		return "character varying"
	case "char", "bpchar":
		return "character"
	case "float8", "float":
		return "double precision"
	case "float4":
		return "real"
	case "decimal", "dec":
		return "numeric"
	case "timestamp":
		return "timestamp without time zone"
	case "timestamptz":
		return "timestamp with time zone"
	case "time":
		return "time without time zone"
	case "timetz":
		return "time with time zone"
	case "varbit":
		return "bit varying"
	}
	return s
}

// splitArgs splits a list of arguments at commas outside brackets and quotes.
func splitArgs(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var out []string
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out, start = append(out, strings.TrimSpace(s[start:i])), i+1
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

// sameArgs reports whether a function's identity arguments, which may have
// names and modes, are those that a question asks for by their types.
func sameArgs(identity string, asked []string) bool {
	var have []string
	for _, a := range splitArgs(identity) {
		mode, rest, _ := strings.Cut(a, " ")
		switch mode {
		case "OUT":
			continue
		case "IN", "INOUT", "VARIADIC":
			a = rest
		}
		have = append(have, a)
	}
	return slices.EqualFunc(have, asked, sameArg)
}

// sameArg compares "type" or "name type" with a type.
func sameArg(have, asked string) bool {
	asked = typeName(asked)
	for _, t := range []string{have, withoutName(have)} {
		if t = typeName(t); t != "" && (t == asked || unqualified(t) == asked || t == unqualified(asked)) {
			return true
		}
	}
	return false
}

func withoutName(arg string) string {
	if strings.HasPrefix(arg, `"`) {
		parts, rest, ok := identifiers(arg)
		if !ok || len(parts) > 1 {
			return ""
		}
		return rest
	}
	_, t, _ := strings.Cut(arg, " ")
	return t
}

func unqualified(t string) string {
	if i := strings.LastIndexByte(t, '.'); i >= 0 && !strings.Contains(t, `"`) {
		return t[i+1:]
	}
	return t
}

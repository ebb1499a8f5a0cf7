package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// aclItem is one entry of an access list: which privileges a grantee holds from
// a grantor. An empty grantee is PUBLIC. The letters are those of the
// PostgreSQL manual, chapter "Privileges", table "ACL privilege abbreviations".
type aclItem struct {
	grantee string
	grantor string
	privs   string // letters in the server's order
	options string // letters held with grant option
}

// aclLetters is the order in which the server writes privileges (ACL_ALL_RIGHTS_STR
// in utils/acl.h).
const aclLetters = "arwdDxtXUCTcsAm"

// maxACL bounds the text of one entry: two names of at most 63 bytes, doubled
// by quoting, and the letters.
const maxACL = 4096

// parseACLItem reads the text form of an aclitem: grantee=privileges/grantor,
// each name quoted where it has other than letters, digits and underscores.
func parseACLItem(s string) (aclItem, error) {
	bad := func(why string) (aclItem, error) {
		return aclItem{}, fmt.Errorf("%w: access list entry: %s", retinue.ErrInvalid, why)
	}
	if len(s) > maxACL {
		return bad("too long")
	}
	var it aclItem
	rest := s
	for _, word := range []string{"group ", "user "} {
		rest = strings.TrimPrefix(rest, word)
	}
	var ok bool
	if it.grantee, rest, ok = aclName(rest); !ok {
		return bad("unfinished quotation")
	}
	if !strings.HasPrefix(rest, "=") {
		return bad("no = after the grantee")
	}
	i := 1
	for ; i < len(rest) && rest[i] != '/'; i++ {
		c := rest[i]
		switch {
		case c == '*' && i > 1:
			last := rest[i-1]
			if last == '*' || strings.IndexByte(it.options, last) >= 0 {
				return bad("misplaced *")
			}
			it.options += string(last)
		case strings.IndexByte(aclLetters, c) >= 0:
			if strings.IndexByte(it.privs, c) < 0 {
				it.privs += string(c)
			}
		default:
			return bad(fmt.Sprintf("unknown privilege letter %q", string(c)))
		}
	}
	if i < len(rest) {
		var tail string
		if it.grantor, tail, ok = aclName(rest[i+1:]); !ok || tail != "" {
			return bad("text after the grantor")
		}
	}
	it.privs, it.options = sortLetters(it.privs), sortLetters(it.options)
	return it, nil
}

// aclName reads a name up to a character that ends it, undoing quotation.
func aclName(s string) (name, rest string, ok bool) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '=' || c == '/'):
			return b.String(), s[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// String writes the entry as version 18 of the server does.
func (it aclItem) String() string {
	var b strings.Builder
	putACLName(&b, it.grantee)
	b.WriteByte('=')
	for i := range len(it.privs) {
		b.WriteByte(it.privs[i])
		if strings.IndexByte(it.options, it.privs[i]) >= 0 {
			b.WriteByte('*')
		}
	}
	b.WriteByte('/')
	putACLName(&b, it.grantor)
	return b.String()
}

func putACLName(b *strings.Builder, s string) {
	for i := range len(s) {
		c := s[i]
		if c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			continue
		}
		b.WriteString(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
		return
	}
	b.WriteString(s)
}

func sortLetters(s string) string {
	b := []byte(s)
	slices.SortFunc(b, func(x, y byte) int { return strings.IndexByte(aclLetters, x) - strings.IndexByte(aclLetters, y) })
	return string(slices.Compact(b))
}

// allPrivileges returns the letters that ALL means for a kind of object on a
// server version; 0 is unknown and means the newest. MAINTAIN (m) came with 17.
func allPrivileges(kind string, version int) string {
	switch kind {
	case "table", "partitioned_table", "view", "materialized_view", "foreign_table", "relation":
		if version > 0 && version < 17 {
			return "arwdDxt"
		}
		return "arwdDxtm"
	case "sequence":
		return "rwU"
	case "column":
		return "arwx"
	case "database":
		return "CTc"
	case "schema":
		return "UC"
	case "function", "procedure", "aggregate", "window_function":
		return "X"
	case "language", "type", "foreign_data_wrapper", "foreign_server":
		return "U"
	case "tablespace":
		return "C"
	case "parameter":
		return "sA"
	case "large_object":
		return "rw"
	}
	return ""
}

// builtinACL returns the access list that a null one stands for: what acldefault
// of the server returns.
func builtinACL(kind, owner string, version int) []aclItem {
	var public string
	switch kind {
	case "database":
		public = "Tc"
	case "function", "procedure", "aggregate", "window_function":
		public = "X"
	case "language", "type":
		public = "U"
	case "column":
		return nil
	}
	var out []aclItem
	if public != "" {
		out = append(out, aclItem{grantor: owner, privs: sortLetters(public)})
	}
	return append(out, aclItem{grantee: owner, grantor: owner, privs: sortLetters(allPrivileges(kind, version))})
}

// canonicalACL returns an access list in the form that every way of reading can
// produce: entries in bytewise order, merged where grantee and grantor are
// equal, and nil where they are what the built-in default says, since a dump
// tells an explicit default from a null one in no way. The order means nothing
// to the server. An entry that cannot be read stays as it is.
func canonicalACL(acl aclRow, kind, owner string, version int) []string {
	if !acl.Valid {
		return nil
	}
	out := sortedACL(acl.Items)
	if kind != "" && slices.Equal(out, itemStrings(builtinACL(kind, owner, version))) {
		return nil
	}
	return out
}

func sortedACL(items []string) []string {
	parsed := make([]aclItem, 0, len(items))
	out := []string{}
	for _, s := range items {
		it, err := parseACLItem(s)
		if err != nil {
			out = append(out, retinue.CleanName(s))
			continue
		}
		parsed = mergeItem(parsed, it)
	}
	out = append(out, itemStrings(parsed)...)
	slices.Sort(out)
	return slices.Compact(out)
}

// mergeItem adds an entry to those of a list.
func mergeItem(list []aclItem, it aclItem) []aclItem {
	for i := range list {
		if list[i].grantee == it.grantee && list[i].grantor == it.grantor {
			list[i].privs = sortLetters(list[i].privs + it.privs)
			list[i].options = sortLetters(list[i].options + it.options)
			return list
		}
	}
	return append(list, it)
}

// itemStrings writes entries that hold anything, in bytewise order.
func itemStrings(items []aclItem) []string {
	out := []string{}
	for _, it := range items {
		if it.privs != "" {
			out = append(out, retinue.CleanName(it.String()))
		}
	}
	slices.Sort(out)
	return out
}

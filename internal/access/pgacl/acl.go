package pgacl

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/retinue-id/retinue"
)

// privs is a set of privileges: one bit for each, and 16 bits higher for the
// option to grant it, as in an AclMode of the server (utils/acl.h).
type privs uint32

// The privileges.
const (
	privInsert privs = 1 << iota
	privSelect
	privUpdate
	privDelete
	privTruncate
	privReferences
	privTrigger
	privExecute
	privUsage
	privCreate
	privTemp
	privConnect
	privSet
	privAlterSystem
	privMaintain
)

const (
	optionShift       = 16
	allOptions  privs = 0xffff << optionShift
)

// option is the right to grant privileges.
func (p privs) option() privs { return p << optionShift }

// letters are the abbreviations of privileges in an aclitem, in the order of
// the bits: PostgreSQL manual, chapter "Privileges", table "ACL Privilege
// Abbreviations".
const letters = "arwdDxtXUCTcsAm"

var privilegeNames = [...]string{"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "EXECUTE", "USAGE",
	"CREATE", "TEMPORARY", "CONNECT", "SET", "ALTER SYSTEM", "MAINTAIN"}

// String lists privileges as SQL names them.
func (p privs) String() string {
	var out []string
	for q := p &^ allOptions; q != 0; q &= q - 1 {
		out = append(out, privilegeNames[bits.TrailingZeros32(uint32(q))])
	}
	for q := p >> optionShift; q != 0; q &= q - 1 {
		out = append(out, privilegeNames[bits.TrailingZeros32(uint32(q))]+" WITH GRANT OPTION")
	}
	return strings.Join(out, ", ")
}

// Item is one entry of an access list.
type Item struct {
	// Grantee is empty for PUBLIC.
	Grantee string
	Grantor string
	privs   privs
}

// maxItem bounds the text of an entry: two quoted names of 63 bytes each, and
// the letters, with room to spare.
const maxItem = 4096

// ParseItem reads the text form of an aclitem, grantee=privileges/grantor. A
// name is in double quotes where it has other characters than letters, digits
// and underscores; a double quote in it is doubled. Errors wrap
// retinue.ErrInvalid.
func ParseItem(text string) (Item, error) {
	bad := func(why string) (Item, error) {
		return Item{}, fmt.Errorf("%w: access list entry %s: %s", retinue.ErrInvalid, clip(text), why)
	}
	if len(text) > maxItem {
		return bad("too long")
	}
	var it Item
	var ok bool
	rest := text
	for _, word := range []string{"group ", "user "} { // as old servers write
		rest = strings.TrimPrefix(rest, word)
	}
	if it.Grantee, rest, ok = name(rest); !ok {
		return bad("unfinished quotation")
	}
	if rest, ok = strings.CutPrefix(rest, "="); !ok {
		return bad("no = behind the grantee")
	}
	last := privs(0)
	for rest != "" && rest[0] != '/' {
		i := strings.IndexByte(letters, rest[0])
		switch {
		case rest[0] == '*' && last != 0:
			it.privs |= last.option()
			last = 0
		case i >= 0:
			last = 1 << i
			it.privs |= last
		default:
			return bad("unknown privilege letter")
		}
		rest = rest[1:]
	}
	if rest != "" {
		if it.Grantor, rest, ok = name(rest[1:]); !ok || rest != "" {
			return bad("wrong grantor")
		}
	}
	return it, nil
}

// name reads a name up to an unquoted = or /.
func name(s string) (name, rest string, ok bool) {
	if end := strings.IndexAny(s, `"=/`); end < 0 {
		return s, "", true
	} else if s[end] != '"' {
		return s[:end], s[end:], true
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte(c)
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

// String writes an entry as the server does.
func (it Item) String() string {
	var b strings.Builder
	quote(&b, it.Grantee)
	b.WriteByte('=')
	for i := range len(letters) {
		if p := privs(1) << i; it.privs&p != 0 {
			b.WriteByte(letters[i])
			if it.privs&p.option() != 0 {
				b.WriteByte('*')
			}
		}
	}
	b.WriteByte('/')
	quote(&b, it.Grantor)
	return b.String()
}

func quote(b *strings.Builder, s string) {
	safe := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for i := range len(s) {
		if !safe(s[i]) {
			b.WriteString(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
			return
		}
	}
	b.WriteString(s)
}

func clip(s string) string {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return `"` + retinue.CleanName(s) + `"`
}

// everything is what ALL means for a kind of object.
func everything(k Kind, version int) privs {
	switch k {
	case Table:
		p := privInsert | privSelect | privUpdate | privDelete | privTruncate | privReferences | privTrigger
		if version >= 17 {
			p |= privMaintain
		}
		return p
	case Sequence:
		return privUsage | privSelect | privUpdate
	case Database:
		return privCreate | privTemp | privConnect
	case Function:
		return privExecute
	case Language, Type, Wrapper, ForeignServer:
		return privUsage
	case Schema:
		return privUsage | privCreate
	case Tablespace:
		return privCreate
	case LargeObject:
		return privSelect | privUpdate
	case Parameter:
		return privSet | privAlterSystem
	}
	return 0
}

// builtin is the access list that a null one stands for, as the server's
// acldefault says: the owner has everything, and PUBLIC what every role may be
// expected to need.
func builtin(k Kind, owner string, version int) []Item {
	var public privs
	switch k {
	case Database:
		public = privTemp | privConnect
	case Function:
		public = privExecute
	case Language, Type:
		public = privUsage
	}
	var out []Item
	if public != 0 {
		out = append(out, Item{Grantor: owner, privs: public})
	}
	return append(out, Item{Grantee: owner, Grantor: owner, privs: everything(k, version)})
}

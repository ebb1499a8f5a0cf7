package pgacl

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// named is a privilege under the name by which a has_*_privilege function knows
// it, since a version (0: always) and until before one (0: still).
type named struct {
	name         string
	privs        privs
	since, until int
}

// accepted lists the privileges that the server's function for a kind of object
// takes: PostgreSQL manual, chapter "System Information Functions and
// Operators", table "Access Privilege Inquiry Functions".
func accepted(k Kind) []named {
	switch k {
	case Table:
		// RULE means nothing since 8.2, and was taken until 18.
		return []named{{"SELECT", privSelect, 0, 0}, {"INSERT", privInsert, 0, 0}, {"UPDATE", privUpdate, 0, 0}, {"DELETE", privDelete, 0, 0},
			{"TRUNCATE", privTruncate, 0, 0}, {"REFERENCES", privReferences, 0, 0}, {"TRIGGER", privTrigger, 0, 0},
			{"MAINTAIN", privMaintain, 17, 0}, {"RULE", 0, 0, 18}}
	case Sequence:
		return []named{{"USAGE", privUsage, 0, 0}, {"SELECT", privSelect, 0, 0}, {"UPDATE", privUpdate, 0, 0}}
	case KindColumn, KindAnyColumn:
		return []named{{"SELECT", privSelect, 0, 0}, {"INSERT", privInsert, 0, 0}, {"UPDATE", privUpdate, 0, 0}, {"REFERENCES", privReferences, 0, 0}}
	case Database:
		return []named{{"CREATE", privCreate, 0, 0}, {"TEMPORARY", privTemp, 0, 0}, {"TEMP", privTemp, 0, 0}, {"CONNECT", privConnect, 0, 0}}
	case Function:
		return []named{{"EXECUTE", privExecute, 0, 0}}
	case Schema:
		return []named{{"CREATE", privCreate, 0, 0}, {"USAGE", privUsage, 0, 0}}
	case Language, Type, Wrapper, ForeignServer:
		return []named{{"USAGE", privUsage, 0, 0}}
	case Tablespace:
		return []named{{"CREATE", privCreate, 0, 0}}
	case Parameter:
		return []named{{"SET", privSet, 15, 0}, {"ALTER SYSTEM", privAlterSystem, 15, 0}}
	case LargeObject:
		return []named{{"SELECT", privSelect, 0, 0}, {"UPDATE", privUpdate, 0, 0}}
	}
	return nil
}

// parsePrivileges reads what a has_*_privilege function takes: privileges in
// any case, separated by commas, each with WITH GRANT OPTION where that is
// asked. Holding one of them is enough for a yes.
func parsePrivileges(k Kind, text string, version int) (privs, error) {
	list := accepted(k)
	var out privs
	for chunk := range strings.SplitSeq(text, ",") {
		word := strings.ToUpper(strings.Trim(chunk, " \t\n\v\f\r"))
		word, option := strings.CutSuffix(word, " WITH GRANT OPTION")
		known := false
		for _, n := range list {
			if n.name != word || version > 0 && (version < n.since || n.until > 0 && version >= n.until) {
				continue
			}
			known = true
			if option {
				out |= n.privs.option()
			} else {
				out |= n.privs
			}
		}
		if !known {
			return 0, unrecognized(k, chunk, version)
		}
	}
	return out, nil
}

func unrecognized(k Kind, word string, version int) error {
	of := ""
	if version > 0 {
		of = fmt.Sprintf(" of version %d", version)
	}
	return fmt.Errorf("%w: a server%s knows no privilege %s of a %s", retinue.ErrInvalid, of, clip(strings.TrimSpace(word)), k)
}

// roleAsk is what pg_has_role can be asked, any of them being enough.
type roleAsk struct{ member, usage, set, admin bool }

// parseRolePrivileges reads what pg_has_role takes. With GRANT and WITH ADMIN
// OPTION mean the same, before whichever word they stand.
func parseRolePrivileges(text string, version int) (roleAsk, error) {
	var a roleAsk
	for chunk := range strings.SplitSeq(text, ",") {
		word := strings.ToUpper(strings.Trim(chunk, " \t\n\v\f\r"))
		word, option := strings.CutSuffix(word, " WITH GRANT OPTION")
		if !option {
			word, option = strings.CutSuffix(word, " WITH ADMIN OPTION")
		}
		known := word == "MEMBER" || word == "USAGE" || word == "SET" && (version == 0 || version >= 16)
		switch {
		case !known:
			return a, unrecognized(KindRole, chunk, version)
		case option:
			a.admin = true
		case word == "MEMBER":
			a.member = true
		case word == "USAGE":
			a.usage = true
		default:
			a.set = true
		}
	}
	return a, nil
}

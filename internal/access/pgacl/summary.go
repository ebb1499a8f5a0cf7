// Package pgacl answers what roles of a PostgreSQL server may do, exactly as
// the server's own functions has_table_privilege, pg_has_role and their like
// do: [New] compiles a [State], an [Index] answers. It also summarises single
// documents, as the postgres connector states them ([Summarize]), which is no
// evaluation.
//
// The semantics are those of the PostgreSQL manual, chapters "Privileges",
// "Role Membership", "Predefined Roles" and "Row Security Policies", and of
// src/backend/utils/adt/acl.c and src/backend/catalog/aclchk.c, by version:
// since 16 each membership says whether its privileges are inherited and
// whether SET ROLE may use it, before, the member's attribute does; MAINTAIN
// came with 17. Versions from 12 to 18 are known. pg_hba.conf is not read.
package pgacl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// document is what role and object documents have in common with each other;
// fields of other documents are left alone.
type document struct {
	Kind            string   `json:"kind"`
	Name            string   `json:"name"`
	Superuser       bool     `json:"superuser"`
	CreateRole      bool     `json:"createRole"`
	CreateDB        bool     `json:"createDb"`
	Replication     bool     `json:"replication"`
	BypassRLS       bool     `json:"bypassRls"`
	SetsRole        string   `json:"setsRole"`
	Database        string   `json:"database"`
	Owner           string   `json:"owner"`
	ACL             []string `json:"acl"`
	SecurityDefiner bool     `json:"securityDefiner"`
	RowPolicies     []any    `json:"rowPolicies"`
	Columns         []struct {
		ACL []string `json:"acl"`
	} `json:"columns"`
}

// Summarize says what a document gives. Principals are the grantees of an
// access list; PUBLIC is of kind "anyone". Errors wrap retinue.ErrInvalid.
func Summarize(text string) (access.Summary, error) {
	var d document
	if len(text) > retinue.MaxDocument {
		return access.Summary{}, fmt.Errorf("%w: PostgreSQL document of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), retinue.MaxDocument)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return access.Summary{}, fmt.Errorf("%w: PostgreSQL document: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	if d.Kind == "" {
		return access.Summary{}, fmt.Errorf("%w: PostgreSQL document: kind is missing", retinue.ErrInvalid)
	}
	var s access.Summary
	if d.Kind == "role" {
		role(&s, &d)
	} else {
		object(&s, &d)
	}
	s.Normalize()
	return s, nil
}

func role(s *access.Summary, d *document) {
	s.Admin = d.Superuser
	s.Writes = d.Superuser || d.CreateRole || d.CreateDB
	for _, a := range []struct {
		set       bool
		escalates string
		sentence  string
	}{
		{d.Superuser, "", "It is a superuser: no check applies to it."},
		{d.CreateRole, "create and grant roles", "It makes roles and grants those that it administers."},
		{d.Replication, "read everything by replication", "It can copy the whole server by replication."},
		{d.BypassRLS, "bypass row security", "Row security does not apply to it."},
		{d.SetsRole != "", "", "It becomes role " + retinue.CleanName(d.SetsRole) + " when it connects."},
	} {
		if !a.set {
			continue
		}
		if a.escalates != "" {
			s.Escalates = append(s.Escalates, a.escalates)
		}
		s.Sentences = append(s.Sentences, a.sentence)
	}
}

func object(s *access.Summary, d *document) {
	if d.Database != "" {
		s.Services = append(s.Services, retinue.CleanName(d.Database))
	}
	s.Conditional = len(d.RowPolicies) > 0
	lists := slices.Clone(d.ACL)
	for _, c := range d.Columns {
		lists = append(lists, c.ACL...)
	}
	for _, item := range lists {
		grantee, privileges, ok := entry(item)
		if !ok {
			continue
		}
		p := access.Principal{Kind: "principal", Name: retinue.CleanName(grantee)}
		if grantee == "" {
			p.Kind, p.Name = "anyone", "PUBLIC"
			if writes(privileges) {
				s.Sentences = append(s.Sentences, "Every role of the server can change it: "+retinue.CleanName(privileges)+" is granted to PUBLIC.")
			}
		}
		s.Writes = s.Writes || writes(privileges)
		s.Principals = append(s.Principals, p)
	}
	if d.SecurityDefiner {
		s.Sentences = append(s.Sentences, "It runs with the rights of its owner "+retinue.CleanName(d.Owner)+".")
	}
}

// entry splits an access list entry "grantee=privileges/grantor", of which the
// names may be in double quotes.
func entry(item string) (grantee, privileges string, ok bool) {
	rest := item
	if strings.HasPrefix(rest, `"`) {
		var b strings.Builder
		i := 1
		for ; i < len(rest); i++ {
			if rest[i] != '"' {
				b.WriteByte(rest[i])
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '"' {
				b.WriteByte('"')
				i++
				continue
			}
			break
		}
		if i >= len(rest) {
			return "", "", false
		}
		grantee, rest = b.String(), rest[i+1:]
		if !strings.HasPrefix(rest, "=") {
			return "", "", false
		}
		rest = rest[1:]
	} else if grantee, rest, ok = strings.Cut(rest, "="); !ok {
		return "", "", false
	}
	privileges, _, _ = strings.Cut(rest, "/")
	return grantee, privileges, true
}

// writes reports whether privilege letters change something: insert, update,
// delete, truncate, create, trigger, maintain and alter system.
func writes(letters string) bool { return strings.ContainsAny(letters, "awdDCtmA") }

package pgacl

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// HostRules is the layer that is not read: who may connect from where.
const HostRules = "pg_hba.conf (who may connect from where)"

// resourceKinds are the words that a resource begins with. They are those of
// Question, with the kinds of relations that the inventory tells apart.
func resourceKinds() map[string]Kind {
	return map[string]Kind{"table": Table, "partitioned_table": Table, "view": Table, "materialized_view": Table, "foreign_table": Table,
		"column": KindColumn, "schema": Schema, "sequence": Sequence, "function": Function, "procedure": Function, "aggregate": Function,
		"window_function": Function, "database": Database, "type": Type, "language": Language, "tablespace": Tablespace, "parameter": Parameter,
		"foreign_data_wrapper": Wrapper, "foreign_server": ForeignServer, "large_object": LargeObject, "role": KindRole}
}

// roleActions are what can be done with roles, as pg_has_role names it.
func roleActions() map[string]string {
	return map[string]string{"member of": "MEMBER", "use role": "USAGE", "set role": "SET", "administer": "MEMBER WITH ADMIN OPTION"}
}

// asking reads a question of people: see Engine. With an empty resource the
// question has no kind.
func asking(action, resource string) (Question, bool) {
	action = strings.ToLower(strings.Join(strings.Fields(action), " "))
	q := Question{Privilege: strings.ToUpper(action), Effective: true}
	word, ofRole := roleActions()[action]
	if resource == "" {
		if ofRole {
			q.Privilege = word
		}
		return q, ofRole || len(kindsWith(q.Privilege)) > 0
	}
	name, rest, ok := strings.Cut(resource, " ")
	kind, known := resourceKinds()[name]
	if rest = strings.TrimSpace(rest); !ok || !known || rest == "" {
		return q, false
	}
	q.Kind = kind
	if kind == KindRole {
		q.Object, q.Privilege, q.Effective = rest, word, false
		return q, ofRole
	}
	if ofRole || !q.locate(rest) {
		return q, false
	}
	_, err := parsePrivileges(kind, q.Privilege, 0)
	return q, err == nil
}

// locate tells the database from the rest of an object's name.
func (q *Question) locate(name string) bool {
	q.Object = name
	parts, rest, ok := identifiers(name)
	within := 2 // parts of a name in its database
	switch q.Kind {
	case Database, Tablespace, Parameter:
		return true
	case Schema, Language, Wrapper, ForeignServer:
		within = 1
	case LargeObject:
		if db, id, cut := strings.Cut(name, "."); cut {
			q.Database, q.Object = db, id
		}
		return true
	case KindColumn:
		within = 3
	}
	if !ok || len(parts) > within+1 || rest != "" && q.Kind != Function {
		return false
	}
	if len(parts) == within+1 {
		q.Database, parts = parts[0], parts[1:]
	}
	if within == 1 {
		q.Object = parts[0]
		return true
	}
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(`"` + strings.ReplaceAll(p, `"`, `""`) + `"`)
	}
	q.Object = b.String() + rest
	return true
}

// kindsWith lists the kinds of object that have a privilege, sorted.
func kindsWith(privilege string) []Kind {
	var out []Kind
	for _, k := range []Kind{Database, ForeignServer, Function, Language, LargeObject, Parameter, Schema, Sequence, Table, Tablespace, Type, Wrapper} {
		if _, err := parsePrivileges(k, privilege, 0); err == nil {
			out = append(out, k)
		}
	}
	return out
}

// narrowed makes a yes that row policies cut down a conditional one.
func narrowed(d access.Decision) access.Decision {
	i := slices.IndexFunc(d.Because, func(r access.Reason) bool { return r.Layer == layerRows })
	if d.Outcome != access.Allowed || i < 0 {
		return d
	}
	d.Outcome = access.Conditional
	d.Remains = []access.Condition{{Key: "row", Operator: "is shown by", Values: []string{d.Because[i].Document},
		Text: "the rows are those that its row policies let through (" + d.Because[i].Text + ")"}}
	return d
}

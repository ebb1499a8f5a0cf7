package pgacl

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// Question asks whether a role has a privilege on something.
type Question struct {
	// Role is its exact name; "public" stands for PUBLIC.
	Role string
	// Kind says what Object names, and which function of the server would be
	// asked.
	Kind Kind
	// Object names it as the server's function takes it: relations, functions
	// and types as in SQL (folded to lower case unless quoted), functions with
	// the types of their arguments, a column behind its table
	// ("schema.table.column"); everything else by its exact name.
	Object string
	// Column is the exact name of a column, where Object names the table only.
	Column string
	// Privilege is one or several, separated by commas, of which one is enough;
	// each may have WITH GRANT OPTION.
	Privilege string
	// Database is the database that is asked. It may be left out where the
	// objects of one only are known.
	Database string
	// Effective asks whether the role can use the privilege, not just whether
	// it holds it: what lies in a schema needs USAGE of the schema as well,
	// which the server's functions do not look at.
	Effective bool
}

// asked is a question with its names resolved.
type asked struct {
	Question
	role   int32
	object *compiled
	column string
	want   privs
	rules  rules
}

func (x *Index) resolve(q Question) (asked, error) {
	a := asked{Question: q, role: nobody}
	if a.Database == "" {
		a.Database = x.only()
	}
	var err error
	if a.rules, err = x.rulesFor(&a); err != nil {
		return a, err
	}
	if q.Kind == KindRole {
		return a, nil
	}
	err = x.find(&a)
	return a, err
}

// rulesFor finds the role that is asked about and what the answer goes by.
func (x *Index) rulesFor(a *asked) (rules, error) {
	r := rules{newer: x.version >= 16, owner: nobody}
	if a.Role == "public" && a.Kind != KindRole {
		a.role = public
	} else if a.role = x.graph.find(a.Role); a.role < 0 || !x.graph.known[a.role] {
		return r, fmt.Errorf("%w: no role %s is known", retinue.ErrNotFound, clip(a.Role))
	}
	if o, ok := x.graph.owners[a.Database]; ok {
		r.owner = o
	}
	return r, nil
}

// find resolves the object of a question.
func (x *Index) find(a *asked) error {
	kind := a.Kind
	switch kind {
	case KindColumn, KindAnyColumn, KindRowSecurity, Sequence:
		kind = Table
	}
	if accepted(kind) == nil {
		return fmt.Errorf("%w: kind %s", retinue.ErrUnsupported, clip(string(a.Kind)))
	}
	candidates, err := x.candidates(a, kind)
	if err != nil {
		return err
	}
	switch len(candidates) {
	case 0:
		if kind == Parameter && x.parameters {
			// What nothing was granted on has no row in the catalog.
			a.object = &compiled{Object: &Object{Kind: Parameter, Name: a.Object}, owner: nobody}
			return nil
		}
		return fmt.Errorf("%w: no %s %s is known in database %s", retinue.ErrNotFound, a.Kind, clip(a.Object), clip(a.Database))
	case 1:
		a.object = &x.objects[candidates[0]]
	default:
		return fmt.Errorf("%w: %s names %d objects: give its schema and arguments", retinue.ErrConflict, clip(a.Object), len(candidates))
	}
	if a.Kind == Sequence && a.object.Kind != Sequence {
		return fmt.Errorf("%w: %s is not a sequence", retinue.ErrInvalid, clip(a.Object))
	}
	return nil
}

// anySchema marks the entry of an object under its bare name.
const anySchema = "\x00"

func (x *Index) candidates(a *asked, kind Kind) ([]int32, error) {
	k := objectKey{kind: kind, database: a.Database, name: a.Object}
	switch kind {
	case Table, Function, Type:
		return x.qualified(a, k)
	case Database, Tablespace, Parameter:
		k.database = ""
	}
	if kind == Parameter {
		k.name = strings.ToLower(k.name)
	}
	if found := x.byName[k]; len(found) > 0 {
		return found, nil
	}
	// The server takes these by their exact names; quotes are let pass.
	if parts, rest, ok := identifiers(a.Object); ok && rest == "" && len(parts) == 1 {
		k.name = parts[0]
	}
	return x.byName[k], nil
}

func (x *Index) qualified(a *asked, k objectKey) ([]int32, error) {
	parts, rest, ok := identifiers(a.Object)
	if !ok || rest != "" && (k.kind != Function || !strings.HasPrefix(rest, "(") || !strings.HasSuffix(rest, ")")) {
		return nil, fmt.Errorf("%w: name %s", retinue.ErrInvalid, clip(a.Object))
	}
	a.column = a.Column
	if a.Kind == KindColumn && a.Column == "" {
		if len(parts) < 2 {
			return nil, fmt.Errorf("%w: %s names no column: want schema.table.column", retinue.ErrInvalid, clip(a.Object))
		}
		a.column, parts = parts[len(parts)-1], parts[:len(parts)-1]
		if i := strings.LastIndexByte(a.Object, '.'); i >= 0 && !strings.Contains(a.Object, `"`) {
			a.column = a.Object[i+1:] // the server takes a column's name as it is
		}
	}
	k.schema, k.name = anySchema, parts[len(parts)-1]
	switch len(parts) {
	case 1:
	case 2:
		k.schema = parts[0]
	case 3:
		k.database, k.schema = parts[0], parts[1]
	default:
		return nil, fmt.Errorf("%w: name %s has too many parts", retinue.ErrInvalid, clip(a.Object))
	}
	found := x.byName[k]
	if k.kind != Function || rest == "" {
		return found, nil
	}
	want := splitArgs(rest[1 : len(rest)-1])
	var out []int32
	for _, n := range found {
		if sameArgs(x.objects[n].Args, want) {
			out = append(out, n)
		}
	}
	return out, nil
}

package pgacl

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// NewObject is what an object of a kind would be that creator makes in a schema
// of a database: its owner, and the access list that default privileges give
// it. Those for every schema replace the built-in default, those for one schema
// are added: PostgreSQL manual, "ALTER DEFAULT PRIVILEGES". The object has no
// name.
func (x *Index) NewObject(kind Kind, database, schema, creator string) Object {
	o := Object{Kind: kind, Database: database, Schema: schema, Owner: creator}
	var everywhere, here []string
	replaced := false
	for _, d := range x.defaults {
		if d.Kind != kind || d.Role != creator || d.Database != database {
			continue
		}
		switch d.Schema {
		case "":
			everywhere, replaced = append(everywhere, d.ACL...), true
		case schema:
			here = append(here, d.ACL...)
		}
	}
	if !replaced && len(here) == 0 {
		return o
	}
	if !replaced {
		for _, it := range builtin(kind, creator, x.version) {
			everywhere = append(everywhere, it.String())
		}
	}
	// Where everything was revoked and nothing granted, the server writes no
	// list at all (aclmerge in acl.c), so that the built-in default holds.
	o.ACL = append(everywhere, here...)
	return o
}

// DecideOn answers a question about an object that is given instead of one of
// the state, such as a NewObject or one that a change would make. Object of the
// question is not looked at.
func (x *Index) DecideOn(q Question, o Object) access.Decision {
	a := asked{Question: q, role: public, column: q.Column}
	if a.Database == "" {
		a.Database = o.Database
	}
	var err error
	if a.rules, err = x.rulesFor(&a); err != nil {
		return unknown(err)
	}
	c := x.compile(&o, x.graph.find)
	a.object = &c
	if q.Kind == KindRole || accepted(o.Kind) == nil {
		return unknown(fmt.Errorf("%w: kind %s", retinue.ErrUnsupported, clip(string(q.Kind))))
	}
	return x.decide(&a)
}

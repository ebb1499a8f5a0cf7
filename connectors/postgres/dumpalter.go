package postgres

import "slices"

// alter reads ALTER: owners, row security, role attributes.
func (d *dump) alter(c *cursor) {
	var kind string
	switch {
	case c.take("role"), c.take("user") && !c.at("mapping"), c.take("group"):
		d.alterRole(c)
		return
	case c.take("database"):
		name := c.ident()
		if c.take("owner", "to") {
			if d.created[name] == nil {
				d.created[name] = &database{Name: name}
			}
			d.created[name].Owner = c.value()
		}
		return
	case c.take("table"), c.take("view"), c.take("sequence"), c.take("materialized", "view"), c.take("foreign", "table"):
		kind = "relation"
	case c.take("function"), c.take("procedure"), c.take("aggregate"), c.take("routine"):
		d.alterRoutine(c)
		return
	case c.take("schema"):
		kind = "schema"
	case c.take("type"), c.take("domain"):
		kind = "type"
	case c.take("procedural", "language"), c.take("language"):
		kind = "language"
	case c.take("foreign", "data", "wrapper"):
		kind = "foreign_data_wrapper"
	case c.take("server"):
		kind = "foreign_server"
	case c.take("subscription"):
		d.alterSubscription(c)
		return
	default:
		return
	}
	c.take("if", "exists")
	c.take("only")
	schema, name := c.qualified()
	if name == "" {
		return
	}
	if kind == "relation" {
		d.alterRelation(c, schema, name)
		return
	}
	if c.take("owner", "to") {
		d.in().object(kind, schema, name, "").owner = c.value()
	}
}

func (d *dump) alterRelation(c *cursor, schema, name string) {
	switch {
	case c.take("owner", "to"):
		d.in().object("relation", schema, name, "").owner = c.value()
	case c.take("enable", "row", "level", "security"):
		d.in().object("relation", schema, name, "").rowSec = true
	case c.take("force", "row", "level", "security"), c.take("only", "force", "row", "level", "security"):
		d.in().object("relation", schema, name, "").forceSec = true
	case c.take("alter"):
		d.identityColumn(c, schema, name)
	}
}

// identityColumn finds the sequence of ADD GENERATED … AS IDENTITY, which has
// the owner of its table.
func (d *dump) identityColumn(c *cursor, schema, name string) {
	for i := c.i; i+2 < len(c.tokens); i++ {
		probe := cursor{c.statement, i}
		if probe.take("sequence", "name") {
			s, n := probe.qualified()
			o := d.define("sequence", s, n)
			o.relkind, o.ownedBy = "S", objectKey("relation", schema, name, "")
			return
		}
	}
}

// alterRoutine reads the owner of a routine, and by its arguments names the one
// that was created just before.
func (d *dump) alterRoutine(c *cursor) {
	schema, name := c.qualified()
	args, _ := c.parens()
	if !c.take("owner", "to") {
		return
	}
	db := d.in()
	o := db.objects[objectKey("routine", schema, name, args)]
	if last := db.lastCreate; o == nil && last != nil && last.schema == schema && last.name == name {
		delete(db.objects, objectKey("routine", last.schema, last.name, last.args))
		last.args = args
		db.objects[objectKey("routine", schema, name, args)] = last
		o = last
	}
	if o == nil {
		o = db.object("routine", schema, name, args)
	}
	o.owner = c.value()
	db.lastCreate = nil
}

func (d *dump) alterSubscription(c *cursor) {
	name := c.ident()
	db := d.in()
	if c.take("owner", "to") && slices.Contains(db.subscriptions, name) {
		db.mappings = append(db.mappings, userMapping{"subscription", name, c.value(), "password"})
	}
}

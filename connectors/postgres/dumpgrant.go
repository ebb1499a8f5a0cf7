package postgres

import "strings"

// privilegeLetter gives the letter of a privilege's name.
func privilegeLetter(name string) string {
	switch name {
	case "select":
		return "r"
	case "insert":
		return "a"
	case "update":
		return "w"
	case "delete":
		return "d"
	case "truncate":
		return "D"
	case "references":
		return "x"
	case "trigger":
		return "t"
	case "maintain":
		return "m"
	case "usage":
		return "U"
	case "create":
		return "C"
	case "connect":
		return "c"
	case "temporary", "temp":
		return "T"
	case "execute":
		return "X"
	case "set":
		return "s"
	case "alter": // SYSTEM
		return "A"
	}
	return ""
}

// privilege is one privilege of a GRANT, with the columns it is limited to.
type privilege struct {
	letter  string
	all     bool
	columns []string
}

func privileges(c *cursor) ([]privilege, bool) {
	var out []privilege
	for {
		w := c.ident()
		p := privilege{all: w == "all", letter: privilegeLetter(w)}
		c.take("privileges")
		c.take("system")
		if p.letter == "" && !p.all {
			return nil, false
		}
		if c.take("(") {
			p.columns = c.names()
			if !c.take(")") {
				return nil, false
			}
		}
		out = append(out, p)
		if !c.take(",") {
			return out, true
		}
	}
}

// grant reads GRANT and REVOKE.
func (d *dump) grant(c *cursor, revoke bool) {
	if !c.statementHas("on") {
		d.grantRole(c, revoke)
		return
	}
	change := aclChange{revoke: revoke, author: d.session}
	if revoke && c.take("grant", "option", "for") {
		change.option = true
	}
	privs, ok := privileges(c)
	if !ok || !c.take("on") {
		d.unread++
		return
	}
	targets, ok := d.targets(c)
	if !ok || !c.take("to") && !c.take("from") {
		d.unread++
		return
	}
	to := grantees(c)
	if c.take("with", "grant", "option") {
		change.option = true
	}
	if c.take("granted", "by") {
		change.author = c.ident()
	}
	for _, g := range to {
		change.grantee = g
		for _, p := range privs {
			change.privs, change.all = p.letter, p.all
			for _, t := range targets {
				if !t.add(d, change, p.columns) {
					return
				}
			}
		}
	}
}

// statementHas reports a word outside parentheses.
func (c *cursor) statementHas(word string) bool {
	probe := *c
	return probe.find(word)
}

// grantees reads role names; PUBLIC, which no role can be called, is "".
func grantees(c *cursor) []string {
	var out []string
	for {
		c.takeAny("group")
		public := c.at("public")
		n := c.value()
		if n == "" {
			return out
		}
		if public {
			n = ""
		}
		out = append(out, n)
		if !c.take(",") {
			return out
		}
	}
}

// target is what a GRANT changes.
type target struct {
	object *dumpObject
	// list is set for a database, whose access list is kept apart.
	list func(aclChange)
}

// add notes the change and reports whether there is room for more.
func (t target) add(d *dump, ch aclChange, columns []string) bool {
	switch {
	case !d.count():
		return false
	case t.list != nil:
		t.list(ch)
	case len(columns) == 0:
		t.object.changes = append(t.object.changes, ch)
	default:
		if t.object.columns == nil {
			t.object.columns = map[string][]aclChange{}
		}
		for _, name := range columns {
			if !d.count() {
				return false
			}
			t.object.columns[name] = append(t.object.columns[name], ch)
		}
	}
	return true
}

// targets reads what stands between ON and TO.
func (d *dump) targets(c *cursor) ([]target, bool) {
	kind := "relation"
	for _, k := range []struct {
		kind  string
		words string
	}{
		{"relation", "table"}, {"relation", "sequence"}, {"database", "database"}, {"schema", "schema"},
		{"routine", "function"}, {"routine", "procedure"}, {"routine", "routine"}, {"type", "type"}, {"type", "domain"},
		{"language", "language"}, {"foreign_data_wrapper", "foreign data wrapper"}, {"foreign_server", "foreign server"},
		{"tablespace", "tablespace"}, {"parameter", "parameter"}, {"large_object", "large object"}, {"all", "all"},
	} {
		if c.take(strings.Fields(k.words)...) {
			kind = k.kind
			break
		}
	}
	if kind == "large_object" || kind == "all" {
		return nil, false
	}
	var out []target
	for {
		schema, name := c.qualified()
		if name == "" {
			return nil, false
		}
		out = append(out, d.target(c, kind, schema, name))
		if !c.take(",") {
			return out, true
		}
	}
}

func (d *dump) target(c *cursor, kind, schema, name string) target {
	switch kind {
	case "database":
		return target{list: func(ch aclChange) { d.databaseACL[name] = append(d.databaseACL[name], ch) }}
	case "tablespace", "parameter":
		if schema != "" { // a parameter of an extension: "plpgsql.check"
			name = schema + "." + name
		}
		k := kind + "\x00" + name
		if d.global[k] == nil {
			d.global[k] = &dumpObject{kind: kind, name: name, defined: true}
		}
		return target{object: d.global[k]}
	case "routine":
		args, _ := c.parens()
		return target{object: d.in().object(kind, schema, name, args)}
	}
	return target{object: d.in().object(kind, schema, name, "")}
}

// defaultPrivileges reads ALTER DEFAULT PRIVILEGES.
func (d *dump) defaultPrivileges(c *cursor) {
	roles, schemas := []string{d.session}, []string{""}
	if c.take("for", "role") || c.take("for", "user") {
		roles = c.names()
	}
	if c.take("in", "schema") {
		schemas = c.names()
	}
	change := aclChange{}
	switch {
	case c.take("grant"):
	case c.take("revoke"):
		change.revoke = true
		change.option = c.take("grant", "option", "for")
	default:
		d.unread++
		return
	}
	privs, ok := privileges(c)
	if !ok || !c.take("on") {
		d.unread++
		return
	}
	letter := map[string]string{"tables": "r", "sequences": "S", "functions": "f", "routines": "f", "types": "T", "schemas": "n", "large": "L"}[c.ident()]
	c.take("objects")
	if letter == "" || !c.take("to") && !c.take("from") {
		d.unread++
		return
	}
	to := grantees(c)
	if c.take("with", "grant", "option") {
		change.option = true
	}
	for _, role := range roles {
		for _, schema := range schemas {
			def := d.in().defaultFor(role, schema, letter)
			for _, g := range to {
				for _, p := range privs {
					if !d.count() {
						return
					}
					change.grantee, change.privs, change.all = g, p.letter, p.all
					def.changes = append(def.changes, change)
				}
			}
		}
	}
}

func (db *dumpDatabase) defaultFor(role, schema, letter string) *dumpDefault {
	k := role + "\x00" + schema + "\x00" + letter
	if db.defaults[k] == nil {
		db.defaults[k] = &dumpDefault{defaultACL: defaultACL{Role: role, Schema: schema, Type: letter}}
	}
	return db.defaults[k]
}

package postgres

import (
	"errors"
	"io"
	"slices"
	"strings"
)

// read reads one file of SQL into the dump.
func (d *dump) read(r io.Reader) error {
	l := newLexer(r, d.comment)
	d.current, d.session = nil, ""
	for {
		st, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if st.meta != "" {
			d.meta(st.meta)
			continue
		}
		c := &cursor{statement: st}
		if c.at("copy") {
			if n := len(st.tokens); n > 1 && st.tokens[n-1].text == "stdin" {
				if _, err := l.line(); err != nil { // the rest of the statement's line
					return err
				}
				if err := l.skipCopy(); err != nil {
					return err
				}
			}
			continue
		}
		d.statement(c)
		if err := d.full(); err != nil {
			return err
		}
	}
}

// comment reads what dumps say about themselves in comments.
func (d *dump) comment(text string) {
	switch {
	case strings.HasPrefix(text, "Dumped from database version "):
		d.version = strings.TrimPrefix(text, "Dumped from database version ")
	case strings.HasPrefix(text, "Started on "):
		d.observed = parseTime(strings.TrimPrefix(text, "Started on "))
	case strings.HasPrefix(text, scriptMark):
		d.scriptLine(strings.TrimPrefix(text, scriptMark))
	case strings.HasPrefix(text, "PostgreSQL database cluster dump complete"),
		strings.HasPrefix(text, "PostgreSQL database dump complete"):
		d.finished = true
	case strings.HasPrefix(text, "PostgreSQL database cluster dump"):
		d.cluster = true
	case strings.HasPrefix(text, "PostgreSQL database dump"):
		d.schemaDump, d.finished = true, false
	}
}

// scriptMark begins the lines that the export script writes before a dump.
const scriptMark = "retinue "

func (d *dump) scriptLine(text string) {
	key, value, _ := strings.Cut(text, " ")
	value = strings.TrimSpace(value)
	switch key {
	case "system-identifier":
		d.identifier = value
	case "database":
		d.database, d.named = value, true
	case "server-version":
		d.version = value
	case "observed-at":
		d.observed = parseTime(value)
	}
}

// meta follows \connect; other psql commands mean nothing here.
func (d *dump) meta(line string) {
	rest, ok := strings.CutPrefix(line, `\connect `)
	if !ok {
		if rest, ok = strings.CutPrefix(line, `\c `); !ok {
			return
		}
	}
	rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), "-reuse-previous=on "))
	if s, ok := strings.CutPrefix(rest, `"`); ok {
		if strings.HasPrefix(s, "dbname='") {
			rest = strings.TrimSuffix(strings.TrimPrefix(s, "dbname='"), `'"`)
		} else {
			rest = strings.ReplaceAll(strings.TrimSuffix(s, `"`), `""`, `"`)
		}
	} else if i := strings.IndexByte(rest, ' '); i > 0 {
		rest = rest[:i]
	}
	d.use(strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(rest))
}

// statement interprets one statement; what is not about roles, objects or
// privileges is passed over.
func (d *dump) statement(c *cursor) {
	d.count()
	switch {
	case c.take("create"):
		d.create(c)
	case c.take("alter", "default", "privileges"):
		d.defaultPrivileges(c)
	case c.take("alter"):
		d.alter(c)
	case c.take("grant"):
		d.grant(c, false)
	case c.take("revoke"):
		d.grant(c, true)
	case c.take("set", "session", "authorization"):
		if d.session = c.value(); d.session == "default" {
			d.session = ""
		}
	case c.take("reset", "session", "authorization"):
		d.session = ""
	case c.take("comment", "on", "role"):
		if r := d.roles[c.ident()]; r != nil && c.take("is") {
			r.Comment = c.value()
		}
	}
}

func (d *dump) create(c *cursor) {
	c.take("or", "replace")
	c.takeAny("unlogged", "temp", "temporary", "global", "local", "recursive", "trusted", "procedural")
	trusted := c.i > 1 && slices.ContainsFunc(c.tokens[:c.i], func(t token) bool { return t.text == "trusted" })
	switch {
	case c.take("role"), c.take("user") && !c.at("mapping"), c.take("group"):
		d.createRole(c)
	case c.take("mapping", "for"):
		d.createMapping(c)
	case c.take("database"):
		name := c.ident()
		d.created[name] = &database{Name: name}
	case c.take("tablespace"):
		d.createTablespace(c)
	case c.take("schema"):
		d.createSchema(c)
	case c.take("table"), c.take("foreign", "table"):
		d.createTable(c)
	case c.take("view"):
		d.createView(c, "view")
	case c.take("materialized", "view"):
		d.createView(c, "materialized_view")
	case c.take("sequence"):
		d.relation(c, "sequence", "S")
	case c.take("function"):
		d.createRoutine(c, "f")
	case c.take("procedure"):
		d.createRoutine(c, "p")
	case c.take("aggregate"):
		d.createRoutine(c, "a")
	case c.take("type"), c.take("domain"):
		schema, name := c.qualified()
		d.define("type", schema, name)
	case c.take("language"):
		o := d.define("language", "", c.ident())
		o.trusted = &trusted
	case c.take("foreign", "data", "wrapper"):
		d.define("foreign_data_wrapper", "", c.ident())
	case c.take("server"):
		d.define("foreign_server", "", c.ident())
	case c.take("policy"):
		d.createPolicy(c)
	case c.take("subscription"):
		d.createSubscription(c)
	}
}

// define notes that the dump creates an object.
func (d *dump) define(kind, schema, name string) *dumpObject {
	o := d.in().object(kind, schema, name, "")
	o.kind, o.defined = kind, true
	return o
}

func (d *dump) createTablespace(c *cursor) {
	name := c.ident()
	o := &dumpObject{kind: "tablespace", name: name, defined: true}
	d.global["tablespace\x00"+name] = o
	if c.take("owner") {
		o.owner = c.ident()
	}
}

func (d *dump) createSchema(c *cursor) {
	c.take("if", "not", "exists")
	name := ""
	if !c.at("authorization") {
		name = c.ident()
	}
	owner := ""
	if c.take("authorization") {
		owner = c.value()
	}
	if name == "" {
		name = owner
	}
	d.define("schema", "", name).owner = owner
}

func (d *dump) relation(c *cursor, kind, relkind string) *dumpObject {
	c.take("if", "not", "exists")
	schema, name := c.qualified()
	o := d.define(kind, schema, name)
	o.relkind = relkind
	return o
}

func (d *dump) createTable(c *cursor) {
	kind, relkind := "table", "r"
	if c.tokens[max(c.i-2, 0)].text == "foreign" {
		kind, relkind = "foreign_table", "f"
	}
	o := d.relation(c, kind, relkind)
	if c.find("partition", "by") {
		o.kind, o.relkind = "partitioned_table", "p"
	}
}

func (d *dump) createView(c *cursor, kind string) {
	relkind := "v"
	if kind != "view" {
		relkind = "m"
	}
	o := d.relation(c, kind, relkind)
	if !c.take("with") {
		return
	}
	if text, ok := c.parens(); ok {
		for _, opt := range strings.Split(text, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(opt), "=")
			value = strings.ToLower(strings.Trim(strings.TrimSpace(value), "'"))
			if strings.EqualFold(strings.TrimSpace(name), "security_invoker") {
				o.invoker = slices.Contains([]string{"true", "on", "yes", "1"}, value)
			}
		}
	}
}

// createRoutine reads a function. Its identity arguments, which name it in
// other statements, are those without defaults; ALTER … OWNER states them.
func (d *dump) createRoutine(c *cursor, prokind string) {
	schema, name := c.qualified()
	args, _ := c.parens()
	o := d.in().object("routine", schema, name, identityArgs(args))
	o.kind, o.prokind, o.defined = routineKind(prokind), prokind, true
	d.in().lastCreate = o
	for ; !c.done() && prokind != "a"; c.i++ {
		switch {
		case c.at("as"):
			return
		case c.at("begin", "atomic"):
			return
		case c.take("security", "definer"):
			o.definer = true
			c.i--
		case c.take("window"):
			o.kind, o.prokind = "window_function", "w"
			c.i--
		case c.take("set"):
			if n := c.ident(); n != "" {
				for c.take(".") {
					n += "." + c.ident()
				}
				o.settings = append(o.settings, n)
				slices.Sort(o.settings)
			}
			c.i--
		}
	}
}

// identityArgs leaves the defaults out of an argument list.
func identityArgs(args string) string {
	l := newLexer(strings.NewReader(args+";"), nil)
	st, err := l.next()
	if err != nil {
		return args
	}
	var out []string
	depth, from, cut := 0, 0, -1
	flush := func(end int) {
		if cut >= 0 {
			end = cut
		}
		if s := strings.TrimSpace(st.text[from:end]); s != "" {
			out = append(out, s)
		}
		cut = -1
	}
	for _, t := range st.tokens {
		switch {
		case t.kind == tokenPunct && (t.text == "(" || t.text == "["):
			depth++
		case t.kind == tokenPunct && (t.text == ")" || t.text == "]"):
			depth--
		case depth == 0 && t.kind == tokenPunct && t.text == ",":
			flush(t.start)
			from = t.end
		case depth == 0 && cut < 0 && (t.kind == tokenWord && t.text == "default" || t.kind == tokenPunct && t.text == "="):
			cut = t.start
		}
	}
	flush(len(strings.TrimSuffix(st.text, ";")))
	return strings.Join(out, ", ")
}

// createPolicy reads a row security policy.
func (d *dump) createPolicy(c *cursor) {
	p := rowPolicy{Name: c.ident(), Command: "all", Permissive: true, Roles: []string{"public"}}
	if !c.take("on") {
		return
	}
	schema, name := c.qualified()
	for !c.done() {
		switch {
		case c.take("as", "restrictive"):
			p.Permissive = false
		case c.take("for"):
			p.Command = c.ident()
		case c.take("to"):
			p.Roles = c.names()
		case c.take("using"):
			p.Using, _ = c.parens()
		case c.take("with", "check"):
			p.Check, _ = c.parens()
		default:
			c.i++
		}
	}
	o := d.in().object("relation", schema, name, "")
	o.policies = append(o.policies, p)
}

func (d *dump) createMapping(c *cursor) {
	role := c.ident()
	if !c.take("server") {
		return
	}
	server := c.ident()
	if !c.take("options") || !c.take("(") {
		return
	}
	for !c.done() && !c.at(")") {
		option := c.ident()
		c.value()
		for _, w := range []string{"passw", "secret", "token", "key"} {
			if strings.Contains(strings.ToLower(option), w) {
				d.in().mappings = append(d.in().mappings, userMapping{"user_mapping", server, role, option})
				break
			}
		}
		if !c.take(",") {
			return
		}
	}
}

// createSubscription notes a password in a connection string. Its role is the
// owner, which ALTER … OWNER states.
func (d *dump) createSubscription(c *cursor) {
	name := c.ident()
	if c.take("connection") && strings.Contains(strings.ToLower(c.value()), "password") {
		d.in().subscriptions = append(d.in().subscriptions, name)
	}
}
